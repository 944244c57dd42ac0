/**
 * Notifications: what a client wants to be told unasked, and the telling of it (RFC 5465): between commands, with each
 * answer, and in IDLE.
 *
 * A session without NOTIFY has none. Whatever may have changed is only noted when it happens, and wakes the session; what
 * is to be said is found out when it is said. Folders and maildirs are watched once for all sessions of a process.
 */
import { MaildirError } from '../../maildir/errors.js';
import type { Maildir } from '../../maildir/maildir.js';
import type { Metadata } from '../../maildir/metadata.js';
import type { TreeAspect } from '../../maildir/tree-watch.js';
import { CommandFailure, type Completion } from '../completion.js';
import { tellNewMessages } from '../fetch/new-messages.js';
import { DELIMITER, mailboxName, PERSONAL_PREFIX } from '../mailbox/mailbox-name.js';
import type { AnnouncedChanges, SelectedMailbox } from '../mailbox/selected-mailbox.js';
import { toldMailbox } from '../mailbox/told-mailbox.js';
import type { Session } from '../session/session.js';
import { isSamePlace } from '../sharing/mailbox-place.js';
import type { FetchItem } from '../wire/fetch-items.js';
import { type EventGroup, isOfSelected, type NotifyEvent } from '../wire/notify-arguments.js';
import { encodeList, encodeUntagged } from '../wire/responses.js';
import { addedUids } from '../wire/uidplus.js';
import { nameChanges } from './name-changes.js';
import { type Scope, scopeOf } from './scope.js';
import { WatchedAnnotations } from './watched-annotations.js';
import { WatchedMailbox } from './watched-mailbox.js';

/** A process watches no more folders for those who have not selected them; each takes three watches of the kernel's. */
const MAX_WATCHES_OF_PROCESS = 50_000;

/** Folders are looked at side by side, so that the disk is not waited for with each. */
const LOOKS_AT_ONCE = 16;

const NO_EVENTS: ReadonlySet<NotifyEvent> = new Set();

/** What one client wants to be told. */
export class Notifications {
  readonly #session: Session;
  #groups: readonly EventGroup[];
  #scope: Scope;
  #mailboxes = new Map<string, WatchedMailbox>();
  #annotations = new Map<string, WatchedAnnotations>();
  #trees = new Map<Maildir, () => void>();
  readonly #due = new Set<WatchedMailbox>();
  readonly #aspects = new Set<TreeAspect>();
  /** Names of mailboxes that the present command changes. */
  readonly #own = new Set<string>();
  /** UIDs in the selected mailbox that the present command has made. */
  #ownUids: ReadonlySet<number> = new Set();
  #selectedDue = false;

  private constructor(session: Session, groups: readonly EventGroup[], scope: Scope) {
    this.#session = session;
    this.#groups = groups;
    this.#scope = scope;
  }

  /**
   * Begins to listen; what is there now is taken as known.
   *
   * @throws {CommandFailure} NOTIFICATIONOVERFLOW
   */
  static async begin(session: Session, groups: readonly EventGroup[]): Promise<Notifications> {
    const notifications = new Notifications(session, groups, await scopeOf(session, groups));
    if (notifications.#isTooMuch(session.notifications?.watched ?? 0)) {
      throw new CommandFailure('These are more mailboxes than this server watches.', 'NOTIFICATIONOVERFLOW');
    }
    await notifications.#watch(new Map(), 'all is known');
    return notifications;
  }

  /** How many mailboxes it is about, beside the selected one. */
  get watched(): number {
    return this.#mailboxes.size;
  }

