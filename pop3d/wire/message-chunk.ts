/**
 * MessageChunk: a buffer that is filled with lines of replies and with messages as POP3 sends them: CRLF at the end of each
 * line, and a dot more where one begins a line (RFC 1939 section 3).
 */
import type { OutputChunk } from '../../init/runtime/client-output.js';

const LF = 0x0a;
const CR = 0x0d;
const DOT = 0x2e;

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

  /** Adds ASCII text. */
  text(text: string): void {
    this.length += this.octets.write(text, this.length, 'latin1');
  }

  /** Adds octets of a message from `start` to `end`. */
  message(from: Buffer, { start, end, state }: { start: number; end: number; state: TextState }): void {
    const to = this.octets;
    let at = this.length;
    let last = state.last;
    for (let index = start; index < end; index += 1) {
      const octet = from[index] ?? 0;
      if (octet === LF) {
        if (last !== CR) to[at++] = CR;
      } else if (last === LF && octet === DOT) to[at++] = DOT;
      to[at++] = octet;
      last = octet;
    }
    state.last = last;
    this.length = at;
  }
}
