/**
 * SelectedMailbox: what this client believes about the mailbox, and what it has not been told yet.
 *
 * It is a cursor, not a copy. The view is a table of the folder and the number of its rows that the client knows of;
 * rows are only ever added at the end of a table, and a folder whose messages leave gets a new one, so the old table
 * goes on meaning what the client was told. `changes()` compares it with the folder's current table and moves on.
 *
 * Invariants:
 * - Sequence number n is row n - 1 of the view; it changes only by an EXPUNGE that the client has been sent.
 * - EXISTS is told only together with all EXPUNGEs that are due, and before flags of new messages.
 * - What a command told by itself (STORE's FETCH responses) is not repeated: `told(uid)`.
 */
import { hasRight, type Rights } from '../../maildir/acl/rights.js';
import type { Folder, FolderUse } from '../../maildir/folder.js';
import type { MessageTable } from '../../maildir/message-table.js';
import { joinedSpans, type Span } from '../../maildir/spans.js';
import type { Uid } from '../../maildir/uid.js';
import { ELEMENTS_PER_STEP } from '../message/steps.js';
import type { MailboxPlace } from '../sharing/mailbox-place.js';
import { flagLimits, isReadOnly } from '../sharing/require-right.js';
import { myRightsCode } from '../sharing/rights-wording.js';
import type { SequenceSet } from '../wire/sequence-set.js';
import {
  flagsLines,
  flagsText,
  imapWording,
  type MessageFlags,
  type ToldFlags,
  type UpdateWording,
  usualFlags,
} from './mailbox-updates.js';
import { rowsOfSequenceNumbers, rowsOfUids, rowsSaved } from './row-ranges.js';
import { NOTHING_SAVED, type SavedResult } from './saved-result.js';
import { UidRanges } from './uid-ranges.js';

declare const brand: unique symbol;

/** A message sequence number of this session. Made only here. */
export type SequenceNumber = number & { readonly [brand]: 'sequence number' };

/** A message that a sequence set names. */
export interface PickedMessage {
  readonly sequenceNumber: SequenceNumber;
  readonly uid: Uid;
}

/** How a mailbox is selected. */
export interface SelectOptions {
  /** EXAMINE: nothing is changed, no message loses \Recent. */
  readonly readOnly: boolean;
  /** Whether clients may use keywords. */
  readonly keywords: boolean;
  /** Where the client found the folder. */
  readonly place: MailboxPlace;
  /** How changes are said; as IMAP has it when absent. */
  readonly wording?: UpdateWording;
}

const noKeywords: readonly string[] = [];

/** Which changes are due to be told; flags where absent, too. */
export interface AnnouncedChanges {
  readonly expunges: boolean;
  readonly flags?: boolean;
  /** The client's own command has changed which messages there are. */
  readonly ownDoing?: boolean;
}

/** Searches whose results the client wants to be told of when they change. They follow the changes of the mailbox. */
export interface UpdateFollower {
  has(tag: string): boolean;
  end(tag: string): void;
  /** Tells what must be told before the changes are; undefined when that is nothing, or nothing any more. */
  beforeChanges(options: AnnouncedChanges): Promise<void> | undefined;
  /** Tells what must be told after them. */
  afterChanges(): Promise<void>;
}

/** The mailbox that a session has selected. */
export class SelectedMailbox {
  readonly folder: Folder;
  /** What the client called it, and what this account may do in it. */
  readonly place: MailboxPlace;
  readonly readOnly: boolean;
  readonly uidValidity: number;
  readonly #use: FolderUse;
  readonly #keywords: boolean;
  #wording: UpdateWording;
  readonly #recent = new UidRanges();
  /** What was told by commands since the last changes(): UID to the number of the change. */
  #toldFlags: Map<number, number> | undefined;
  /** What the client calls `$`. */
  savedResult: SavedResult = NOTHING_SAVED;
  keptSearches: UpdateFollower | undefined;
  #table: MessageTable;
  #count = 0;
  #toldChange: number;
  #toldKeywordsChange: number;
  #toldRights: Rights;

  private constructor(use: FolderUse, { readOnly, keywords, place, wording }: SelectOptions) {
    this.folder = use.folder;
    this.place = place;
    this.readOnly = readOnly;
    this.uidValidity = use.folder.uidValidity;
    this.#use = use;
    this.#keywords = keywords;
    this.#wording = wording ?? imapWording;
    this.#table = use.folder.table;
    this.#toldChange = use.folder.changeNumber;
    this.#toldKeywordsChange = use.folder.keywordsChangedAt;
    this.#toldRights = place.rights;
    this.#takeNewMessages();
  }

