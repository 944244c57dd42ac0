/**
 * Message files as POP3 sends them: each line ends in CRLF, the last one, too. An LF with a CR before it, and a CR alone,
 * stay what they are. It knows octets only.
 */
import type { OpenFile } from './file-system.js';

const LF = 0x0a;
const CR = 0x0d;

/** Most messages are smaller than this. */
const PIECE_OCTETS = 128 * 1024;
let piece: Buffer | undefined;

/** What a look at all octets of a message tells. */
export interface WireSize {
  readonly sizeOctets: number;
  /** There are raw octets above 127 in the header (RFC 6532). */
  readonly isUtf8: boolean;
}

/** Reads a message to its end. It never waits, and gives others their turn between two pieces. */
export function* measured(file: OpenFile): Generator<void, WireSize> {
  piece ??= Buffer.allocUnsafeSlow(PIECE_OCTETS);
  const counter = new WireCounter();
  for (let position = 0; ; ) {
    const length = file.read(piece, position);
    if (length === 0) return counter.size;
    counter.count(piece, length);
    position += length;
    if (length === PIECE_OCTETS) yield;
  }
}

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
    const start = this.#inHeader ? this.#readHeader(octets, length) : 0;
    let bareLfs = 0;
    for (let at = start; at < length; at += 1) {
      if (octets[at] === LF && (at > 0 ? octets[at - 1] : before) !== CR) bareLfs += 1;
    }
    this.#bareLfs += bareLfs;
    this.#octets += length;
    this.#last = octets[length - 1] ?? 0;
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
