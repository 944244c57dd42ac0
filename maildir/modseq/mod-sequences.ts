/**
 * ModSequences: the mod-sequences of a folder (RFC 7162), from the moment on when a client uses them there.
 *
 * They are the folder's change numbers plus a base, which is the time in microseconds when this object was made; so an
 * ordinary session pays nothing for them. Before a client is told a mod-sequence, it is written into `angarium-changes`
 * together with flags, keywords and what left (settle()). A later process compares the file with the folder: what still
 * is as listed keeps its mod-sequence, everything else counts as changed.
 *
 * What keeps clients right, whatever happens:
 *
 * - The highest mod-sequence that a client is told covers nothing that it was not told of. Of what other processes of
 *   ours wrote into the file before ours, we know at once; if it is not what we know of the folder, the folder is looked
 *   at again before the client is answered.
 * - A message that went from one state to another and back has a new mod-sequence if anybody was told of the state
 *   between, because that stands in the file.
 * - Without the file (removed, damaged, of before a power cut, restored from a copy, or the disk is full) every message
 *   counts as changed now, and everybody hears of every UID that is not there. That is right, and only dearer.
 * - The clock moves the numbers on, so that they are above what was told before a file was lost, and above the time that
 *   sessions are told as the highest mod-sequence in a folder where nobody uses any.
 */
import { randomInt } from 'node:crypto';
import { errorCode } from '../errors.js';
import type { FolderState } from '../folder-state.js';
import { firstRowFrom, type MessageTable } from '../message-table.js';
import { MTIME_GRANULARITY_MILLISECONDS } from '../observation.js';
import { joinedSpans, type Span } from '../spans.js';
import { type Batch, BatchWriter, eachRecord, emptyRecord } from './change-records.js';
import { ChangesFile, type NewHead } from './changes-file.js';
import { type GoneSpan, GoneUids } from './gone-uids.js';
import { keywordMark } from './keyword-mark.js';
import { ListedState, leastIn } from './listed-state.js';

const MICROSECONDS_PER_MILLISECOND = 1_000;
/** After the file could not be written, nobody tries again for so long. */
const RETRY_AFTER_MILLISECONDS = 10_000;
/** A file is written anew when it is longer than this, and than four times what it must hold. */
const MAX_WASTED_OCTETS = 256 * 1024;
const WASTE_FACTOR = 4;
/** A file that is replaced at every look is none that can be used. */
const MAX_TRIES = 5;

interface News {
  readonly writer: BatchWriter;
  /** Rows. */
  readonly changed: readonly number[];
  readonly gone: readonly GoneSpan[];
}

/** Filled in anew for each row, and used at once. */
const rowRecord = emptyRecord();

/** The mod-sequences of one folder in this process. */
export class ModSequences {
  readonly uidValidity: number;
  readonly #state: FolderState;
  readonly #file: ChangesFile;
  readonly #writer = randomInt(2 ** 32);
  readonly #base: number;
  #serial = 0;
  /** Whether the file holds what is told, up to #written. */
  #kept = false;
  #retryAt = Number.NEGATIVE_INFINITY;
  #stateOctets = 0;
  #highest = 0;
  /** No message has a lower one: since a file was lost. */
  #least = 0;
  /** The change number up to which everything was said: what is listed has numbers up to it. */
  #written: number;
  /** The messages that were there then. */
  #table: MessageTable;
  #count = 0;
  #uidNext = 1;
  #gone = new GoneUids(0);
  /** What left, and was not said yet. */
  #unsaid: Span[] = [];
  /** Rows of which others said something else. */
  readonly #doubted = new Set<number>();
  #mustLook = false;

  private constructor(state: FolderState) {
    this.#state = state;
    this.uidValidity = state.uidList.uidValidity;
    this.#file = new ChangesFile(state.surroundings, state.paths);
    this.#table = state.rows.table;
    const found = state.writable ? this.#read() : undefined;
    const lowest = lowestChange(state);
    // Above all that was ever told: what changed since the file was written must seem to have changed after it.
    this.#base = Math.max(microseconds(state), (found?.highest ?? 0) + 1) - lowest;
    this.#written = lowest - 1;
    if (found === undefined) this.#beginAnew();
    else this.#goOn(found);
  }

  /** For a folder that is loaded. */
  static of(state: FolderState): ModSequences {
    const made = new ModSequences(state);
    made.settle();
    return made;
  }

