/**
 * Octets to complete commands: lines and literals, with limits. What the arguments mean is the Cursor's business.
 *
 * What must always hold:
 * - The end of a command is found from its lines and literal announcements alone, so that the content of a literal is
 *   never taken for a command, whatever is wrong with the command around it.
 * - A synchronising literal that will not be read is refused before it is asked for; a non-synchronising one is read
 *   off and dropped without being kept.
 * - Where the network cuts the octets never matters, and each octet is copied a bounded number of times.
 * - An idle reader holds no buffer.
 *
 * A command that is too long is answered at once and its remaining octets are dropped when the next one is asked for.
 */
import { ATOM_CHAR, DIGIT, endOfRun, isIn, TAG_CHAR } from './characters.js';
import { SyntaxFailure } from './failures.js';
import { MAX_TAG_OCTETS } from './limits.js';
import { SMAP_TAG } from './smap-tag.js';
import { type OctetSource, type UnreadLine, UnreadOctets } from './unread-octets.js';

export type { OctetSource } from './unread-octets.js';

/** A literal that the caller reads from the stream: the message of APPEND. */
export interface StreamingLiteral {
  readonly sizeOctets: number;
  readonly nonSynchronizing: boolean;
  /** `~{n}`: may hold NUL. */
  readonly binary: boolean;
}

/** A command with all its octets, or all up to its streaming literal. */
export interface ReceivedCommand {
  readonly kind: 'command';
  readonly tag: string;
  /** Upper case; `UID FETCH` in one. */
  readonly name: string;
  /** After the name, with its leading space and literals inline; without the final CRLF or the streaming `{n}` CRLF. */
  readonly rest: Buffer;
  readonly streamingLiteral?: StreamingLiteral;
}

/** What was received is no command, or one beyond the limits. The reader goes on with the next. */
export interface BadLine {
  readonly kind: 'bad';
  /** `*` when no tag could be read. */
  readonly tag: string;
  readonly reason: 'no command' | 'line too long' | 'literal too large';
  readonly code?: string;
  readonly text: string;
}

/** What follows a streaming literal: octets to the end of the command or to the next literal (MULTIAPPEND). */
export interface CommandRemainder {
  readonly kind: 'remainder';
  readonly rest: Buffer;
  readonly streamingLiteral?: StreamingLiteral;
}

export interface CommandReaderOptions {
  /** All text of one command, without its literals. */
  readonly maxLineOctets: number;
  readonly maxLiteralOctets: number;
  readonly maxLiteralsTotalOctets: number;
  /** Of literals that come without being asked for; as others where absent. */
  readonly maxNonSynchronizingOctets?: number | undefined;
  /** Names the commands whose message literal is left on the stream. A literal as first argument is read all the same. */
  readonly streams?: (name: string) => boolean;
  /** Before login: `\SMAP1` may stand in the place of a tag. */
  readonly smap?: boolean;
}

/** The client whose commands are read. */
export interface CommandSource extends OctetSource {
  /** Sends `+ OK`. */
  requestContinuation(): void | Promise<void>;
}

interface CommandHead {
  readonly tag: string;
  readonly name: string;
  /** Where the arguments begin. */
  readonly end: number;
}

interface Announcement extends StreamingLiteral {
  /** Octets of the line before `{` or `~{`. */
  readonly start: number;
}

interface PendingLiteral {
  /** Octets not yet read. */
  left: number;
  /** The client sends, or has been asked to send. */
  coming: boolean;
}

/** Reads one client's commands, one after the other. */
export class CommandReader {
  readonly #unread: UnreadOctets;
  readonly #source: CommandSource;
  readonly #options: CommandReaderOptions;
  /** The literal that the caller was told of and has not finished. */
  #streaming: PendingLiteral | undefined;
  /** The present command has been answered with BAD, and this is to be dropped before the next one. */
  #rubbish: { literalOctets: number; lineTail: Buffer } | undefined;

  constructor(source: CommandSource, options: CommandReaderOptions) {
    this.#unread = new UnreadOctets(source);
    this.#source = source;
    this.#options = options;
  }

  /** Whether something was received that belongs to a command to come. */
  get hasUnread(): boolean {
    return this.#unread.any;
  }

