/**
 * Small files read and written as a whole: how every list in a maildir is kept.
 *
 * A file is written in tmp, synced and renamed over the old one, so that a reader sees the old or the new one and
 * never half of one, whatever happens. The old file is never removed because writing a new one failed.
 */
import { dirname, resolve } from 'node:path';
import { errorCode } from './errors.js';
import { type FileStatus, type FileSystem, type OpenFile, octetsFromText, textFromOctets } from './file-system.js';
import { Pace } from './pace.js';
import type { Surroundings } from './surroundings.js';

/** Lists are a few megabytes in the largest folders; more than this is not a list of ours. */
export const MAX_LIST_OCTETS = 256 * 1024 * 1024;

/** A small file as it was found, with what identifies this version of it. */
export interface ReadFile {
  readonly octets: Buffer;
  readonly status: FileStatus;
}

/** Reads a whole file; undefined if there is none. Symbolic links and oversized files are refused by the disk's errors. */
export function readWhole(disk: FileSystem, path: string, maxOctets = MAX_LIST_OCTETS): ReadFile | undefined {
  const file = unlessMissing(() => disk.open(path));
  if (file === undefined) return undefined;
  try {
    const status = file.status();
    if (status.sizeOctets > maxOctets) throw Object.assign(new Error(`too large: ${path}`), { code: 'EFBIG' });
    const octets = Buffer.allocUnsafe(status.sizeOctets);
    let length = 0;
    while (length < octets.length) {
      const read = file.read(octets.subarray(length), length);
      if (read === 0) break;
      length += read;
    }
    return { octets: octets.subarray(0, length), status };
  } finally {
    file.close();
  }
}

/** The same where it is often not there: a failed open costs many times a look. */
export function readIfThere(disk: FileSystem, path: string): ReadFile | undefined {
  return disk.status(path) === undefined ? undefined : readWhole(disk, path);
}

/** More than anybody has one after the other. */
const MAX_LINKS = 8;

/** The file that a path leads to, for lists that an administrator may have put a link in the place of. */
export function behindLinks({ links }: Pick<FileSystem, 'links'>, path: string): string {
  let file = path;
  for (let followed = 0; followed < MAX_LINKS; followed += 1) {
    const target = links?.read(file);
    if (target === undefined) break;
    file = resolve(dirname(file), target);
  }
  return file;
}

/** Reads a whole file as text; undefined if there is none. */
export function readText(disk: FileSystem, path: string, maxOctets = MAX_LIST_OCTETS): string | undefined {
  const found = readWhole(disk, path, maxOctets);
  return found === undefined ? undefined : textFromOctets(found.octets);
}

interface Replacement {
  /** The `tmp` to write in; it must be on the same file system. */
  readonly tmp: string;
  readonly path: string;
  /** Becomes part of the name in tmp. */
  readonly purpose: string;
  readonly contents: string | Buffer;
  /** The caller syncs the file, too, before it relies on it: only where there is no old version that could be lost. */
  readonly syncLater?: boolean;
}

/** Writes a new version of a file; the entry is not on the disk before its directory is synced. Gives its status. */
export async function replaceFile(surroundings: Surroundings, replacement: Replacement): Promise<FileStatus> {
  const disk = surroundings.fileSystem;
  const { contents } = replacement;
  const name = (): string => surroundings.names.forPurpose(replacement.purpose);
  const { path: tmpPath, file } = createUnique(disk, replacement.tmp, { name, mode: 0o666 });
  try {
    let status: FileStatus;
    try {
      await writeInPieces(file, typeof contents === 'string' ? octetsFromText(contents) : contents, surroundings);
      if (surroundings.durable && replacement.syncLater !== true) await file.sync();
      status = file.status();
    } finally {
      file.close();
    }
    disk.rename(tmpPath, replacement.path);
    return status;
  } catch (error) {
    unlinkIfThere(disk, tmpPath);
    throw error;
  }
}

/** A fraction of a millisecond each. */
const PIECE_OCTETS = 1024 * 1024;

/** Lets others run while a large list is written. */
async function writeInPieces(file: OpenFile, octets: Buffer, { now }: Surroundings): Promise<void> {
  const pace = new Pace(now);
  for (let from = 0; from < octets.length; from += PIECE_OCTETS) {
    const pause = pace.look();
    if (pause !== undefined) await pause;
    file.write(octets.subarray(from, from + PIECE_OCTETS));
  }
}

/** Another process of the same id, on another host of the same name, does not meet ours a hundred times in a row. */
const MAX_NAMES_TRIED = 100;

/** Makes a new file in tmp under the first of our unique names that is free. */
export function createUnique(
  disk: FileSystem,
  tmp: string,
  { name, mode }: { name: () => string; mode: number },
): { readonly name: string; readonly path: string; readonly file: OpenFile } {
  for (let tried = 1; ; tried += 1) {
    const unique = name();
    const path = `${tmp}/${unique}`;
    try {
      return { name: unique, path, file: disk.create(path, mode) };
    } catch (error) {
      if (errorCode(error) !== 'EEXIST' || tried >= MAX_NAMES_TRIED) throw error;
    }
  }
}

/** Runs a disk operation; undefined if what it is about is not there. */
export function unlessMissing<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Removes a file that may be gone already, as part of cleaning up: what cannot be removed is left to purgeTmp(). */
export function unlinkIfThere(disk: FileSystem, path: string): void {
  try {
    disk.unlink(path);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
  }
}

/** By what a version of a file, or of a directory, is known again. */
export type Version = Pick<FileStatus, 'inode' | 'modifiedAt' | 'sizeOctets'>;

/** That alone, without the rest of what was found: one is kept for each file of each folder in memory. */
export function versionOf(status: Version | undefined): Version | undefined {
  if (status === undefined) return undefined;
  const { inode, modifiedAt, sizeOctets } = status;
  return { inode, modifiedAt, sizeOctets };
}

/** Whether two looks at a file found the same version of it, or none. */
export function sameFile(one: Version | undefined, other: Version | undefined): boolean {
  return one?.inode === other?.inode && one?.modifiedAt === other?.modifiedAt && one?.sizeOctets === other?.sizeOctets;
}
