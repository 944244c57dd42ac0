/**
 * SORT's comparison on columns: one number per message and key, and texts as octets (RFC 5256 section 3).
 *
 * Texts are UTF-8, folded and decomposed, and compared octet by octet with ASCII letters in capitals, which is the order of
 * code points: i;octet on what i;unicode-casemap (RFC 5051) makes. The first octets of each text stand in a number, which decides nearly always. How
 * several keys decide one after the other is in sort-ranks.ts.
 */

/** Octets of a text that fit into one number without loss. */
const PREFIX_OCTETS = 6;

/** One key of all messages, in rows. */
export interface SortColumn {
  readonly count: number;
  /** The key itself; of a text its beginning. */
  readonly numbers: Float64Array;
}

/** Each octet, small ASCII letters as capitals: they come before `_`, not behind it. */
const CAPITALS = Uint8Array.from({ length: 256 }, (_, octet) =>
  octet >= 0x61 && octet <= 0x7a ? octet - 0x20 : octet,
);

/** Makes capitals of small ASCII letters, where they lie. */
export function capitalise(octets: Buffer, start: number, end: number): void {
  for (let at = start; at < end; at += 1) octets[at] = CAPITALS[octets[at] ?? 0] ?? 0;
}

/** Most subjects are shorter. */
const USUAL_OCTETS = 48;

/** A longer text is copied faster by the platform than octet by octet. */
const LONG_OCTETS = 64;

/** The texts of one key, copied one after the other. */
export class TextColumn implements SortColumn {
  readonly numbers: Float64Array;
  readonly #ends: Uint32Array;
  #octets: Buffer;
  #count = 0;

  /** @param room how many texts there may be */
  constructor(room: number) {
    this.numbers = new Float64Array(room);
    this.#ends = new Uint32Array(room);
    this.#octets = Buffer.allocUnsafeSlow(room * USUAL_OCTETS);
  }

  get count(): number {
    return this.#count;
  }

  /** Adds the text of the next row. */
  add(octets: Buffer, start: number, end: number): void {
    const row = this.#count;
    const from = this.#startOf(row);
    const to = from + end - start;
    if (to > this.#octets.length) this.#grow(from, to);
    const own = this.#octets;
    if (end - start > LONG_OCTETS) {
      octets.copy(own, from, start, end);
      capitalise(own, from, to);
    } else for (let at = start; at < end; at += 1) own[from + at - start] = CAPITALS[octets[at] ?? 0] ?? 0;
    this.#ends[row] = to;
    this.#count = row + 1;
    let prefix = 0;
    for (let at = from; at < from + PREFIX_OCTETS; at += 1) {
      prefix = prefix * 256 + (at < to ? (own[at] ?? 0) : 0);
    }
    this.numbers[row] = prefix;
  }

  /** Takes back all but the first texts. */
  cutTo(count: number): void {
    this.#count = Math.min(this.#count, count);
  }

  /** Compares two texts whose numbers are equal. */
  compareEqual(one: number, other: number): number {
    const octets = this.#octets;
    const [oneEnd, otherEnd] = [this.#ends[one] ?? 0, this.#ends[other] ?? 0];
    let left = this.#startOf(one);
    let right = this.#startOf(other);
    const length = Math.min(oneEnd - left, otherEnd - right);
    for (const end = left + length; left < end; left += 1, right += 1) {
      const difference = (octets[left] ?? 0) - (octets[right] ?? 0);
      if (difference !== 0) return difference;
    }
    return oneEnd - left - (otherEnd - right);
  }

  #startOf(row: number): number {
    return row === 0 ? 0 : (this.#ends[row - 1] ?? 0);
  }

  #grow(length: number, wanted: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(wanted, this.#octets.length * 2));
    this.#octets.copy(larger, 0, 0, length);
    this.#octets = larger;
  }
}

/** Comparisons between two breaks: a fraction of a millisecond once the code is hot, a few when it is cold. */
const COMPARISONS_PER_STEP = 4_096;
/** Runs of this length are sorted by insertion, which is faster for few. */
const SHORT_RUN = 8;

/** How two rows of a column compare. */
export type RowComparison = (one: number, other: number) => number;

/** Gives the comparison of a column's rows. */
export function comparisonOf(column: SortColumn): RowComparison {
  const { numbers } = column;
  if (!(column instanceof TextColumn)) return (one, other) => (numbers[one] ?? 0) - (numbers[other] ?? 0);
  return (one, other) => {
    const difference = (numbers[one] ?? 0) - (numbers[other] ?? 0);
    return difference === 0 ? column.compareEqual(one, other) : difference;
  };
}

/** Rows in the order of a column; of equals the lower row comes first. Sorts in steps. */
export function* orderOf(column: SortColumn): Generator<void, Uint32Array, void> {
  const { count } = column;
  const compare = comparisonOf(column);
  let order = new Uint32Array(count);
  for (let row = 0; row < count; row += 1) order[row] = row;
  for (let start = 0; start < count; start += SHORT_RUN) {
    if ((start + SHORT_RUN) % COMPARISONS_PER_STEP === 0) yield;
    sortRun(order, start, Math.min(start + SHORT_RUN, count), compare);
  }
  let other = new Uint32Array(count);
  let left = COMPARISONS_PER_STEP;
  for (let width = SHORT_RUN; width < count; width *= 2) {
    for (let start = 0; start < count; start += width * 2) {
      const middle = Math.min(start + width, count);
      const end = Math.min(middle + width, count);
      const run = { from: order, to: other, start, middle, end };
      left = yield* merge(run, compare, left);
    }
    [order, other] = [other, order];
  }
  return order;
}

function sortRun(order: Uint32Array, start: number, end: number, compare: RowComparison): void {
  for (let at = start + 1; at < end; at += 1) {
    const row = order[at] ?? 0;
    let place = at;
    for (; place > start && compare(order[place - 1] ?? 0, row) > 0; place -= 1) order[place] = order[place - 1] ?? 0;
    order[place] = row;
  }
}

interface Merge {
  readonly from: Uint32Array;
  readonly to: Uint32Array;
  readonly start: number;
  readonly middle: number;
  readonly end: number;
}

/** Merges two sorted runs; of equals the left one comes first. Gives how many comparisons are left until a break. */
function* merge({ from, to, start, middle, end }: Merge, compare: RowComparison, budget: number) {
  let left = start;
  let right = middle;
  let rest = budget;
  // What is in order already, as mail that came in the order of its dates mostly is, is copied.
  if (middle >= end || compare(from[middle - 1] ?? 0, from[middle] ?? 0) <= 0) {
    to.set(from.subarray(start, end), start);
    return rest;
  }
  for (let at = start; left < middle && right < end; at += 1) {
    const takesLeft = compare(from[left] ?? 0, from[right] ?? 0) <= 0;
    to[at] = from[takesLeft ? left++ : right++] ?? 0;
    rest -= 1;
    if (rest > 0) continue;
    yield;
    rest = COMPARISONS_PER_STEP;
  }
  const at = left + right - middle;
  if (left < middle) to.set(from.subarray(left, middle), at);
  else to.set(from.subarray(right, end), at);
  return rest;
}
