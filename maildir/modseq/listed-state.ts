/**
 * ListedState: what `angarium-changes` says of the messages that a folder has now, and of those that it has no more.
 *
 * Records are taken in the order of the file; the last word counts. It touches no disk.
 */
import { firstRowFrom, type MessageTable } from '../message-table.js';
import { type Batch, type ChangeRecord, eachRecord } from './change-records.js';
import type { GoneUids } from './gone-uids.js';

/**
 * Looks at single UIDs, in all. A file that needs more is not worth it, or was made by somebody who wants to keep a server
 * busy: it is not believed.
 */
const MAX_LOOKS = 2_000_000;

/** What is listed, by row of a table. A mod-sequence of 0: not listed. */
export class ListedState {
  readonly modSequences: Float64Array;
  readonly flags: Uint8Array;
  readonly keywords: Uint32Array;
  /** UIDs of messages that are listed, and not there. */
  readonly missing = new Set<number>();
  highest: number;
  /** Messages below this UID that are not listed are gone, or were found since. */
  uidNext = 1;
  readonly #table: MessageTable;
  readonly #gone: GoneUids;
  #looks = 0;

  constructor(table: MessageTable, gone: GoneUids, highest: number) {
    this.#table = table;
    this.#gone = gone;
    this.highest = highest;
    this.modSequences = new Float64Array(table.count);
    this.flags = new Uint8Array(table.count);
    this.keywords = new Uint32Array(table.count);
  }

  take(batch: Batch): void {
    const least = leastIn(batch, this.highest);
    this.uidNext = Math.max(this.uidNext, batch.uidNext);
    eachRecord(batch.records, (record) => {
      const modSequence = Math.max(record.modSequence, least);
      this.highest = Math.max(this.highest, modSequence);
      const from = firstRowFrom(this.#table, record.first);
      const to = firstRowFrom(this.#table, record.last + 1);
      if (record.gone) this.#takeGone(record, modSequence, from, to);
      else this.#takeState(record, modSequence, from, to);
    });
  }

  #takeGone({ first, last }: ChangeRecord, modSequence: number, from: number, to: number): void {
    this.#gone.add({ first, last, modSequence });
    this.modSequences.fill(0, from, to);
    this.#count(Math.min(this.missing.size, last - first + 1));
    if (this.missing.size < last - first) {
      for (const uid of this.missing) if (uid >= first && uid <= last) this.missing.delete(uid);
    } else for (let uid = first; uid <= last; uid += 1) this.missing.delete(uid);
  }

  #takeState({ first, last, flags, keywords }: ChangeRecord, modSequence: number, from: number, to: number): void {
    this.modSequences.fill(modSequence, from, to);
    this.flags.fill(flags, from, to);
    this.keywords.fill(keywords, from, to);
    if (to - from === last - first + 1) return;
    this.#count(last - first + 1);
    let row = from;
    for (let uid = first; uid <= last; uid += 1) {
      if (row < to && this.#table.uidAt(row) === uid) row += 1;
      else this.missing.add(uid);
    }
  }

  #count(looks: number): void {
    this.#looks += looks;
    if (this.#looks > MAX_LOOKS) throw new RangeError('it names too many messages that are not there');
  }
}

/** The least that the mod-sequences of a batch mean, after all that was said before it. */
export function leastIn(batch: Batch, highest: number): number {
  return batch.kind === 'changes' ? highest + 1 : 0;
}
