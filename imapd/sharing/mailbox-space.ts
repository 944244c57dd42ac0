/**
 * MailboxSpace: the mailbox names of one session, and the places that they lead to.
 *
 *     INBOX.Sent              the account's own
 *     #shared.ann.Sent        of another account: virtual-mailboxes.ts
 *     shared.pub.News         of a maildir that file permissions share: filesystem-mailboxes.ts
 *
 * A place may be one where there is no folder. Names that lead nowhere are answered as those of folders that do not exist.
 */
import type { Log } from '../../init/runtime/log/log.js';
import type { SessionAccount } from '../../init/runtime/worker/mail-worker.js';
import { ALL_RIGHTS } from '../../maildir/acl/rights.js';
import type { Maildir } from '../../maildir/maildir.js';
import { SHARED_PREFIX } from '../../maildir/shared-folders.js';
import { CommandFailure } from '../completion.js';
import {
  belowInbox,
  besideInbox,
  DELIMITER,
  folderName,
  isStorable,
  nameOfExisting,
  nameOfNew,
  type PersonalNames,
} from '../mailbox/mailbox-name.js';
import type { MailboxPattern } from '../mailbox/mailbox-pattern.js';
import { type SessionSettings, SHIPPED_INDEX_FILE } from '../settings/session-settings.js';
import { decodeMailboxName } from '../wire/modified-utf7.js';
import { FilesystemMailboxes } from './filesystem-mailboxes.js';
import { ANONYMOUS_RIGHTS, domainOf, identitiesOf, isAnonymous, ownRightsOf, sharesNothing } from './identities.js';
import { called, type MailboxPlace, newPersonalPlace, type OwnRights, personalPlace } from './mailbox-place.js';
import { creationDenied } from './require-right.js';
import type { Sharing } from './sharing.js';
import { type SharedMailbox, VIRTUAL_PREFIX, VirtualMailboxes } from './virtual-mailboxes.js';

/** What a space needs of its session. */
export interface MailboxSpaceParts {
  /** The account's own. */
  readonly maildir: Maildir;
  readonly account: SessionAccount;
  readonly settings: Pick<
    SessionSettings,
    | 'ownSeen'
    | 'sharedIndexFile'
    | 'sharedSameDomain'
    | 'mungeSharedNames'
    | 'sharedMaildirsFile'
    | 'foldersBesideInbox'
  >;
  /** None: nothing is shared. */
  readonly sharing: Sharing | undefined;
  readonly log: Pick<Log, 'write'>;
}

const SHARP = 0x23;
const LETTER_S = 0x73;

/** The names of one session. */
export class MailboxSpace {
  readonly #parts: MailboxSpaceParts;
  #virtual: VirtualMailboxes | undefined;
  #filesystem: FilesystemMailboxes | undefined;
  #ownRights: OwnRights | undefined;

  constructor(parts: MailboxSpaceParts) {
    this.#parts = parts;
  }

  /**
   * Where the name of a mailbox leads that should exist.
   *
   * @throws {CommandFailure} NONEXISTENT, also where the account may not know that there is something.
   */
  place(mailboxName: Buffer): MailboxPlace {
    const name = sharedName(mailboxName);
    if (name === undefined) return this.#personalPlace(nameOfExisting(mailboxName, this.personalNames));
    const place = name.startsWith(SHARED_PREFIX) ? this.#filesystemPlace(name) : this.#virtualMailboxes?.place(name);
    if (place === undefined)
      throw new CommandFailure('Mailbox does not exist, or must be subscribed to.', 'NONEXISTENT');
    return place;
  }

