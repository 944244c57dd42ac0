/**
 * Folder names and the directories they mean: `INBOX.Sent` is `.Sent` in the main maildir.
 *
 * The names are Courier's internal ones, in UTF-8. Modified UTF-7 is for those who speak IMAP.
 */
import { MaildirError } from './errors.js';

/** What every file system allows for one name. */
const MAX_DIRECTORY_NAME_OCTETS = 255;

/** Whether Courier would accept the name, it fits into a directory entry, and no list file is broken by it. */
export function isFolderName(name: string): boolean {
  if (name.slice(0, 5).toUpperCase() !== 'INBOX') return false;
  const path = name.slice(5);
  if (path === '') return true;
  if (!path.startsWith('.') || path.endsWith('.') || path.includes('..') || path.includes('/')) return false;
  // Control characters would break the lines of courierimapsubscribed and of logs; U+FFFD stands for broken text.
  if (/[\u0000-\u001f\u007f\ufffd]|\p{Surrogate}/u.test(path)) return false;
  return Buffer.byteLength(path) <= MAX_DIRECTORY_NAME_OCTETS;
}

/** The one spelling of a folder name. @throws {MaildirError} 'invalid folder name' */
export function canonicalFolderName(name: string): string {
  if (!isFolderName(name)) throw new MaildirError('invalid folder name', JSON.stringify(name));
  return `INBOX${name.slice(5)}`;
}

/** The directory of a folder; the name must be canonical. */
export function folderDirectory(maildirPath: string, name: string): string {
  return name === 'INBOX' ? maildirPath : `${maildirPath}/${name.slice(5)}`;
}

/** The files of a folder, by their paths. They are put together when asked for: a process may hold many folders. */
export class FolderPaths {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  get tmp(): string {
    return `${this.directory}/tmp`;
  }

  get new(): string {
    return `${this.directory}/new`;
  }

  get cur(): string {
    return `${this.directory}/cur`;
  }

  get uidList(): string {
    return `${this.directory}/courierimapuiddb`;
  }

  get uidJournal(): string {
    return `${this.directory}/angarium-uids`;
  }

  get changes(): string {
    return `${this.directory}/angarium-changes`;
  }

  get keywords(): string {
    return `${this.directory}/courierimapkeywords`;
  }
}

/** The paths in a folder's directory. */
export function folderPaths(directory: string): FolderPaths {
  return new FolderPaths(directory);
}
