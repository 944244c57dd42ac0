/**
 * What an SMAP client sends: lines, and texts of messages behind some of them (courier.md section 5.1).
 *
 *     ADD FOLDER INBOX "" {.120}      then lines, dots at their beginnings doubled, and a dot alone
 *     ADD FOLDER INBOX "" {4096/9000} then 4096 octets, a line with the size of the next piece, …, an empty line
 *
 * Texts come in pieces, and nobody holds a whole one. It knows no commands.
 */
import { type OctetSource, UnreadOctets } from '../wire/unread-octets.js';
import { MAX_LINE_OCTETS } from './words.js';

/** How the text of a message is sent. */
export type TextFormat =
  | { readonly kind: 'lines' }
  /** `octets` of the first piece. */
  | { readonly kind: 'pieces'; readonly octets: number };

/** A message text announced by the last word of a line: `{.n}` or `{c/t}`. The estimates are of no use. */
export function textFormatOf(word: string): TextFormat | undefined {
  if (/^\{\.\d+\}$/.test(word)) return { kind: 'lines' };
  const [, octets] = /^\{(\d{1,15})\/\d+\}$/.exec(word) ?? [];
  return octets === undefined ? undefined : { kind: 'pieces', octets: Number(octets) };
}

const DOT = 0x2e;
const LF = 0x0a;
const CR = 0x0d;

/** Reads one client. */
export class ClientLines {
  readonly #unread: UnreadOctets;

  constructor(source: OctetSource) {
    this.#unread = new UnreadOctets(source);
  }

  /** Whether something was received that nobody has read. */
  get hasUnread(): boolean {
    return this.#unread.any;
  }

  /** The next line without its end; what is beyond the limit is dropped. Undefined when the client has gone. */
  async line(): Promise<string | undefined> {
    const line = await this.#unread.line(MAX_LINE_OCTETS + 2);
    if (line === undefined) return undefined;
    if (line.kind === 'complete') return withoutEnd(line.octets).toString('utf8');
    if ((await this.#unread.dropLine(line.octets)) === undefined) return undefined;
    return line.octets.toString('utf8', 0, MAX_LINE_OCTETS);
  }

  /**
   * The text of a message, piece by piece. The generator gives true when all of it came, false when the client went.
   */
  async *text(format: TextFormat): AsyncGenerator<Buffer, boolean, void> {
    return format.kind === 'lines' ? yield* this.#linesToDot() : yield* this.#pieces(format.octets);
  }

  async *#linesToDot(): AsyncGenerator<Buffer, boolean, void> {
    for (let begins = true; ; ) {
      const line = await this.#unread.line(MAX_LINE_OCTETS);
      if (line === undefined) return false;
      const { octets } = line;
      const isLast = begins && line.kind === 'complete' && octets[0] === DOT && withoutEnd(octets).length === 1;
      if (isLast) return true;
      yield begins && octets[0] === DOT ? octets.subarray(1) : octets;
      // Of a line that is too long the rest comes as the next one.
      begins = line.kind === 'complete';
    }
  }

  async *#pieces(first: number): AsyncGenerator<Buffer, boolean, void> {
    for (let left = first; ; ) {
      while (left > 0) {
        const octets = await this.#unread.some(left);
        if (octets === undefined) return false;
        left -= octets.length;
        yield octets;
      }
      const next = await this.line();
      if (next === undefined) return false;
      if (!/^\d{1,15}$/.test(next.trim())) return true;
      left = Number(next);
    }
  }
}

function withoutEnd(line: Buffer): Buffer {
  if (line.at(-1) !== LF) return line;
  return line.subarray(0, line.at(-2) === CR ? -2 : -1);
}
