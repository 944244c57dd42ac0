/**
 * ChangesFile: `angarium-changes` on the disk, as several processes write it at the same time.
 *
 * Nobody takes a lock. A batch is appended in one write, which the kernel does not mix with that of another; then the
 * writer reads what others had appended before, and looks whether the file is still the one under this name. A new file
 * is made in tmp and linked to its name, which only one can do. Whoever writes a shorter one renames it over the old
 * one, and looks for what came into the old one meanwhile.
 *
 * It is never synced, and it may be removed at any moment: then it begins anew, and clients compare more than they would
 * have to. Its methods throw the errors of the operating system.
 */
import { errorCode } from '../errors.js';
import { bootRun, type FileStatus, type FileSystem, type OpenFile } from '../file-system.js';
import { createUnique, readWhole, unlessMissing, unlinkIfThere } from '../files.js';
import type { FolderPaths } from '../folder-name.js';
import type { Surroundings } from '../surroundings.js';
import { type Batch, type ChangesHead, decodeHead, encodeHead, HEAD_OCTETS, readBatches } from './change-records.js';

/** What a whole file says. */
export interface FoundChanges {
  readonly head: ChangesHead;
  readonly batches: readonly Batch[];
}

/** What is to be written at the start of a new file. */
export type NewHead = Pick<ChangesHead, 'uidValidity' | 'highest' | 'forgottenUpTo'>;

interface WrittenFile {
  readonly path: string;
  readonly status: FileStatus;
  /** Its head. */
  readonly first: Buffer;
}

/** The file of one folder, and how far this process has read it. */
export class ChangesFile {
  readonly #surroundings: Surroundings;
  readonly #paths: FolderPaths;
  #inode = 0;
  #modifiedAt = 0;
  #head = Buffer.alloc(HEAD_OCTETS);
  #position = 0;

  constructor(surroundings: Surroundings, paths: FolderPaths) {
    this.#surroundings = surroundings;
    this.#paths = paths;
  }

  /** Octets that this process has read or written. */
  get sizeOctets(): number {
    return this.#position;
  }

  get #disk(): FileSystem {
    return this.#surroundings.fileSystem;
  }

  /** Reads all of it. A file that must not be believed is taken away; undefined if there is none then. */
  read(uidValidity: number): FoundChanges | undefined {
    const found = readWhole(this.#disk, this.#paths.changes);
    if (found === undefined) return undefined;
    const { octets, status } = found;
    const head = decodeHead(octets);
    const { batches, whole } = readBatches(octets.subarray(HEAD_OCTETS));
    const isOurs = head?.uidValidity === uidValidity && head.inode === status.inode && head.run.equals(bootRun());
    if (head === undefined || !isOurs || !whole) {
      if (this.#disk.status(this.#paths.changes)?.inode === status.inode)
        unlinkIfThere(this.#disk, this.#paths.changes);
      return undefined;
    }
    this.#begin(status, octets.subarray(0, HEAD_OCTETS));
    this.#position = octets.length;
    return { head, batches };
  }

  /** What others have appended; undefined if the file is another one now, or damaged. */
  more(): readonly Batch[] | undefined {
    const status = this.#disk.status(this.#paths.changes);
    if (status?.inode !== this.#inode || status.sizeOctets < this.#position) return undefined;
    if (status.sizeOctets === this.#position && status.modifiedAt === this.#modifiedAt) return [];
    const file = unlessMissing(() => this.#disk.open(this.#paths.changes));
    if (file === undefined) return undefined;
    try {
      return this.#isKnown(file) ? this.#readOn(file) : undefined;
    } finally {
      file.close();
    }
  }

  /** Appends a batch; gives it with all that others appended before. Undefined as for more(): it must be said again. */
  append(batch: Buffer): readonly Batch[] | undefined {
    const file = unlessMissing(() => this.#disk.openToAppend(this.#paths.changes));
    if (file === undefined) return undefined;
    try {
      if (!this.#isKnown(file)) return undefined;
      file.write(batch);
      const batches = this.#readOn(file);
      return this.#disk.status(this.#paths.changes)?.inode === this.#inode ? batches : undefined;
    } finally {
      file.close();
    }
  }

  #isKnown(file: OpenFile): boolean {
    const { inode, sizeOctets } = file.status();
    const head = Buffer.alloc(HEAD_OCTETS);
    const isWhole = sizeOctets >= this.#position && file.read(head, 0) === HEAD_OCTETS;
    return inode === this.#inode && isWhole && head.equals(this.#head);
  }

  #readOn(file: OpenFile): readonly Batch[] {
    const { sizeOctets, modifiedAt } = file.status();
    this.#modifiedAt = modifiedAt;
    const tail = Buffer.allocUnsafe(sizeOctets - this.#position);
    let length = 0;
    while (length < tail.length) {
      const read = file.read(tail.subarray(length), this.#position + length);
      if (read === 0) break;
      length += read;
    }
    // What another process is writing at this moment may be there in part: it is read the next time.
    const { batches } = readBatches(tail.subarray(0, length));
    const last = batches.at(-1);
    if (last !== undefined) this.#position += last.records.byteOffset + last.records.length - tail.byteOffset;
    return batches;
  }

  /** Makes the file; false if somebody else has just done so. */
  create(head: NewHead, state: Buffer): boolean {
    const { path, status, first } = this.#write(head, state);
    try {
      this.#disk.link(path, this.#paths.changes);
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return false;
      throw error;
    } finally {
      unlinkIfThere(this.#disk, path);
    }
    this.#begin(status, first);
    this.#position = status.sizeOctets;
    return true;
  }

  /** Puts a shorter file in its place; gives what came into the old one meanwhile. */
  replace(head: NewHead, state: Buffer): readonly Batch[] {
    const old = this.#disk.open(this.#paths.changes);
    try {
      const { path, status, first } = this.#write(head, state);
      this.#disk.rename(path, this.#paths.changes);
      // What is only read says how long it was when it was opened, and may be longer now.
      const late = Buffer.alloc(LATE_OCTETS);
      const length = old.read(late, this.#position);
      this.#begin(status, first);
      this.#position = status.sizeOctets;
      return readBatches(late.subarray(0, length)).batches;
    } finally {
      old.close();
    }
  }

  #write(head: NewHead, state: Buffer): WrittenFile {
    const name = (): string => this.#surroundings.names.forPurpose('changes');
    const { path, file } = createUnique(this.#disk, this.#paths.tmp, { name, mode: 0o666 });
    try {
      const first = encodeHead({ ...head, inode: file.status().inode, run: bootRun() });
      file.write(first);
      file.write(state);
      return { path, status: file.status(), first };
    } catch (error) {
      unlinkIfThere(this.#disk, path);
      throw error;
    } finally {
      file.close();
    }
  }

  #begin({ inode, modifiedAt }: FileStatus, head: Buffer): void {
    this.#inode = inode;
    this.#modifiedAt = modifiedAt;
    this.#head = Buffer.from(head);
  }

  /** Takes the file away: nothing in it counts any more. */
  remove(): void {
    unlinkIfThere(this.#disk, this.#paths.changes);
  }
}

/** Others have a fraction of a millisecond for it. */
const LATE_OCTETS = 64 * 1024;
