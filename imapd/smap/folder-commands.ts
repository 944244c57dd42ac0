/** The commands of SMAP that work on folders as wholes: LIST, STATUS, CREATE, MKDIR, RMDIR, DELETE, RENAME. */

import { CommandFailure } from '../completion.js';
import { DELIMITER, PERSONAL_PREFIX } from '../mailbox/mailbox-name.js';
import { mailboxPattern } from '../mailbox/mailbox-pattern.js';
import { renameMailbox } from '../mailbox/rename-mailbox.js';
import { folderAt, isSamePlace } from '../sharing/mailbox-place.js';
import { VIRTUAL_PREFIX } from '../sharing/virtual-mailboxes.js';
import { decodeMailboxName, encodeMailboxName } from '../wire/modified-utf7.js';
import { isFolder, isPublic, mailboxNameOf, shownLevel, splitFolder } from './folder-words.js';
import { done, failed, INVALID, NO_SUCH_FOLDER, requireRight, SmapFailure, type SmapReply } from './replies.js';
import type { SmapSession } from './smap-session.js';
import { quoted } from './words.js';

/** The three places that a client begins with, or what is one level below a folder. Of what is not there nothing is. */
export async function list(smap: SmapSession, words: readonly string[]): Promise<SmapReply> {
  const { folder } = splitFolder(words);
  if (folder.length === 0) {
    smap.say('* LIST "INBOX" "New Mail" FOLDER');
    smap.say('* LIST "INBOX" "Folders" DIRECTORY');
    smap.say('* LIST "public" "Public Folders" DIRECTORY');
  } else if (isFolder(folder) || isPublic(folder)) {
    for (const [level, { isFolderItself, hasBelow }] of await levelsBelow(smap, folder)) {
      const name = quoted(shownLevel(level));
      smap.say(`* LIST ${name} ${name}${isFolderItself ? ' FOLDER' : ''}${hasBelow ? ' DIRECTORY' : ''}`);
    }
  }
  return done('LIST completed');
}

interface Level {
  isFolderItself: boolean;
  hasBelow: boolean;
}

async function levelsBelow(smap: SmapSession, folder: readonly string[]): Promise<Map<string, Level>> {
  const levels = new Map<string, Level>();
  const prefix = isPublic(folder) ? sharedPrefix(folder) : `${smap.place(folder).folderName}${DELIMITER}`;
  for (const found of namesBelow(smap, prefix, isPublic(folder))) {
    const turn = found === undefined ? smap.session.pace() : undefined;
    if (turn !== undefined) await turn;
    if (found === undefined) continue;
    const { name, isFolder: exists, hasBelow } = found;
    const [first = '', ...below] = name.slice(prefix.length).split(DELIMITER);
    const level = levels.get(first) ?? { isFolderItself: false, hasBelow: false };
    if (below.length === 0) level.isFolderItself ||= exists;
    if (below.length > 0 || hasBelow) level.hasBelow = true;
    levels.set(first, level);
  }
  return levels;
}

function sharedPrefix(folder: readonly string[]): string {
  return folder.length === 1 ? VIRTUAL_PREFIX : `${decodeMailboxName(mailboxNameOf(folder)) ?? ''}${DELIMITER}`;
}

interface NameBelow {
  readonly name: string;
  readonly isFolder: boolean;
  readonly hasBelow: boolean;
}

function* namesBelow(smap: SmapSession, prefix: string, shared: boolean): Generator<NameBelow | undefined, void, void> {
  const { session } = smap;
  if (!shared) {
    const names = session.maildir.listFolders().filter((name) => name.startsWith(prefix));
    for (const name of names) yield { name, isFolder: true, hasBelow: false };
    return;
  }
  const pattern = mailboxPattern(Buffer.alloc(0), Buffer.from(`${encodeMailboxName(prefix)}%`, 'latin1'));
  for (const mailbox of session.space.sharedMailboxes([pattern])) {
    if (mailbox === undefined) yield undefined;
    else yield { name: mailbox.name, isFolder: mailbox.place !== undefined, hasBelow: mailbox.hasChildren };
  }
}

