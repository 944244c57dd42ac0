/**
 * The order in which messages that came together get their UIDs: by the number that their names begin with, then by
 * octets.
 */
import type { FileTable } from './file-table.js';
import { compareOctets } from './name-octets.js';
import type { Pace } from './pace.js';

const DIGIT_BITS = 11;
const DIGITS = 1 << DIGIT_BITS;
const PASSES = 3;

/** So many take some ten microseconds. */
const FILES_PER_STEP = 4_096;

/** So few are compared each with each: the tables of a radix sort would take longer to make. */
const FEW = 128;

/** Files, and the number that each one's name begins with. */
interface ByNumber {
  readonly ordered: Uint32Array;
  readonly keys: Uint32Array;
}

/** These files of a table in their order. */
export async function inNameOrder(files: FileTable, some: Uint32Array, pace: Pace): Promise<Uint32Array> {
  if (some.length < 2) return some;
  if (some.length < FEW) return some.slice().sort((one, other) => compareNames(files, one, other));
  const numbers = new Uint32Array(some.length);
  let fits = true;
  for (let index = 0; index < some.length; index += 1) {
    const number = files.leadingNumberAt(some[index] ?? 0);
    numbers[index] = number;
    fits &&= number < 2 ** 32;
    const pause = pace.step();
    if (pause !== undefined) await pause;
  }
  if (!fits) return some.slice().sort((one, other) => compareNames(files, one, other));
  // Most files begin with the second in which they came: sorting by that leaves little to compare.
  const { ordered, keys } = await sortedByNumber(some, numbers, pace);
  for (let from = 0; from < ordered.length; ) {
    let end = from + 1;
    while (end < ordered.length && keys[end] === keys[from]) end += 1;
    if (end > from + 1) ordered.subarray(from, end).sort((one, other) => compareBaseNames(files, one, other));
    from = end;
    const pause = pace.step();
    if (pause !== undefined) await pause;
  }
  return ordered;
}

/** A radix sort: 200,000 files in some ten milliseconds, in slices. */
async function sortedByNumber(files: Uint32Array, numbers: Uint32Array, pace: Pace): Promise<ByNumber> {
  let from: ByNumber = { ordered: files.slice(), keys: numbers };
  let to: ByNumber = { ordered: new Uint32Array(files.length), keys: new Uint32Array(files.length) };
  for (let pass = 0; pass < PASSES; pass += 1) {
    const shift = pass * DIGIT_BITS;
    const places = new Uint32Array(DIGITS + 1);
    for (let at = 0; at < files.length; at += FILES_PER_STEP) {
      countDigits(from.keys.subarray(at, at + FILES_PER_STEP), shift, places);
      const pause = pace.look();
      if (pause !== undefined) await pause;
    }
    for (let digit = 1; digit <= DIGITS; digit += 1) places[digit] = (places[digit] ?? 0) + (places[digit - 1] ?? 0);
    for (let at = 0; at < files.length; at += FILES_PER_STEP) {
      place({ from, to, shift, places }, at, Math.min(at + FILES_PER_STEP, files.length));
      const pause = pace.look();
      if (pause !== undefined) await pause;
    }
    [from, to] = [to, from];
  }
  return from;
}

/** Counts the digits of keys, one place further. */
function countDigits(keys: Uint32Array, shift: number, places: Uint32Array): void {
  for (let at = 0; at < keys.length; at += 1) {
    const digit = ((keys[at] ?? 0) >>> shift) & (DIGITS - 1);
    places[digit + 1] = (places[digit + 1] ?? 0) + 1;
  }
}

interface Pass {
  readonly from: ByNumber;
  readonly to: ByNumber;
  readonly shift: number;
  /** Where the next file with each digit comes. */
  readonly places: Uint32Array;
}

/** Puts files from `start` to `end` where their digits say. */
function place({ from, to, shift, places }: Pass, start: number, end: number): void {
  const [{ ordered, keys }, { ordered: toOrdered, keys: toKeys }] = [from, to];
  for (let at = start; at < end; at += 1) {
    const key = keys[at] ?? 0;
    const digit = (key >>> shift) & (DIGITS - 1);
    const next = places[digit] ?? 0;
    toOrdered[next] = ordered[at] ?? 0;
    toKeys[next] = key;
    places[digit] = next + 1;
  }
}

function compareNames(files: FileTable, one: number, other: number): number {
  const difference = files.leadingNumberAt(one) - files.leadingNumberAt(other);
  return difference !== 0 ? difference : compareBaseNames(files, one, other);
}

function compareBaseNames(files: FileTable, one: number, other: number): number {
  const a = files.baseView(one);
  const b = files.baseView(other);
  return compareOctets(a.octets, [a.start, a.end], b.octets, [b.start, b.end]);
}
