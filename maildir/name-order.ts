/**
 * The order in which messages that came together get their UIDs: by the number that their names begin with, then by
 * octets.
 */
import type { FileTable } from './file-table.js';
import { compareOctets } from './name-octets.js';

/** Numbers below this, and fewer files than that, fit together into the 53 bits of a number. */
const NUMBERS_THAT_FIT = 2 ** 32;
const FILES_THAT_FIT = 2 ** 21;

/** These files of a table in their order. */
export function inNameOrder(files: FileTable, some: Uint32Array): Uint32Array {
  const keys = new Float64Array(some.length);
  let highest = 0;
  some.forEach((file, index) => {
    const number = files.leadingNumberAt(file);
    highest = Math.max(highest, number);
    keys[index] = number * FILES_THAT_FIT + file;
  });
  if (highest >= NUMBERS_THAT_FIT || files.count > FILES_THAT_FIT) {
    return some.slice().sort((one, other) => {
      const difference = files.leadingNumberAt(one) - files.leadingNumberAt(other);
      return difference !== 0 ? difference : compareBaseNames(files, one, other);
    });
  }
  // Sorting plain numbers is many times faster than asking a function; those with the same number are few.
  const ordered = Uint32Array.from(keys.sort(), (key) => key % FILES_THAT_FIT);
  for (let from = 0; from < ordered.length; ) {
    let end = from + 1;
    const number = Math.floor((keys[from] ?? 0) / FILES_THAT_FIT);
    while (end < ordered.length && Math.floor((keys[end] ?? 0) / FILES_THAT_FIT) === number) end += 1;
    if (end > from + 1) ordered.subarray(from, end).sort((one, other) => compareBaseNames(files, one, other));
    from = end;
  }
  return ordered;
}

function compareBaseNames(files: FileTable, one: number, other: number): number {
  const a = files.baseView(one);
  const b = files.baseView(other);
  return compareOctets(a.octets, [a.start, a.end], b.octets, [b.start, b.end]);
}
