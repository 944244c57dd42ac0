/** OPEN, SOPEN, CLOSE, NOOP and EXPUNGE of SMAP. */
import { expungeDeleted, removeForGood } from '../mailbox/expunge-deleted.js';
import { SelectedMailbox } from '../mailbox/selected-mailbox.js';
import { folderAt } from '../sharing/mailbox-place.js';
import { isFolder, splitFolder } from './folder-words.js';
import { messagesIn, takeSet } from './message-set.js';
import { done, INVALID, requireRight, SmapFailure, type SmapReply } from './replies.js';
import type { SmapSession } from './smap-session.js';
import { SnapshotChain } from './snapshot-chain.js';
import { smapWording } from './wording.js';

/** Opens a folder; the one that was open is closed in any case. */
export async function open(smap: SmapSession, words: readonly string[]): Promise<SmapReply> {
  const { count } = await openFolder(smap, words);
  smap.say(`* EXISTS ${count}`);
  return done('Folder opened');
}

async function openFolder(smap: SmapSession, words: readonly string[]): Promise<SelectedMailbox> {
  const { folder: names } = splitFolder(words);
  if (!isFolder(names)) throw new SmapFailure(`Invalid folder: ${INVALID}`);
  smap.close();
  const place = smap.place(names);
  requireRight(place, 'r');
  const keywords = smap.session.settings.keywords !== 'off';
  const options = { readOnly: false, keywords, place, wording: smapWording(keywords) };
  const mailbox = await SelectedMailbox.open(folderAt(place), options);
  smap.session.select(mailbox);
  return mailbox;
}

/** The first word names a snapshot; with one that nobody knows, the client is told all. From now on there are snapshots. */
export async function openSince(smap: SmapSession, [snapshot = '', ...words]: readonly string[]): Promise<SmapReply> {
  const mailbox = await openFolder(smap, words);
  const { place } = mailbox;
  // What is a folder of links has no directory of its own for them.
  if (place.shared === undefined) smap.chain = new SnapshotChain(mailbox, place.maildir.snapshots(place.folderName));
  if (smap.chain?.resume(smap, snapshot) === true) return done('Folder updated');
  smap.say(`* EXISTS ${mailbox.count}`);
  return done('Folder opened');
}

/** Expunges nothing. */
export async function close(smap: SmapSession): Promise<SmapReply> {
  smap.close();
  return done('Folder closed');
}

/** What has changed is told after every command; a snapshot is of what the client knows then. */
export async function noop(smap: SmapSession): Promise<SmapReply> {
  if (smap.chain !== undefined) {
    await smap.session.announceChanges({ expunges: true });
    if (smap.isOpen) smap.chain.renew(smap);
  }
  return done('Folder updated');
}

/** Without a set what is marked DELETED, with one those messages whatever their flags. */
export async function expunge(smap: SmapSession, words: readonly string[]): Promise<SmapReply> {
  const mailbox = smap.selected;
  requireRight(mailbox.place, 'e');
  if (words.length === 0) {
    await expungeDeleted(smap.session);
    return done('Folder updated');
  }
  requireRight(mailbox.place, 't');
  const uids = Array.from(messagesIn(mailbox, takeSet(words)), ({ uid }) => uid);
  await removeForGood(smap.session, uids);
  return done('Folder updated');
}