  /** The next change number: above all before it, and moved on by the clock. */
  numberAfter(change: number): number {
    return Math.max(change + 1, microseconds(this.#state) - this.#base);
  }

  /** What clients are told as HIGHESTMODSEQ, after settle(). */
  get highest(): number {
    return this.#highest;
  }

  /** Whether a client can have been told this number. */
  isCredible(modSequence: number): boolean {
    return modSequence <= Math.max(this.#highest, microseconds(this.#state));
  }

  /** The mod-sequence of the message in a row of the current table. It is settled. */
  at(row: number): number {
    const { rows } = this.#state;
    if (rows.changedAt(row) > this.#written) this.settle();
    return this.#of(row);
  }

  #of(row: number): number {
    return Math.max(this.#least, this.#base + this.#state.rows.changedAt(row));
  }

  /**
   * Writes down everything that happened up to now, so that clients can be told of it.
   *
   * @returns whether another process knows more, so that the folder must be looked at before a client is told anything.
   */
  settle(): boolean {
    if (this.#state.removed !== undefined) return false;
    try {
      for (let tries = 0; tries < MAX_TRIES; tries += 1) if (this.#tryToSettle()) return this.#takeDoubt();
      throw Object.assign(new Error('somebody replaces it all the time'), { code: 'EBUSY' });
    } catch (error) {
      if (errorCode(error) === undefined && !(error instanceof RangeError)) throw error;
      this.#giveUp(error);
      this.#lose();
      // What cannot be written down is known here at least.
      this.#keep();
      return false;
    }
  }

  /** UIDs that left after a mod-sequence and are not there now; undefined if that is not known any more. */
  goneAfter(modSequence: number): readonly Span[] | undefined {
    return this.#gone.after(modSequence);
  }

  #takeDoubt(): boolean {
    const mustLook = this.#mustLook;
    this.#mustLook = false;
    if (mustLook) this.#state.mustScan = true;
    return mustLook;
  }

  /** False if there is more to say: what others said is not what is known here, or the file is another one now. */
  #tryToSettle(): boolean {
    if (!this.#kept && !this.#keep()) return true;
    const { writer, changed, gone } = this.#news();
    this.#serial += 1;
    const { uidNext } = this.#state;
    const head = { writer: this.#writer, serial: this.#serial, kind: 'changes', uidNext } as const;
    const batches = writer.isEmpty ? this.#file.more() : this.#file.append(writer.finish(head));
    const isOwn = (batch: Batch): boolean => batch.writer === this.#writer && batch.serial === this.#serial;
    if (batches === undefined || (!writer.isEmpty && !batches.some(isOwn))) return this.#takeOver();
    for (const batch of batches) {
      if (!isOwn(batch)) {
        this.#hear(batch);
        continue;
      }
      const least = leastIn(batch, this.#highest);
      this.#highest = Math.max(least, writer.highest);
      for (const row of changed) this.#raise(row, least - this.#base);
      for (const span of gone) this.#gone.add({ ...span, modSequence: Math.max(span.modSequence, least) });
    }
    this.#said();
    if (this.#file.sizeOctets > Math.max(MAX_WASTED_OCTETS, this.#stateOctets * WASTE_FACTOR)) this.#shorten();
    return !this.#doubtedAreNews() && this.#unsaid.length === 0;
  }

  /** Everything that happened up to now was said. */
  #said(): void {
    const state = this.#state;
    state.changeNumber = Math.max(state.changeNumber, this.#highest - this.#base);
    this.#written = state.changeNumber;
    this.#table = state.rows.table;
    this.#count = state.rows.table.count;
    this.#uidNext = Math.max(this.#uidNext, state.uidNext);
    this.#unsaid = [];
  }

  /** What happened since everything was said. */
  #news(): News {
    const { rows, changeNumber, uidNext } = this.#state;
    const writer = new BatchWriter();
    const isSame = changeNumber === this.#written && rows.table === this.#table && rows.table.count === this.#count;
    if (isSame && uidNext <= this.#uidNext && this.#unsaid.length === 0) return { writer, changed: [], gone: [] };
    const modSequence = this.#base + changeNumber;
    const spans = joinedSpans([...this.#unsaid, ...this.#goneFromTable(), ...this.#gapsInNewUids()]);
    const gone = spans.map(([first, last]) => ({ first, last, modSequence }));
    for (const span of gone) writer.add({ ...span, flags: 0, gone: true, keywords: 0 });
    const changed = rows.changedRows(this.#written);
    for (const row of changed) this.#addRow(writer, row);
    return { writer, changed, gone };
  }

  #addRow(writer: BatchWriter, row: number): void {
    const { rows } = this.#state;
    const record = rowRecord;
    record.first = rows.table.uidAt(row);
    record.last = record.first;
    record.modSequence = this.#of(row);
    record.flags = rows.flagsAt(row);
    record.keywords = keywordMark(rows.keywordsAt(row));
    writer.add(record);
  }

  *#goneFromTable(): Generator<Span> {
    const { table } = this.#state.rows;
    if (table === this.#table) return;
    let at = 0;
    for (let row = 0; row < this.#count; row += 1) {
      const uid = this.#table.uidAt(row);
      while (at < table.count && table.uidAt(at) < uid) at += 1;
      if (at >= table.count || table.uidAt(at) !== uid) yield [uid, uid];
    }
  }

  /** Messages that came and left between two looks: an ordinary session may have shown them to its client. */
  *#gapsInNewUids(): Generator<Span> {
    const { rows, uidNext } = this.#state;
    if (uidNext <= this.#uidNext) return;
    let next = this.#uidNext;
    for (let row = firstRowFrom(rows.table, next); row < rows.table.count; row += 1) {
      const uid = rows.table.uidAt(row);
      if (uid > next) yield [next, uid - 1];
      next = uid + 1;
    }
    if (next < uidNext) yield [next, uidNext - 1];
  }

  /** Takes what another process said. */
  #hear(batch: Batch): void {
    const { rows } = this.#state;
    const least = leastIn(batch, this.#highest);
    eachRecord(batch.records, (record) => {
      const modSequence = Math.max(record.modSequence, least);
      this.#highest = Math.max(this.#highest, modSequence);
      if (record.gone) this.#gone.add({ first: record.first, last: record.last, modSequence });
      const to = firstRowFrom(rows.table, record.last + 1);
      let row = firstRowFrom(rows.table, record.first);
      if (!record.gone && to - row < record.last - record.first + 1) this.#mustLook = true;
      for (; row < to; row += 1) {
        const isSame =
          !record.gone && rows.flagsAt(row) === record.flags && keywordMark(rows.keywordsAt(row)) === record.keywords;
        if (isSame) this.#raise(row, modSequence - this.#base);
        else this.#doubted.add(row);
      }
    });
  }

  #raise(row: number, change: number): void {
    const { rows } = this.#state;
    if (change > rows.changedAt(row)) rows.setChangedAt(row, change);
  }

  /** Others told something else of these messages: whatever they turn out to be, it is news. Gives whether there are any. */
  #doubtedAreNews(): boolean {
    const state = this.#state;
    if (this.#doubted.size === 0) return false;
    for (const row of this.#doubted) state.rows.setChangedAt(row, state.nextChange());
    this.#doubted.clear();
    this.#mustLook = true;
    return true;
  }

  #read(): ListedState | undefined {
    try {
      const found = this.#file.read(this.uidValidity);
      if (found === undefined) return undefined;
      this.#gone = new GoneUids(found.head.forgottenUpTo);
      const listed = new ListedState(this.#state.rows.table, this.#gone, found.head.highest);
      for (const batch of found.batches) listed.take(batch);
      return listed;
    } catch (error) {
      if (errorCode(error) === undefined && !(error instanceof RangeError)) throw error;
      this.#giveUp(error);
      return undefined;
    }
  }

  /** Nothing is known: everything counts as changed now. */
  #beginAnew(): void {
    this.#highest = this.#base + this.#state.changeNumber;
    this.#gone = new GoneUids(this.#highest);
    this.#said();
  }

  /** What is as listed keeps its mod-sequence; all else counts as changed now. */
  #goOn(listed: ListedState): void {
    const { rows } = this.#state;
    const { foundAt } = rows;
    this.#kept = true;
    this.#highest = listed.highest;
    for (let row = 0; row < rows.count; row += 1) {
      const isNews = rows.changedAt(row) !== foundAt || !this.#isAsListed(listed, row);
      if (!isNews) rows.setChangedAt(row, (listed.modSequences[row] ?? 0) - this.#base);
    }
    this.#noteMissing(listed);
    this.#count = rows.table.count;
  }

  #isAsListed(listed: ListedState, row: number): boolean {
    const { rows } = this.#state;
    return (
      (listed.modSequences[row] ?? 0) > 0 &&
      listed.flags[row] === rows.flagsAt(row) &&
      listed.keywords[row] === keywordMark(rows.keywordsAt(row))
    );
  }

  #noteMissing(listed: ListedState): void {
    this.#unsaid = joinedSpans([...this.#unsaid, ...[...listed.missing].map((uid): Span => [uid, uid])]);
    this.#uidNext = listed.uidNext;
    this.#table = this.#state.rows.table;
  }

  /** The file is another one than was known: what it does not say as we know it is said again. */
  #takeOver(): false {
    const { rows } = this.#state;
    const known = this.#gone;
    const listed = this.#read();
    if (listed === undefined) {
      this.#lose();
      return false;
    }
    this.#highest = Math.max(this.#highest, listed.highest);
    this.#state.changeNumber = Math.max(this.#state.changeNumber, this.#highest - this.#base);
    for (const [first, last] of [...(known.after(known.forgottenUpTo) ?? []), ...this.#goneFromTable()]) {
      this.#unsaid.push([first, last]);
    }
    this.#gone.forget(known.forgottenUpTo);
    for (let row = 0; row < rows.count; row += 1) {
      const modSequence = listed.modSequences[row] ?? 0;
      if (!this.#isAsListed(listed, row) || modSequence < this.#of(row)) this.#doubted.add(row);
      else this.#raise(row, modSequence - this.#base);
    }
    this.#doubtedAreNews();
    this.#noteMissing(listed);
    this.#count = rows.table.count;
    return false;
  }

  /** What others said into a file that is lost was perhaps not heard here: from now on everything counts as changed now. */
  #lose(): void {
    const state = this.#state;
    this.#kept = false;
    // The clock tells milliseconds, and others may have counted on within this one.
    this.#least = Math.max(microseconds(state) + MICROSECONDS_PER_MILLISECOND, this.#highest + 1);
    this.#highest = this.#least;
    state.changeNumber = Math.max(state.changeNumber, this.#least - this.#base);
    this.#gone = new GoneUids(this.#least);
  }

  /** Makes the file if it can be made. Without it, everything is known here and nowhere else. */
  #keep(): boolean {
    const state = this.#state;
    const now = state.surroundings.now();
    const { gone } = this.#news();
    this.#highest = Math.max(this.#highest, this.#base + state.changeNumber);
    for (const span of gone) this.#gone.add(span);
    this.#said();
    if (!state.writable || (now < this.#retryAt && now >= this.#retryAt - RETRY_AFTER_MILLISECONDS)) return false;
    const { head, octets } = this.#wholeState();
    this.#stateOctets = octets.length;
    this.#kept = true;
    // Somebody else was faster: what his file says is compared with what is known here.
    if (!this.#file.create(head, octets)) this.#takeOver();
    return true;
  }

  #wholeState(): { readonly head: NewHead; readonly octets: Buffer } {
    const { rows, uidNext } = this.#state;
    const writer = new BatchWriter();
    for (const span of this.#gone.spans) writer.add({ ...span, flags: 0, gone: true, keywords: 0 });
    for (let row = 0; row < rows.count; row += 1) this.#addRow(writer, row);
    const { uidValidity } = this;
    const head = { uidValidity, highest: this.#highest, forgottenUpTo: this.#gone.forgottenUpTo };
    this.#serial += 1;
    return { head, octets: writer.finish({ writer: this.#writer, serial: this.#serial, kind: 'state', uidNext }) };
  }

  /** Everything was said: the same in a shorter file. */
  #shorten(): void {
    const { head, octets } = this.#wholeState();
    this.#stateOctets = octets.length;
    // What came into the old file meanwhile is not in the new one: whoever said it says it again, and so do we.
    for (const batch of this.#file.replace(head, octets)) {
      eachRecord(batch.records, ({ first, last, gone }) => {
        if (gone) this.#unsaid.push([first, last]);
      });
      this.#hear(batch);
      this.#mustLook = true;
    }
  }

  /** The file must not be believed, and cannot be mended now. */
  #giveUp(error: unknown): void {
    const { surroundings, paths } = this.#state;
    surroundings.warnOnce(`Changes are not kept: ${paths.changes}: ${String(error)}`);
    this.#kept = false;
    this.#retryAt = surroundings.now() + RETRY_AFTER_MILLISECONDS;
    this.#file.remove();
  }
}

/** The lowest number of a change that some message has. */
function lowestChange({ rows, changeNumber }: FolderState): number {
  let lowest = changeNumber;
  for (let row = 0; row < rows.count; row += 1) lowest = Math.min(lowest, rows.changedAt(row));
  return lowest;
}

function microseconds({ surroundings }: FolderState): number {
  return Math.floor(surroundings.now() * MICROSECONDS_PER_MILLISECOND);
}

/**
 * What a client may be told as HIGHESTMODSEQ of a folder where nobody uses mod-sequences: a time before which everything
 * was seen that it was told.
 */
export function timeAsModSequence({ surroundings }: FolderState, seenUntil: number): number {
  const until = Math.min(seenUntil, surroundings.now()) - MTIME_GRANULARITY_MILLISECONDS;
  return Math.max(1, Math.floor(until * MICROSECONDS_PER_MILLISECOND));
}
