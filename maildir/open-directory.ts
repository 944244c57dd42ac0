/**
 * OpenDirectory: changes of the entries of one directory, by names.
 *
 * The kernel then looks a name up in the directory, and does not walk the path to it each time; and a name is the octets
 * that are in memory already. Together that saves a seventh of a rename. Node has no such calls; they are the C library's.
 * Where they cannot be had, and for disks of tests, the same is done with paths.
 */
import { cLibrary } from './c-library.js';
import type { EntryName } from './entry-name.js';
import type { FileSystem } from './file-system.js';

/** A directory whose entries are changed. All throw the errors of the operating system. */
export interface OpenDirectory {
  rename(from: EntryName, to: EntryName): void;
  unlink(name: EntryName): void;
  close(): void;
}

/** Opens a directory whose entries are to be changed. It must be closed before anything is waited for. */
export function openDirectory(disk: FileSystem, path: string): OpenDirectory {
  return disk.within?.(path) ?? directoryByPath(disk, path);
}

/** The same with paths, which every disk understands. */
function directoryByPath(disk: FileSystem, path: string): OpenDirectory {
  return {
    // Not join(): a name without a slash needs no putting right.
    rename: (from, to) => disk.rename(`${path}/${from.text}`, `${path}/${to.text}`),
    unlink: (name) => disk.unlink(`${path}/${name.text}`),
    close: () => undefined,
  };
}

/** The calls that take a descriptor of the directory; 0 if they succeed. */
interface EntryCalls {
  rename(descriptor: number, from: Buffer, sameDescriptor: number, to: Buffer): number;
  unlink(descriptor: number, name: Buffer, flags: number): number;
  failure(call: string): Error;
}

let calls: EntryCalls | undefined;
let sought = false;

function entryCalls(): EntryCalls | undefined {
  if (!sought) calls = seekCalls();
  sought = true;
  return calls;
}

function seekCalls(): EntryCalls | undefined {
  const library = cLibrary();
  try {
    return (
      library && {
        rename: library.func('int renameat(int from_in, const void *from, int to_in, const void *to)'),
        unlink: library.func('int unlinkat(int in, const void *name, int flags)'),
        failure: library.failure,
      }
    );
  } catch {
    return undefined;
  }
}

/** How a directory is opened, and closed again. */
interface Descriptors {
  open(): number;
  close(descriptor: number): void;
}

/** A directory of the real disk; undefined where there are no such calls. It is opened when it is first needed. */
export function directoryByDescriptor(descriptors: Descriptors): OpenDirectory | undefined {
  const known = entryCalls();
  return known && new DescribedDirectory(descriptors, known);
}

class DescribedDirectory implements OpenDirectory {
  readonly #descriptors: Descriptors;
  readonly #calls: EntryCalls;
  #opened: number | undefined;

  constructor(descriptors: Descriptors, found: EntryCalls) {
    this.#descriptors = descriptors;
    this.#calls = found;
  }

  get #descriptor(): number {
    this.#opened ??= this.#descriptors.open();
    return this.#opened;
  }

  rename(from: EntryName, to: EntryName): void {
    const descriptor = this.#descriptor;
    const result = this.#calls.rename(descriptor, from.octets, descriptor, to.octets);
    if (result !== 0) throw this.#calls.failure('renameat');
  }

  unlink(name: EntryName): void {
    if (this.#calls.unlink(this.#descriptor, name.octets, 0) !== 0) throw this.#calls.failure('unlinkat');
  }

  close(): void {
    if (this.#opened !== undefined) this.#descriptors.close(this.#opened);
    this.#opened = undefined;
  }
}