  /** Gives the next command; undefined when the client has gone, also in the middle of a command. */
  async next(): Promise<ReceivedCommand | BadLine | undefined> {
    const line = await this.#nextLine();
    if (line === undefined) return undefined;
    const head = readHead(line.octets, this.#options.smap === true);
    if (line.kind === 'too long') return this.#lineTooLong(line.octets, typeof head === 'string' ? '*' : head.tag);
    if (typeof head === 'string' || head.name === '') return this.#noCommand(line.octets, head);
    return this.#arguments(line.octets, head);
  }

  /**
   * Gives one raw line without its end: DONE, an answer of AUTHENTICATE.
   *
   * @throws {SyntaxFailure} when it is too long; its remaining octets are dropped.
   */
  async line(): Promise<Buffer | undefined> {
    const line = await this.#nextLine();
    if (line === undefined) return undefined;
    if (line.kind === 'complete') return withoutLineEnd(line.octets);
    this.#rubbish = { literalOctets: 0, lineTail: NOTHING };
    throw new SyntaxFailure('The line is too long.');
  }

  /**
   * Gives the streaming literal's octets, and asks the client for them first when it waits for that.
   *
   * Ends early when the client has gone: count the octets. What is not read is dropped by the next call of anything.
   */
  async *literal(): AsyncGenerator<Buffer, void, undefined> {
    const streaming = await this.#acceptLiteral();
    while (streaming.left > 0) {
      const piece = await this.#unread.some(streaming.left);
      if (piece === undefined) return;
      streaming.left -= piece.length;
      yield piece;
    }
  }

  /** Gives what follows the streaming literal; undefined when the client has gone. */
  async restOfCommand(): Promise<CommandRemainder | BadLine | undefined> {
    const streaming = await this.#acceptLiteral();
    this.#streaming = undefined;
    if (!(await this.#unread.drop(streaming.left))) return undefined;
    const line = await this.#unread.line(this.#options.maxLineOctets);
    if (line === undefined) return undefined;
    if (line.kind === 'too long') return this.#lineTooLong(line.octets, '*');
    const announced = announcementIn(line.octets);
    if (announced === undefined) return { kind: 'remainder', rest: withoutLineEnd(line.octets) };
    if (this.#comesTooLarge(announced)) return this.#literalTooLarge(announced, '*');
    return { kind: 'remainder', rest: line.octets.subarray(0, announced.start), ...this.#stream(announced) };
  }

  /** Takes over what was received and not yet read. The reader goes on with whatever comes after it. */
  takeUnread(): Buffer {
    return this.#unread.takeAll();
  }

  /** Collects the lines and literals of one command. */
  async #arguments(firstLine: Buffer, head: CommandHead): Promise<ReceivedCommand | BadLine | undefined> {
    const { tag, name } = head;
    const pieces: Buffer[] = [];
    let line = firstLine.subarray(head.end);
    let lineOctets = firstLine.length;
    let literalOctets = 0;
    for (;;) {
      const announced = announcementIn(line);
      if (announced === undefined) return { kind: 'command', tag, name, rest: joined(pieces, withoutLineEnd(line)) };
      if (this.#comesTooLarge(announced)) return this.#literalTooLarge(announced, tag);
      // The first argument of APPEND is the mailbox, which may be a literal too.
      const isFirstArgument = pieces.length === 0 && announced.start <= 1;
      if (!isFirstArgument && this.#options.streams?.(name) === true) {
        const rest = joined(pieces, line.subarray(0, announced.start));
        return { kind: 'command', tag, name, rest, ...this.#stream(announced) };
      }
      literalOctets += announced.sizeOctets;
      const { maxLiteralOctets, maxLiteralsTotalOctets, maxLineOctets } = this.#options;
      if (announced.sizeOctets > maxLiteralOctets || literalOctets > maxLiteralsTotalOctets)
        return this.#literalTooLarge(announced, tag);
      if (!announced.nonSynchronizing) await this.#source.requestContinuation();
      const content = await this.#unread.exactly(announced.sizeOctets);
      if (content === undefined) return undefined;
      const next = await this.#unread.line(maxLineOctets - lineOctets);
      if (next === undefined) return undefined;
      if (next.kind === 'too long') return this.#lineTooLong(next.octets, tag);
      pieces.push(line, content);
      line = next.octets;
      lineOctets += line.length;
    }
  }

  #stream({ sizeOctets, nonSynchronizing, binary }: Announcement): { streamingLiteral: StreamingLiteral } {
    this.#streaming = { left: sizeOctets, coming: nonSynchronizing };
    return { streamingLiteral: { sizeOctets, nonSynchronizing, binary } };
  }

  async #acceptLiteral(): Promise<PendingLiteral> {
    const streaming = this.#streaming;
    if (streaming === undefined) throw new Error('there is no literal to read');
    if (!streaming.coming) {
      streaming.coming = true;
      await this.#source.requestContinuation();
    }
    return streaming;
  }

  #noCommand(line: Buffer, head: CommandHead | string): BadLine {
    const announced = announcementIn(line);
    if (announced !== undefined) this.#dropLiteral(announced);
    const text = typeof head === 'string' ? head : 'The command is missing.';
    return { kind: 'bad', tag: typeof head === 'string' ? '*' : head.tag, reason: 'no command', text };
  }

  #lineTooLong(begun: Buffer, tag: string): BadLine {
    this.#rubbish = { literalOctets: 0, lineTail: Buffer.from(begun.subarray(-ANNOUNCEMENT_OCTETS)) };
    return { kind: 'bad', tag, reason: 'line too long', text: 'The command is too long.' };
  }

  #comesTooLarge({ nonSynchronizing, sizeOctets }: Announcement): boolean {
    return nonSynchronizing && sizeOctets > (this.#options.maxNonSynchronizingOctets ?? Number.POSITIVE_INFINITY);
  }

  #literalTooLarge(announced: Announcement, tag: string): BadLine {
    this.#dropLiteral(announced);
    return { kind: 'bad', tag, reason: 'literal too large', code: 'TOOBIG', text: 'The literal is too large.' };
  }

  /** A client that waits to be asked will not send its literal now; the other kind is already sending. */
  #dropLiteral({ sizeOctets, nonSynchronizing }: Announcement): void {
    if (nonSynchronizing) this.#rubbish = { literalOctets: sizeOctets, lineTail: NOTHING };
  }

