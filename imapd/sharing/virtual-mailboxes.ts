/**
 * Virtual shared mailboxes: `#shared.ann.Sent` is INBOX.Sent of the account that the index calls ann.
 *
 * What the account has no right to is answered as what does not exist, and so is the account's own maildir, which has its
 * own names. Looking for one mailbox reads one line of the index; only a pattern that asks for all accounts opens all
 * their maildirs. It knows no syntax of commands.
 */

import type { Identities } from '../../maildir/acl/acl-list.js';
import { hasRight, NO_RIGHTS, type Rights } from '../../maildir/acl/rights.js';
import { MaildirError } from '../../maildir/errors.js';
import type { Maildir } from '../../maildir/maildir.js';
import { type SeenPlace, seenPlace } from '../../maildir/seen/seen-marks.js';
import type { MailboxPattern } from '../mailbox/mailbox-pattern.js';
import { domainOf } from './identities.js';
import type { MailboxPlace } from './mailbox-place.js';
import type { IndexReading, IndexRecord, SharedIndex } from './shared-index.js';
import type { Sharing } from './sharing.js';

/** What the names of virtual shared mailboxes begin with. */
export const VIRTUAL_PREFIX = '#shared.';

const DELIMITER = '.';

/** A site has two levels of groups, if any. */
const MAX_GROUP_DEPTH = 16;

/** So many accounts are passed over before others get their turn. */
const RECORDS_PER_STEP = 200;

/** What virtual shared mailboxes of one session are made of. */
export interface VirtualParts {
  readonly sharing: Sharing;
  /** The account's own, which is not shown once more. */
  readonly maildir: Maildir;
  readonly identities: Identities;
  /** IMAP_SHAREDSEEN=0: the account keeps a \Seen of its own in its maildir. */
  readonly ownSeen: boolean;
  /** Whatever lists say. */
  readonly atMost: Rights;
  readonly indexPath: string;
  readonly reading: IndexReading;
  /** IMAP_SHAREDSAMEDOMAIN: accounts of another domain are none; undefined where all count. */
  readonly onlyDomain?: string | undefined;
}

/** A name that LIST may show; without a place there is no folder, or none that may be known. */
export interface SharedMailbox {
  readonly name: string;
  readonly place: MailboxPlace | undefined;
  readonly hasChildren: boolean;
}

/** A folder of another account. The rights are looked up each time, because they may be taken away meanwhile. */
class VirtualPlace implements MailboxPlace {
  readonly namespace = 'virtual';
  readonly maildir: Maildir;
  readonly folderName: string;
  readonly mailboxName: string;
  readonly seen: SeenPlace | undefined;
  readonly #identities: Identities;
  readonly #atMost: Rights;

  constructor(account: OpenedAccount, folderName: string, { identities, maildir, ownSeen, atMost }: Reader) {
    this.maildir = account.maildir;
    this.folderName = folderName;
    this.mailboxName = account.name + folderName.slice('INBOX'.length);
    this.seen = ownSeen ? seenPlace(maildir.path, this.mailboxName) : undefined;
    this.#identities = identities;
    this.#atMost = atMost;
  }

  get rights(): Rights {
    return this.maildir.acls.rights(this.folderName, this.#identities) & this.#atMost;
  }
}

type Reader = Pick<VirtualParts, 'identities' | 'maildir' | 'ownSeen' | 'atMost'>;

/** An account of the index, and its maildir. */
interface OpenedAccount {
  /** `#shared.ann` */
  readonly name: string;
  readonly maildir: Maildir;
}

/** What is listed below a level of the index. */
interface Level {
  readonly prefix: string;
  readonly indexPath: string;
  /** The files that led here. */
  readonly above: readonly string[];
}

/** The virtual shared mailboxes of one session. */
export class VirtualMailboxes {
  readonly #parts: VirtualParts;

  constructor(parts: VirtualParts) {
    this.#parts = parts;
  }

  /** Where a name leads that begins with the prefix; undefined where there is nothing, or nothing that may be known. */
  place(name: string): MailboxPlace | undefined {
    const found = this.#find(name);
    if (found === undefined) return undefined;
    const maildir = this.#open(found.maildirPath, 'kept');
    if (maildir === undefined) return undefined;
    const place = new VirtualPlace({ name: found.name, maildir }, found.folderName, this.#parts);
    return place.rights === NO_RIGHTS ? undefined : place;
  }

  /** The maildir that a name leads to, whatever may be seen of it. */
  maildirAt(name: string): Maildir | undefined {
    const found = this.#find(name);
    return found && this.#open(found.maildirPath, 'kept');
  }

  /**
   * The mailboxes that one of the patterns matches, those of each account in the order of their levels. Undefined stands
   * between them where others may have their turn.
   */
  list(patterns: readonly MailboxPattern[]): Generator<SharedMailbox | undefined, void, void> {
    return this.#listLevel({ prefix: VIRTUAL_PREFIX, indexPath: this.#parts.indexPath, above: [] }, patterns);
  }

  #find(
    name: string,
  ): { readonly name: string; readonly maildirPath: string; readonly folderName: string } | undefined {
    const levels = name.slice(VIRTUAL_PREFIX.length).split(DELIMITER);
    let { indexPath } = this.#parts;
    for (let depth = 0; depth < Math.min(levels.length, MAX_GROUP_DEPTH); depth += 1) {
      const record = this.#recordsAt(indexPath).get(levels[depth] ?? '');
      if (record === undefined || !this.#counts(record)) return undefined;
      if (record.kind === 'account') {
        const accountName = VIRTUAL_PREFIX + levels.slice(0, depth + 1).join(DELIMITER);
        const folderName = ['INBOX', ...levels.slice(depth + 1)].join(DELIMITER);
        return { name: accountName, maildirPath: record.maildirPath, folderName };
      }
      indexPath = record.indexPath;
    }
    return undefined;
  }

  #counts(record: IndexRecord): boolean {
    const { onlyDomain } = this.#parts;
    return onlyDomain === undefined || record.kind === 'group' || domainOf(record.name) === onlyDomain;
  }

