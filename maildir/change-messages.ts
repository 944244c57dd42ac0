/**
 * Changing flags and removing messages: renames and unlinks in cur.
 *
 * Another program may rename a file at any moment. An operation that finds its file gone is tried again after the
 * folder was looked at; what is still not there is gone, and skipped.
 */
import { EntryName } from './entry-name.js';
import { diskErrorsSoon, errorCode } from './errors.js';
import { suffixFor } from './filename.js';
import { changedFlags, DELETED, type FlagChange } from './flags.js';
import { scanFolder } from './folder-scan.js';
import type { FolderState } from './folder-state.js';
import { changeKeywords } from './keyword-change.js';
import { inSlices, pathOf, pathOfRow } from './message-file.js';
import type { OpenDirectory } from './open-directory.js';
import { bookRemoved, countedMessages, spendOnFlags } from './quota/folder-quota.js';
import { asUid, type Uid } from './uid.js';

/** A program that renames a file each time we look for it would have to win this many races. */
const MAX_TRIES = 5;

/** A change that is made to some of the messages only. */
export interface ConditionalChange extends FlagChange {
  /** Is asked of each message when nobody else of this process can change it any more. */
  readonly only?: (uid: number) => boolean;
}

/** A change that everybody sees, and that a power cut may still undo. */
export interface ShownChange {
  /** Settles when it is on the disk. @throws {MaildirError} */
  readonly safe: Promise<void>;
}

/**
 * Changes flags and keywords. It must run in the folder's turn; the syncing goes on after it, so that it is shared with
 * that of other sessions, and whoever asked can put his answer together meanwhile.
 */
export async function changeFlags(
  state: FolderState,
  named: readonly number[],
  { only, ...change }: ConditionalChange,
): Promise<ShownChange> {
  const uids = only === undefined ? named : named.filter(only);
  const { keywordsChanged, renamed } = await spendOnFlags(state, { uids, change }, async () => ({
    keywordsChanged: await changeKeywords(state, uids, change),
    renamed: await eachOnDisk(state, uids, (row, cur) => renameForFlags(state, row, { change, cur })),
  }));
  const directories = [
    ...(renamed ? [state.paths.cur] : []),
    ...(keywordsChanged ? [state.paths.keywords, state.paths.directory] : []),
  ];
  if (directories.length > 0) state.notify();
  const safe = diskErrorsSoon(state.paths.directory, () => state.syncs.sync({ directories }));
  // Whoever waits for it hears of a failure; until then it is not an unhandled one.
  safe.catch(() => undefined);
  return { safe };
}

interface FlagRename {
  readonly change: FlagChange;
  readonly cur: OpenDirectory;
}

/** Put together anew for each message, and used at once. */
const [fromName, toName] = [new EntryName(), new EntryName()];

function renameForFlags(state: FolderState, row: number, { change, cur }: FlagRename): boolean {
  const { rows } = state;
  const { files } = rows;
  const before = rows.flagsAt(row);
  const flags = changedFlags(before, change);
  if (flags === before) return false;
  const formerSuffix = files.suffixAt(row);
  const suffix = suffixFor(flags, formerSuffix);
  const inCur = !files.isInNew(row);
  // A second file of this message (see folder-scan.ts) must not be written over.
  if (state.mayHoldSecondFiles && !(inCur && suffix === formerSuffix) && isTaken(state, row, suffix)) return false;
  if (inCur) {
    const base = files.baseView(row);
    cur.rename(fromName.set(base, formerSuffix), toName.set(base, suffix));
  } else {
    state.disk.rename(pathOfRow(state, row), pathInCur(state, row, suffix));
  }
  rows.setSuffix(row, suffix, 'cur');
  // Each row has a number of its own: between two slices, sessions may be told of all changes up to now.
  rows.setChangedAt(row, state.nextChange());
  return true;
}

function isTaken(state: FolderState, row: number, suffix: string): boolean {
  const path = pathInCur(state, row, suffix);
  if (state.disk.status(path) === undefined) return false;
  state.surroundings.warnOnce(`Two files of one message; flags cannot be changed: ${path}`);
  return true;
}

function pathInCur(state: FolderState, row: number, suffix: string): string {
  return pathOf(state, { baseName: state.rows.baseNameAt(row), suffix, place: 'cur' });
}

/** Removes messages; gives those that are gone now. It must run in the folder's turn. */
export async function removeMessages(state: FolderState, uids: readonly number[]): Promise<Uid[]> {
  const there = [...new Set(uids)].filter((uid) => state.rows.table.rowOf(uid) >= 0);
  const gone = new Set<number>();
  const kept = new Set<number>();
  const counted = countedMessages(state, there);
  try {
    await eachOnDisk(state, there, (row, cur) => {
      const uid = state.rows.table.uidAt(row);
      if (unlinkFile(state, row, cur)) gone.add(uid);
      else kept.add(uid);
      return true;
    });
    for (const uid of there) if (!kept.has(uid)) gone.add(uid);
  } finally {
    // What was unlinked before an error is gone all the same.
    forgetRows(state, gone);
    if (counted !== undefined) bookRemoved(state, counted, gone);
  }
  // As in Courier, who may not remove it sees that it is not to be removed.
  if (kept.size > 0) await changeFlags(state, [...kept], { operation: 'remove', flags: DELETED, keywords: [] });
  await state.syncs.sync({ directories: [state.paths.cur] });
  return [...gone].map(asUid).sort((one, other) => one - other);
}

/** False for a message of somebody else in a folder that several write to, who alone may remove it. */
function unlinkFile(state: FolderState, row: number, cur: OpenDirectory): boolean {
  const { files } = state.rows;
  try {
    if (files.isInNew(row)) state.disk.unlink(pathOfRow(state, row));
    else cur.unlink(fromName.set(files.baseView(row), files.suffixAt(row)));
    return true;
  } catch (error) {
    if (state.place.linked === undefined || !['EPERM', 'EACCES'].includes(errorCode(error) ?? '')) throw error;
    return false;
  }
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
  run: (row: number, cur: OpenDirectory) => boolean,
): Promise<boolean> {
  let acted = false;
  const pass = async (some: readonly number[]): Promise<number[]> => {
    const notThere: number[] = [];
    await inSlices(state, some, (uid, cur) => {
      const row = state.rows.table.rowOf(uid);
      if (row < 0) return;
      try {
        if (run(row, cur)) acted = true;
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
