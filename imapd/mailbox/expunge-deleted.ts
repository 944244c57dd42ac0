/**
 * Removes what is marked \Deleted from the selected mailbox: for EXPUNGE, UID EXPUNGE and CLOSE.
 *
 * It tells the client nothing: EXPUNGE responses come from the changes that a session announces after a command.
 */
import { logValue } from '../../init/runtime/log/log.js';
import { count } from '../../init/runtime/metrics/counts.js';
import { DELETED } from '../../maildir/flags.js';
import type { Uid } from '../../maildir/uid.js';
import type { Session } from '../session/session.js';
import { who } from '../session/session-log.js';
import { whileWorking } from '../session/while-working.js';
import type { SequenceSet } from '../wire/sequence-set.js';
import { boundForTrash, moveToTrash } from './expunge-to-trash.js';
import type { SelectedMailbox } from './selected-mailbox.js';

/** Every UID there can be. */
const ALL: SequenceSet = [{ first: 1, last: '*' }];

const expunged = count('messages_expunged_total');

/**
 * Removes the messages that this client knows of and that are marked \Deleted now; with `uids`, only those of them.
 *
 * Messages that arrived marked \Deleted, and that the client has not been told of, stay: nobody can have wanted that.
 *
 * @returns the UIDs that left.
 */
export async function expungeDeleted(session: Session, uids: SequenceSet = ALL): Promise<readonly Uid[]> {
  const { selected } = session;
  const deleted = selected.pickUids(uids, 'uid').filter((uid) => isDeleted(selected, uid));
  if (deleted.length === 0) return [];
  const bound = boundForTrash(session, deleted);
  const paths = session.settings.logDeletions ? pathsForLog(session.selected, bound) : undefined;
  const moved = await moveToTrash(session, bound, paths);
  const isBound = new Set(bound);
  const rest = bound.length === 0 ? deleted : deleted.filter((uid) => !isBound.has(uid));
  return rest.length === 0 ? moved : [...moved, ...(await removeForGood(session, rest))];
}

/** Removes messages whatever their flags, and logs it where deletions are logged. @returns the UIDs that left. */
export async function removeForGood(session: Session, uids: readonly Uid[]): Promise<readonly Uid[]> {
  const { selected } = session;
  const paths = session.settings.logDeletions ? pathsForLog(selected, uids) : undefined;
  const removed = await whileWorking(session, selected.folder.removeMessages(uids));
  expunged.value += removed.length;
  for (const uid of removed) {
    const path = paths?.get(uid);
    if (path !== undefined) session.log.write('info', `EXPUNGED, ${who(session)}, old_name=${path}`, session.sessionId);
  }
  return removed;
}

function isDeleted(selected: SelectedMailbox, uid: Uid): boolean {
  const row = selected.folder.table.rowOf(uid);
  return row >= 0 && (selected.folder.flagsAt(row) & DELETED) !== 0;
}

/** Courier logs the file that was removed; its place is gone afterwards, so it is noted before. */
function pathsForLog({ folder }: SelectedMailbox, uids: readonly Uid[]): Map<number, string> {
  const directory = folder.name === 'INBOX' ? '.' : `./.${folder.name.slice('INBOX.'.length)}`;
  const paths = new Map<number, string>();
  for (const uid of uids) {
    const row = folder.table.rowOf(uid);
    if (row >= 0) paths.set(uid, logValue(`${directory}/cur/${folder.uniqueNameAt(row)}`));
  }
  return paths;
}
