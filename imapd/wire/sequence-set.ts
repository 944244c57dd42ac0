/**
 * Sets of sequence numbers or UIDs: `1:3,7,10:*`.
 *
 * They hold numbers as the client wrote them and are never expanded; what they count is decided where they are used.
 */
import { NUMBERS_PER_STEP, NumberWriter } from './number-writer.js';

/** A number from 1 to 4294967295, or `*`: the largest in use. */
export type SetNumber = number | '*';

/** `first` and `last` as written: `5:3` means the same as `3:5`. */
export interface SetRange {
  readonly first: SetNumber;
  readonly last: SetNumber;
}

/** At least one range when it was read by a Cursor; or `$`, what the last SEARCH with SAVE found (RFC 5182). */
export type SequenceSet = readonly SetRange[] | '$';

/** Writes a set in the form that `Cursor.sequenceSet` reads: `1:3,7`. */
export function formatSequenceSet(set: SequenceSet): Buffer {
  if (set === '$') return Buffer.from('$');
  const ranges = set.map(({ first, last }) => (first === last ? `${first}` : `${first}:${last}`));
  return Buffer.from(ranges.join(','), 'latin1');
}

/**
 * Writes ascending numbers as a set: `compactSet([1, 2, 3, 7])` is `'1:3,7'`.
 *
 * Numbers need not be neighbours and must not be repeated. No numbers give an empty text, which is not a valid set.
 */
export function compactSet(numbers: readonly number[]): string {
  const writing = encodeSet(numbers);
  for (;;) {
    const step = writing.next();
    if (step.done === true) return step.value.toString('latin1');
  }
}

/** The same as octets, in steps: also of numbers in another order, as SORT gives them. */
export function* encodeSet(numbers: readonly number[]): Generator<void, Buffer, void> {
  const out = new NumberWriter(numbers.length, 0);
  let ranges = 0;
  for (let at = 0; at < numbers.length; ) {
    ranges += 1;
    if (ranges % NUMBERS_PER_STEP === 0) yield;
    const first = numbers[at] ?? 0;
    let last = first;
    for (at += 1; at < numbers.length && numbers[at] === last + 1; at += 1) last += 1;
    if (out.length > 0) out.octet(COMMA);
    out.number(first);
    if (last === first) continue;
    out.octet(COLON);
    out.number(last);
  }
  return out.octets();
}

const COMMA = 0x2c;
const COLON = 0x3a;
