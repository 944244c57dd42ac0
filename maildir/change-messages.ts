/**
 * Changing flags and removing messages: renames and unlinks in cur.
 *
 * Another program may rename a file at any moment. An operation that finds its file gone is tried again after the
 * folder was looked at; what is still not there is gone, and skipped.
 */
import { errorCode } from './errors.js';
import { suffixFor } from './filename.js';
import { changedFlags, type FlagChange } from './flags.js';
import { scanFolder } from './folder-scan.js';
import type { FolderState } from './folder-state.js';
import { changeKeywords } from './keyword-change.js';
import { inSlices, pathOf, pathOfRow } from './message-file.js';
import { asUid, type Uid } from './uid.js';

/** A program that renames a file each time we look for it would have to win this many races. */
const MAX_TRIES = 5;

/** Changes flags and keywords; settles when the change is on the disk. It must run in the folder's turn. */
export async function changeFlags(state: FolderState, uids: readonly number[], change: FlagChange): Promise<void> {
  const keywordsChanged = await changeKeywords(state, uids, change);
  const renamed = await eachOnDisk(state, uids, (row) => renameForFlags(state, row, change));
  const directories = [
    ...(renamed ? [state.paths.cur] : []),
    ...(keywordsChanged ? [state.paths.keywords, state.paths.directory] : []),
  ];
  if (directories.length > 0) state.notify();
  await state.syncs.sync({ directories });
}

function renameForFlags(state: FolderState, row: number, change: FlagChange): boolean {
  const { rows } = state;
  const before = rows.flagsAt(row);
  const flags = changedFlags(before, change);
  if (flags === before) return false;
  const suffix = suffixFor(flags, rows.files.suffixAt(row));
  const [from, to] = [pathOfRow(state, row), pathOf(state, { baseName: rows.baseNameAt(row), suffix, place: 'cur' })];
  // A second file of this message (see folder-scan.ts) must not be written over.
  if (state.mayHoldSecondFiles && from !== to && state.disk.status(to) !== undefined) {
    state.surroundings.warnOnce(`Two files of one message; flags cannot be changed: ${to}`);
    return false;
  }
  state.disk.rename(from, to);
  rows.setSuffix(row, suffix, 'cur');
  // Each row has a number of its own: between two slices, sessions may be told of all changes up to now.
  rows.setChangedAt(row, state.nextChange());
  return true;
}

/** Removes messages; gives those that are gone now. It must run in the folder's turn. */
export async function removeMessages(state: FolderState, uids: readonly number[]): Promise<Uid[]> {
  const there = [...new Set(uids)].filter((uid) => state.rows.table.rowOf(uid) >= 0);
  const gone = new Set<number>();
  try {
    await eachOnDisk(state, there, (row) => {
      state.disk.unlink(pathOfRow(state, row));
      gone.add(state.rows.table.uidAt(row));
      return true;
    });
    for (const uid of there) gone.add(uid);
  } finally {
    // What was unlinked before an error is gone all the same.
    forgetRows(state, gone);
  }
  await state.syncs.sync({ directories: [state.paths.cur] });
  return there.map(asUid).sort((one, other) => one - other);
}

/** Takes messages out of the rows, because their files are no longer here. */
export function forgetRows(state: FolderState, gone: ReadonlySet<number>): void {
  if (gone.size === 0) return;
  state.rows.remove((row) => gone.has(state.rows.table.uidAt(row)));
  state.uidList.outOfDate = true;
  state.nextChange();
  state.notify();
}

/** Runs an operation on each message that has a row; gives whether any did something. */
async function eachOnDisk(
  state: FolderState,
  uids: readonly number[],
  run: (row: number) => boolean,
): Promise<boolean> {
  let acted = false;
  const pass = async (some: readonly number[]): Promise<number[]> => {
    const notThere: number[] = [];
    await inSlices(state, some, (uid) => {
      const row = state.rows.table.rowOf(uid);
      if (row < 0) return;
      try {
        if (run(row)) acted = true;
      } catch (error) {
        if (errorCode(error) !== 'ENOENT') throw error;
        notThere.push(uid);
      }
    });
    return notThere;
  };
  let notThere = await pass(uids);
  for (let tries = 0; notThere.length > 0 && tries < MAX_TRIES; tries += 1) {
    await scanFolder(state, { lockHeld: false });
    notThere = await pass(notThere);
  }
  if (notThere.length > 0) state.mustScan = true;
  return acted;
}
