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
import { behindLinks, readWhole, sameFile, type Version, versionOf } from '../../maildir/files.js';

/** A line of an index. */
export type IndexRecord =
  | { readonly kind: 'account'; readonly name: string; readonly maildirPath: string }
  | { readonly kind: 'group'; readonly indexPath: string };

/**
 * The records of a file by the names that clients see, in the order of the lines. A record is made when it is asked for: of
 * tens of thousands, a session needs a few.
 */
export class SharedIndex {
  readonly #path: string;
  /** Parts of one text, which take a few octets each. */
  readonly #lines: ReadonlyMap<string, string>;

  constructor(path: string, lines: ReadonlyMap<string, string>) {
    this.#path = path;
    this.#lines = lines;
  }

  get(name: string): IndexRecord | undefined {
    const line = this.#lines.get(name);
    return line === undefined ? undefined : recordIn(line, this.#path);
  }

  names(): IterableIterator<string> {
    return this.#lines.keys();
  }
}

/** How an index is read. */
export interface IndexReading {
  /** IMAP_SHAREDMUNGENAMES: dots and slashes in names become `\:` and `\;`; else they become blanks. */
  readonly munged: boolean;
  /** A file that nobody has to hear of when there is none: sites that share nothing have no index. */
  readonly mayBeMissing?: string | undefined;
  /** For the log. */
  warn(text: string): void;
}

/** Some hundred thousand accounts. A larger file is no index. */
const MAX_INDEX_OCTETS = 64 * 1024 * 1024;

/** Name, home and maildir, each as long as a path may be. */
const MAX_LINE_LENGTH = 3 * 4096;

/** Files of one process that are remembered: a site has one, or one for each `sharedgroup` and group. */
const MAX_REMEMBERED = 256;

const NOTHING = new SharedIndex('', new Map());
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
      const found = behindLinks(this.#disk, path);
      const version = versionOf(this.#disk.status(found));
      if (known !== undefined && version !== undefined && sameFile(known.version, version)) return known;
      const file = readWhole(this.#disk, found, MAX_INDEX_OCTETS);
      if (file === undefined) {
        const trouble = `${path}: there is no such file, and so there are no shared mailboxes`;
        return without(known, path === reading.mayBeMissing ? undefined : trouble);
      }
      const { records, trouble } = parseIndex(file.octets, { path, munged: reading.munged });
      return { version: versionOf(file.status), records, trouble };
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      return without(known, `${path}: shared mailboxes cannot be looked up: ${String(error)}`);
    }
  }
}

/** The same object as long as the trouble is the same: nothing is written down or told again. */
function without(known: Remembered | undefined, trouble: string | undefined): Remembered {
  return known !== undefined && known.version === undefined && known.trouble === trouble
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
  { path, munged }: IndexFile,
): { readonly records: SharedIndex; readonly trouble: string | undefined } {
  const lines = new Map<string, string>();
  let bad = 0;
  let firstBad = 0;
  let number = 0;
  for (const line of linesOf(octets)) {
    number += 1;
    const name = nameIn(line);
    // Of two accounts of one name the first counts.
    if (name === undefined) {
      bad += 1;
      firstBad ||= number;
    } else if (name !== '') {
      const shown = shownName(name, munged);
      if (!lines.has(shown)) lines.set(shown, line);
    }
  }
  const records = new SharedIndex(path, lines);
  if (bad === 0) return { records, trouble: undefined };
  const trouble = `${path}: ${bad} of ${number} lines cannot be understood and are passed over, first line ${firstBad}`;
  return { records, trouble };
}

/** The lines of a file, without their ends. Where the whole is no UTF-8, only the lines that are none suffer. */
function* linesOf(octets: Buffer): Generator<string, void, void> {
  const whole = textFromOctets(octets);
  if (!/[\ud800-\udfff]/.test(whole)) {
    yield* pieces(whole);
    return;
  }
  for (let start = 0; start < octets.length; ) {
    const newline = octets.indexOf(LINE_FEED, start);
    const end = newline < 0 ? octets.length : newline;
    yield textFromOctets(octets.subarray(start, end));
    start = end + 1;
  }
}

function* pieces(text: string): Generator<string, void, void> {
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    yield text.slice(start, end);
    start = end + 1;
  }
}

/** Neither uid nor gid of root: no mail worker is ever root. A group may lead nowhere but to its own directory, and below. */
const LINE =
  /^([^\t#]+)\t(?:\*\t(?!\/|(?:[^\t#]*\/)?\.\.(?:\/|[ \t#]|$))[^\t# ][^\t#]*|0{0,8}[1-9]\d{0,9}\t0{0,8}[1-9]\d{0,9}\t\/[^\t#]*)(?:[\t#]|$)/;

/** The name in a line, empty where the line says nothing; undefined for a line that cannot be understood. */
function nameIn(line: string): string | undefined {
  if (line.length > MAX_LINE_LENGTH) return undefined;
  const name = LINE.exec(line)?.[1];
  if (name === undefined) return /^\s*(#|$)/.test(line) ? '' : undefined;
  return /[\u0000-\u0008\u000a-\u001f\u007f]|\p{Surrogate}/u.test(line) ? undefined : name;
}

/** The record in a line that nameIn() understood. */
function recordIn(line: string, path: string): IndexRecord {
  const [content = ''] = line.split('#', 1);
  const [name = '', uid, second = '', home = '', maildir = ''] = content.trimEnd().split('\t');
  if (uid === '*') return { kind: 'group', indexPath: join(dirname(path), second) };
  const maildirPath = isAbsolute(maildir) ? normalize(maildir) : join(home, maildir === '' ? 'Maildir' : maildir);
  return { kind: 'account', name, maildirPath };
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
