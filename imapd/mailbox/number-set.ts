/**
 * NumberSet: a sequence set made ready for many questions: its ranges resolved, sorted and joined.
 *
 * It knows neither what the numbers count nor which of them are in use.
 */
import type { SequenceSet } from '../wire/sequence-set.js';

/** Numbers of a set, whatever the number of its ranges, answered in logarithmic time. */
export class NumberSet {
  /** first, last, first, last, … ascending, without overlaps. */
  readonly #bounds: Float64Array;

  /** @param highest what `*` stands for; 0 when there is nothing, and then `*` names nothing. */
  constructor(set: Exclude<SequenceSet, '$'>, highest: number) {
    const ranges = set
      .map(({ first, last }) => ({ first: first === '*' ? highest : first, last: last === '*' ? highest : last }))
      .map(({ first, last }) => ({ first: Math.min(first, last), last: Math.max(first, last) }))
      .sort((a, b) => a.first - b.first);
    const bounds: number[] = [];
    for (const { first, last } of ranges) {
      const end = bounds.at(-1);
      if (end !== undefined && first <= end + 1) bounds[bounds.length - 1] = Math.max(end, last);
      else bounds.push(first, last);
    }
    this.#bounds = Float64Array.from(bounds);
  }

  has(number: number): boolean {
    let low = 0;
    let high = this.#bounds.length / 2;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#bounds[middle * 2] ?? 0) <= number) low = middle + 1;
      else high = middle;
    }
    return low > 0 && number <= (this.#bounds[low * 2 - 1] ?? 0);
  }
}
