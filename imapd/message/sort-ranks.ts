/**
 * Ranks: the order of rows by one key, as a number for each row. The row that comes first has the lowest, equal keys have
 * equal ranks. With them rows are sorted without a look at their keys, by several keys as well as by one (RFC 5256
 * section 3), and a key of ten thousand messages is forty thousand octets.
 *
 * Between two neighbours there is room, so that a message that arrives gets its rank without changing the others'.
 */
import { comparisonOf, orderOf, type SortColumn } from './sort-columns.js';
import { ELEMENTS_PER_STEP } from './steps.js';

/** Behind all ranks; 0 is before all. */
const BEHIND_ALL = 0xffffffff;

/** Gives the ranks of a column's rows. Sorts in steps. */
export function* ranksOf(column: SortColumn): Generator<void, Uint32Array<ArrayBuffer>, void> {
  const order = yield* orderOf(column);
  const compare = comparisonOf(column);
  const ranks = new Uint32Array(order.length);
  // First the number of each among the different keys, then room between them.
  let number = 0;
  for (let at = 1; at < order.length; at += 1) {
    if (at % ELEMENTS_PER_STEP === 0) yield;
    if (compare(order[at - 1] ?? 0, order[at] ?? 0) !== 0) number += 1;
    ranks[order[at] ?? 0] = number;
  }
  spread(ranks, order);
  return ranks;
}

/** Makes the room between neighbours equal. */
function spread(ranks: Uint32Array, order: Uint32Array): void {
  let different = 0;
  for (let at = 0; at < order.length; at += 1) if (isNext(ranks, order, at)) different += 1;
  const step = Math.floor(BEHIND_ALL / (different + 1));
  let rank = 0;
  let before = 0;
  for (let at = 0; at < order.length; at += 1) {
    const row = order[at] ?? 0;
    const own = ranks[row] ?? 0;
    if (at === 0 || own !== before) rank += step;
    before = own;
    ranks[row] = rank;
  }
}

/** Whether the row at a place of the order has another key than the one before it. */
function isNext(ranks: Uint32Array, order: Uint32Array, at: number): boolean {
  return at === 0 || ranks[order[at] ?? 0] !== ranks[order[at - 1] ?? 0];
}

/**
 * Gives ranks to the rows from `known` on, which came behind the others, with a few comparisons for each.
 *
 * @param ranks with room for all rows
 */
export function* rankFurther(
  ranks: Uint32Array,
  known: number,
  compare: (one: number, other: number) => number,
): Generator<void, void, void> {
  const order = new Uint32Array(ranks.length);
  order.set(yield* orderByRanks(known, [{ ranks: ranks.subarray(0, known), reverse: false }]));
  for (let row = known; row < ranks.length; row += 1) {
    yield;
    const place = placeOf(row, order.subarray(0, row), compare);
    const isKnown = place < row && compare(order[place] ?? 0, row) === 0;
    if (!isKnown && !hasRoom(ranks, order, place, row)) spread(ranks, order.subarray(0, row));
    const above = place < row ? (ranks[order[place] ?? 0] ?? 0) : BEHIND_ALL;
    ranks[row] = isKnown ? above : Math.floor((rankBefore(ranks, order, place) + above) / 2);
    order.copyWithin(place + 1, place, row);
    order[place] = row;
  }
}

/** The first place in the order whose row does not come before this one. */
function placeOf(row: number, order: Uint32Array, compare: (one: number, other: number) => number): number {
  let low = 0;
  let high = order.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(order[middle] ?? 0, row) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function rankBefore(ranks: Uint32Array, order: Uint32Array, place: number): number {
  return place === 0 ? 0 : (ranks[order[place - 1] ?? 0] ?? 0);
}

function hasRoom(ranks: Uint32Array, order: Uint32Array, place: number, count: number): boolean {
  const above = place < count ? (ranks[order[place] ?? 0] ?? 0) : BEHIND_ALL;
  return above - rankBefore(ranks, order, place) > 1;
}

/** One key by which rows are sorted. */
export interface RankKey {
  readonly ranks: Uint32Array;
  readonly reverse: boolean;
}

/** Ranks are sorted by so many bits at a time. */
const DIGIT_BITS = 11;
const DIGITS = 1 << DIGIT_BITS;

/**
 * Rows in the order that the keys give, of which the first decides before the second; the lower row comes first where
 * they give none. Sorts in steps.
 */
export function* orderByRanks(count: number, keys: readonly RankKey[]): Generator<void, Uint32Array, void> {
  let order = new Uint32Array(count);
  for (let row = 0; row < count; row += 1) order[row] = row;
  let other = new Uint32Array(count);
  // Each pass keeps the order of those that it finds equal, so what decides last comes first.
  for (const { ranks, reverse } of [...keys].reverse()) {
    for (let shift = 0; shift < 32; shift += DIGIT_BITS) {
      yield;
      if (!sortByDigit({ from: order, to: other, ranks, flip: reverse ? BEHIND_ALL : 0 }, shift)) continue;
      [order, other] = [other, order];
    }
  }
  return order;
}

interface Pass {
  readonly from: Uint32Array;
  readonly to: Uint32Array;
  readonly ranks: Uint32Array;
  readonly flip: number;
}

/** False, with nothing done, where all have the same digit. */
function sortByDigit({ from, to, ranks, flip }: Pass, shift: number): boolean {
  const ends = new Uint32Array(DIGITS + 1);
  for (const rank of ranks.subarray(0, from.length)) {
    const digit = ((rank ^ flip) >>> shift) & (DIGITS - 1);
    ends[digit + 1] = (ends[digit + 1] ?? 0) + 1;
  }
  if (ends.includes(from.length)) return false;
  for (let digit = 0; digit < DIGITS; digit += 1) ends[digit + 1] = (ends[digit + 1] ?? 0) + (ends[digit] ?? 0);
  for (const row of from) {
    const digit = (((ranks[row] ?? 0) ^ flip) >>> shift) & (DIGITS - 1);
    const place = ends[digit] ?? 0;
    to[place] = row;
    ends[digit] = place + 1;
  }
  return true;
}
