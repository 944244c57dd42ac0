/** COPY and MOVE of SMAP. */
import type { TransferredUids } from '../../maildir/folder.js';
import type { Uid } from '../../maildir/uid.js';
import { folderAt } from '../sharing/mailbox-place.js';
import { flagLimits } from '../sharing/require-right.js';
import { isFolder, splitFolder } from './folder-words.js';
import { messagesIn, takeSet } from './message-set.js';
import { done, INVALID, requireRight, SmapFailure, type SmapReply } from './replies.js';
import type { SmapSession } from './smap-session.js';
import { quoted } from './words.js';

/** What both have in common: which messages, and where to. */
interface Transfer {
  readonly uids: readonly Uid[];
  readonly target: ReturnType<SmapSession['place']>;
}

/** `COPY set… "" folder…`: all messages, or none. */
export async function copy(smap: SmapSession, words: readonly string[]): Promise<SmapReply> {
  const { uids, target } = transferOf(smap, words);
  if (uids.length === 0) return done('Messages copied.');
  const folder = folderAt(target);
  const copied = await smap.selected.folder.copyTo(folder, uids, flagLimits(target.rights));
  tellCopies(smap, copied, (uid) => nameIn(folder, uid));
  return done('Messages copied.');
}

/** The same, and the messages leave this folder; each is always in one of the two. */
export async function move(smap: SmapSession, words: readonly string[]): Promise<SmapReply> {
  const { place } = smap.selected;
  requireRight(place, 't');
  requireRight(place, 'e');
  const { uids, target } = transferOf(smap, words);
  if (uids.length === 0) return done('Messages copied.');
  const folder = folderAt(target);
  const moved = await smap.selected.folder.moveTo(folder, uids, flagLimits(target.rights));
  tellCopies(smap, moved, (uid) => nameIn(folder, uid));
  return done('Messages copied.');
}

function transferOf(smap: SmapSession, words: readonly string[]): Transfer {
  const set = takeSet(words);
  if (set.rest.length === 0) throw new SmapFailure('Syntax error.');
  const { folder } = splitFolder(set.rest[0] === '' ? set.rest.slice(1) : set.rest);
  const uids = Array.from(messagesIn(smap.selected, set), ({ uid }) => uid);
  if (!isFolder(folder)) throw new SmapFailure(`Cannot copy messages: ${INVALID}`);
  const target = smap.place(folder);
  requireRight(target, 'i');
  return { uids, target };
}

function nameIn(folder: ReturnType<typeof folderAt>, uid: number): string {
  const row = folder.table.rowOf(uid);
  return row < 0 ? '' : folder.baseNameAt(row);
}

/** `* COPY 3 "NEWUID=…"` for each, by the number that the message had here. */
function tellCopies(smap: SmapSession, { from, to }: TransferredUids, nameOf: (uid: number) => string): void {
  for (const [index, uid] of from.entries()) {
    const number = smap.selected.sequenceNumberOf(uid);
    const name = nameOf(to[index] ?? 0);
    if (number !== undefined) smap.say(`* COPY ${number} ${quoted(`NEWUID=${name}`)}`);
  }
}
