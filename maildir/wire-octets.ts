/**
 * Message files as POP3 sends them: each line ends in CRLF, the last one, too. An LF with a CR before it, and a CR alone,
 * stay what they are. It knows octets only.
 */
import { isAscii } from 'node:buffer';
import type { OpenFile } from './file-system.js';
import {
  countLinesToExpand,
  LINE_BUFFER_OCTETS,
  lineBuffer,
  MACHINE_OCTETS,
  type WalkedLines,
  walkLines,
} from './octets/line-machine.js';

const LF = 0x0a;
const CR = 0x0d;

/** What a look at all octets of a message tells. */
export interface WireSize {
  readonly sizeOctets: number;
  /** There are raw octets above 127 in the header (RFC 6532). */
  readonly isUtf8: boolean;
}

/** Reads a message to its end. It never waits, and gives others their turn between two pieces. */
export function* measured(file: OpenFile): Generator<void, WireSize> {
  const counter = new WireCounter();
  const { sizeOctets } = file.status();
  for (let position = 0; ; ) {
    const length = file.read(lineBuffer, position);
    if (length > 0) counter.count(lineBuffer, length);
    position += length;
    // Nearly always the first piece is all there is.
    if (length === 0 || (position >= sizeOctets && length < LINE_BUFFER_OCTETS)) return counter.size;
    if (length === LINE_BUFFER_OCTETS) yield;
  }
}

const walked: WalkedLines = { at: 0, lines: 0, bareLfs: 0 };

class WireCounter {
  #octets = 0;
  #bareLfs = 0;
  #last = LF;
  #isUtf8 = false;
  #inHeader = true;
  /** Octets of the line so far, while in the header. */
  #lineOctets = 0;

  get size(): WireSize {
    const missingEnd = this.#octets > 0 && this.#last !== LF ? 2 : 0;
    return { sizeOctets: this.#octets + this.#bareLfs + missingEnd, isUtf8: this.#isUtf8 };
  }

  count(octets: Buffer, length: number): void {
    const before = this.#octets === 0 ? 0 : this.#last;
    const start = this.#inHeader ? (this.#walkHeader(octets, length) ?? this.#readHeader(octets, length)) : 0;
    for (let from = start; from < length; from += MACHINE_OCTETS) {
      const to = Math.min(length, from + MACHINE_OCTETS);
      this.#bareLfs += countLinesToExpand(octets, from, to, from > 0 ? (octets[from - 1] ?? 0) : before);
    }
    this.#octets += length;
    this.#last = octets[length - 1] ?? 0;
  }

  /** The same as #readHeader() for a header that begins and ends in these octets; undefined for any other. */
  #walkHeader(octets: Buffer, length: number): number | undefined {
    const isBlankFirst = octets[0] === LF || octets[0] === CR;
    const lines = { start: 0, end: length, toDashes: false, toBlank: true };
    if (this.#octets > 0 || isBlankFirst || !walkLines(octets, lines, walked)) return undefined;
    const { at } = walked;
    const isBare = octets[at] === LF;
    const end = isBare ? at + 1 : at + 2;
    // What lies behind the end is of another message.
    if (end > length || (!isBare && (octets[at] !== CR || octets[at + 1] !== LF))) return undefined;
    this.#bareLfs += isBare ? walked.bareLfs + 1 : walked.bareLfs;
    this.#isUtf8 = !isAscii(octets.subarray(0, at));
    this.#inHeader = false;
    return end;
  }

  /** Gives where the body begins, or the end of what is there. */
  #readHeader(octets: Buffer, length: number): number {
    let last = this.#octets === 0 ? 0 : this.#last;
    for (let at = 0; at < length; at += 1) {
      const octet = octets[at] ?? 0;
      if (octet >= 0x80) this.#isUtf8 = true;
      if (octet === LF) {
        if (last !== CR) this.#bareLfs += 1;
        const isBlank = this.#lineOctets === 0 || (this.#lineOctets === 1 && last === CR);
        this.#lineOctets = 0;
        if (isBlank) {
          this.#inHeader = false;
          return at + 1;
        }
      } else this.#lineOctets += 1;
      last = octet;
    }
    return length;
  }
}
