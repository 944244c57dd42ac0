/**
 * Moves messages from new to cur, as whoever reads a maildir does with what he has seen.
 *
 * A scan moves a few before it is over. Where there are many, nobody is kept waiting for as many renames: they stay where
 * they are, which is told of as well, and are moved a moment later.
 */
import { errorCode } from './errors.js';
import type { FileTable } from './file-table.js';
import type { FolderState } from './folder-state.js';
import { filePath, inSlices } from './message-file.js';

/** That takes about a millisecond. */
export const MOVED_AT_ONCE = 64;

/** Then the client has its answer, and what clients ask for right behind that, such as the flags of all messages. */
const MOVE_LATER_MILLISECONDS = 1000;

/** Moves what a scan left in new. */
export class MoveTimer {
  readonly #state: FolderState;
  #cancel: (() => void) | undefined;

  constructor(state: FolderState) {
    this.#state = state;
  }

  /** To be called after each scan that left some; one timer serves many. */
  schedule(): void {
    const { surroundings, turns, paths } = this.#state;
    this.#cancel ??= surroundings.after(MOVE_LATER_MILLISECONDS, () => {
      this.#cancel = undefined;
      turns
        .take(() => moveNewToCur(this.#state))
        .catch((error: unknown) => surroundings.warnOnce(`${paths.directory}: ${String(error)}`));
    });
  }

  /** Gives whether there is something to move. */
  cancel(): boolean {
    const pending = this.#cancel !== undefined;
    this.#cancel?.();
    this.#cancel = undefined;
    return pending;
  }
}

/** Moves all that lie in new. It must run in the folder's turn. */
export async function moveNewToCur(state: FolderState): Promise<void> {
  if (state.removed !== undefined || !state.loaded || !state.writable) return;
  const { table, files } = state.rows;
  const uids: number[] = [];
  for (let row = 0; row < table.count; row += 1) if (files.isInNew(row)) uids.push(table.uidAt(row));
  await inSlices(state, uids, (uid) => {
    const row = state.rows.table.rowOf(uid);
    if (row < 0 || !state.rows.files.isInNew(row)) return;
    if (!movedToCur(state, { files: state.rows.files, file: row }, state.mayHoldSecondFiles)) state.mustScan = true;
  });
}

/**
 * False if another program took the file away meanwhile. `careful`: there may be a file of the same name in cur, which
 * must not be written over; else the listing has just shown that there is none.
 */
export function movedToCur(
  state: FolderState,
  { files, file }: { readonly files: FileTable; readonly file: number },
  careful: boolean,
): boolean {
  const { disk, surroundings, paths } = state;
  const suffix = files.suffixAt(file) || ':2,';
  const from = filePath(state, files, file);
  const to = `${paths.cur}/${files.baseNameAt(file)}${suffix}`;
  if (careful && disk.status(to) !== undefined) return true;
  try {
    disk.rename(from, to);
    files.setSuffix(file, suffix, 'cur');
    return true;
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    if (code === 'ENOENT') return false;
    surroundings.warnOnce(`ERR: rename(${from},${to}) failed: ${String(error)}`);
    return true;
  }
}
