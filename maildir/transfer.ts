/**
 * COPY and MOVE between folders.
 *
 * A copy is a hard link under a new unique name, because message files are never changed in place; where links cannot be
 * had, the octets are copied. A move is one rename: at every moment the message is in exactly one folder. The file gets
 * a new unique name also when it moves, because a UID list may still name the old one from an earlier stay.
 */
import { forgetRows, removeMessages } from './change-messages.js';
import { errorCode, MaildirError } from './errors.js';
import { deliveredName, suffixFor } from './filename.js';
import { unlinkIfThere } from './files.js';
import { ALL_FLAGS, type FlagLimits } from './flags.js';
import type { FolderState } from './folder-state.js';
import { checkKeywordRoom, keywordsInUse } from './keyword-state.js';
import { eachKeywordOnce } from './keyword-text.js';
import { type MessageFile, openMessageFile, pathOfRow, withMessagePath } from './message-file.js';
import { Pace } from './pace.js';
import { type MovingMessage, spendOnMove, spendOnNew } from './quota/folder-quota.js';
import { keywordsFor, placeInTurn, type ReadyMessage, settle, TmpMessage } from './receive.js';
import { asUid, type Uid } from './uid.js';

/** The UIDs of messages before and after, in the same order. */
export interface TransferredUids {
  readonly from: Uid[];
  readonly to: Uid[];
}

/** What link() and rename() say when a file cannot be had in the other directory without copying. */
const copyInsteadCodes = new Set(['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP']);
const COPY_PIECE_OCTETS = 256 * 1024;

/** A message to transfer, with the UID it has in its source. */
interface Transfer extends ReadyMessage, MovingMessage {
  readonly uid: Uid;
}

/** How a file gets to its new path, and back. */
interface Way {
  go(filePath: string, path: string): void;
  back(filePath: string, path: string): void;
}

/** Which messages, and what whoever transfers them may give them in the target; absent: all that they have. */
export interface TransferOrder {
  readonly uids: readonly number[];
  readonly within?: FlagLimits | undefined;
}

/** Copies messages: all or none. Messages that are gone are left out. */
export async function copyMessages(
  source: FolderState,
  target: FolderState,
  order: TransferOrder,
): Promise<TransferredUids> {
  const { disk } = target;
  const link: Way = {
    go: (filePath, path) => disk.link(filePath, path),
    back: (_filePath, path) => unlinkIfThere(disk, path),
  };
  const transfers = await prepare(source, target, { ...order, way: link });
  if (hasLinks(source) || hasLinks(target)) return copyOctets(source, target, transfers);
  try {
    return await place(target, transfers);
  } catch (error) {
    if (!copyInsteadCodes.has(errorCode(error) ?? '')) throw error;
    return copyOctets(source, target, transfers);
  }
}

/** Moves messages: all or none. Messages that are gone are left out. */
export async function moveMessages(
  source: FolderState,
  target: FolderState,
  order: TransferOrder,
): Promise<TransferredUids> {
  const rename: Way = {
    go: (filePath, path) => source.disk.rename(filePath, path),
    back: (filePath, path) => {
      if (source.disk.status(filePath) === undefined) source.disk.rename(path, filePath);
    },
  };
  const transfers = await prepare(source, target, { ...order, way: rename });
  if (hasLinks(source) || hasLinks(target)) return copyAndRemove(source, target, transfers);
  try {
    return await inBothTurns(source, target, () =>
      spendOnMove(source, target, { messages: transfers, run: () => moveInTurns(source, target, transfers) }),
    );
  } catch (error) {
    source.mustScan = true;
    if (errorCode(error) !== 'EXDEV') throw error;
    return copyAndRemove(source, target, transfers);
  }
}

/**
 * Where messages are links into another maildir, its files stay in it: they are copied, whichever side it is. The names that
 * one reader is shown mean nothing to the other side.
 */
function hasLinks({ place }: FolderState): boolean {
  return place.linked !== undefined || place.forOneReader === true;
}

async function copyAndRemove(
  source: FolderState,
  target: FolderState,
  transfers: readonly Transfer[],
): Promise<TransferredUids> {
  const copied = await copyOctets(source, target, transfers);
  await source.turns.take(() => removeMessages(source, copied.from));
  return copied;
}

async function moveInTurns(
  source: FolderState,
  target: FolderState,
  transfers: readonly Transfer[],
): Promise<TransferredUids> {
  if (transfers.length === 0) return { from: [], to: [] };
  const placed = await placeInTurn(target, transfers);
  const to = await settle(target, placed);
  const from = transfers.map(({ uid }) => uid);
  forgetRows(source, new Set(from));
  keywordsInUse(source);
  // The target is on the disk already: a power cut between the two shows the message in its new folder.
  await source.syncs.sync({ directories: [source.paths.cur] });
  return { from, to };
}

