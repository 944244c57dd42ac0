/**
 * Sets of sequence numbers or UIDs: `1:3,7,10:*`.
 *
 * They hold numbers as the client wrote them and are never expanded; what they count is decided where they are used.
 */

/** A number from 1 to 4294967295, or `*`: the largest in use. */
export type SetNumber = number | '*';

/** `first` and `last` as written: `5:3` means the same as `3:5`. */
export interface SetRange {
  readonly first: SetNumber;
  readonly last: SetNumber;
}

/** At least one range when it was read by a Cursor. */
export type SequenceSet = readonly SetRange[];

/** Writes a set in the form that `Cursor.sequenceSet` reads: `1:3,7`. */
export function formatSequenceSet(set: SequenceSet): Buffer {
  const ranges = set.map(({ first, last }) => (first === last ? `${first}` : `${first}:${last}`));
  return Buffer.from(ranges.join(','), 'latin1');
}

/**
 * Writes ascending numbers as a set: `compactSet([1, 2, 3, 7])` is `'1:3,7'`.
 *
 * Numbers need not be neighbours and must not be repeated. No numbers give an empty text, which is not a valid set.
 */
export function compactSet(numbers: Iterable<number>): string {
  const ranges: string[] = [];
  let first = 0;
  let last = 0;
  for (const number of numbers) {
    if (last !== 0 && number === last + 1) {
      last = number;
      continue;
    }
    if (last !== 0) ranges.push(first === last ? `${first}` : `${first}:${last}`);
    first = number;
    last = number;
  }
  if (last !== 0) ranges.push(first === last ? `${first}` : `${first}:${last}`);
  return ranges.join(',');
}
