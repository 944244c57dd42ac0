/**
 * WatchedMailbox: a mailbox that a client wants to hear of while it has not selected it, and what it was told of it last.
 *
 * What has happened is told in a STATUS response (RFC 5465 sections 5.1 to 5.3). The mailbox is not opened for it: nothing
 * moves from new to cur, no message loses \Recent, and its messages stay in memory only as long as those of any folder
 * that nobody uses.
 */
import { MaildirError } from '../../maildir/errors.js';
import type { Folder, FolderCounts } from '../../maildir/folder.js';
import { mailboxName } from '../mailbox/mailbox-name.js';
import type { Session } from '../session/session.js';
import { folderAt, type MailboxPlace } from '../sharing/mailbox-place.js';
import type { NotifyEvent } from '../wire/notify-arguments.js';
import { encodeStatus } from '../wire/responses.js';
import type { StatusItem } from '../wire/status-items.js';

/** A mailbox that some filter names, as far as the account may know of it. */
export interface CoveredMailbox {
  /** As the client says it, decoded. */
  readonly name: string;
  readonly place: MailboxPlace;
  readonly events: ReadonlySet<NotifyEvent>;
  /** Stays when it is renamed. */
  readonly identity: string;
  /** Whether the account has the right to read it. */
  readonly readable: boolean;
}

/** What a client was told of a mailbox. */
interface Told extends Pick<FolderCounts, 'messages' | 'uidNext' | 'uidValidity' | 'unseen'> {
  /** Its highest mod-sequence; 0 while the client knew of none. */
  readonly highest: number;
  /** The folder's change number. */
  readonly change: number;
}

/** One of them. */
export class WatchedMailbox {
  readonly covered: CoveredMailbox;
  readonly #session: Session;
  readonly #onDue: (mailbox: WatchedMailbox) => void;
  #folder: Folder | undefined;
  #stop: (() => void) | undefined;
  #told: Told | undefined;
  /** How many messages the client itself has added since it was told. */
  #added = 0;

  /** @param onDue is called when there may be something to tell */
  constructor(session: Session, covered: CoveredMailbox, onDue: (mailbox: WatchedMailbox) => void) {
    this.#session = session;
    this.covered = covered;
    this.#onDue = onDue;
  }

  /** Whether messages of it are told at all. */
  get tellsMessages(): boolean {
    const { events, readable, place } = this.covered;
    // A look at a folder of links would subscribe to it.
    const mayLook = place.shared === undefined || place.maildir.sharedFolders.isSubscribed(place.shared);
    return events.has('MessageNew') && readable && mayLook;
  }

  /** Begins to listen, and takes what is there for told. */
  async begin(): Promise<void> {
    if (!this.tellsMessages) return;
    this.#told = await this.#look();
  }

  /** The same for one that has just come, all of which is news, or that was known under another name. */
  beginAfter(before: WatchedMailbox | undefined): void {
    if (before !== undefined) this.#told = before.#told;
    if (this.tellsMessages) this.#onDue(this);
  }

  /** Whether this is what would be made anew. */
  isAs({ name, identity, events, readable }: CoveredMailbox): boolean {
    const known = this.covered;
    const sameEvents = events.size === known.events.size && [...events].every((event) => known.events.has(event));
    const same = name === known.name && identity === known.identity && readable === known.readable;
    return same && sameEvents;
  }

  close(): void {
    this.#stop?.();
    this.#stop = undefined;
    this.#folder = undefined;
  }

