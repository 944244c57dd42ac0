/**
 * Finding and reading message files, also when another program has renamed them.
 */
import { diskErrors, errorCode, MaildirError } from './errors.js';
import type { OpenFile } from './file-system.js';
import type { FileTable, Place } from './file-table.js';
import { unlessMissing } from './files.js';
import type { FoundFile } from './folder-rows.js';
import type { FolderState } from './folder-state.js';
import { type OpenDirectory, openDirectory } from './open-directory.js';
import { Pace } from './pace.js';

/** An open message file. */
export interface MessageFile {
  readonly sizeOctets: number;
  /** Milliseconds since 1970. */
  readonly internalDate: number;
  readonly inode: number;
  /** All octets of the file, a view of the buffer given when it was opened, if they fitted in. */
  readonly whole: Buffer | undefined;
  /** Octets of the file; fewer than asked for only at its end. They are put into `reused` if it has room for them. */
  read(position: number, length: number, reused?: Buffer): Buffer;
  close(): void;
}

/** The path of a file in a folder. */
export function pathOf(state: FolderState, { place, baseName, suffix }: FoundFile): string {
  // Not join(): a name without a slash needs no putting right, and this runs for each message that is looked at.
  return `${state.paths[place]}/${baseName}${suffix}`;
}

/** The path of a file of a table. */
export function filePath(state: FolderState, files: FileTable, file: number): string {
  return `${state.paths[files.placeAt(file)]}/${files.baseNameAt(file)}${files.suffixAt(file)}`;
}

/** The path of the file of a message. */
export function pathOfRow(state: FolderState, row: number): string {
  return filePath(state, state.rows.files, row);
}

/**
 * Runs an operation on a message's file; if the file is not there, looks for it under another name and tries again.
 *
 * @throws {MaildirError} 'message gone'
 */
export function withMessagePath<T>(state: FolderState, uid: number, run: (path: string) => T): T {
  state.mustExist();
  const row = state.rows.table.rowOf(uid);
  if (row < 0 || state.isMissing(uid)) throw new MaildirError('message gone', `${state.paths.directory}: UID ${uid}`);
  const found = unlessMissing(() => ({ result: run(pathOfRow(state, row)) }));
  if (found !== undefined) return found.result;
  const again = locate(state, row) ? unlessMissing(() => ({ result: run(pathOfRow(state, row)) })) : undefined;
  if (again !== undefined) return again.result;
  giveUp(state, uid);
  throw new MaildirError('message gone', pathOfRow(state, row));
}

function giveUp(state: FolderState, uid: number): void {
  state.noteMissing(uid);
  state.mustScan = true;
}

/** Looks for the file of a message by its unique name; gives whether it was found. */
function locate(state: FolderState, row: number): boolean {
  const { rows, disk, paths } = state;
  let found = false;
  for (const place of ['cur', 'new'] as const satisfies readonly Place[]) {
    const visit = (octets: Buffer, start: number, end: number): void => {
      const name = { octets, start, end };
      if (found || rows.files.find(name) !== row) return;
      found = true;
      if (rows.moveFile(row, name, place)) rows.setChangedAt(row, state.nextChange());
    };
    for (const _piece of disk.visit(paths[place], visit)) if (found) return true;
    if (found) return true;
  }
  return false;
}

/**
 * Opens a message for reading. Links and devices are refused: then the message counts as gone.
 *
 * With `into`, the file is read into it at once as far as it has room; if all of it fits, the file is closed already.
 */
export function openMessageFile(state: FolderState, uid: number, into?: Buffer): MessageFile {
  return new OpenMessage(openedFile(state, uid), into, { uid, directory: state.paths.directory });
}

function openedFile(state: FolderState, uid: number): OpenFile {
  try {
    return openAtOnce(state, uid) ?? withMessagePath(state, uid, (path) => state.disk.open(path));
  } catch (error) {
    const code = errorCode(error);
    if (code !== 'ELOOP' && code !== 'EINVAL' && code !== 'ENXIO') throw error;
    state.surroundings.warnOnce(`Not a message file, not served: UID ${uid} in ${state.paths.directory}`);
    throw new MaildirError('message gone', `${state.paths.directory}: UID ${uid}`, error);
  }
}

/** The same where the file is found at once, without a function that has to be made for each message. */
function openAtOnce(state: FolderState, uid: number): OpenFile | undefined {
  state.mustExist();
  const row = state.rows.table.rowOf(uid);
  if (row < 0 || state.isMissing(uid)) return undefined;
  try {
    return state.disk.open(pathOfRow(state, row));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

class OpenMessage implements MessageFile {
  readonly sizeOctets: number;
  readonly internalDate: number;
  readonly inode: number;
  readonly whole: Buffer | undefined;
  readonly #file: OpenFile;
  readonly #what: { readonly uid: number; readonly directory: string };
  #closed = false;

  constructor(file: OpenFile, into: Buffer | undefined, what: { readonly uid: number; readonly directory: string }) {
    const { sizeOctets, modifiedAt, inode } = file.status();
    this.sizeOctets = sizeOctets;
    this.internalDate = modifiedAt;
    this.inode = inode;
    this.#file = file;
    this.#what = what;
    if (into !== undefined) this.whole = this.#readAtOnce(into);
  }

  #readAtOnce(into: Buffer): Buffer | undefined {
    const fits = this.sizeOctets <= into.length;
    try {
      const octets = filled(fits ? into.subarray(0, this.sizeOctets) : into, this.#file, 0);
      if (fits) this.close();
      return fits ? octets : undefined;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  read(position: number, length: number, reused?: Buffer): Buffer {
    const wanted = Math.max(0, Math.min(length, this.sizeOctets - position));
    const { whole } = this;
    if (whole !== undefined) return whole.subarray(position, position + wanted);
    const octets =
      reused !== undefined && wanted <= reused.length ? reused.subarray(0, wanted) : Buffer.allocUnsafe(wanted);
    const { uid, directory } = this.#what;
    return diskErrors(`UID ${uid} in ${directory}`, () => filled(octets, this.#file, position));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#file.close();
  }
}

/** Reads until the buffer is full or the file ends. */
function filled(octets: Buffer, file: OpenFile, position: number): Buffer {
  let length = octets.length === 0 ? 0 : file.read(octets, position);
  // Nearly always that was all.
  while (length < octets.length) {
    const count = file.read(octets.subarray(length), position + length);
    if (count === 0) return octets.subarray(0, length);
    length += count;
  }
  return octets;
}

/**
 * Runs a change of cur for each item, in slices that the directories are observed around. What is given to `run` beside
 * the item is cur itself.
 */
export async function inSlices<T>(
  state: FolderState,
  items: readonly T[],
  run: (item: T, cur: OpenDirectory) => void,
): Promise<void> {
  const pace = new Pace(state.surroundings.now);
  for (let at = 0; at < items.length; ) {
    let pause: Promise<void> | undefined;
    const cur = openDirectory(state.disk, state.paths.cur);
    try {
      state.ownChange(() => {
        while (at < items.length && pause === undefined) {
          const item = items[at];
          if (item !== undefined) run(item, cur);
          at += 1;
          pause = pace.step();
        }
      });
    } finally {
      cur.close();
    }
    await pause;
  }
}
