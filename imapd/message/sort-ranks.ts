/**
 * Ranks: the order of rows by one key, as a number for each row. The row that comes first has the lowest, equal keys have
 * equal ranks. With them rows are sorted without a look at their keys, by several keys as well as by one (RFC 5256
 * section 3), and a key of ten thousand messages is forty thousand octets.
 */
import { comparisonOf, orderOf, type SortColumn } from './sort-columns.js';
import { ELEMENTS_PER_STEP } from './steps.js';

/** The ranks of all rows by one key. */
export interface Ranks {
  readonly ranks: Uint32Array;
  /** No rank is as high; there are not many more numbers below it than rows. */
  readonly below: number;
}

/** Gives the ranks of a column's rows. Sorts in steps. */
export function* ranksOf(column: SortColumn): Generator<void, Ranks, void> {
  const order = yield* orderOf(column);
  const compare = comparisonOf(column);
  const ranks = new Uint32Array(order.length);
  let rank = 0;
  for (let at = 1; at < order.length; at += 1) {
    if (at % ELEMENTS_PER_STEP === 0) yield;
    if (compare(order[at - 1] ?? 0, order[at] ?? 0) !== 0) rank += 1;
    ranks[order[at] ?? 0] = rank;
  }
  return { ranks, below: rank + 1 };
}

/** How ranks are counted where no room between them is needed. */
const NO_ROOM = 1;
/** Behind all ranks that have room between them; 0 is before all. */
const BEHIND_ALL = 0xffffffff;

/**
 * Gives ranks to rows that came behind the others as well, with a few comparisons for each.
 *
 * @param known ranks of the first rows
 * @param compare compares two rows, the second of them a new one
 */
export function* rankFurther(
  { ranks: known, below }: Ranks,
  count: number,
  compare: (one: number, other: number) => number,
): Generator<void, Ranks, void> {
  const ranks = new Uint32Array(count);
  ranks.set(known);
  const order = new Uint32Array(count);
  order.set(yield* orderByRanks(known.length, [{ ranks: known, below, reverse: false }]));
  // While rows are added there is room between neighbours, so that the others' ranks stay.
  makeRoom(ranks, order.subarray(0, known.length));
  for (let row = known.length; row < count; row += 1) {
    yield;
    const ordered = order.subarray(0, row);
    const place = placeOf(row, ordered, compare);
    const isKnown = place < row && compare(order[place] ?? 0, row) === 0;
    if (!isKnown && rankAt(ranks, ordered, place) - rankAt(ranks, ordered, place - 1) < 2) makeRoom(ranks, ordered);
    const above = rankAt(ranks, ordered, place);
    ranks[row] = isKnown ? above : Math.floor((rankAt(ranks, ordered, place - 1) + above) / 2);
    order.copyWithin(place + 1, place, row);
    order[place] = row;
  }
  yield;
  return { ranks, below: recount(ranks, order, NO_ROOM) };
}

/** Puts the same room between all neighbours. */
function makeRoom(ranks: Uint32Array, order: Uint32Array): void {
  const different = recount(ranks, order, NO_ROOM);
  recount(ranks, order, Math.floor(BEHIND_ALL / (different + 1)));
}

/** Counts the ranks of an order in steps of this width, the first one of them `step` where there is room. Gives the next one. */
function recount(ranks: Uint32Array, order: Uint32Array, step: number): number {
  let rank = step === NO_ROOM ? 0 : step;
  let before = ranks[order[0] ?? 0];
  for (let at = 0; at < order.length; at += 1) {
    const row = order[at] ?? 0;
    if (ranks[row] !== before) rank += step;
    before = ranks[row];
    ranks[row] = rank;
  }
  return rank + step;
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

function rankAt(ranks: Uint32Array, order: Uint32Array, place: number): number {
  if (place < 0) return 0;
  return place < order.length ? (ranks[order[place] ?? 0] ?? 0) : BEHIND_ALL;
}

/** One key by which rows are sorted. */
export interface RankKey extends Ranks {
  readonly reverse: boolean;
}

/**
 * Rows in the order that the keys give, of which the first decides before the second; the lower row comes first where
 * they give none. Sorts in steps.
 */
export function* orderByRanks(count: number, keys: readonly RankKey[]): Generator<void, Uint32Array, void> {
  let order = new Uint32Array(count);
  for (let row = 0; row < count; row += 1) order[row] = row;
  let other = new Uint32Array(count);
  // Each pass keeps the order of those that it finds equal, so what decides last comes first.
  for (const key of [...keys].reverse()) {
    yield* sortByKey(order, other, key);
    [order, other] = [other, order];
  }
  return order;
}

/** Counts how many rows have each rank, and puts each row where those before it end. */
function* sortByKey(from: Uint32Array, to: Uint32Array, key: RankKey): Generator<void, void, void> {
  const starts = new Uint32Array(key.below + 1);
  for (let at = 0; at < from.length; at += ELEMENTS_PER_STEP) {
    countRanks(key, starts, at, Math.min(at + ELEMENTS_PER_STEP, from.length));
    yield;
  }
  for (let rank = 1; rank < key.below; rank += ELEMENTS_PER_STEP) {
    addUp(starts, rank, Math.min(rank + ELEMENTS_PER_STEP, key.below));
    yield;
  }
  for (let at = 0; at < from.length; at += ELEMENTS_PER_STEP) {
    place(from.subarray(at, at + ELEMENTS_PER_STEP), to, key, starts);
    yield;
  }
}

/** The first place to count at, and where the next one is: what is reversed is counted from the other end. */
function direction({ below, reverse }: RankKey): readonly [first: number, sign: number] {
  return reverse ? [below - 1, -1] : [0, 1];
}

/** Counts those of some rows that have each rank, one place further. */
function countRanks(key: RankKey, starts: Uint32Array, start: number, end: number): void {
  const { ranks } = key;
  const [first, sign] = direction(key);
  for (let row = start; row < end; row += 1) {
    const at = first + sign * (ranks[row] ?? 0) + 1;
    starts[at] = (starts[at] ?? 0) + 1;
  }
}

function addUp(starts: Uint32Array, start: number, end: number): void {
  for (let rank = start; rank < end; rank += 1) starts[rank] = (starts[rank] ?? 0) + (starts[rank - 1] ?? 0);
}

function place(rows: Uint32Array, to: Uint32Array, key: RankKey, starts: Uint32Array): void {
  const { ranks } = key;
  const [first, sign] = direction(key);
  for (let at = 0; at < rows.length; at += 1) {
    const row = rows[at] ?? 0;
    const rank = first + sign * (ranks[row] ?? 0);
    const start = starts[rank] ?? 0;
    to[start] = row;
    starts[rank] = start + 1;
  }
}
