/**
 * Homes and maildirs as places: whether there is mail, moving it, moving it aside, removing it.
 *
 * A place is moved by one rename and only where nothing is. Which directory it was is noted before (device and inode), so
 * that after a crash the same directory is known again wherever it is then. Links are never followed at the end of a
 * path, and what is removed is removed as its owner. Everything here is synchronous, to be called in asOwner().
 */
import {
  type BigIntStats,
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { dirname } from 'node:path';

/** A directory on its way from one path to another. */
export interface Move {
  readonly from: string;
  readonly to: string;
  readonly device: string;
  readonly inode: string;
}

/** It cannot be moved or removed; the text is for the administrator. */
export class PlaceFailure extends Error {}

/** Tells whether something, a link included, has this path. What may not be looked at counts as nothing. */
export function isTaken(path: string): boolean {
  try {
    return statusOf(path) !== undefined;
  } catch {
    return false;
  }
}

/**
 * Looks at a move without making it. Undefined: there is nothing to be moved.
 *
 * @throws {PlaceFailure}
 */
export function planMove(from: string, to: string): Move | undefined {
  const status = explained(from, () => statusOf(from));
  if (status === undefined) return undefined;
  if (!status.isDirectory()) throw new PlaceFailure(`${from} is no directory, and is not moved`);
  return explained(to, () => {
    if (statusOf(to) !== undefined) throw new PlaceFailure(`${to} exists already`);
    if (`${to}/`.startsWith(`${from}/`)) throw new PlaceFailure(`${to} is inside ${from}`);
    const above = nearestAbove(to);
    if (statusOf(above)?.dev !== status.dev && !isLink(above)) {
      throw new PlaceFailure(
        `${to} is on another file system than ${from}; move it by hand, and give the new home then`,
      );
    }
    return { from, to, device: String(status.dev), inode: String(status.ino) };
  });
}

/** Where the directory of a move is: at neither place when somebody took it away, or put another there. */
export function whereIs({ from, to, device, inode }: Move): 'from' | 'to' | 'gone' {
  const isAt = (path: string): boolean => {
    const status = explained(path, () => statusOf(path));
    return status !== undefined && String(status.dev) === device && String(status.ino) === inode;
  };
  if (isAt(from)) return 'from';
  return isAt(to) ? 'to' : 'gone';
}

/** Makes a move, and the directories above the new place that are missing. @throws {PlaceFailure} */
export function makeMove({ from, to }: Move): void {
  explained(to, () => {
    mkdirSync(dirname(to), { recursive: true, mode: 0o700 });
    if (statusOf(to) !== undefined) throw new PlaceFailure(`${to} exists already`);
    renameSync(from, to);
    for (const directory of new Set([dirname(from), dirname(to)])) syncDirectory(directory);
  });
}

/** Undoes a move. @throws {PlaceFailure} */
export function undoMove({ from, to }: Move): void {
  explained(from, () => {
    if (statusOf(from) !== undefined) throw new PlaceFailure(`${from} exists already`);
    renameSync(to, from);
    syncDirectory(dirname(from));
  });
}

/** Removes a directory with all that is in it; links in it go, and where they lead stays. @throws {PlaceFailure} */
export function removeMail(path: string): void {
  explained(path, () => {
    rmSync(path, { recursive: true, force: true });
    syncDirectory(dirname(path));
  });
}

function statusOf(path: string): BigIntStats | undefined {
  return lstatSync(path, { throwIfNoEntry: false, bigint: true });
}

function isLink(path: string): boolean {
  return statusOf(path)?.isSymbolicLink() === true;
}

/** The directory in which the first missing one of a path will be made. */
function nearestAbove(path: string): string {
  let above = dirname(path);
  while (!existsSync(above) && dirname(above) !== above) above = dirname(above);
  return above;
}

function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  fsyncSync(directory);
  closeSync(directory);
}

const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'the account’s user may not do that there',
  EPERM: 'the account’s user may not do that there',
  EXDEV: 'the new place is on another file system; move it by hand, and give the new home then',
  ENOSPC: 'the disk is full',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'something on the way to it is no directory',
};

function explained<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof PlaceFailure || !(error instanceof Error) || !('code' in error)) throw error;
    throw new PlaceFailure(`${path}: ${WORDS[String(error.code)] ?? error.message}`);
  }
}
