/**
 * MessageTable: which message stands in which row of a folder.
 *
 * It knows UIDs only. What else is known of a message is in folder-rows.ts.
 */
import { asUid, type Uid } from './uid.js';

/**
 * Messages in UID order. Rows are only ever added at the end; when messages leave, the folder gets a new table.
 * A session keeps (table, count) and has its own view of the folder in them, whatever happens afterwards.
 */
export interface MessageTable {
  readonly count: number;
  uidAt(row: number): Uid;
  /** The row of a UID, -1 if there is none. */
  rowOf(uid: number): number;
}

/** The first row whose UID is at least `uid`; the number of rows if there is none. */
export function firstRowFrom(table: MessageTable, uid: number): number {
  let low = 0;
  let high = table.count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (table.uidAt(middle) < uid) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Room for a few arrivals, so that a folder in use does not copy its table for each of them. */
const SPARE_ROWS = 8;

/** The table as the folder itself sees it: it can append. */
export class GrowingMessageTable implements MessageTable {
  #uids: Uint32Array;
  #count: number;

  /** @param uids ascending */
  constructor(uids: Uint32Array, count = uids.length) {
    this.#uids = uids;
    this.#count = count;
  }

  get count(): number {
    return this.#count;
  }

  uidAt(row: number): Uid {
    const uid = row < this.#count ? this.#uids[row] : undefined;
    if (uid === undefined) throw new RangeError(`row ${row} of ${this.#count}`);
    return asUid(uid);
  }

  rowOf(uid: number): number {
    let low = 0;
    let high = this.#count - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const found = this.#uids[middle] ?? 0;
      if (found === uid) return middle;
      if (found < uid) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  /** Adds a row at the end. The UID must be higher than all before it. */
  append(uid: number): void {
    if (this.#count === this.#uids.length) this.reserve(this.#count + (this.#count >>> 3) + SPARE_ROWS);
    this.#uids[this.#count] = uid;
    this.#count += 1;
  }

  /** Makes room for so many rows in all. */
  reserve(rows: number): void {
    if (rows <= this.#uids.length) return;
    const larger = new Uint32Array(rows);
    larger.set(this.#uids);
    this.#uids = larger;
  }
}