  /** Drops what belongs to commands that are over, then gives the next line. */
  async #nextLine(): Promise<UnreadLine | undefined> {
    if (this.#streaming?.coming === true) this.#rubbish = { literalOctets: this.#streaming.left, lineTail: NOTHING };
    this.#streaming = undefined;
    while (this.#rubbish !== undefined) {
      const { literalOctets, lineTail } = this.#rubbish;
      if (!(await this.#unread.drop(literalOctets))) return undefined;
      const lineEnd = await this.#unread.dropLine(lineTail);
      if (lineEnd === undefined) return undefined;
      this.#rubbish = undefined;
      const announced = announcementIn(lineEnd);
      if (announced !== undefined) this.#dropLiteral(announced);
    }
    return this.#unread.line(this.#options.maxLineOctets);
  }
}

const NOTHING = Buffer.alloc(0);
/** An announcement fits in the last octets of a line: `~{`, its digits, `+}`, CR LF. */
const ANNOUNCEMENT_OCTETS = 64;

/** Reads `tag SP name`, `UID` joined with the word behind it. A text says what is wrong with the tag. */
function readHead(line: Buffer, smap: boolean): CommandHead | string {
  const isSmap = smap && line.toString('latin1', 0, SMAP_TAG.length + 1).toUpperCase() === `${SMAP_TAG} `;
  const tagEnd = isSmap ? SMAP_TAG.length : endOfRun(line, 0, TAG_CHAR);
  if (tagEnd === 0) return 'A command begins with a tag.';
  if (tagEnd > MAX_TAG_OCTETS) return 'The tag is too long.';
  const tag = isSmap ? SMAP_TAG : line.toString('latin1', 0, tagEnd);
  const nameStart = tagEnd + 1;
  if (line[tagEnd] !== SPACE) return isLineEnd(line, tagEnd) ? { tag, name: '', end: tagEnd } : 'The tag is not valid.';
  const nameEnd = endOfRun(line, nameStart, ATOM_CHAR);
  const name = line.toString('latin1', nameStart, nameEnd).toUpperCase();
  if (name !== 'UID' || line[nameEnd] !== SPACE) return { tag, name, end: nameEnd };
  const end = endOfRun(line, nameEnd + 1, ATOM_CHAR);
  return end === nameEnd + 1
    ? { tag, name, end: nameEnd }
    : { tag, name: `UID ${line.toString('latin1', nameEnd + 1, end).toUpperCase()}`, end };
}

/** Finds `{n}`, `{n+}` or `~{n}` at the end of a line. Anything else that looks similar is for the Cursor to refuse. */
function announcementIn(line: Buffer): Announcement | undefined {
  const end = line.length - lineEndOctets(line);
  if (line[end - 1] !== CLOSING_BRACE) return undefined;
  const nonSynchronizing = line[end - 2] === PLUS;
  const digitsEnd = nonSynchronizing ? end - 2 : end - 1;
  let digitsStart = digitsEnd;
  while (isIn(line[digitsStart - 1], DIGIT)) digitsStart -= 1;

  if (digitsStart === digitsEnd || line[digitsStart - 1] !== OPENING_BRACE) return undefined;
  const binary = line[digitsStart - 2] === TILDE;
  // More octets than can be counted are dropped until the client gives up.
  const sizeOctets = Math.min(Number(line.toString('latin1', digitsStart, digitsEnd)), Number.MAX_SAFE_INTEGER);
  return { sizeOctets, nonSynchronizing, binary, start: digitsStart - (binary ? 2 : 1) };
}

function joined(pieces: readonly Buffer[], last: Buffer): Buffer {
  return pieces.length === 0 ? last : Buffer.concat([...pieces, last]);
}

function withoutLineEnd(line: Buffer): Buffer {
  return line.subarray(0, line.length - lineEndOctets(line));
}

/** Octets of CRLF, or of LF alone, at the end. */
function lineEndOctets(line: Buffer): number {
  if (line[line.length - 1] !== LF) return 0;
  return line[line.length - 2] === CR ? 2 : 1;
}

function isLineEnd(line: Buffer, at: number): boolean {
  return at >= line.length - lineEndOctets(line);
}

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const PLUS = 0x2b;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;
const TILDE = 0x7e;
