/**
 * Folders as SMAP names them, and the mailbox names that IMAP has for them (courier.md sections 2.3 and 5.1).
 *
 *     INBOX Sent a.b          INBOX.Sent.a\056b
 *     public bob Sent         #shared.bob.Sent
 *
 * Each level is a word of its own and may hold any character. On the disk and in IMAP, characters that a level of a
 * mailbox name cannot have are a backslash and three octal digits.
 */
import { encodeMailboxName } from '../wire/modified-utf7.js';
import { INVALID, SmapFailure } from './replies.js';

const ESCAPED = /[./~:\\]/g;

const PERSONAL = 'INBOX';
const PUBLIC = 'public';
const VIRTUAL = '#shared';

/** A folder's words, and the words behind it: an empty word ends a folder. */
export function splitFolder(words: readonly string[]): { readonly folder: string[]; readonly rest: string[] } {
  const end = words.indexOf('');
  return end < 0 ? { folder: [...words], rest: [] } : { folder: words.slice(0, end), rest: words.slice(end + 1) };
}

/** The mailbox name on the wire of IMAP. @throws {SmapFailure} when no folder can be called so */
export function mailboxNameOf(folder: readonly string[]): Buffer {
  const name = decodedName(folder);
  if (name === undefined) throw new SmapFailure(`Invalid folder: ${INVALID}`);
  return Buffer.from(encodeMailboxName(name), 'latin1');
}

/** Whether these words can be a folder. */
export function isFolder(folder: readonly string[]): boolean {
  return decodedName(folder) !== undefined;
}

function decodedName([first = '', ...levels]: readonly string[]): string | undefined {
  if (levels.includes('')) return undefined;
  const below = levels.map(escapeLevel);
  if (first.toUpperCase() === PERSONAL) return [PERSONAL, ...below].join('.');
  if (first.toLowerCase() === PUBLIC && levels.length > 0) return [VIRTUAL, ...below].join('.');
  return undefined;
}

/** Whether the words mean the place above all folders of others. */
export function isPublic(folder: readonly string[]): boolean {
  return folder[0]?.toLowerCase() === PUBLIC;
}

function escapeLevel(level: string): string {
  return level.replace(ESCAPED, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

/** A level of a mailbox name as SMAP shows it. */
export function shownLevel(level: string): string {
  return level.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