  /**
   * Where the name of a mailbox leads that is to be made. The rights are those of the mailbox above it, which say whether
   * it may be made.
   *
   * @throws {CommandFailure} CANNOT for a name that no mailbox can have, NOPERM where nobody can make one
   */
  placeOfNew(mailboxName: Buffer): MailboxPlace {
    const name = sharedName(mailboxName.at(-1) === 0x2e ? mailboxName.subarray(0, -1) : mailboxName);
    if (name === undefined) {
      const folder = nameOfNew(mailboxName, this.personalNames);
      const place = newPersonalPlace(this.#parts.maildir, folder, this.ownRights);
      return this.#isPlain ? place : called(place, this.personalNames.mailboxName(folder));
    }
    const above = name.slice(0, name.lastIndexOf(DELIMITER));
    const parent = above.startsWith(VIRTUAL_PREFIX) ? this.#virtualMailboxes?.place(above) : undefined;
    // As where the right is missing, so that nobody learns which accounts there are.
    if (parent === undefined) throw creationDenied(name);
    const last = name.slice(above.length);
    const { namespace, maildir, rights } = parent;
    return { namespace, maildir, rights, folderName: parent.folderName + last, mailboxName: name };
  }

  /**
   * The name as it stands in the list of subscriptions, whether it leads anywhere or not.
   *
   * @throws {CommandFailure} CANNOT for a name that no mailbox can have.
   */
  subscriptionName(mailboxName: Buffer): string {
    const name = sharedName(mailboxName) ?? folderName(mailboxName, this.personalNames);
    if (name === undefined) throw new CommandFailure('Invalid mailbox name.', 'CANNOT');
    return name;
  }

  /** The shared mailboxes that patterns match; undefined stands between them where others may have their turn. */
  *sharedMailboxes(patterns: readonly MailboxPattern[]): Generator<SharedMailbox | undefined, void, void> {
    // As in Courier, `*` alone does not lead there: a site may have very many accounts.
    const wanted = patterns.filter((pattern) => pattern.prefix.startsWith(VIRTUAL_PREFIX));
    const virtual = wanted.length === 0 ? undefined : this.#virtualMailboxes;
    if (virtual !== undefined) yield* virtual.list(wanted);
    const others = patterns.filter(
      ({ prefix }) => SHARED_PREFIX.startsWith(prefix) || prefix.startsWith(SHARED_PREFIX),
    );
    if (others.length > 0 && !isAnonymous(this.#parts.account)) yield* this.filesystem.list(others);
  }

  /** Flags there are each reader's own, and an account that everybody uses can have none. */
  #filesystemPlace(name: string): MailboxPlace | undefined {
    return isAnonymous(this.#parts.account) ? undefined : this.filesystem.place(name);
  }

  /** Those that file permissions share. */
  get filesystem(): FilesystemMailboxes {
    const { maildir, settings } = this.#parts;
    this.#filesystem ??= new FilesystemMailboxes(maildir, settings.sharedMaildirsFile);
    return this.#filesystem;
  }

  /** The maildir of another account that a name leads to, whether or not anything in it may be seen. */
  maildirOfOther(mailboxName: Buffer): Maildir | undefined {
    const name = sharedName(mailboxName);
    return name?.startsWith(VIRTUAL_PREFIX) === true ? this.#virtualMailboxes?.maildirAt(name) : undefined;
  }

  /** How the account's own folders are called. */
  get personalNames(): PersonalNames {
    return this.#isPlain ? belowInbox : besideInbox;
  }

  get #isPlain(): boolean {
    return !this.#parts.settings.foldersBesideInbox;
  }

  #personalPlace(folder: string): MailboxPlace {
    const place = personalPlace(this.#parts.maildir, folder, this.ownRights);
    return this.#isPlain ? place : called(place, this.personalNames.mailboxName(folder));
  }

  /** Who the account is to its own folders. */
  get ownRights(): OwnRights {
    this.#ownRights ??= ownRightsOf(this.#parts.account);
    return this.#ownRights;
  }

  get #virtualMailboxes(): VirtualMailboxes | undefined {
    const { sharing, account, settings, maildir, log } = this.#parts;
    const sharedGroup = account.options['sharedgroup'] ?? '';
    // The value comes from the accounts' database and becomes part of a path.
    if (sharing === undefined || sharesNothing(account) || sharedGroup.includes('/')) return undefined;
    const indexPath = settings.sharedIndexFile + sharedGroup;
    const mayBeMissing = indexPath === SHIPPED_INDEX_FILE ? indexPath : undefined;
    const warn = (text: string): void => log.write('warning', text);
    this.#virtual ??= new VirtualMailboxes({
      sharing,
      maildir,
      identities: identitiesOf(account),
      ownSeen: settings.ownSeen,
      atMost: isAnonymous(account) ? ANONYMOUS_RIGHTS : ALL_RIGHTS,
      onlyDomain: settings.sharedSameDomain ? domainOf(account.address) : undefined,
      indexPath,
      reading: { munged: settings.mungeSharedNames, mayBeMissing, warn },
    });
    return this.#virtual;
  }
}

/** A name that begins as shared mailboxes do, decoded; undefined for others, and for what can be none. */
function sharedName(mailboxName: Buffer): string | undefined {
  // The names of most mailboxes begin otherwise.
  const first = mailboxName[0] ?? 0;
  if (first !== SHARP && (first | 0x20) !== LETTER_S) return undefined;
  const name = decodeMailboxName(mailboxName)?.replace(/^shared\./i, SHARED_PREFIX);
  if (name === undefined || !isStorable(name)) return undefined;
  const isOne = [VIRTUAL_PREFIX, SHARED_PREFIX].some((each) => name.startsWith(each) && name.length > each.length);
  return isOne ? name : undefined;
}
