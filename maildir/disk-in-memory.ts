/**
 * DiskInMemory: a disk that a rehearsal can fill and forget. It keeps the rules that the mail store counts on, as one
 * user sees them who may do everything; nothing of it is anywhere else.
 */
import { type NameVisitor, visitEntries, writeEntry } from './directory-entries.js';
import { type FileStatus, type FileSystem, type OpenFile, realFileSystem } from './file-system.js';

/** A directory with more is read in pieces of so many names, in the form that the kernel has for them. */
const NAMES_TOGETHER = 400;
const MAX_NAME_OCTETS = 256;
/** What an entry has besides its name, filled up. */
const ENTRY_OCTETS = 32;

/** Beyond 31 bits, as on a real disk: code that was compiled for small numbers only would be thrown away there. */
const FIRST_INODE = 5_000_000_000;

const no = { code: 'ENOENT' };
const already = { code: 'EEXIST' };

class Entry {
  readonly kind: FileStatus['kind'];
  readonly inode: number;
  octets: Buffer;
  /** A real file with the same octets. */
  twin: string | undefined;
  links = 1;
  modifiedAt: number;
  changedAt: number;

  constructor(kind: FileStatus['kind'], { inode, now }: { inode: number; now: number }, octets: Buffer) {
    this.kind = kind;
    this.inode = inode;
    this.octets = octets;
    this.modifiedAt = now;
    this.changedAt = now;
  }

  status(): FileStatus {
    return {
      kind: this.kind,
      inode: this.inode,
      device: 1,
      links: this.links,
      owner: 0,
      group: 0,
      mode: 0o700,
      sizeOctets: this.octets.length,
      modifiedAt: this.modifiedAt,
      changedAt: this.changedAt,
    };
  }
}

class FileInMemory implements OpenFile {
  readonly #entry: Entry;

  constructor(entry: Entry) {
    this.#entry = entry;
  }

  read(octets: Uint8Array, position: number): number {
    return this.#entry.octets.copy(octets, 0, position);
  }

  write(octets: Uint8Array): void {
    this.#entry.octets = Buffer.concat([this.#entry.octets, octets]);
  }

  status(): FileStatus {
    return this.#entry.status();
  }

  async sync(): Promise<void> {}

  close(): void {}
}

/** Files and directories by path. */
export class DiskInMemory implements FileSystem {
  readonly #now: () => number;
  /** Entries of each directory by name. */
  readonly #directories = new Map<string, Map<string, Entry>>();
  #nextInode = FIRST_INODE;

  constructor(now: () => number) {
    this.#now = now;
    this.#directories.set('', new Map());
  }

  /**
   * Puts a file there. With a twin, the real file of that path is opened in its place, if that can be: then those who
   * read it have met real files, too.
   */
  put(path: string, octets: Buffer, modifiedAt: number, twin?: string): void {
    const entry = this.#add(path, 'file', octets);
    entry.modifiedAt = modifiedAt;
    entry.twin = twin;
  }

  *visit(directory: string, visitor: NameVisitor): Iterable<void> {
    const entries = [...this.#entriesOf(directory)];
    if (entries.length <= NAMES_TOGETHER) {
      const octets = Buffer.allocUnsafe(MAX_NAME_OCTETS);
      for (const [name, { kind }] of entries) visitor(octets, 0, octets.write(name, 'latin1'), kind === 'file');
      return;
    }
    const block = Buffer.allocUnsafe((NAMES_TOGETHER + 2) * (MAX_NAME_OCTETS + ENTRY_OCTETS));
    for (let from = 0; from < entries.length; from += NAMES_TOGETHER) {
      let used = writeEntry(block, writeEntry(block, 0, '.', 'directory'), '..', 'directory');
      for (const [name, { kind }] of entries.slice(from, from + NAMES_TOGETHER)) {
        used = writeEntry(block, used, name, kind === 'file' ? 'file' : 'directory');
      }
      visitEntries(block, used, visitor);
      yield;
    }
  }

  status(path: string): FileStatus | undefined {
    return this.#find(path)?.status();
  }

  open(path: string): OpenFile {
    const entry = this.#get(path);
    return (entry.twin === undefined ? undefined : realFile(entry.twin)) ?? new FileInMemory(entry);
  }

  create(path: string): OpenFile {
    return new FileInMemory(this.#add(path, 'file', Buffer.alloc(0)));
  }

  openToAppend(path: string): OpenFile {
    return new FileInMemory(this.#get(path));
  }

  rename(from: string, to: string): void {
    const entry = this.#get(from);
    this.#take(from);
    this.#enter(to, entry);
  }

  link(from: string, to: string): void {
    if (this.#find(to) !== undefined) throw failure(already, to);
    const entry = this.#get(from);
    entry.links += 1;
    this.#enter(to, entry);
  }

  unlink(path: string): void {
    const entry = this.#get(path);
    entry.links -= 1;
    this.#take(path);
  }

  makeDirectory(path: string): void {
    this.#add(path, 'directory', Buffer.alloc(0));
    this.#directories.set(path, new Map());
  }

  removeDirectory(path: string): void {
    this.#get(path);
    this.#take(path);
    this.#directories.delete(path);
  }

  setModified(path: string, modifiedAt: number): void {
    this.#get(path).modifiedAt = modifiedAt;
  }

  keepsFineTimes(): boolean {
    return false;
  }

  mayWrite(): boolean {
    return true;
  }

  async syncDirectory(): Promise<void> {}

  #entriesOf(directory: string): Map<string, Entry> {
    const entries = this.#directories.get(directory);
    if (entries === undefined) throw failure(no, directory);
    return entries;
  }

  #find(path: string): Entry | undefined {
    const slash = path.lastIndexOf('/');
    return this.#directories.get(path.slice(0, slash))?.get(path.slice(slash + 1));
  }

  #get(path: string): Entry {
    const entry = this.#find(path);
    if (entry === undefined) throw failure(no, path);
    return entry;
  }

  #add(path: string, kind: FileStatus['kind'], octets: Buffer): Entry {
    if (this.#find(path) !== undefined) throw failure(already, path);
    const entry = new Entry(kind, { inode: this.#nextInode, now: this.#now() }, octets);
    this.#nextInode += 1;
    this.#enter(path, entry);
    return entry;
  }

  #enter(path: string, entry: Entry): void {
    const slash = path.lastIndexOf('/');
    const directory = path.slice(0, slash);
    this.#entriesOf(directory).set(path.slice(slash + 1), entry);
    this.#changed(directory);
  }

  #take(path: string): void {
    const slash = path.lastIndexOf('/');
    const directory = path.slice(0, slash);
    this.#entriesOf(directory).delete(path.slice(slash + 1));
    this.#changed(directory);
  }

  #changed(directory: string): void {
    const entry = this.#find(directory);
    if (entry === undefined) return;
    // Two changes within a millisecond must be told apart, as a disk with fine clocks does.
    entry.modifiedAt = Math.max(this.#now(), entry.modifiedAt + 0.001);
    entry.changedAt = entry.modifiedAt;
  }
}

function realFile(path: string): OpenFile | undefined {
  try {
    return realFileSystem.open(path);
  } catch {
    // This process has become somebody who may not read it.
    return undefined;
  }
}

function failure({ code }: { readonly code: string }, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}
