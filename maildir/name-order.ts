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

/** So few are compared each with each: the tables of a radix sort would take longer to make. */
const FEW = 128;

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
  const { ordered, keys } = sortedByNumber(some, numbers);
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

/** A radix sort: 200,000 files in a few milliseconds. */
function sortedByNumber(files: Uint32Array, numbers: Uint32Array): { ordered: Uint32Array; keys: Uint32Array } {
  let [from, to]: [Uint32Array, Uint32Array] = [files.slice(), new Uint32Array(files.length)];
  let [keys, nextKeys]: [Uint32Array, Uint32Array] = [numbers, new Uint32Array(files.length)];
  for (let pass = 0; pass < PASSES; pass += 1) {
    const shift = pass * DIGIT_BITS;
    const places = new Uint32Array(DIGITS + 1);
    for (let at = 0; at < keys.length; at += 1) {
      const digit = ((keys[at] ?? 0) >>> shift) & (DIGITS - 1);
      places[digit + 1] = (places[digit + 1] ?? 0) + 1;
    }
    for (let digit = 1; digit <= DIGITS; digit += 1) places[digit] = (places[digit] ?? 0) + (places[digit - 1] ?? 0);
    for (let at = 0; at < keys.length; at += 1) {
      const key = keys[at] ?? 0;
      const digit = (key >>> shift) & (DIGITS - 1);
      const place = places[digit] ?? 0;
      to[place] = from[at] ?? 0;
      nextKeys[place] = key;
      places[digit] = place + 1;
    }
    [from, to] = [to, from];
    [keys, nextKeys] = [nextKeys, keys];
  }
  return { ordered: from, keys };
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
