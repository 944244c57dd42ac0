/**
 * Line ends: LF in files, CRLF on the wire. An LF with a CR before it, and a CR alone, stay what they are.
 */
import { countLinesToExpand, expandedLines, expandLines, MACHINE_OCTETS } from '../../maildir/octets/line-machine.js';
import type { OctetWriter } from './octet-writer.js';

/** Counts the LFs without a CR before them from `start` to `end`. `before` is the octet before `start`. */
export function countBareLfs(octets: Buffer, start: number, end: number, before = 0): number {
  let count = 0;
  let last = before;
  for (let from = start; from < end; from += MACHINE_OCTETS) {
    const to = Math.min(end, from + MACHINE_OCTETS);
    count += countLinesToExpand(octets, from, to, last);
    last = octets[to - 1] ?? 0;
  }
  return count;
}

/** Writes the octets from `start` to `end` with CRLF. `before` is the octet before `start`. */
export function writeWithCrlf(out: OctetWriter, octets: Buffer, { start, end, before }: LineRange): void {
  let last = before;
  for (let from = start; from < end; from += MACHINE_OCTETS) {
    const to = Math.min(end, from + MACHINE_OCTETS);
    const length = expandLines(octets, from, to, last);
    last = octets[to - 1] ?? 0;
    out.copy(expandedLines, 0, length);
  }
}

/** What is written. */
export interface LineRange {
  readonly start: number;
  readonly end: number;
  /** The octet before `start`. */
  readonly before: number;
}
