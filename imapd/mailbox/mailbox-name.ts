/**
 * Mailbox names as clients write them, and the folder names they mean.
 *
 *     inbox.R&AOk-sum&AOk-    ->    INBOX.Résumé
 *
 * All folders of an account are INBOX or below it, the delimiter is a dot, INBOX is caseless and everything else is
 * not. Sites may have them called by names beside INBOX; on the disk they are the same. Nothing that could leave the
 * maildir gets past this file, and the mail store checks once more.
 */
import { CommandFailure } from '../completion.js';
import { decodeMailboxName, encodeMailboxName } from '../wire/modified-utf7.js';

/** Between the levels of a mailbox name, here and on the disk. */
export const DELIMITER = '.';

/** What every personal folder but INBOX itself begins with. */
export const PERSONAL_PREFIX = 'INBOX.';

// Controls would end a line of the subscription file; a slash and an empty level would leave the directory.
const FORBIDDEN = /[/\u0000-\u001f\u007f]|\.\.|\.$/;

/** How the account's own folders are called. Names are decoded. */
export interface PersonalNames {
  /** What all of them but INBOX begin with. */
  readonly prefix: string;
  /** The folder that a name means; undefined if it can mean none. */
  folderName(name: string): string | undefined;
  /** The name of a folder. */
  mailboxName(folderName: string): string;
}

/** As in Courier: `INBOX.Sent`. */
export const belowInbox: PersonalNames = {
  prefix: PERSONAL_PREFIX,
  folderName: folderBelowInbox,
  mailboxName: (folder) => folder,
};

/**
 * As other servers have it: `Sent`. The long names go on leading to the folders, for clients that know them, and for
 * folders whose short names mean something else.
 */
export const besideInbox: PersonalNames = { prefix: '', folderName: folderBesideInbox, mailboxName: shortName };

function folderBelowInbox(name: string): string | undefined {
  const inCapitals = withInboxInCapitals(name);
  return isInboxOrBelow(inCapitals) ? inCapitals : undefined;
}

function folderBesideInbox(name: string): string | undefined {
  return folderBelowInbox(name) ?? (meansSomethingElse(name) ? undefined : PERSONAL_PREFIX + name);
}

function shortName(folder: string): string {
  const name = folder.slice(PERSONAL_PREFIX.length);
  return folder === 'INBOX' || meansSomethingElse(name) || /^inbox(\.|$)/i.test(name) ? folder : name;
}

function isInboxOrBelow(name: string): boolean {
  return name === 'INBOX' || name.startsWith(PERSONAL_PREFIX);
}

/** Shared mailboxes have these names. */
function meansSomethingElse(name: string): boolean {
  return name.startsWith('#') || /^shared(\.|$)/i.test(name);
}

/**
 * The folder name that a client's mailbox name means, or undefined if no folder can have it.
 *
 *     folderName(Buffer.from('inbox.Sent'))           // 'INBOX.Sent'
 *     folderName(Buffer.from('Sent'))                 // undefined
 *     folderName(Buffer.from('Sent'), besideInbox)    // 'INBOX.Sent'
 */
export function folderName(mailboxName: Buffer, names: PersonalNames = belowInbox): string | undefined {
  const decoded = decodeMailboxName(mailboxName);
  const name = decoded === undefined ? undefined : names.folderName(decoded);
  return name !== undefined && isStorable(name) ? name : undefined;
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
export function nameOfExisting(mailboxName: Buffer, names?: PersonalNames): string {
  const name = folderName(mailboxName, names);
  if (name === undefined) throw new CommandFailure('Mailbox does not exist, or must be subscribed to.', 'NONEXISTENT');
  return name;
}

// RFC 6855 section 3. Folders that have such names already can be used, and renamed.
const UNFIT_FOR_NEW = /[\u0080-\u009f\u2028\u2029]/;

/** The name of a folder that is to be made, without the delimiter that asks for a branch only. */
export function nameOfNew(mailboxName: Buffer, names: PersonalNames = belowInbox): string {
  const asked = mailboxName.at(-1) === 0x2e ? mailboxName.subarray(0, -1) : mailboxName;
  const name = folderName(asked, names);
  if (name !== undefined && !UNFIT_FOR_NEW.test(name)) return name;
  const decoded = decodeMailboxName(asked);
  if (names === belowInbox && decoded !== undefined && !/^inbox(\.|$)/i.test(decoded)) {
    throw new CommandFailure('Invalid mailbox name: all mailboxes are below INBOX.', 'CANNOT');
  }
  throw new CommandFailure('Invalid mailbox name.', 'CANNOT');
}

/** A folder name as it is said to clients. */
export function mailboxName(name: string): Buffer {
  return Buffer.from(encodeMailboxName(name), 'latin1');
}
