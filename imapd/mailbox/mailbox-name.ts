/**
 * Mailbox names as clients write them, and the folder names they mean.
 *
 *     inbox.R&AOk-sum&AOk-    ->    INBOX.Résumé
 *
 * All folders of an account are INBOX or below it, the delimiter is a dot, INBOX is caseless and everything else is
 * not. Nothing that could leave the maildir gets past this file, and the mail store checks once more.
 */
import { CommandFailure } from '../completion.js';
import { decodeMailboxName, encodeMailboxName } from '../wire/modified-utf7.js';

/** Between the levels of a mailbox name, here and on the disk. */
export const DELIMITER = '.';

/** What every personal folder but INBOX itself begins with. */
export const PERSONAL_PREFIX = 'INBOX.';

// Controls would end a line of the subscription file; a slash and an empty level would leave the directory.
const FORBIDDEN = /[/\u0000-\u001f\u007f]|\.\.|\.$/;

/**
 * The folder name that a client's mailbox name means, or undefined if no folder can have it.
 *
 *     folderName(Buffer.from('inbox.Sent'))    // 'INBOX.Sent'
 *     folderName(Buffer.from('Sent'))          // undefined
 */
export function folderName(mailboxName: Buffer): string | undefined {
  const decoded = decodeMailboxName(mailboxName);
  if (decoded === undefined) return undefined;
  const name = withInboxInCapitals(decoded);
  if (name !== 'INBOX' && !name.startsWith(PERSONAL_PREFIX)) return undefined;
  return isStorable(name) ? name : undefined;
}

/** Whether a name fits into a line of the list of subscriptions, and leaves no directory. */
export function isStorable(name: string): boolean {
  return !FORBIDDEN.test(name);
}

/** Spells a leading INBOX in capitals, where it is a whole level. */
export function withInboxInCapitals(name: string): string {
  return /^inbox(\.|$)/i.test(name) ? `INBOX${name.slice(5)}` : name;
}

/** The name of a folder that should exist. A name that no folder can have is one that does not exist. */
export function nameOfExisting(mailboxName: Buffer): string {
  const name = folderName(mailboxName);
  if (name === undefined) throw new CommandFailure('Mailbox does not exist, or must be subscribed to.', 'NONEXISTENT');
  return name;
}

/** The name of a folder that is to be made, without the delimiter that asks for a branch only. */
export function nameOfNew(mailboxName: Buffer): string {
  const asked = mailboxName.at(-1) === 0x2e ? mailboxName.subarray(0, -1) : mailboxName;
  const name = folderName(asked);
  if (name !== undefined) return name;
  const decoded = decodeMailboxName(asked);
  if (decoded !== undefined && !/^inbox(\.|$)/i.test(decoded)) {
    throw new CommandFailure('Invalid mailbox name: all mailboxes are below INBOX.', 'CANNOT');
  }
  throw new CommandFailure('Invalid mailbox name.', 'CANNOT');
}

/** A folder name as it is said to clients. */
export function mailboxName(name: string): Buffer {
  return Buffer.from(encodeMailboxName(name), 'latin1');
}
