/**
 * MailboxPlace: where a mailbox name leads. Commands work on places, so that a mailbox of somebody else is served by the
 * same lines as an own one.
 *
 * It knows no syntax of names; mailbox-space.ts makes places of them.
 */
import type { Identities } from '../../maildir/acl/acl-list.js';
import { ALL_RIGHTS, type Rights } from '../../maildir/acl/rights.js';
import type { Folder } from '../../maildir/folder.js';
import type { Maildir } from '../../maildir/maildir.js';
import type { SeenPlace } from '../../maildir/seen/seen-marks.js';
import type { SharedFolderPlace } from '../../maildir/shared-folders.js';

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
  /** Where the account keeps a \Seen of its own for this mailbox; absent: it has that of everybody. */
  readonly seen?: SeenPlace | undefined;
  /** Of a filesystem shared mailbox: where its files are. */
  readonly shared?: SharedFolderPlace;
}

/** A place whose folder was found. */
export interface MailboxTarget {
  readonly place: MailboxPlace;
  readonly folder: Folder;
}

/** Who the account is to its own folders, and what it may do where there are no access lists for it. */
export interface OwnRights {
  readonly identities: Identities;
  /** `disableshared`: no list is read. */
  readonly always?: Rights | undefined;
  /** Whatever lists say. */
  readonly atMost?: Rights;
}

/** A folder of the session's own maildir. Its list may keep the owner from something, but not from seeing it. */
class PersonalPlace implements MailboxPlace {
  readonly namespace = 'personal';
  readonly maildir: Maildir;
  readonly folderName: string;
  readonly #rights: OwnRights;
  readonly #listName: string;

  constructor(maildir: Maildir, folderName: string, { rights, listName }: { rights: OwnRights; listName: string }) {
    this.maildir = maildir;
    this.folderName = folderName;
    this.#rights = rights;
    this.#listName = listName;
  }

  get mailboxName(): string {
    return this.folderName;
  }

  /** As they are now: another session may change them. */
  get rights(): Rights {
    const { always, identities, atMost = ALL_RIGHTS } = this.#rights;
    return always ?? this.maildir.acls.rights(this.#listName, identities) & atMost;
  }
}

const unrestricted: OwnRights = { identities: ['owner'], always: ALL_RIGHTS };

/** A folder of the session's own maildir. */
export function personalPlace(maildir: Maildir, folderName: string, rights: OwnRights = unrestricted): MailboxPlace {
  return new PersonalPlace(maildir, folderName, { rights, listName: folderName });
}

/** A folder of the session's own maildir that is to be made: the rights are those of the folder above it. */
export function newPersonalPlace(maildir: Maildir, folderName: string, rights: OwnRights): MailboxPlace {
  const listName = folderName.slice(0, Math.max(folderName.lastIndexOf('.'), 'INBOX'.length));
  return new PersonalPlace(maildir, folderName, { rights, listName });
}

/** The same place under another name. */
export function called(place: MailboxPlace, mailboxName: string): MailboxPlace {
  const { namespace, maildir, folderName } = place;
  return {
    namespace,
    maildir,
    folderName,
    mailboxName,
    get rights() {
      return place.rights;
    },
  };
}

/** The folder of a place. @throws {MaildirError} 'no such folder' */
export function folderAt({ maildir, folderName, shared, seen }: MailboxPlace): Folder {
  if (seen !== undefined) return maildir.folderSeenBy(folderName, seen);
  return shared === undefined ? maildir.folder(folderName) : maildir.sharedFolder(shared);
}

/** Whether two places are the same folder, whatever its names. */
export function isSamePlace(one: MailboxPlace, other: MailboxPlace): boolean {
  return one.maildir === other.maildir && one.folderName === other.folderName;
}
