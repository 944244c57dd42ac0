/**
 * Line ends: LF in files, CRLF on the wire. An LF with a CR before it, and a CR alone, stay what they are.
 *
 * Lines are found and moved by the platform's own search and copy, which is several times faster than a loop.
 */
import type { OctetWriter } from './octet-writer.js';

/** Counts the LFs without a CR before them from `start` to `end`. `before` is the octet before `start`. */
export function countBareLfs(octets: Buffer, start: number, end: number, before = 0): number {
  let count = 0;
  for (let lf = octets.indexOf(LF, start); lf !== -1 && lf < end; lf = octets.indexOf(LF, lf + 1)) {
    if ((lf === start ? before : octets[lf - 1]) !== CR) count += 1;
  }
  return count;
}

/** A shorter line is moved faster octet by octet. */
const SHORT_LINE = 16;

/** What is written, from where to where, and what is known of it. */
export interface LineRange {
  readonly start: number;
  readonly end: number;
  /** As `countBareLfs` counts them. */
  readonly bareLfs: number;
  /** The octet before `start`. */
  readonly before: number;
}

/**
 * Writes lines with CRLF.
 *
 * They are put where they will end, and moved to the front line by line: the room between grows smaller with each CR,
 * and when it is used up the rest stands where it belongs.
 */
export function writeWithCrlf(out: OctetWriter, octets: Buffer, { start, end, bareLfs, before }: LineRange): void {
  out.need(end - start + bareLfs);
  const target = out.octets;
  let to = out.length;
  let from = to + bareLfs;
  octets.copy(target, from, start, end);
  out.length = from + end - start;
  for (let previous = before; from !== to; previous = LF) {
    const lf = target.indexOf(LF, from);
    const keepsEnd = (lf > from ? target[lf - 1] : previous) === CR;
    const stop = keepsEnd ? lf + 1 : lf;
    if (stop - from > SHORT_LINE) {
      target.copyWithin(to, from, stop);
      to += stop - from;
      from = stop;
    } else {
      while (from < stop) target[to++] = target[from++] ?? 0;
    }
    if (keepsEnd) continue;
    target[to++] = CR;
    target[to++] = LF;
    from += 1;
  }
}

const LF = 0x0a;
const CR = 0x0d;