  /** The client has added messages: it need not hear of them. */
  noteAdded(uidValidity: number, count: number): void {
    if (this.#told?.uidValidity === uidValidity) this.#added += count;
  }

  /** What has been told in the selected mailbox need not be told again. */
  noteDeselected(): void {
    if (!this.tellsMessages || this.#folder?.ended !== false) return;
    const counts = countsNow(this.#folder);
    if (counts === undefined) this.#onDue(this);
    else this.#told = toldFrom(this.#folder, counts, this.#folder.sequences.kept?.highest ?? 0);
  }

  /** The answer to NOTIFY SET STATUS (RFC 5465 section 3.1). */
  describe(): void {
    const told = this.#told;
    if (told === undefined) return;
    const flags: StatusItem[] = this.covered.events.has('FlagChange') ? ['UNSEEN', 'HIGHESTMODSEQ'] : [];
    const highest = this.#session.manner.modSequences ? told.highest : (this.#folder?.sequences.highest ?? 0);
    this.#write(['MESSAGES', 'UIDNEXT', 'UIDVALIDITY', ...flags], { ...told, highest });
  }

  /** Tells what has happened since. */
  async tell(): Promise<void> {
    if (!this.tellsMessages) return;
    const added = this.#added;
    this.#added = 0;
    const before = this.#told;
    const now = await this.#look();
    if (now === undefined) return;
    this.#told = now;
    const items = this.#itemsFor(before, now, added);
    if (items.length > 0) this.#write(items, now);
  }

  #itemsFor(before: Told | undefined, now: Told, added: number): StatusItem[] {
    const knowsSequences = this.#session.manner.modSequences;
    const highest: StatusItem[] = knowsSequences ? ['HIGHESTMODSEQ'] : [];
    const wantsFlags = this.covered.events.has('FlagChange');
    if (before?.uidValidity !== now.uidValidity) {
      if (before === undefined && now.messages === 0 && now.uidNext === 1) return [];
      return ['MESSAGES', 'UIDNEXT', 'UIDVALIDITY', ...(wantsFlags ? (['UNSEEN'] as const) : []), ...highest];
    }
    const more = now.messages - before.messages;
    const isOwn = added > 0 && more === added && now.uidNext - before.uidNext === added;
    const counted = !isOwn && (more !== 0 || now.uidNext !== before.uidNext);
    const unseen = wantsFlags && !isOwn && now.unseen !== before.unseen;
    const flags = wantsFlags && !isOwn && (unseen || (knowsSequences && isChanged(before, now)));
    if (!counted && !flags) return [];
    const items: StatusItem[] = counted ? ['MESSAGES', 'UIDNEXT'] : ['UIDVALIDITY'];
    if (unseen) items.push('UNSEEN');
    return [...items, ...highest];
  }

  #write(items: readonly StatusItem[], told: Told): void {
    const name = this.#session.manner.spoken(mailboxName(this.covered.name));
    this.#session.write(
      encodeStatus(name, items, {
        MESSAGES: told.messages,
        UIDNEXT: told.uidNext,
        UIDVALIDITY: told.uidValidity,
        UNSEEN: told.unseen,
        HIGHESTMODSEQ: told.highest,
      }),
    );
  }

  /** What there is now; undefined where nobody can say. */
  async #look(): Promise<Told | undefined> {
    try {
      const folder = this.#listenedFolder();
      const now = folder.countsAtHand() ?? (await folder.counts({ sizes: false }));
      if (!this.#session.manner.modSequences) return toldFrom(folder, now, 0);
      const { counts, highest } = await folder.sequences.countsUpTo();
      return toldFrom(folder, counts, highest);
    } catch (error) {
      // It has left, or cannot be read: then the next look at the names tells it, or nobody.
      if (error instanceof MaildirError) return this.#told;
      throw error;
    }
  }

  #listenedFolder(): Folder {
    if (this.#folder?.ended === false) return this.#folder;
    this.close();
    const folder = folderAt(this.covered.place);
    this.#folder = folder;
    this.#stop = folder.listen(() => this.#onDue(this));
    return folder;
  }
}

function toldFrom({ changeNumber: change }: Folder, counts: FolderCounts, highest: number): Told {
  const { messages, uidNext, uidValidity, unseen } = counts;
  return { messages, uidNext, uidValidity, unseen, highest, change };
}

/** A client that has only begun to know mod-sequences is not told one because of that: something must have happened. */
function isChanged(before: Told, now: Told): boolean {
  return before.highest === 0 ? now.change !== before.change : now.highest !== before.highest;
}

function countsNow(folder: Folder): FolderCounts | undefined {
  try {
    return folder.countsAtHand();
  } catch (error) {
    if (error instanceof MaildirError) return undefined;
    throw error;
  }
}