  /** Opens a folder for one session. A folder that this process cannot change is opened read-only. */
  static async open(folder: Folder, options: SelectOptions): Promise<SelectedMailbox> {
    const readOnly = options.readOnly || !folder.writable || isReadOnly(options.place.rights);
    const use = await folder.open(readOnly ? 'read-only' : 'read-write');
    return new SelectedMailbox(use, { ...options, readOnly });
  }

  /** The number of messages that the client knows of: its EXISTS. */
  get count(): number {
    return this.#count;
  }

  /** The UID of the last of them, 0 if there are none. */
  get highestUid(): number {
    return this.#count === 0 ? 0 : this.#table.uidAt(this.#count - 1);
  }

  /** The messages that it knows of: the first `count` rows. */
  get view(): MessageTable {
    return this.#table;
  }

  /** How many of them are \Recent in this session. */
  get recentCount(): number {
    let recent = 0;
    const first = this.#recent.first ?? Number.POSITIVE_INFINITY;
    for (let row = this.#count - 1; row >= 0; row -= 1) {
      const uid = this.#table.uidAt(row);
      if (uid < first) break;
      if (this.#recent.has(uid)) recent += 1;
    }
    return recent;
  }

  /** The sequence number of the first message without \Seen, for SELECT's UNSEEN; undefined if there is none. */
  get firstUnseen(): SequenceNumber | undefined {
    // The folder's table holds the view's messages in the same order, others in front of none of them.
    const current = this.folder.firstUnseen();
    const row = current < 0 ? -1 : this.#table.rowOf(this.folder.table.uidAt(current));
    return row < 0 || row >= this.#count ? undefined : ((row + 1) as SequenceNumber);
  }

  /** The UID of a message; throws RangeError for a number above `count`. */
  uidOf(sequenceNumber: number): Uid {
    if (sequenceNumber < 1 || sequenceNumber > this.#count) throw new RangeError(`no message ${sequenceNumber}`);
    return this.#table.uidAt(sequenceNumber - 1);
  }

  /** The UIDs of messages, in steps; throws RangeError for a number above `count`. */
  *uidsOf(sequenceNumbers: readonly number[]): Generator<void, number[], void> {
    const uids: number[] = [];
    for (let at = 0; at < sequenceNumbers.length; at += 1) {
      if (at % ELEMENTS_PER_STEP === ELEMENTS_PER_STEP - 1) yield;
      uids.push(this.uidOf(sequenceNumbers[at] ?? 0));
    }
    return uids;
  }

  /** The sequence number of a message, or undefined if the client does not know of it. */
  sequenceNumberOf(uid: number): SequenceNumber | undefined {
    const row = this.#table.rowOf(uid);
    return row < 0 || row >= this.#count ? undefined : ((row + 1) as SequenceNumber);
  }

  /**
   * The messages that a set names, each once and in ascending order, one after the other. Ranges are never expanded beyond the messages
   * that exist; UIDs that do not exist are ignored.
   *
   * A sequence number above `count` is an error, except in a range that ends in `*`: clients ask for `n:*` when they
   * hope that there is something new.
   *
   * @throws {SyntaxFailure} for sequence numbers that do not exist (RFC 9051 section 9, seq-number).
   */
  *pick(set: SequenceSet, by: 'uid' | 'sequence number'): Generator<PickedMessage, void, void> {
    for (const [first, last] of this.pickRows(set, by)) {
      for (let row = first; row <= last; row += 1) {
        yield { sequenceNumber: (row + 1) as SequenceNumber, uid: this.#table.uidAt(row) };
      }
    }
  }

  /**
   * The same as rows of the view, for those who go through many messages: first and last row of each range, ascending
   * and apart. The sequence number of a row is its number plus 1. Rows mean the same until the next `changes()`.
   *
   * @throws {SyntaxFailure} as pick() does.
   */
  pickRows(set: SequenceSet, by: 'uid' | 'sequence number'): readonly Span[] {
    if (set === '$') return rowsSaved(this.savedResult.uids, this.#table, this.#count);
    return joinedSpans(
      by === 'uid' ? rowsOfUids(set, this.#table, this.#count) : rowsOfSequenceNumbers(set, this.#count),
    );
  }

  /** The UIDs of what a set names, as pick() gives them. */
  pickUids(set: SequenceSet, by: 'uid' | 'sequence number'): Uid[] {
    const uids: Uid[] = [];
    for (const [first, last] of this.pickRows(set, by)) {
      for (let row = first; row <= last; row += 1) uids.push(this.#table.uidAt(row));
    }
    return uids;
  }

  /** Where a row of the view is in the folder's table now; -1 if its message has left. */
  currentRow(row: number): number {
    const { table } = this.folder;
    return table === this.#table ? row : table.rowOf(this.#table.uidAt(row));
  }

  get #tellsRecent(): boolean {
    return this.#wording.recent !== false;
  }

  /** Whether this session was the first to be told of the message. */
  isRecent(uid: number): boolean {
    return this.#tellsRecent && this.#recent.has(uid);
  }

  /** The flags as they are now; undefined if the message has been expunged meanwhile. */
  flagsOf(uid: number): MessageFlags | undefined {
    const row = this.folder.table.rowOf(uid);
    if (row < 0) return undefined;
    const keywords = this.#keywords ? this.folder.keywordsAt(row) : [];
    return { bits: this.folder.flagsAt(row), keywords, recent: this.isRecent(uid) };
  }

  /** Whether the client must not name messages by numbers. */
  get uidsOnly(): boolean {
    return this.#wording.uidsOnly === true;
  }

  /** How changes are said from now on. */
  speak(wording: UpdateWording): void {
    this.#wording = wording;
  }

  /** The response for a message's flags as they are now; undefined if it has been expunged meanwhile. */
  flagsLine({ sequenceNumber, uid }: PickedMessage, by: 'uid' | 'sequence number'): string | undefined {
    const row = this.currentRow(sequenceNumber - 1);
    return row < 0 ? undefined : this.#wording.flags(sequenceNumber, this.#toldFlagsAt(row, uid), by === 'uid');
  }

  /** The same by row of the view; the client knows these flags then. */
  flagsLineAt(row: number, by: 'uid' | 'sequence number'): string | undefined {
    const uid = this.#table.uidAt(row);
    const line = this.flagsLine({ sequenceNumber: (row + 1) as SequenceNumber, uid }, by);
    this.told(uid);
    return line;
  }

  /** The response for a message's mod-sequence alone; undefined if it has been expunged meanwhile. */
  modSequenceLineAt(row: number, by: 'uid' | 'sequence number'): string | undefined {
    const current = this.currentRow(row);
    const modSequence = current < 0 ? undefined : this.folder.sequences.kept?.at(current);
    if (modSequence === undefined) return undefined;
    return this.#wording.modSequence?.(row + 1, { uid: this.#table.uidAt(row), modSequence }, by === 'uid');
  }

  #toldFlagsAt(current: number, uid: number): ToldFlags {
    const { folder } = this;
    const keywords = this.#keywords ? folder.keywordsAt(current) : noKeywords;
    const modSequence = this.#wording.modSequences === true ? folder.sequences.kept?.at(current) : undefined;
    return { uid, bits: folder.flagsAt(current), keywords, recent: this.isRecent(uid), modSequence };
  }

  /** The flags as they are now, in words; undefined if the message has been expunged meanwhile. */
  flagsTextOf({ sequenceNumber, uid }: PickedMessage): string | undefined {
    const row = this.currentRow(sequenceNumber - 1);
    if (row < 0) return undefined;
    return this.#flagsText(row, uid);
  }

  /** The same in octets with the parentheses around, if there are no keywords among them; else undefined. */
  usualFlagsOf({ sequenceNumber, uid }: PickedMessage): Buffer | undefined {
    const row = this.currentRow(sequenceNumber - 1);
    if (row < 0 || (this.#keywords && this.folder.keywordsAt(row).length > 0)) return undefined;
    return usualFlags(this.folder.flagsAt(row), this.#recent.has(uid));
  }

  /** The same by row of the view. */
  flagsTextAt(row: number): string | undefined {
    const current = this.currentRow(row);
    return current < 0 ? undefined : this.#flagsText(current, this.#table.uidAt(row));
  }

  #flagsText(current: number, uid: number): string {
    const keywords = this.#keywords ? this.folder.keywordsAt(current) : noKeywords;
    return flagsText(this.folder.flagsAt(current), this.isRecent(uid), keywords);
  }

  /** Whether the client knows the present flags of a message. */
  knowsFlagsOf(uid: number): boolean {
    const row = this.folder.table.rowOf(uid);
    return row < 0 || this.#isTold(uid, row);
  }

  /** Marks that the client knows the present flags of a message, by an answer or because it asked for silence. */
  told(uid: number): void {
    const row = this.folder.table.rowOf(uid);
    if (row < 0) return;
    this.#toldFlags ??= new Map();
    this.#toldFlags.set(uid, this.folder.changedAt(row));
  }

  /** FLAGS and PERMANENTFLAGS as they are now. */
  describeFlags(): Buffer {
    this.#toldKeywordsChange = this.folder.keywordsChangedAt;
    const keywords = this.#keywords ? this.folder.keywords : [];
    const limits = flagLimits(this.place.rights);
    const [newKeywords, recent] = [this.#keywords, this.#tellsRecent];
    return Buffer.from(flagsLines({ keywords, readOnly: this.readOnly, newKeywords, limits, recent }));
  }

  /** Whether the account may still read the mailbox; if not, it must not hear of it. */
  get mayBeRead(): boolean {
    return hasRight(this.place.rights, 'r');
  }

  /** What the client is told when its rights have changed since it was: `* OK [MYRIGHTS "lr"] ACL`, and what it may set. */
  rightsChanges(): Buffer[] {
    const { rights } = this.place;
    if (rights === this.#toldRights || !this.#wording.describesMailbox) return [];
    this.#toldRights = rights;
    return this.mayBeRead ? [myRightsCode(rights), this.describeFlags()] : [myRightsCode(rights)];
  }

  /** FLAGS and PERMANENTFLAGS if they have changed. STORE sends them before it uses a new keyword. */
  keywordChanges(): Buffer[] {
    if (!this.#wording.describesMailbox || this.folder.keywordsChangedAt <= this.#toldKeywordsChange) return [];
    return [this.describeFlags()];
  }

  /** Whether the client surely knows all that there is to know: changes() would give nothing. */
  get isUpToDate(): boolean {
    const { table, changeNumber } = this.folder;
    return table === this.#table && table.count === this.#count && changeNumber === this.#toldChange;
  }

  /**
   * Everything that is due, in Courier's order: EXPUNGE, FLAGS, EXISTS and RECENT, FETCH. Moves the cursor forward.
   *
   * Without `expunges`, EXPUNGE is held back, and EXISTS with it if there is one to hold back; without `flags`, flags.
   */
  changes({ expunges, flags: tellsFlags = true }: AnnouncedChanges): Buffer[] {
    if (this.isUpToDate) return [];
    const { folder } = this;
    const current = folder.table;
    const wording = this.#wording;
    const view = this.#table;
    const removed = current !== view && expunges ? this.#expunge(current) : [];
    const updates = this.keywordChanges();
    const known = this.#count;
    const arrived = current === this.#table ? this.#takeNewMessages() : 0;
    if (removed.length + arrived > 0)
      updates.push(Buffer.from(wording.exists(this.#count, this.recentCount, arrived > 0)));
    const flags = tellsFlags ? this.#flagChanges(known) : '';
    if (tellsFlags) {
      this.#toldChange = folder.changeNumber;
      this.#toldFlags = undefined;
    }
    return [wording.expunged(removed, view), ...updates, flags]
      .filter((update) => update.length > 0)
      .map((update) => (typeof update === 'string' ? Buffer.from(update) : update));
  }

  /** Calls back when there may be something to tell, until unwatch() or close(). */
  watch(onMayHaveChanged: () => void): void {
    this.#use.watch(onMayHaveChanged);
  }

  unwatch(): void {
    this.#use.unwatch();
  }

  /** Ends the use of the folder. Expunges nothing. */
  close(): void {
    this.#use.close();
  }

  /** Makes `current` the view; gives the rows of the view before whose messages the client must forget, ascending. */
  #expunge(current: MessageTable): number[] {
    const removed: number[] = [];
    let kept = 0;
    for (let row = 0; row < this.#count; row += 1) {
      const next = kept < current.count ? current.uidAt(kept) : Number.POSITIVE_INFINITY;
      const uid = this.#table.uidAt(row);
      if (uid === next) {
        kept += 1;
        continue;
      }
      removed.push(row);
      if (next < uid) {
        // A message came back in the middle, where IMAP cannot show it: what follows leaves and arrives anew.
        for (let rest = row + 1; rest < this.#count; rest += 1) removed.push(rest);
        break;
      }
    }
    this.#table = current;
    this.#count = kept;
    return removed;
  }

  /** Moves the end of the view to the end of its table; gives how many messages that added. */
  #takeNewMessages(): number {
    const { folder } = this;
    const before = this.#count;
    this.#count = this.#table.count;
    if (this.#count === before) return 0;
    const firstRecent = this.readOnly ? folder.firstUnclaimedUid : folder.claimRecent();
    const firstNew = this.#table.uidAt(before);
    this.#recent.add(Math.max(firstRecent, firstNew), this.#table.uidAt(this.#count - 1));
    return this.#count - before;
  }

  /** What is to be said of those of the first `known` messages whose flags changed since the client was told. */
  #flagChanges(known: number): string {
    const { folder } = this;
    if (folder.changeNumber === this.#toldChange) return '';
    const lines: string[] = [];
    for (const current of folder.rowsChangedAfter(this.#toldChange)) {
      const uid = folder.table.uidAt(current);
      const row = folder.table === this.#table ? current : this.#table.rowOf(uid);
      if (row < 0 || row >= known || this.#isTold(uid, current)) continue;
      lines.push(this.#wording.flags(row + 1, this.#toldFlagsAt(current, uid)));
    }
    return lines.join('');
  }

  /** Whether the client knows the flags of a message that is in this row of the folder now. */
  #isTold(uid: number, row: number): boolean {
    const changedAt = this.folder.changedAt(row);
    return changedAt <= this.#toldChange || changedAt <= (this.#toldFlags?.get(uid) ?? -1);
  }
}