  close(): void {
    for (const mailbox of this.#mailboxes.values()) mailbox.close();
    for (const stop of this.#trees.values()) stop();
    this.#mailboxes.clear();
    this.#trees.clear();
    this.#due.clear();
    this.#aspects.clear();
  }

  /** Tells what may be seen and not read, and, if it was asked for, how the mailboxes are. */
  describe(status: boolean): void {
    const session = this.#session;
    for (const mailbox of this.#mailboxes.values()) {
      const { readable, name } = mailbox.covered;
      if (!readable) {
        const spoken = session.manner.spoken(mailboxName(name));
        session.write(encodeList('LIST', DELIMITER, { attributes: ['\\NoAccess'], name: spoken }));
      } else if (status && !this.#isSelected(mailbox)) mailbox.describe();
    }
  }

  /** To be called with what was selected before, when the session has left it or has selected something. */
  selectionChanged(before: SelectedMailbox | undefined): void {
    if (before !== undefined) {
      for (const mailbox of this.#mailboxes.values()) {
        if (isSamePlace(mailbox.covered.place, before.place)) mailbox.noteDeselected();
      }
    }
    this.#watchSelected();
  }

  /** A command is about to change this mailbox, or its subscription or annotations. */
  own(name: string): void {
    this.#own.add(name);
  }

  /** The same for a name as it stands in the list of subscriptions. */
  ownSubscription(name: string): void {
    const { personalNames } = this.#session.space;
    this.#own.add(name === 'INBOX' || name.startsWith(PERSONAL_PREFIX) ? personalNames.mailboxName(name) : name);
  }

  /** Notes what a command has added, of which its client has just been told. */
  noteAnswer({ code }: Completion): void {
    const added = addedUids(code);
    if (added === undefined) return;
    const { uidValidity, uids } = added;
    for (const mailbox of this.#mailboxes.values()) mailbox.noteAdded(uidValidity, uids.length);
    const { state } = this.#session;
    if (state === 'selected' && this.#session.selected.uidValidity === uidValidity) this.#ownUids = new Set(uids);
  }

  /** What of the changes in the selected mailbox is told; undefined is nothing. */
  limited(asked: AnnouncedChanges): AnnouncedChanges | undefined {
    const events = this.#selectedGroup?.events ?? NO_EVENTS;
    if (events.size === 0 && asked.ownDoing !== true) return undefined;
    return { ...asked, flags: events.has('FlagChange') };
  }

  /** Tells what the client wants to know of messages that it has just been told to exist: those above a UID. */
  async tellArrived(highestKnown: number): Promise<void> {
    const items: readonly FetchItem[] | undefined = this.#selectedGroup?.newMessageItems;
    const own = this.#ownUids;
    this.#ownUids = new Set();
    if (items === undefined) return;
    const mailbox = this.#session.selected;
    const uids: number[] = [];
    for (let number = mailbox.count; number > 0; number -= 1) {
      const uid = mailbox.uidOf(number);
      if (uid <= highestKnown) break;
      if (!own.has(uid)) uids.push(uid);
    }
    if (uids.length > 0) await tellNewMessages(this.#session, items, uids.reverse());
  }

  /** Between commands, and in IDLE: tells all that is due. */
  async tell({ expunges }: AnnouncedChanges = { expunges: !this.#isDelayed }): Promise<void> {
    await this.tellOthers();
    if (!this.#selectedDue || this.#session.ended) return;
    this.#selectedDue = false;
    await this.#session.announceChanges({ expunges });
  }

  /** Has what a command held back told soon. */
  tellHeldBack(): void {
    if (!this.#isDelayed && (this.#selectedGroup?.events.size ?? 0) > 0) this.#selectedIsDue();
  }

  /** Tells all that is due of mailboxes that are not selected. */
  async tellOthers(): Promise<void> {
    try {
      if (this.#aspects.size > 0 || this.#own.size > 0) await this.#lookAgain();
      for (const mailbox of this.#due) {
        this.#due.delete(mailbox);
        if (!this.#isSelected(mailbox)) await mailbox.tell();
        if (this.#session.full) await this.#session.flush();
        const turn = this.#session.pace();
        if (turn !== undefined) await turn;
      }
    } catch (error) {
      if (!(error instanceof MaildirError || error instanceof CommandFailure)) throw error;
      this.#session.log.write('error', `NOTIFY: ${error.message}`);
    }
  }

  get #selectedGroup(): EventGroup | undefined {
    return this.#groups.find(({ filter }) => isOfSelected(filter));
  }

  get #isDelayed(): boolean {
    return this.#selectedGroup?.filter.kind === 'selected-delayed';
  }

  #isSelected({ covered }: WatchedMailbox): boolean {
    const { state } = this.#session;
    return state === 'selected' && isSamePlace(covered.place, this.#session.selected.place);
  }

  #watchSelected(): void {
    if (this.#session.state !== 'selected' || (this.#selectedGroup?.events.size ?? 0) === 0) return;
    this.#session.selected.watch(() => this.#selectedIsDue());
  }

  #selectedIsDue(): void {
    this.#selectedDue = true;
    this.#session.input.interrupt();
  }

  #isTooMuch(alreadyWatched: number): boolean {
    const { size } = this.#scope.mailboxes;
    const others = this.#session.maildir.watchesOfProcess - alreadyWatched;
    return size > this.#session.settings.notifyMailboxes || others + size > MAX_WATCHES_OF_PROCESS;
  }

  /** Looks again which mailboxes there are, and what is known of them beside their messages. */
  async #lookAgain(): Promise<void> {
    const own = new Set(this.#own);
    const aspects = new Set(this.#aspects);
    this.#own.clear();
    this.#aspects.clear();
    if (own.size > 0 || [...aspects].some((aspect) => aspect !== 'annotations')) await this.#lookAtNames(own);
    if (own.size === 0 && !aspects.has('annotations')) return;
    for (const [name, annotations] of this.#annotations) {
      if (own.has(name)) annotations.changes();
      else annotations.tell(mailboxName(name));
    }
  }

  async #lookAtNames(own: ReadonlySet<string>): Promise<void> {
    const session = this.#session;
    const before = this.#scope;
    const now = await scopeOf(session, this.#groups);
    this.#scope = now;
    if (this.#isTooMuch(before.mailboxes.size)) return this.#giveUp();
    for (const change of nameChanges(session, { before, now, own })) {
      await session.respond(toldMailbox(session, change, now.tree));
    }
    await this.#watch(this.#mailboxes, 'all is news');
  }

  /** RFC 5465 section 5.8: it is as if the client had said NOTIFY NONE. */
  #giveUp(): void {
    this.close();
    this.#groups = [];
    if (this.#session.state === 'selected') this.#session.selected.unwatch();
    const text = 'There are more mailboxes now than this server watches.';
    this.#session.write(encodeUntagged({ status: 'OK', code: 'NOTIFICATIONOVERFLOW', text }));
  }

  /** Makes what is listened to what the scope says. */
  async #watch(before: ReadonlyMap<string, WatchedMailbox>, how: 'all is known' | 'all is news'): Promise<void> {
    const byIdentity = new Map(Array.from(before.values(), (mailbox) => [mailbox.covered.identity, mailbox]));
    const mailboxes = new Map<string, WatchedMailbox>();
    const unknown: WatchedMailbox[] = [];
    for (const [name, covered] of this.#scope.mailboxes) {
      const known = byIdentity.get(covered.identity);
      if (known?.isAs(covered) === true) {
        mailboxes.set(name, known);
        continue;
      }
      const mailbox = new WatchedMailbox(this.#session, covered, this.#onDue);
      mailboxes.set(name, mailbox);
      if (how === 'all is known') unknown.push(mailbox);
      else mailbox.beginAfter(known);
    }
    await this.#takeAsKnown(unknown);
    for (const mailbox of before.values()) {
      if (mailboxes.get(mailbox.covered.name) === mailbox) continue;
      mailbox.close();
      this.#due.delete(mailbox);
    }
    this.#mailboxes = mailboxes;
    this.#watchAnnotations();
    this.#watchTrees();
    this.#watchSelected();
  }

  async #takeAsKnown(mailboxes: readonly WatchedMailbox[]): Promise<void> {
    for (let at = 0; at < mailboxes.length; at += LOOKS_AT_ONCE) {
      await Promise.all(mailboxes.slice(at, at + LOOKS_AT_ONCE).map((mailbox) => mailbox.begin()));
      const turn = this.#session.pace();
      if (turn !== undefined) await turn;
    }
  }

  readonly #onDue = (mailbox: WatchedMailbox): void => {
    this.#due.add(mailbox);
    this.#session.input.interrupt();
  };

  #wants(event: NotifyEvent): boolean {
    return this.#groups.some(({ events }) => events.has(event));
  }

  #watchAnnotations(): void {
    const annotations = new Map<string, WatchedAnnotations>();
    const add = (name: string, metadata: () => Metadata): void => {
      annotations.set(name, this.#annotations.get(name) ?? new WatchedAnnotations(this.#session, metadata()));
    };
    if (this.#wants('ServerMetadataChange')) add('', () => this.#session.maildir.serverMetadata);
    for (const { name, place, events, readable } of this.#scope.mailboxes.values()) {
      if (readable && events.has('MailboxMetadataChange')) add(name, () => place.maildir.metadata(place.folderName));
    }
    this.#annotations = annotations;
  }

  #watchTrees(): void {
    const { maildir: own } = this.#session;
    const { maildirs } = this.#scope;
    for (const maildir of maildirs) {
      if (this.#trees.has(maildir)) continue;
      const changed = (aspects: ReadonlySet<TreeAspect>): void => {
        for (const aspect of aspects) this.#aspects.add(aspect);
        this.#session.input.interrupt();
      };
      // Owners take no rights from themselves, so only annotations are looked for in each of the own folders.
      const inFolders = maildir !== own || this.#wants('MailboxMetadataChange');
      this.#trees.set(maildir, maildir.treeWatch.listen({ inFolders, changed }));
    }
    for (const [maildir, stop] of this.#trees) {
      if (maildirs.has(maildir)) continue;
      stop();
      this.#trees.delete(maildir);
    }
  }
}
