/**
 * The access list of a mailbox for commands that show or change it: whose it is, whether it is there, and what becomes of
 * a change.
 */
import type { AclList } from '../../maildir/acl/acl-list.js';
import { type AclChange, AclRefused } from '../../maildir/acl/maildir-acls.js';
import { MaildirError } from '../../maildir/errors.js';
import { CommandFailure } from '../completion.js';
import type { Session } from '../session/session.js';
import type { MailboxPlace } from './mailbox-place.js';
import { nonexistent, requireRight } from './require-right.js';

/** A mailbox whose list the account may administer. @throws {CommandFailure} */
export function administeredPlace(session: Session, mailboxName: Buffer, command: string): MailboxPlace {
  const place = session.space.place(mailboxName);
  requireRight(place, 'a', command);
  return existing(place);
}

/** Names without a folder have a list, too, where there are folders below them. @throws {CommandFailure} NONEXISTENT */
export function existing(place: MailboxPlace): MailboxPlace {
  const { namespace, maildir, folderName } = place;
  // These have no levels of their own, and the name was found.
  if (namespace === 'filesystem' || maildir.hasFolder(folderName)) return place;
  if (maildir.listFolders().some((name) => name.startsWith(`${folderName}.`))) return place;
  throw nonexistent();
}

/** The list of a mailbox. @throws {CommandFailure} when it cannot be read */
export function readAcl({ maildir, folderName }: MailboxPlace): AclList {
  if (maildir.acls.isDamaged(folderName)) throw new CommandFailure('Cannot read existing ACLs.', 'CORRUPTION');
  return maildir.acls.list(folderName);
}

/** The identifier of a mailbox's owner beside `owner`; undefined for mailboxes of others, whose owner has no name here. */
export function ownerOf(session: Session, place: MailboxPlace): string | undefined {
  return place.namespace === 'personal' ? `user=${session.account.address}` : undefined;
}

/** Changes the list of a mailbox. @throws {CommandFailure} when nobody may store such a list */
export async function changeAcl(session: Session, place: MailboxPlace, change: AclChange): Promise<AclList> {
  if (place.namespace === 'filesystem') throw new CommandFailure('Cannot set ACLs for this mailbox', 'CANNOT');
  try {
    return await place.maildir.acls.change(place.folderName, change, ownerOf(session, place));
  } catch (error) {
    if (error instanceof AclRefused) throw new CommandFailure('Cannot modify ACLs as requested.', 'CANNOT');
    if (error instanceof MaildirError && error.kind === 'corrupt')
      throw new CommandFailure('Cannot read existing ACLs.', 'CORRUPTION');
    throw error;
  }
}
