/** OPEN, SOPEN, CLOSE, NOOP and EXPUNGE of SMAP. */
import { expungeDeleted, removeForGood } from '../mailbox/expunge-deleted.js';
import { SelectedMailbox } from '../mailbox/selected-mailbox.js';
import { folderAt } from '../sharing/mailbox-place.js';
import { isFolder, splitFolder } from './folder-words.js';
import { messagesIn, takeSet } from './message-set.js';
import { done, INVALID, requireRight, SmapFailure, type SmapReply } from './replies.js';
import type { SmapSession } from './smap-session.js';
import { smapWording } from './wording.js';

/** Opens a folder; the one that was open is closed in any case. */
export async function open(smap: SmapSession, words: readonly string[]): Promise<SmapReply> {
  const { folder: names } = splitFolder(words);
  if (!isFolder(names)) throw new SmapFailure(`Invalid folder: ${INVALID}`);
  smap.close();
  const place = smap.place(names);
  requireRight(place, 'r');
  const keywords = smap.session.settings.keywords !== 'off';
  const options = { readOnly: false, keywords, place, wording: smapWording(keywords) };
  const mailbox = await SelectedMailbox.open(folderAt(place), options);
  smap.session.select(mailbox);
  smap.say(`* EXISTS ${mailbox.count}`);
  return done('Folder opened');
}

/** The first word names a snapshot. None is kept, so the client is told all, as of one that nobody knows. */
export async function openSince(smap: SmapSession, [, ...words]: readonly string[]): Promise<SmapReply> {
  return open(smap, words);
}

/** Expunges nothing. */
export async function close(smap: SmapSession): Promise<SmapReply> {
  smap.close();
  return done('Folder closed');
}

/** What has changed is told after every command. */
export async function noop(): Promise<SmapReply> {
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
