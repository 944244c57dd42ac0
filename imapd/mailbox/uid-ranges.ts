/** UidRanges: a growing set of UIDs, kept as a few ranges. A session's \Recent messages are one. */

const none: number[] = [];

/** Ranges of UIDs in ascending order. */
export class UidRanges {
  /** first, last, first, last, … ascending. */
  #bounds: number[] = none;

  /** Adds all numbers from `first` to `last`; `first` is higher than all before, or continues the last range. */
  add(first: number, last: number): void {
    if (last < first) return;
    const previousLast = this.#bounds.at(-1);
    if (previousLast === undefined) {
      // Just as large as it must be: most sets have one range at most.
      this.#bounds = [first, last];
    } else if (first <= previousLast + 1) {
      this.#bounds[this.#bounds.length - 1] = Math.max(previousLast, last);
    } else {
      this.#bounds.push(first, last);
    }
  }

  /** Whether `uid` is in one of the ranges. */
  has(uid: number): boolean {
    for (let index = this.#bounds.length - 2; index >= 0; index -= 2) {
      if (uid >= (this.#bounds[index] ?? 0)) return uid <= (this.#bounds[index + 1] ?? 0);
    }
    return false;
  }

  /** The lowest number, or undefined if there is none. */
  get first(): number | undefined {
    return this.#bounds[0];
  }
}
