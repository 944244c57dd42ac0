/**
 * The index of accounts whose mailboxes others may be allowed to see: IMAP_SHAREDINDEXFILE, in Courier's format.
 *
 *     # fields with tabs between: name, uid, gid, home, maildir; what follows is ignored
 *     ann	5000	5000	/home/ann
 *     bob	5000	5000	/home/bob	Maildir
 *     staff	*	indexstaff           a group: more accounts, in a file of the same directory
 *
 * A line that is none of these is passed over, and the log is told of it once for each version of the file. What was read
 * is kept until the file is another one. It opens no maildir and knows nobody's rights.
 */
import { dirname, isAbsolute, join, normalize } from 'node:path';
import { errorCode } from '../../maildir/errors.js';
import { type FileSystem, textFromOctets } from '../../maildir/file-system.js';
import { readWhole, sameFile, type Version, versionOf } from '../../maildir/files.js';

/** A line of an index. */
export type IndexRecord =
  | { readonly kind: 'account'; readonly maildirPath: string }
  | { readonly kind: 'group'; readonly indexPath: string };

/** The records of a file by the names that clients see, in the order of the lines. */
export type SharedIndex = ReadonlyMap<string, IndexRecord>;

/** How an index is read. */
export interface IndexReading {
  /** IMAP_SHAREDMUNGENAMES: dots and slashes in names become `\:` and `\;`; else they become blanks. */
  readonly munged: boolean;
  /** For the log. */
  warn(text: string): void;
}

/** Some hundred thousand accounts. A larger file is no index. */
const MAX_INDEX_OCTETS = 64 * 1024 * 1024;

/** Name, home and maildir, each as long as a path may be. */
const MAX_LINE_OCTETS = 3 * 4096;

/** Files of one process that are remembered: a site has one, or one for each `sharedgroup` and group. */
const MAX_REMEMBERED = 256;

const NOTHING: SharedIndex = new Map();
const LINE_FEED = 0x0a;

interface Remembered {
  /** Undefined: there was no file, or it could not be read. */
  readonly version: Version | undefined;
  readonly trouble: string | undefined;
  readonly records: SharedIndex;
}

/** The index files that one process knows. */
export class SharedIndexes {
  readonly #disk: FileSystem;
  readonly #files = new Map<string, Remembered>();

  constructor(disk: FileSystem) {
    this.#disk = disk;
  }

  /** The records of a file; none if there is no such file, or none that can be read. */
  at(path: string, reading: IndexReading): SharedIndex {
    const key = `${reading.munged ? 'munged' : 'plain'} ${path}`;
    const known = this.#files.get(key);
    const found = this.#read(path, reading, known);
    if (found === known) return found.records;
    this.#files.delete(key);
    const [oldest] = this.#files.keys();
    if (oldest !== undefined && this.#files.size >= MAX_REMEMBERED) this.#files.delete(oldest);
    this.#files.set(key, found);
    if (found.trouble !== undefined && found.trouble !== known?.trouble) reading.warn(found.trouble);
    return found.records;
  }

  #read(path: string, reading: IndexReading, known: Remembered | undefined): Remembered {
    try {
      const version = versionOf(this.#disk.status(path));
      if (known !== undefined && version !== undefined && sameFile(known.version, version)) return known;
      const file = readWhole(this.#disk, path, MAX_INDEX_OCTETS);
      if (file === undefined)
        return without(known, `${path}: there is no such file, and so there are no shared mailboxes`);
      const { records, trouble } = parseIndex(file.octets, { path, munged: reading.munged });
      return { version: versionOf(file.status), records, trouble };
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      return without(known, `${path}: shared mailboxes cannot be looked up: ${String(error)}`);
    }
  }
}

/** The same object as long as the trouble is the same: nothing is written down or told again. */
function without(known: Remembered | undefined, trouble: string): Remembered {
  return known?.version === undefined && known?.trouble === trouble
    ? known
    : { version: undefined, records: NOTHING, trouble };
}

interface IndexFile {
  readonly path: string;
  readonly munged: boolean;
}

/** Reads a file; `trouble` tells of the lines that are passed over. */
export function parseIndex(
  octets: Buffer,
  file: IndexFile,
): { readonly records: SharedIndex; readonly trouble: string | undefined } {
  const records = new Map<string, IndexRecord>();
  let bad = 0;
  let firstBad = 0;
  let number = 0;
  for (let start = 0; start < octets.length; ) {
    const newline = octets.indexOf(LINE_FEED, start);
    const end = newline < 0 ? octets.length : newline;
    number += 1;
    if (!readLine(octets.subarray(start, end), file, records)) {
      bad += 1;
      firstBad ||= number;
    }
    start = end + 1;
  }
  if (bad === 0) return { records, trouble: undefined };
  const trouble = `${file.path}: ${bad} of ${number} lines cannot be understood and are passed over, first line ${firstBad}`;
  return { records, trouble };
}

/** Whether the line is one that may stand in an index. Of two accounts of one name the first counts. */
function readLine(octets: Buffer, file: IndexFile, records: Map<string, IndexRecord>): boolean {
  if (octets.length > MAX_LINE_OCTETS) return false;
  const [line = ''] = textFromOctets(octets).split('#', 1);
  if (line.trim() === '') return true;
  const [name = '', ...fields] = line.trimEnd().split('\t');
  const record = recordFrom(fields, file);
  if (record === undefined || name === '' || /[\u0000-\u001f\u007f]|\p{Surrogate}/u.test(name)) return false;
  const shown = shownName(name, file.munged);
  if (!records.has(shown)) records.set(shown, record);
  return true;
}

function recordFrom(fields: readonly string[], { path }: IndexFile): IndexRecord | undefined {
  const [uid = '', second = '', home = '', maildir = ''] = fields;
  if (uid === '*') {
    // A group is a file in the same directory or below it, wherever a name with dots would lead.
    if (second === '' || isAbsolute(second) || second.split('/').includes('..')) return undefined;
    return { kind: 'group', indexPath: join(dirname(path), second) };
  }
  if (!isId(uid) || !isId(second) || !isAbsolute(home)) return undefined;
  const maildirPath = isAbsolute(maildir) ? normalize(maildir) : join(home, maildir === '' ? 'Maildir' : maildir);
  return maildirPath.includes('\0') ? undefined : { kind: 'account', maildirPath };
}

/** Not that of root: no mail worker is ever root. */
function isId(text: string): boolean {
  return /^\d{1,10}$/.test(text) && Number(text) > 0;
}

/**
 * A name as clients see it: it is one level of a mailbox name, and so holds no delimiter.
 *
 *     shownName('user.2', false)    // 'user 2'
 *     shownName('user.2', true)     // 'user\\:2'
 */
export function shownName(name: string, munged: boolean): string {
  if (!munged) return name.replace(/[./]/g, ' ');
  return name.replace(/[\\./]/g, (character) => (character === '.' ? '\\:' : character === '/' ? '\\;' : '\\\\'));
}
