/**
 * FactFile: the facts of one folder on the disk.
 *
 *     0   8   `ANGFACTS`
 *     8   4   version of the format (little-endian)
 *     12  4   zero
 *     16      records (see fact-record.ts), each appended by whoever learnt it
 *
 * Several processes may write it: each opens it for its batch, appends whole records in one write, and closes it. A
 * process that dies, or a full disk, leaves half a record, and the reader finds the next one behind it. Nothing in it is
 * worth more than the time to learn it again, so it is never synced, and every trouble has the same cure: a new file.
 *
 * Anything may happen to the file and its directories at any moment. A file that is gone, shorter than it was, or not
 * ours, is made anew from what is in memory.
 */
import { dirname } from 'node:path';
import { errorCode } from '../../maildir/errors.js';
import type { FileSystem, OpenFile } from '../../maildir/file-system.js';
import type { FoundFile } from './cache-counts.js';
import type { FolderFacts } from './folder-facts.js';

/**
 * Version of the records and of what is in their payloads. Whoever changes either raises it: then the old files are of no
 * use, and every fact is learnt again.
 */
const FORMAT_VERSION = 3;
const HEAD_OCTETS = 16;
const HEAD = Buffer.alloc(HEAD_OCTETS);
HEAD.write('ANGFACTS', 'latin1');
HEAD.writeUInt32LE(FORMAT_VERSION, 8);

/** Read at once: a millisecond and less, checksums included. Holds the largest record. */
const READ_OCTETS = 1024 * 1024;

/** Written at once, at most. */
export const MAX_WRITE_OCTETS = 1024 * 1024;

/** A file that is mostly of no use is written anew; small ones are not worth it. */
const MIN_WASTED_OCTETS = 256 * 1024;

/** What is used gets today's date, so that what nobody used for longest can be removed; not more often than this. */
const TOUCH_AFTER_MS = 60 * 60 * 1000;

/** Codes that say that something else stands where our file should, or a file that somebody else made there. */
const NOT_OURS: ReadonlySet<string | undefined> = new Set([
  ...['ELOOP', 'EINVAL', 'EISDIR', 'ENXIO', 'EOPNOTSUPP'],
  ...['EACCES', 'EPERM'],
]);

/** Where a folder's facts are, and what of the disk it takes to get there. */
export interface FactFilePlace {
  readonly disk: FileSystem;
  /** The directory of this Unix user. */
  readonly root: string;
  readonly path: string;
  readonly now: () => number;
}

/** The file of one folder. Its methods throw the errors of the operating system. */
export class FactFile {
  readonly #place: FactFilePlace;
  /** The file as it was last seen here. */
  #inode = 0;
  #octets = 0;
  #startAnew = false;
  /** What there was to load. */
  found: FoundFile = 'none';

  constructor(place: FactFilePlace) {
    this.#place = place;
  }

  /**
   * Reads all records, in steps of a millisecond. Damage is passed over. `mayHold` says whether there is room; false if
   * there was not for all of them.
   */
  *load(facts: FolderFacts, mayHold: (octets: number) => boolean): Generator<void, boolean> {
    let all = true;
    this.found = 'none';
    const file = this.#openToRead();
    if (file === undefined) return true;
    this.found = 'used';
    try {
      const { sizeOctets } = file.status();
      let rest = Buffer.alloc(0);
      for (let position = HEAD_OCTETS; position < sizeOctets; ) {
        const length = Math.min(sizeOctets - position, READ_OCTETS);
        all &&= mayHold(rest.length + length);
        if (facts.arenas.full) return false;
        const octets = Buffer.allocUnsafeSlow(rest.length + length);
        rest.copy(octets);
        const count = file.read(octets.subarray(rest.length), position);
        if (count === 0) break;
        position += count;
        const end = rest.length + count;
        const loaded = { end, last: position >= sizeOctets };
        const readTo = all ? facts.adopt(octets, loaded) : facts.adoptSearched(octets, loaded);
        if (readTo === undefined) return false;
        rest = Buffer.from(octets.subarray(readTo, end));
        if (position < sizeOctets) yield;
      }
    } finally {
      file.close();
    }
    this.#touch();
    return all;
  }

