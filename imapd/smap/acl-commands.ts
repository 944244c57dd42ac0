/** ACL, GETACL, SETACL and DELETEACL of SMAP. Rights and identifiers are those of Courier's files. */
import type { AclList } from '../../maildir/acl/acl-list.js';
import { type AclChange, AclRefused, type MaildirAcls } from '../../maildir/acl/maildir-acls.js';
import { lettersFromRights, NO_RIGHTS } from '../../maildir/acl/rights.js';
import { ownerOf } from '../sharing/acl-access.js';
import type { MailboxPlace } from '../sharing/mailbox-place.js';
import { isFolder, splitFolder } from './folder-words.js';
import { denied, done, failed, INVALID, requireRight, SmapFailure, type SmapReply } from './replies.js';
import type { SmapSession } from './smap-session.js';
import { quoted } from './words.js';

/** What an owner and administrators must be left with, in the groups that Courier names. */
const MINIMUM = 'al c e i p r s t w x';

/** Pairs of identifier and rights in one line. */
const PAIRS_PER_LINE = 6;

/** What the account itself may do. */
export async function ownRights(smap: SmapSession, words: readonly string[]): Promise<SmapReply> {
  const { place } = placeOf(smap, words);
  if (place.rights === NO_RIGHTS) throw denied('l');
  smap.say(`* ACL ${quoted(lettersFromRights(place.rights))}`);
  return done('ACLs retrieved');
}

/** The whole list of a folder. */
export async function getAcl(smap: SmapSession, words: readonly string[]): Promise<SmapReply> {
  const { place } = placeOf(smap, words);
  requireRight(place, 'a');
  tellList(smap, listOf(place));
  return done('ACLs retrieved');
}

/** `SETACL folder… "" id rights [id rights…]`; rights with `+` or `-` in front are added or taken away, none end the entry. */
export async function setAcl(smap: SmapSession, words: readonly string[]): Promise<SmapReply> {
  const { place, rest } = placeOf(smap, words);
  return change(smap, place, (list) => {
    let changed = list;
    for (let at = 0; at + 1 < rest.length; at += 2) changed = withEntry(changed, rest[at] ?? '', rest[at + 1] ?? '');
    return changed;
  });
}

/** `DELETEACL folder… "" id…` */
export async function deleteAcl(smap: SmapSession, words: readonly string[]): Promise<SmapReply> {
  const { place, rest } = placeOf(smap, words);
  return change(smap, place, (list) => rest.reduce((changed, identifier) => changed.without(identifier), list));
}

function withEntry(list: AclList, identifier: string, rights: string): AclList {
  if (rights === '') return list.without(identifier);
  const changed = list.with(identifier, rights);
  if (changed === undefined) throw new SmapFailure(`Unable to update ACLs: ${INVALID}`);
  return changed;
}

function placeOf(smap: SmapSession, words: readonly string[]): { place: MailboxPlace; rest: readonly string[] } {
  const { folder, rest } = splitFolder(words);
  if (!isFolder(folder)) throw new SmapFailure(`Invalid folder: ${INVALID}`);
  return { place: smap.place(folder), rest };
}

function listOf({ maildir, folderName }: MailboxPlace): ReturnType<MaildirAcls['list']> {
  return maildir.acls.list(folderName);
}

async function change(smap: SmapSession, place: MailboxPlace, changed: AclChange): Promise<SmapReply> {
  requireRight(place, 'a');
  if (place.namespace === 'filesystem') return failed('ACL update failed');
  const owner = ownerOf(smap.session, place);
  try {
    tellList(smap, await place.maildir.acls.change(place.folderName, changed, owner));
    return done('Updated ACLs');
  } catch (error) {
    if (!(error instanceof AclRefused)) throw error;
    const who = typeof error.because === 'string' ? error.because : error.because.identifier;
    smap.say(`* ACLMINIMUM ${who} ${MINIMUM}`);
    return failed('ACL update failed');
  }
}

function tellList(smap: SmapSession, list: AclList): void {
  const entries = list.entries();
  for (let at = 0; at < entries.length || at === 0; at += PAIRS_PER_LINE) {
    const pairs = entries.slice(at, at + PAIRS_PER_LINE).flatMap(({ identifier, letters }) => [identifier, letters]);
    smap.say(`* GETACL ${pairs.map(quoted).join(' ')}`);
  }
}
