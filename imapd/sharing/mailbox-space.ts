/**
 * MailboxSpace: the mailbox names of one session, and the places that they lead to.
 *
 * It looks at no folder: a place may be one where there is none. Names that lead nowhere are answered as those of
 * folders that do not exist.
 */
import type { Maildir } from '../../maildir/maildir.js';
import { nameOfExisting, nameOfNew } from '../mailbox/mailbox-name.js';
import { type MailboxPlace, personalPlace } from './mailbox-place.js';

/** What a space is made of. */
export interface MailboxSpaceParts {
  /** The account's own. */
  readonly maildir: Maildir;
}

/** The names of one session. */
export class MailboxSpace {
  readonly #maildir: Maildir;

  constructor({ maildir }: MailboxSpaceParts) {
    this.#maildir = maildir;
  }

  /**
   * Where the name of a mailbox leads that should exist.
   *
   * @throws {CommandFailure} NONEXISTENT, also where the account may not know that there is something.
   */
  place(mailboxName: Buffer): MailboxPlace {
    return personalPlace(this.#maildir, nameOfExisting(mailboxName));
  }

  /**
   * Where the name of a mailbox leads that is to be made. The rights are those of the mailbox above it, which say whether
   * it may be made.
   *
   * @throws {CommandFailure} CANNOT for a name that no mailbox can have.
   */
  placeOfNew(mailboxName: Buffer): MailboxPlace {
    return personalPlace(this.#maildir, nameOfNew(mailboxName));
  }
}
