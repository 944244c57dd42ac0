/**
 * MessageChunk: a buffer that is filled with lines of replies and with messages as POP3 sends them: CRLF at the end of each
 * line, and a dot more where one begins a line (RFC 1939 section 3).
 */
import type { OutputChunk } from '../../init/runtime/worker/client-output.js';
import { putDecimal } from '../../maildir/octets/decimal.js';
import { expandedLines, expandLines, MACHINE_OCTETS } from '../../maildir/octets/line-machine.js';

const LF = 0x0a;
const CR = 0x0d;
const DOT = 0x2e;
const LINE_WITH_DOT = Buffer.from('\n.');

/** Octets that one octet of a message may become: an LF alone, or a dot that begins a line. */
export const MAX_GROWTH = 2;

/** Where the writing of a message is. */
export class TextState {
  /** The octet before the next; an LF at the beginning. */
  last = LF;
}

/** What is being filled. The owner sees to it that there is room. */
export class MessageChunk implements OutputChunk {
  readonly octets: Buffer;
  length = 0;

  constructor(octets: Buffer) {
    this.octets = octets;
  }

  copy(from: Buffer, start: number, end: number): void {
    this.length += from.copy(this.octets, this.length, start, end);
  }

  view(): Buffer {
    return this.octets.subarray(0, this.length);
  }

  /** Adds a whole number of at most 15 digits. */
  decimal(number: number): void {
    this.length = putDecimal(this.octets, this.length, number);
  }

  /** Adds one octet. */
  octet(octet: number): void {
    this.octets[this.length++] = octet;
  }

  /** Adds the end of a line. */
  crlf(): void {
    this.octet(CR);
    this.octet(LF);
  }

  /** Adds ASCII text. */
  text(text: string): void {
    this.length += this.octets.write(text, this.length, 'latin1');
  }

  /** Adds octets of a message from `start` to `end`. */
  message(from: Buffer, { start, end, state }: { start: number; end: number; state: TextState }): void {
    for (let at = start; at < end; at += MACHINE_OCTETS) {
      const to = Math.min(end, at + MACHINE_OCTETS);
      const length = expandLines(from, at, to, state.last);
      this.#stuffed(length, state.last);
      state.last = from[to - 1] ?? state.last;
    }
  }

  /** Adds what was expanded, with a dot more before each that begins a line. */
  #stuffed(length: number, last: number): void {
    const expanded = expandedLines.subarray(0, length);
    if (last === LF && expanded[0] === DOT) this.octets[this.length++] = DOT;
    let copied = 0;
    for (;;) {
      const found = expanded.indexOf(LINE_WITH_DOT, copied);
      this.copy(expanded, copied, found < 0 ? length : found + 1);
      if (found < 0) return;
      this.octets[this.length++] = DOT;
      copied = found + 1;
    }
  }
}
