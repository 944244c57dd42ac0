/**
 * IMAP_MOVE_EXPUNGE_TO_TRASH: what is expunged goes to the trash instead, Courier's XMAGICTRASH.
 *
 * Into the trash of whoever expunges, without \Deleted and \Draft. What is expunged from the trash is gone, and so is what
 * this session has copied elsewhere before: that is how clients without MOVE move. Unlike in Courier, a message that
 * cannot be moved stays where it is.
 */
import { logValue } from '../../init/runtime/log/log.js';
import { count } from '../../init/runtime/metrics/counts.js';
import { MaildirError } from '../../maildir/errors.js';
import { ALL_FLAGS, DELETED, DRAFT } from '../../maildir/flags.js';
import type { Folder } from '../../maildir/folder.js';
import type { Uid } from '../../maildir/uid.js';
import type { Session } from '../session/session.js';
import { who } from '../session/session-log.js';
import type { SessionSettings } from '../settings/session-settings.js';
import { PERSONAL_PREFIX } from './mailbox-name.js';
import type { SelectedMailbox } from './selected-mailbox.js';

/** What messages keep in the trash. */
const KEPT = { flags: ALL_FLAGS & ~(DELETED | DRAFT), keywords: true };

const expunged = count('messages_expunged_total');

/** Messages that were copied since their mailbox was selected; kept only where it matters. */
const copiedUids = new WeakMap<SelectedMailbox, Set<number>>();

/** The name of the trash: `INBOX.Trash`. */
export function trashName({ trashFolderName }: Pick<SessionSettings, 'trashFolderName'>): string {
  return PERSONAL_PREFIX + trashFolderName;
}

/** Notes that messages of the selected mailbox have got copies. */
export function noteCopied({ settings, selected }: Session, uids: readonly number[]): void {
  if (!settings.expungeToTrash) return;
  const known = copiedUids.get(selected) ?? new Set();
  copiedUids.set(selected, known);
  for (const uid of uids) known.add(uid);
}

/** Those of the messages that are to go to the trash instead of being removed. */
export function boundForTrash({ settings, selected }: Session, uids: readonly Uid[]): Uid[] {
  if (!settings.expungeToTrash) return [];
  const { namespace, folderName } = selected.place;
  const isTrash = namespace === 'personal' && folderName === trashName(settings);
  if (isTrash || namespace === 'filesystem') return [];
  const copied = copiedUids.get(selected);
  return uids.filter((uid) => copied?.has(uid) !== true);
}

/** Moves messages to the trash. @returns the UIDs that left. */
export async function moveToTrash(
  session: Session,
  uids: readonly Uid[],
  paths: ReadonlyMap<number, string> | undefined,
): Promise<readonly Uid[]> {
  if (uids.length === 0) return [];
  const trash = await ownTrash(session);
  const moved = await session.selected.folder.moveTo(trash, uids, KEPT);
  expunged.value += moved.from.length;
  for (const [index, uid] of moved.from.entries()) {
    const path = paths?.get(uid);
    if (path === undefined) continue;
    const row = trash.table.rowOf(moved.to[index] ?? 0);
    const inTrash = `./${trash.name.slice('INBOX'.length)}/cur/${row < 0 ? '' : trash.uniqueNameAt(row)}`;
    const line = `EXPUNGED, ${who(session)}, old_name=${path}, new_name=${logValue(inTrash)}`;
    session.log.write('info', line, session.sessionId);
  }
  return moved.from;
}

async function ownTrash({ maildir, settings }: Session): Promise<Folder> {
  const name = trashName(settings);
  try {
    return maildir.folder(name);
  } catch (error) {
    if (!(error instanceof MaildirError && error.kind === 'no such folder')) throw error;
    await maildir.createFolder(name);
    return maildir.folder(name);
  }
}
