/**
 * The disk as a folder sees it whose messages are links into a maildir of somebody else (shared-folders.ts): the links
 * look like files. What is added goes into the other maildir, and a link to it here; what is removed is removed there.
 * Flags are in the names of the links, and so everybody has his own.
 *
 * Only links to files in the one `cur` that the folder is for are followed. Others are what they are: no messages.
 */
import { basename } from 'node:path';
import { errorCode } from './errors.js';
import {
  type FileStatus,
  type FileSystem,
  type LinkOperations,
  type NameVisitor,
  type OpenFile,
  textFromOctets,
} from './file-system.js';
import { unlinkIfThere } from './files.js';

/** Where a shared folder is: the own directory with links, and the directory of the folder itself. */
export interface LinkedDirectories {
  /** Maildir/shared-folders/pub/News */
  readonly local: string;
  /** /home/pub/Maildir/.News */
  readonly real: string;
}

const COPY_PIECE_OCTETS = 256 * 1024;

/** Gives a file's name without flags, by which a link and its file belong together. */
export function baseOf(name: string): string {
  const colon = name.indexOf(':');
  return colon < 0 ? name : name.slice(0, colon);
}

/** The target of a link of the folder; undefined if it leads anywhere but into the folder's `cur`. */
export function linkTarget(links: LinkOperations, { real }: LinkedDirectories, path: string): string | undefined {
  const target = links.read(path);
  const prefix = `${real}/cur/`;
  if (target?.startsWith(prefix) !== true) return undefined;
  const name = target.slice(prefix.length);
  return name === '' || name.includes('/') || name.startsWith('.') ? undefined : target;
}

/** A disk for one folder. */
export class LinkedDisk implements FileSystem {
  readonly #disk: FileSystem;
  readonly #links: LinkOperations;
  readonly #at: LinkedDirectories;
  /** Files in the other maildir that were written and not yet synced. */
  readonly #unsynced = new Set<string>();

  constructor(disk: FileSystem, links: LinkOperations, at: LinkedDirectories) {
    this.#disk = disk;
    this.#links = links;
    this.#at = at;
  }

  visit(directory: string, visitor: NameVisitor): Iterable<void> {
    return this.#disk.visit(directory, visitor);
  }

  status(path: string): FileStatus | undefined {
    const found = this.#disk.status(path);
    if (found?.kind !== 'other' || !this.#isMessage(path)) return found;
    // What leads elsewhere is shown as the link that it is.
    if (linkTarget(this.#links, this.#at, path) === undefined) return found;
    const file = this.#fileBehind(path);
    return file === undefined ? undefined : this.#disk.status(file);
  }

  open(path: string): OpenFile {
    if (!this.#isMessage(path)) return this.#disk.open(path);
    const file = this.#fileBehind(path);
    if (file === undefined) throw systemError('ENOENT', path);
    return this.#disk.open(file);
  }

  create(path: string, mode: number): OpenFile {
    return this.#disk.create(path, mode);
  }

  openToAppend(path: string): OpenFile {
    return this.#disk.openToAppend(path);
  }

  rename(from: string, to: string): void {
    if (this.#isMessage(to) && !this.#isMessage(from)) this.#deliver(from, to);
    else this.#disk.rename(from, to);
  }

  link(from: string, to: string): void {
    // A file that others may change must be one of its own, and one of its owner's must not be a message of others.
    if (this.#isMessage(from) || this.#isMessage(to)) throw systemError('EXDEV', to);
    this.#disk.link(from, to);
  }

  unlink(path: string): void {
    const file = this.#isMessage(path) ? this.#fileBehind(path) : undefined;
    if (file !== undefined) this.#disk.unlink(file);
    this.#disk.unlink(path);
  }

  makeDirectory(path: string, mode: number): void {
    this.#disk.makeDirectory(path, mode);
  }

  removeDirectory(path: string): void {
    this.#disk.removeDirectory(path);
  }

  setModified(path: string, modifiedAt: number): void {
    this.#disk.setModified(path, modifiedAt);
  }

  keepsFineTimes(directory: string): boolean {
    return this.#disk.keepsFineTimes(directory);
  }

  mayWrite(directory: string): boolean {
    return this.#disk.mayWrite(directory);
  }

  async syncDirectory(directory: string): Promise<void> {
    await this.#disk.syncDirectory(directory);
    const { local, real } = this.#at;
    if (directory !== `${local}/cur`) return;
    const written = [...this.#unsynced];
    this.#unsynced.clear();
    for (const path of written) await this.#syncFile(path);
    await this.#disk.syncDirectory(`${real}/cur`);
  }

  async #syncFile(path: string): Promise<void> {
    const file = this.#disk.open(path);
    try {
      await file.sync();
    } finally {
      file.close();
    }
  }

  #isMessage(path: string): boolean {
    const { local } = this.#at;
    return path.startsWith(`${local}/cur/`) || path.startsWith(`${local}/new/`);
  }

  /** The file that a link leads to, also when it got other flags meanwhile; undefined if it is gone. */
  #fileBehind(path: string): string | undefined {
    const target = linkTarget(this.#links, this.#at, path);
    if (target === undefined) return undefined;
    if (this.#disk.status(target) !== undefined) return target;
    const renamed = this.#withOtherFlags(baseOf(basename(target)));
    if (renamed === undefined) return undefined;
    this.#disk.unlink(path);
    this.#links.make(renamed, path);
    return renamed;
  }

  #withOtherFlags(base: string): string | undefined {
    const directory = `${this.#at.real}/cur`;
    let found: string | undefined;
    const visit: NameVisitor = (octets, start, end) => {
      const name = textFromOctets(octets.subarray(start, end));
      if (baseOf(name) === base) found = `${directory}/${name}`;
    };
    for (const _piece of this.#disk.visit(directory, visit)) if (found !== undefined) break;
    return found;
  }

  /** Puts a file from tmp into the other maildir, and a link to it into cur. */
  #deliver(from: string, to: string): void {
    const path = `${this.#at.real}/cur/${basename(to)}`;
    try {
      this.#disk.rename(from, path);
    } catch (error) {
      if (errorCode(error) !== 'EXDEV') throw error;
      this.#copy(from, path);
      this.#disk.unlink(from);
    }
    try {
      this.#links.make(path, to);
    } catch (error) {
      unlinkIfThere(this.#disk, path);
      throw error;
    }
  }

  /** To another file system, by way of the other folder's tmp. */
  #copy(from: string, path: string): void {
    const passing = `${this.#at.real}/tmp/${basename(from)}`;
    const source = this.#disk.open(from);
    try {
      const target = this.#disk.create(passing, 0o666);
      try {
        const octets = Buffer.allocUnsafe(COPY_PIECE_OCTETS);
        let at = 0;
        for (let read = source.read(octets, at); read > 0; read = source.read(octets, at)) {
          target.write(octets.subarray(0, read));
          at += read;
        }
      } finally {
        target.close();
      }
      this.#disk.setModified(passing, source.status().modifiedAt);
      this.#disk.rename(passing, path);
      this.#unsynced.add(path);
    } catch (error) {
      unlinkIfThere(this.#disk, passing);
      throw error;
    } finally {
      source.close();
    }
  }
}

function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}