/** The first word, CHEAP or FULL, makes no difference: both are cheap. */
export async function status(smap: SmapSession, [, ...words]: readonly string[]): Promise<SmapReply> {
  const { folder: names } = splitFolder(words);
  if (!isFolder(names)) throw new SmapFailure(`Cannot read folder status: ${INVALID}`);
  const place = smap.place(names);
  requireRight(place, 'r');
  const folder = folderAt(place);
  const { messages, unseen } = folder.countsAtHand() ?? (await folder.counts({ sizes: false }));
  smap.say(`* STATUS EXISTS=${messages} UNSEEN=${unseen}`);
  return done('Folder status retrieved');
}

/** Makes a folder. */
export async function create(smap: SmapSession, words: readonly string[]): Promise<SmapReply> {
  const { folder } = splitFolder(words);
  if (!isFolder(folder) || folder.length === 1) throw new SmapFailure(cannotCreate());
  const place = smap.placeOfNew(folder);
  requireRight(place, 'c');
  await place.maildir.createFolder(place.folderName);
  return done('Folder created');
}

function cannotCreate(): string {
  return `Cannot create folder: ${INVALID}`;
}

/** A directory without a folder of its own needs nothing on the disk: it is there when something is below it. */
export async function makeDirectory(smap: SmapSession, words: readonly string[]): Promise<SmapReply> {
  const { folder } = splitFolder(words);
  if (!isFolder(folder)) throw new SmapFailure(cannotCreate());
  requireRight(smap.placeOfNew(folder), 'c');
  return done('Folder created');
}

/** The other way round, and as little. */
export async function removeDirectory(smap: SmapSession, words: readonly string[]): Promise<SmapReply> {
  const { folder } = splitFolder(words);
  if (!isFolder(folder)) throw new SmapFailure(`Cannot delete folder: ${INVALID}`);
  requireRight(smap.placeOfNew(folder), 'x');
  return done('Folder deleted');
}

/** Deletes a folder with its messages; those below it stay. */
export async function deleteFolder(smap: SmapSession, words: readonly string[]): Promise<SmapReply> {
  const { folder } = splitFolder(words);
  if (!isFolder(folder)) throw new SmapFailure(`Cannot delete folder: ${INVALID}`);
  const place = smap.place(folder);
  if (place.folderName === 'INBOX') return failed('INBOX may not be deleted');
  if (smap.isOpen && isSamePlace(smap.selected.place, place)) return failed('Cannot DELETE currently open folder.');
  if (place.folderName === PERSONAL_PREFIX + smap.session.settings.trashFolderName)
    return failed('Cannot delete this folder.');
  requireRight(place, 'x');
  if (!place.maildir.hasFolder(place.folderName)) return failed(`Cannot delete folder: ${NO_SUCH_FOLDER}`);
  await place.maildir.deleteFolder(place.folderName);
  return done('Folder deleted');
}

/** `RENAME old… "" new…`, with all folders below. */
export async function rename(smap: SmapSession, words: readonly string[]): Promise<SmapReply> {
  const { folder: oldWords, rest } = splitFolder(words);
  const { folder: newWords } = splitFolder(rest);
  if (!isFolder(oldWords)) return failed(INVALID);
  const from = smap.place(oldWords);
  if (!isFolder(newWords)) {
    return failed(newWords.length === 0 ? 'Invalid destination folder name' : 'Access denied: ACL "c" is required');
  }
  const to = smap.placeOfNew(newWords);
  requireRight(from, 'x');
  requireRight(to, 'c');
  try {
    await renameMailbox(smap.session, from, to);
  } catch (error) {
    if (error instanceof CommandFailure) return failed(error.message);
    throw error;
  }
  return done('Folder renamed.');
}