  /** Writes what the file lacks, up to `MAX_WRITE_OCTETS`. */
  write(facts: FolderFacts): void {
    const file = this.#openToWrite(facts);
    try {
      for (const octets of facts.arenas.nextUnwritten(MAX_WRITE_OCTETS)) {
        file.write(octets);
        facts.arenas.noteWritten(octets.length);
      }
      const { inode, sizeOctets } = file.status();
      this.#inode = inode;
      this.#octets = sizeOctets;
    } finally {
      file.close();
    }
  }

  /** Whether most of the file is of no use. */
  isWasteful(facts: FolderFacts): boolean {
    return this.#octets - facts.liveOctets > Math.max(MIN_WASTED_OCTETS, facts.liveOctets);
  }

  /** Makes the next write begin a new file. */
  startAnew(): void {
    this.#startAnew = true;
  }

  /** Undefined when there is nothing that could be read. */
  #openToRead(): OpenFile | undefined {
    let file: OpenFile;
    try {
      file = this.#place.disk.open(this.#place.path);
    } catch (error) {
      const code = errorCode(error);
      if (code !== 'ENOENT' && code !== 'ENOTDIR' && !NOT_OURS.has(code)) throw error;
      return undefined;
    }
    if (this.#isOurs(file)) return file;
    this.found = 'damaged';
    file.close();
    return undefined;
  }

  /** Notes what the file is; false for what is not a file of ours, or not the whole of it. */
  #isOurs(file: OpenFile): boolean {
    const { inode, sizeOctets } = file.status();
    const shrunk = inode === this.#inode && sizeOctets < this.#octets;
    this.#inode = inode;
    this.#octets = sizeOctets;
    const head = Buffer.alloc(HEAD_OCTETS);
    return !shrunk && file.read(head, 0) === HEAD_OCTETS && head.equals(HEAD);
  }

  #openToWrite(facts: FolderFacts): OpenFile {
    const { disk, path } = this.#place;
    if (!this.#startAnew) {
      const file = this.#openExisting();
      if (file !== undefined && this.#isOurs(file)) return file;
      file?.close();
    }
    facts.arenas.noteLost();
    this.#remove();
    this.#makeDirectory();
    const file = disk.create(path, 0o600);
    // Opened again for appending: others may append from now on, too.
    try {
      file.write(HEAD);
    } finally {
      file.close();
    }
    this.#startAnew = false;
    return disk.openToAppend(path);
  }

  #openExisting(): OpenFile | undefined {
    try {
      return this.#place.disk.openToAppend(this.#place.path);
    } catch (error) {
      const code = errorCode(error);
      if (code === 'ENOENT' || code === 'ENOTDIR' || NOT_OURS.has(code)) return undefined;
      throw error;
    }
  }

  /** Takes away whatever stands where the file should. */
  #remove(): void {
    const { disk, path } = this.#place;
    try {
      disk.unlink(path);
    } catch (error) {
      const code = errorCode(error);
      if (code === 'EISDIR' || code === 'EPERM') disk.removeDirectory(path);
      else if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
    }
  }

  #makeDirectory(): void {
    const { disk, path, root } = this.#place;
    const directory = dirname(path);
    const status = disk.status(directory);
    if (status?.kind === 'directory') return;
    if (status !== undefined) disk.unlink(directory);
    for (const missing of [dirname(root), root, directory]) {
      try {
        disk.makeDirectory(missing, 0o700);
      } catch (error) {
        // What cannot be made is there already, or the next step says what is wrong.
        if (errorCode(error) === undefined) throw error;
      }
    }
  }

  #touch(): void {
    const { disk, path, now } = this.#place;
    const status = disk.status(path);
    if (status !== undefined && now() - status.modifiedAt > TOUCH_AFTER_MS) disk.setModified(path, now());
  }
}