  #recordsAt(indexPath: string): SharedIndex {
    return this.#parts.sharing.indexes.at(indexPath, this.#parts.reading);
  }

  /** The maildir of an account; undefined if it is the own one, or none that this process may open. */
  #open(path: string, how: 'kept' | 'passing'): Maildir | undefined {
    const { sharing, maildir: own, reading } = this.#parts;
    try {
      const maildir = how === 'kept' ? sharing.store.open(path) : sharing.store.peek(path);
      return maildir === own || maildir.isSameAs(own) ? undefined : maildir;
    } catch (error) {
      if (!(error instanceof MaildirError)) throw error;
      // Somebody asked for just this one, and it is in the index: its administrator should know why it is not shown.
      if (how === 'kept') sharing.tellOnce(troubleWith(path, error), reading.warn);
      return undefined;
    }
  }

  *#listLevel(
    { prefix, indexPath, above }: Level,
    patterns: readonly MailboxPattern[],
  ): Generator<SharedMailbox | undefined, void, void> {
    let records = 0;
    const index = this.#recordsAt(indexPath);
    for (const levelName of index.names()) {
      records += 1;
      if (records % RECORDS_PER_STEP === 0) yield undefined;
      const name = prefix + levelName;
      const itself = patterns.some((pattern) => pattern.matches(name));
      const below = patterns.some((pattern) => pattern.mayMatchBelow(name));
      const record = itself || below ? index.get(levelName) : undefined;
      if (record === undefined || !this.#counts(record)) continue;
      if (record.kind === 'account') {
        yield* this.#listAccount({ name, path: record.maildirPath }, patterns, below);
        continue;
      }
      // As Courier, nobody looks into a group to see whether there is anything in it.
      if (itself) yield { name, place: undefined, hasChildren: true };
      const chain = [...above, indexPath];
      if (!below || chain.includes(record.indexPath) || chain.length >= MAX_GROUP_DEPTH) continue;
      const next = { prefix: name + DELIMITER, indexPath: record.indexPath, above: chain };
      yield* this.#listLevel(next, patterns);
    }
  }

  *#listAccount(
    { name, path }: { readonly name: string; readonly path: string },
    patterns: readonly MailboxPattern[],
    below: boolean,
  ): Generator<SharedMailbox | undefined, void, void> {
    const maildir = this.#open(path, 'passing');
    yield undefined;
    if (maildir === undefined) return;
    const places = new Map(this.#visible({ name, maildir }).map((place) => [place.mailboxName, place]));
    const parents = levelsAbove(places.keys(), name);
    for (const each of [...new Set([...places.keys(), ...parents])].sort(byLevels)) {
      if (each !== name && !below) continue;
      if (!patterns.some((pattern) => pattern.matches(each))) continue;
      yield { name: each, place: places.get(each), hasChildren: parents.has(each) };
    }
  }

  /** The folders of an account that this one may know of. */
  #visible(account: OpenedAccount): MailboxPlace[] {
    try {
      const folders = account.maildir.listEnterableFolders();
      const places = folders.map((folder) => new VirtualPlace(account, folder, this.#parts));
      return places.filter((place) => hasRight(place.rights, 'l'));
    } catch (error) {
      // A maildir that cannot be listed is left out; whoever names it hears of it.
      if (!(error instanceof MaildirError)) throw error;
      return [];
    }
  }
}

function troubleWith(path: string, { kind, detail }: MaildirError): string {
  const remedy = 'it and the directories above it must be open to the uid or a group of whoever may see it';
  return `The shared index names ${path}, which cannot be opened (${kind}: ${detail}): ${remedy}`;
}

/** The levels above names, from the account's own name on. */
function levelsAbove(names: Iterable<string>, accountName: string): Set<string> {
  const above = new Set<string>();
  for (const name of names) {
    for (let at = name.lastIndexOf(DELIMITER); at >= accountName.length; at = name.lastIndexOf(DELIMITER, at - 1)) {
      above.add(name.slice(0, at));
    }
  }
  return above;
}

/** A folder comes right before those below it. */
function byLevels(one: string, other: string): number {
  const [first, second] = [one.replaceAll(DELIMITER, '\u0000'), other.replaceAll(DELIMITER, '\u0000')];
  return first < second ? -1 : first > second ? 1 : 0;
}
