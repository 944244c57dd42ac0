/**
 * MailboxPlace: where a mailbox name leads. Commands work on places, so that a mailbox of somebody else is served by the
 * same lines as an own one.
 *
 * It knows no syntax of names; mailbox-space.ts makes places of them.
 */
import { ALL_RIGHTS, type Rights } from '../../maildir/acl/rights.js';
import type { Folder } from '../../maildir/folder.js';
import type { Maildir } from '../../maildir/maildir.js';

/** `INBOX.` is personal, `#shared.` leads to other accounts, `shared.` to maildirs that file permissions share. */
export type Namespace = 'personal' | 'virtual' | 'filesystem';

/** A folder of some maildir, and what this account may do there. */
export interface MailboxPlace {
  readonly namespace: Namespace;
  /** Of its owner; the session's own one for personal mailboxes. */
  readonly maildir: Maildir;
  /** Inside that maildir: `INBOX`, `INBOX.Sent`. The folder need not exist. */
  readonly folderName: string;
  /** As this client says it, decoded: `#shared.bob.Sent`. */
  readonly mailboxName: string;
  readonly rights: Rights;
}

/** A place whose folder was found. */
export interface MailboxTarget {
  readonly place: MailboxPlace;
  readonly folder: Folder;
}

/** A folder of the session's own maildir, where its owner may do everything. */
export function personalPlace(maildir: Maildir, folderName: string): MailboxPlace {
  return { namespace: 'personal', maildir, folderName, mailboxName: folderName, rights: ALL_RIGHTS };
}

/** The folder of a place. @throws {MaildirError} 'no such folder' */
export function folderAt({ maildir, folderName }: MailboxPlace): Folder {
  return maildir.folder(folderName);
}

/** Whether two places are the same folder, whatever its names. */
export function isSamePlace(one: MailboxPlace, other: MailboxPlace): boolean {
  return one.maildir === other.maildir && one.folderName === other.folderName;
}
