/**
 * Octets to lines. A line ends in LF, with or without CR before it; what stands before the end of the stream without one
 * is no line, and nothing is done for it.
 *
 * It reads only what somebody asks for, and never holds more than one line that is too long. It knows no command.
 */

/** Where the octets come from; undefined at the end. */
export type ReadOctets = () => Promise<Buffer | undefined>;

/** A line without its end, each character an octet; or one that was longer than allowed, whose octets are gone. */
export type Line = { readonly kind: 'line'; readonly text: string } | { readonly kind: 'too long' };

const LF = 0x0a;
const CR = 0x0d;
const NOTHING = Buffer.alloc(0);

/** The lines of one conversation. */
export class LineReader {
  readonly #read: ReadOctets;
  readonly #maxOctets: number;
  #unread: Buffer = NOTHING;
  /** Where the search for the end of the line goes on. */
  #sought = 0;
  /** The present line is too long, and is passed over. */
  #passingOver = false;

  constructor(read: ReadOctets, maxOctets: number) {
    this.#read = read;
    this.#maxOctets = maxOctets;
  }

  /** The next line; undefined when there will be none. */
  async next(): Promise<Line | undefined> {
    for (;;) {
      const line = this.#take();
      if (line !== undefined) return line;
      const octets = await this.#read();
      if (octets === undefined) return undefined;
      this.#unread = this.#unread.length === 0 ? octets : Buffer.concat([this.#unread, octets]);
    }
  }

  /** What was read and belongs to no line that was given: for whoever reads on. */
  takeUnread(): Buffer {
    const unread = this.#unread;
    this.#forget();
    return unread;
  }

  #take(): Line | undefined {
    const end = this.#unread.indexOf(LF, this.#sought);
    if (end < 0) {
      if (this.#unread.length > this.#maxOctets) {
        this.#forget();
        this.#passingOver = true;
      }
      this.#sought = this.#unread.length;
      return undefined;
    }
    const isTooLong = this.#passingOver || end > this.#maxOctets;
    const text = isTooLong ? '' : this.#unread.toString('latin1', 0, this.#unread[end - 1] === CR ? end - 1 : end);
    this.#unread = end + 1 === this.#unread.length ? NOTHING : this.#unread.subarray(end + 1);
    this.#sought = 0;
    this.#passingOver = false;
    return isTooLong ? { kind: 'too long' } : { kind: 'line', text };
  }

  #forget(): void {
    this.#unread = NOTHING;
    this.#sought = 0;
  }
}

/** A command as it came. */
export interface ReceivedCommand {
  /** In capitals. */
  readonly name: string;
  /** What follows it, without the blanks between. */
  readonly rest: string;
  /** All that follows the first blank behind it. */
  readonly octets: string;
}

/** Takes a line apart. */
export function parseCommand(line: string): ReceivedCommand {
  const [, name = '', octets = ''] = /^[ \t]*([^ \t]*)[ \t]?(.*)$/s.exec(line) ?? [];
  return { name: name.toUpperCase(), rest: octets.replace(/^[ \t]+/, ''), octets };
}

/** The words of what follows a command. */
export function wordsOf({ rest }: ReceivedCommand): string[] {
  return rest.split(/[ \t]+/).filter((word) => word !== '');
}
