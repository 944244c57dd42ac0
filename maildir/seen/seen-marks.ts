/**
 * SeenMarks: which messages of somebody else's folder one reader has seen, in a file of his own maildir.
 *
 *     +1700000001.M1P2.mx
 *     +1700000002.M3P4.mx
 *     -1700000001.M1P2.mx         not seen any more
 *
 * A line is added for each change, so that a change costs as much in a large folder as in a small one; the file is written
 * anew when most of it is of no use any more. It holds unique names, which stay the same when flags and UIDs do not. A line
 * that was cut off by a crash is no name that a message has. Deleted, it means that nothing is seen.
 */
import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import { errorCode } from '../errors.js';
import { octetsFromText, textFromOctets } from '../file-system.js';
import { readWhole, replaceFile, sameFile, unlessMissing, type Version, versionOf } from '../files.js';
import { folderPaths } from '../folder-name.js';
import type { Surroundings } from '../surroundings.js';

/** A million messages and more; what is larger was not written by us. */
const MAX_MARKS_OCTETS = 128 * 1024 * 1024;
/** So many lines of no use are no reason to write a file anew. */
const IDLE_LINES = 1_000;

/** Where the marks of one reader for one folder are. */
export interface SeenPlace {
  /** Maildir/angarium-seen/#shared.ann.Sent */
  readonly path: string;
  /** The reader's `tmp`. */
  readonly tmp: string;
}

/** What file systems allow for a name, less what is put behind it. */
const MAX_NAME_OCTETS = 200;

/** Where a reader with this maildir keeps his marks for a mailbox that he calls so. */
export function seenPlace(maildirPath: string, mailboxName: string): SeenPlace {
  const octets = octetsFromText(mailboxName);
  const name = octets.length <= MAX_NAME_OCTETS ? mailboxName : createHash('sha256').update(octets).digest('hex');
  return { path: `${maildirPath}/angarium-seen/${name}`, tmp: folderPaths(maildirPath).tmp };
}

/** The marks of one reader for one folder. */
export class SeenMarks {
  readonly #surroundings: Surroundings;
  readonly #place: SeenPlace;
  #seen = new Set<string>();
  #lines = 0;
  #version: Version | undefined;
  #unsynced = false;

  constructor(surroundings: Surroundings, place: SeenPlace) {
    this.#surroundings = surroundings;
    this.#place = place;
  }

  /** How many messages are seen, of those that were ever there. */
  get size(): number {
    return this.#seen.size;
  }

  has(baseName: string): boolean {
    return this.#seen.has(baseName);
  }

  /** Reads the file if it is another one than the one that is known. What cannot be read is as if nothing was seen. */
  refresh(): void {
    const { fileSystem, warnOnce } = this.#surroundings;
    try {
      if (sameFile(fileSystem.status(this.#place.path), this.#version)) return;
      const file = readWhole(fileSystem, this.#place.path, MAX_MARKS_OCTETS);
      this.#seen = new Set();
      this.#lines = 0;
      this.#version = versionOf(file?.status);
      for (const line of textFromOctets(file?.octets ?? Buffer.alloc(0)).split('\n')) this.#take(line);
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      warnOnce(`What was seen cannot be read: ${this.#place.path}: ${String(error)}`);
    }
  }

  #take(line: string): void {
    this.#lines += 1;
    if (line.startsWith('+')) this.#seen.add(line.slice(1));
    else if (line.startsWith('-')) this.#seen.delete(line.slice(1));
  }

  /** Marks a message, or takes its mark away. */
  set(baseName: string, seen: boolean): void {
    if (this.#seen.has(baseName) === seen || baseName.includes('\n')) return;
    const line = `${seen ? '+' : '-'}${baseName}`;
    const file = this.#openToAdd();
    try {
      file.write(octetsFromText(`${line}\n`));
    } finally {
      file.close();
    }
    this.#version = versionOf(this.#surroundings.fileSystem.status(this.#place.path));
    this.#take(line);
    this.#unsynced = true;
  }

  #openToAdd() {
    const { fileSystem } = this.#surroundings;
    const { path } = this.#place;
    const there = unlessMissing(() => fileSystem.openToAppend(path));
    if (there !== undefined) return there;
    const directory = dirname(path);
    if (fileSystem.status(directory) === undefined) fileSystem.makeDirectory(directory, 0o700);
    return fileSystem.create(path, 0o600);
  }

  /** Settles when the marks are on the disk. */
  async sync(): Promise<void> {
    if (!this.#unsynced) return;
    this.#unsynced = false;
    const { fileSystem } = this.#surroundings;
    const file = unlessMissing(() => fileSystem.open(this.#place.path));
    try {
      await file?.sync();
    } finally {
      file?.close();
    }
    await fileSystem.syncDirectory(dirname(this.#place.path));
  }

  /** Forgets messages that are gone, and writes the file anew, if that is worth it. `present` are those that are there. */
  async tidy(present: ReadonlySet<string>): Promise<void> {
    if (this.#lines < 2 * present.size + IDLE_LINES) return;
    this.#seen = new Set([...this.#seen].filter((baseName) => present.has(baseName)));
    const contents = Array.from(this.#seen, (baseName) => `+${baseName}\n`).join('');
    this.#lines = this.#seen.size;
    this.#version = await replaceFile(this.#surroundings, { ...this.#place, purpose: 'seen', contents });
  }
}
