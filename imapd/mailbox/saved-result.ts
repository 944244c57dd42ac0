/**
 * SavedResult: the messages that the last SEARCH with SAVE found, which a client then calls `$` (RFC 5182).
 *
 * They are kept as UIDs, so what is expunged leaves by itself, and sequence numbers follow.
 */

/** UIDs in ascending order, each once. */
export class SavedResult {
  readonly #uids: Uint32Array;

  /** @param uids in any order */
  constructor(uids: readonly number[]) {
    const sorted = Uint32Array.from(uids).sort();
    this.#uids = sorted.filter((uid, at) => at === 0 || uid !== sorted[at - 1]);
  }

  get uids(): Iterable<number> {
    return this.#uids;
  }

  has(uid: number): boolean {
    let low = 0;
    let high = this.#uids.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#uids[middle] ?? 0) < uid) low = middle + 1;
      else high = middle;
    }
    return this.#uids[low] === uid;
  }
}

/** What `$` is before anything was saved. */
export const NOTHING_SAVED = new SavedResult([]);