/** Two folders at once, always in the same order, so that two moves in opposite directions do not wait for ever. */
function inBothTurns<T>(source: FolderState, target: FolderState, run: () => Promise<T>): Promise<T> {
  if (source === target) return source.turns.take(run);
  const [first, second] = source.paths.directory < target.paths.directory ? [source, target] : [target, source];
  return first.turns.take(() => second.turns.take(run));
}

async function place(target: FolderState, transfers: readonly Transfer[]): Promise<TransferredUids> {
  if (transfers.length === 0) return { from: [], to: [] };
  return spendOnNew(target, transfers, async () => {
    const placed = await target.turns.take(() => placeInTurn(target, transfers));
    return { from: transfers.map(({ uid }) => uid), to: await settle(target, placed) };
  });
}

interface Plan extends TransferOrder {
  readonly way: Way;
}

/** Finds the files and makes their new names. */
async function prepare(source: FolderState, target: FolderState, { uids, within, way }: Plan): Promise<Transfer[]> {
  source.mustExist();
  target.mustExist();
  const pace = new Pace(source.surroundings.now);
  const transfers: Transfer[] = [];
  for (const uid of [...new Set(uids)].sort((one, other) => one - other)) {
    const transfer = unlessGone(() => prepareOne(source, target, { uid, within, way }));
    if (transfer !== undefined) transfers.push(transfer);
    const pause = pace.step();
    if (pause !== undefined) await pause;
  }
  const keywords = eachKeywordOnce(transfers.flatMap((transfer) => transfer.keywords));
  if (keywords.length > 0) checkKeywordRoom(target, keywords);
  return transfers;
}

interface PlannedMessage extends Pick<Plan, 'within' | 'way'> {
  readonly uid: number;
}

function prepareOne(source: FolderState, target: FolderState, one: PlannedMessage): Transfer | undefined {
  const status = withMessagePath(source, one.uid, (path) => {
    const found = source.disk.status(path);
    if (found === undefined) throw Object.assign(new Error(`not there: ${path}`), { code: 'ENOENT' });
    return found;
  });
  if (status.kind !== 'file') return undefined;
  const row = source.rows.table.rowOf(one.uid);
  const { within } = one;
  const formerFlags = source.rows.flagsAt(row);
  const flags = formerFlags & (within?.flags ?? ALL_FLAGS);
  let placedFrom = '';
  return {
    uid: asUid(one.uid),
    sizeOctets: status.sizeOctets,
    flags,
    formerFlags,
    baseName: deliveredName(target.surroundings.names.forMessage(), status),
    suffix: suffixFor(flags, source.rows.files.suffixAt(row)),
    keywords: keywordsFor(target, within?.keywords === false ? [] : source.rows.keywordsAt(row)),
    place(path) {
      withMessagePath(source, one.uid, (filePath) => one.way.go(filePath, path));
      placedFrom = pathOfRow(source, source.rows.table.rowOf(one.uid));
    },
    takeBack: (path) => one.way.back(placedFrom, path),
  };
}

function unlessGone<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof MaildirError && error.kind === 'message gone') return undefined;
    throw error;
  }
}

/** Copies where links cannot be had: each message is written anew. */
async function copyOctets(
  source: FolderState,
  target: FolderState,
  transfers: readonly Transfer[],
): Promise<TransferredUids> {
  const written: TmpMessage[] = [];
  try {
    const copies: Transfer[] = [];
    for (const transfer of transfers) {
      const tmpFile = new TmpMessage(target);
      written.push(tmpFile);
      const baseName = await copyInto(tmpFile, openMessageFile(source, transfer.uid));
      copies.push({
        ...transfer,
        baseName,
        place: (path) => tmpFile.moveTo(path),
        takeBack: (path) => unlinkIfThere(target.disk, path),
      });
    }
    return await place(target, copies);
  } finally {
    for (const tmpFile of written) tmpFile.abort();
  }
}

async function copyInto(tmpFile: TmpMessage, file: MessageFile): Promise<string> {
  try {
    for (let at = 0; at < file.sizeOctets; ) {
      const piece = file.read(at, COPY_PIECE_OCTETS);
      if (piece.length === 0) break;
      tmpFile.writeAsIs(piece);
      at += piece.length;
    }
    return await tmpFile.completed({ lineEnd: false, internalDate: file.internalDate });
  } finally {
    file.close();
  }
}
