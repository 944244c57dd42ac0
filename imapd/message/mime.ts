/**
 * The structure of a message: which octets of the file are which part's header and body (RFC 2046, RFC 5322).
 *
 * One pass over the lines, in windows of the file, with a stack of open parts. It looks at the beginning of each line
 * and into the headers, and into nothing else; no input makes it recurse, go back or hold more than a window.
 *
 * Rules for what RFC 2046 leaves open:
 * - A delimiter line is `--boundary` or `--boundary--`, then blanks only; inner boundaries are tried before outer ones.
 * - An outer delimiter ends all inner parts, finished or not. The end of the message ends everything.
 * - The line end before a delimiter is the delimiter's, except the one that ends a header.
 */

import { type WalkedLines, walkLines } from '../../maildir/octets/line-machine.js';
import { boundaryOf, type ContentFields, contentFields, digestEntry, plainText } from './content-fields.js';
import { MAX_BOUNDARY_OCTETS, MAX_HEADER_OCTETS, MAX_PART_DEPTH, MAX_PARTS } from './limits.js';
import type { MessageSource } from './source.js';

export { finish } from './steps.js';

/** A part: offsets into the file, octets and lines as they go on the wire, and what its header says. */
export interface Part extends ContentFields {
  readonly headerStart: number;
  /** Behind the blank line. */
  readonly bodyStart: number;
  readonly bodyEnd: number;
  /** With the blank line. */
  readonly headerWireOctets: number;
  readonly bodyWireOctets: number;
  /** Line ends in the body. */
  readonly bodyLines: number;
  /** Of a multipart; it may have none. */
  readonly children: readonly Part[];
  /** The message inside a message/rfc822. */
  readonly message: Part | undefined;
}

/** A place in the file, at the beginning of a line, and how many octets stand before it on the wire. */
export interface WireMark {
  readonly position: number;
  readonly wirePosition: number;
}

/** What `scanMessage` finds out. */
export interface MessageIndex {
  readonly root: Part;
  /** RFC822.SIZE. */
  readonly wireOctets: number;
  /** Ascending, about one for each 256 KiB, so that a place far inside is found without counting from the start. */
  readonly marks: readonly WireMark[];
}

/** One read of the file. */
const WINDOW_OCTETS = 256 * 1024;
/** The scanner stops in a window after so many parts, each of which has a header to read and may take some microseconds. */
const PARTS_PER_SLICE = 200;
/** The beginning of a line that must be in the window: two dashes, boundary, two dashes, blanks, line end. */
const LOOK_AHEAD_OCTETS = MAX_BOUNDARY_OCTETS + 64;

/** Finds the structure of a message. Yields after each window; run it to its end with `finish` where that may take long. */
export function* scanMessage(source: MessageSource): Generator<void, MessageIndex, void> {
  const scanner = new Scanner(source);
  while (scanner.scanWindow()) yield;
  return scanner.finish();
}

/** The same at once, for a message that is one window and has few parts; undefined for all others. */
export function scanAtOnce(source: MessageSource): MessageIndex | undefined {
  if (source.sizeOctets > WINDOW_OCTETS) return undefined;
  const scanner = new Scanner(source);
  return scanner.scanWindow() ? undefined : scanner.finish();
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };
type WritablePart = Writable<Omit<Part, 'children' | 'message'>> & {
  readonly children: WritablePart[];
  message: WritablePart | undefined;
};

/** A part whose end has not been seen. */
interface OpenPart {
  readonly part: WritablePart;
  readonly defaults: ContentFields;
  /** The message of a message/rfc822, not a part of a multipart. */
  readonly isMessage: boolean;
  inHeader: boolean;
  /** Of a multipart whose last delimiter has not been seen. */
  boundary: string | undefined;
  bareLfsAtHeader: number;
  bareLfsAtBody: number;
  linesAtBody: number;
}

/** Where something ends: octets of the file, and line ends before that place. */
interface Place {
  readonly position: number;
  readonly lines: number;
  readonly bareLfs: number;
}

/** What was walked over just now. */
const walked: WalkedLines = { at: 0, lines: 0, bareLfs: 0 };

/** The one window of a smaller message. After a break it is read again, so that one buffer serves all of them. */
const onlyWindow = Buffer.allocUnsafeSlow(WINDOW_OCTETS);

class Scanner {
  readonly #source: MessageSource;
  /** From the message itself down to the part that the next line belongs to. */
  readonly #open: OpenPart[] = [];
  #current: OpenPart;
  readonly #root: WritablePart;
  readonly #marks: WireMark[] = [];
  #partCount = 0;
  /** Where the scanner stops in the middle of a window. */
  #partsOfSlice = PARTS_PER_SLICE;
  /** Multiparts in #open whose last delimiter has not been seen. */
  #boundaries = 0;
  /** What begins behind the line that is being read. */
  #next: 'body' | 'part' | undefined;

  /** Where in the file the next octets to look at are. */
  #position = 0;
  #window: Buffer = Buffer.alloc(0);
  /** All windows are read into it: else each of them would wait for the garbage collector. */
  readonly #spare: Buffer;
  #windowStart = 0;
  /** #position is inside a line whose beginning has been looked at. */
  #inLine = false;
  /** The octet before #position, when that is inside a line. */
  #lastOctet = LF;
  /** The line before the present one ended in CRLF. */
  #afterCrlf = false;
  #lines = 0;
  /** Line ends that are LF alone. */
  #bareLfs = 0;

  constructor(source: MessageSource) {
    this.#source = source;
    this.#spare = source.sizeOctets > WINDOW_OCTETS ? Buffer.allocUnsafeSlow(WINDOW_OCTETS) : onlyWindow;
    this.#current = this.#openPart(0, plainText, true);
    this.#root = this.#current.part;
  }

  /** Looks at the next window; false when there is none. */
  scanWindow(): boolean {
    const window = this.#source.read(this.#position, WINDOW_OCTETS, this.#spare);
    if (window.length === 0) return false;
    const isLast = window.length < WINDOW_OCTETS || this.#position + window.length >= this.#source.sizeOctets;
    this.#window = window;
    this.#windowStart = this.#position;
    if (!this.#inLine) this.#marks.push({ position: this.#position, wirePosition: this.#position + this.#bareLfs });
    this.#partsOfSlice = this.#partCount + PARTS_PER_SLICE;
    const end = this.#scanLines(window, isLast ? window.length : window.length - LOOK_AHEAD_OCTETS);
    this.#position = this.#windowStart + end;
    return !isLast || end < window.length;
  }

  /** Ends all parts at the end of the message. */
  finish(): MessageIndex {
    const end = { position: this.#position, lines: this.#lines, bareLfs: this.#bareLfs };
    while (this.#open.length > 0) this.#closePart(end, end);
    return { root: this.#root, wireOctets: end.position + end.bareLfs, marks: this.#marks };
  }

  /** Walks over the lines that begin before `limit`; gives the offset behind the last octet looked at. */
  #scanLines(window: Buffer, limit: number): number {
    let at = 0;
    while (at < limit && this.#partCount < this.#partsOfSlice) {
      if (!this.#inLine) this.#lineBegins(window, at);
      const lf = window.indexOf(LF, at);
      if (lf === -1) {
        this.#inLine = true;
        this.#lastOctet = window[window.length - 1] ?? LF;
        return window.length;
      }
      const before = lf > at ? window[lf - 1] : this.#inLine ? this.#lastOctet : LF;
      this.#inLine = false;
      this.#afterCrlf = before === CR;
      if (before !== CR) this.#bareLfs += 1;
      this.#lines += 1;
      at = lf + 1;
      if (this.#next !== undefined) this.#somethingBegins(this.#windowStart + at);
      at = this.#walkLines(window, at, limit);
    }
    return at;
  }

  /** Walks over lines that cannot be anything special: the bulk of most messages. */
  #walkLines(window: Buffer, start: number, limit: number): number {
    const { inHeader } = this.#current;
    const anyLine = this.#boundaries === 0;
    if (start >= limit || (!anyLine && window[start] === DASH && window[start + 1] === DASH)) return start;
    if (inHeader && isBlankLine(window, start)) return start;
    let at = start;
    if (walkLines(window, { start, end: limit, toDashes: !anyLine, toBlank: inHeader }, walked)) {
      at = walked.at;
      this.#lines += walked.lines;
      this.#bareLfs += walked.bareLfs;
    }
    if (!inHeader) at = this.#walkBodyLines(window, at, limit);
    if (at > start) this.#afterCrlf = at - start > 1 && window[at - 2] === CR;
    return at;
  }

  /** The same for body lines, one by one. */
  #walkBodyLines(window: Buffer, start: number, limit: number): number {
    let at = start;
    let lines = 0;
    let bareLfs = 0;
    const anyLine = this.#boundaries === 0;
    while (at < limit && (anyLine || window[at] !== DASH || window[at + 1] !== DASH)) {
      const lf = window.indexOf(LF, at);
      if (lf === -1) break;
      if (window[lf - 1] !== CR || lf === at) bareLfs += 1;
      lines += 1;
      at = lf + 1;
    }
    this.#lines += lines;
    this.#bareLfs += bareLfs;
    return at;
  }

  #lineBegins(window: Buffer, at: number): void {
    if (this.#boundaries > 0 && window[at] === DASH && window[at + 1] === DASH) this.#maybeDelimiter(window, at);
    else if (this.#current.inHeader && isBlankLine(window, at)) this.#next = 'body';
  }

  #maybeDelimiter(window: Buffer, at: number): void {
    const line = window.toString('latin1', at + 2, endOfDelimiter(window, at + 2));
    for (let depth = this.#open.length - 1; depth >= 0; depth -= 1) {
      const container = this.#open[depth];
      const boundary = container?.boundary;
      if (container === undefined || boundary === undefined || !line.startsWith(boundary)) continue;
      const isLast = line.length === boundary.length + 2 && line.endsWith('--');
      if (!isLast && line.length !== boundary.length) continue;
      // Beyond the limit the last part takes the rest.
      if (!isLast && this.#partCount >= MAX_PARTS) return;
      this.#delimiter(container, depth, this.#windowStart + at);
      if (!isLast) this.#next = 'part';
      else this.#forgetBoundary(container);
      return;
    }
  }

  /** Ends the parts inside a multipart: those whose octets go up to the line end before the delimiter. */
  #delimiter(container: OpenPart, depth: number, position: number): void {
    const lines = this.#lines;
    const bareLfs = this.#bareLfs;
    const lineEnd = this.#afterCrlf ? 2 : 1;
    const lineStart = { position, lines, bareLfs };
    let end: Place = { position: position - lineEnd, lines: lines - 1, bareLfs: bareLfs - (2 - lineEnd) };
    // Where an inner header kept the line end, it belongs to the parts around that header, too.
    while (this.#open.length > depth + 1) if (this.#closePart(lineStart, end) === position) end = lineStart;
    this.#current = container;
  }

  #somethingBegins(position: number): void {
    const what = this.#next;
    this.#next = undefined;
    if (what === 'body') {
      this.#bodyBegins(position);
      return;
    }
    const container = this.#current.part;
    const isDigest = container.subtype === 'digest';
    const child = this.#openPart(position, isDigest ? digestEntry : plainText, false);
    container.children.push(child.part);
  }

  #openPart(position: number, defaults: ContentFields, isMessage: boolean): OpenPart {
    const part = newPart(position, defaults);
    const bareLfs = this.#bareLfs;
    const open: OpenPart = {
      part,
      defaults,
      isMessage,
      inHeader: true,
      boundary: undefined,
      bareLfsAtHeader: bareLfs,
      bareLfsAtBody: bareLfs,
      linesAtBody: this.#lines,
    };
    this.#partCount += 1;
    this.#open.push(open);
    this.#current = open;
    return open;
  }

  /** The present part's header is over. */
  #bodyBegins(position: number): void {
    const open = this.#current;
    const { part } = open;
    open.inHeader = false;
    this.#headerEnds(open, { position, lines: this.#lines, bareLfs: this.#bareLfs });
    if (!isContainer(part)) return;
    if (this.#open.length >= MAX_PART_DEPTH || (part.type === 'message' && this.#partCount >= MAX_PARTS)) {
      makeLeaf(part);
    } else if (part.type === 'message') {
      part.message = this.#openPart(position, plainText, true).part;
    } else {
      open.boundary = boundaryOf(part.parameters);
      this.#boundaries += 1;
    }
  }

  #headerEnds(open: OpenPart, end: Place): void {
    const { part } = open;
    part.bodyStart = end.position;
    part.headerWireOctets = end.position - part.headerStart + end.bareLfs - open.bareLfsAtHeader;
    open.bareLfsAtBody = end.bareLfs;
    open.linesAtBody = end.lines;
    const fields = this.#contentFields(part.headerStart, end.position, open.defaults);
    if (fields !== open.defaults) assignFields(part, fields);
  }

  /**
   * Ends the innermost part, and gives the position of its end. `beforeLineEnd` differs from `lineStart` where a
   * delimiter takes the line end.
   */
  #closePart(lineStart: Place, beforeLineEnd: Place): number {
    const open = this.#open.pop();
    if (open === undefined) return lineStart.position;
    const { part } = open;
    if (open.inHeader) {
      const takesLineEnd = open.isMessage && part.headerStart < lineStart.position;
      this.#headerEnds(open, takesLineEnd ? beforeLineEnd : lineStart);
      if (isContainer(part)) makeLeaf(part);
    }
    const end = part.bodyStart < lineStart.position ? beforeLineEnd : lineStart;
    part.bodyEnd = Math.max(end.position, part.bodyStart);
    if (part.bodyEnd > part.bodyStart) {
      part.bodyWireOctets = part.bodyEnd - part.bodyStart + end.bareLfs - open.bareLfsAtBody;
      part.bodyLines = end.lines - open.linesAtBody;
    }
    this.#forgetBoundary(open);
    return part.bodyEnd;
  }

  #forgetBoundary(open: OpenPart): void {
    if (open.boundary !== undefined) this.#boundaries -= 1;
    open.boundary = undefined;
  }

  #contentFields(start: number, end: number, defaults: ContentFields): ContentFields {
    const length = Math.min(end - start, MAX_HEADER_OCTETS);
    const offset = start - this.#windowStart;
    if (offset >= 0 && offset + length <= this.#window.length)
      return contentFields(this.#window, offset, offset + length, defaults);
    const header = this.#source.read(start, length);
    return contentFields(header, 0, header.length, defaults);
  }
}

function newPart(position: number, fields: ContentFields): WritablePart {
  return {
    type: fields.type,
    subtype: fields.subtype,
    parameters: fields.parameters,
    encoding: fields.encoding,
    id: fields.id,
    description: fields.description,
    md5: fields.md5,
    disposition: fields.disposition,
    languages: fields.languages,
    location: fields.location,
    headerStart: position,
    bodyStart: position,
    bodyEnd: position,
    headerWireOctets: 0,
    bodyWireOctets: 0,
    bodyLines: 0,
    children: [],
    message: undefined,
  };
}

function assignFields(part: WritablePart, fields: ContentFields): void {
  part.type = fields.type;
  part.subtype = fields.subtype;
  part.parameters = fields.parameters;
  part.encoding = fields.encoding;
  part.id = fields.id;
  part.description = fields.description;
  part.md5 = fields.md5;
  part.disposition = fields.disposition;
  part.languages = fields.languages;
  part.location = fields.location;
}

function isContainer({ type, subtype }: ContentFields): boolean {
  return type === 'multipart' || (type === 'message' && (subtype === 'rfc822' || subtype === 'global'));
}

/** What cannot be looked into is told as octets, since a body structure has no form for a closed container. */
function makeLeaf(part: WritablePart): void {
  part.type = 'application';
  part.subtype = 'octet-stream';
}

function isBlankLine(window: Buffer, at: number): boolean {
  return window[at] === LF || (window[at] === CR && window[at + 1] === LF);
}

/** End of a line's text without blanks before its end; of a line too long for a delimiter just a place far enough. */
function endOfDelimiter(window: Buffer, start: number): number {
  const limit = Math.min(start + LOOK_AHEAD_OCTETS - 2, window.length);
  let end = start;
  while (end < limit && window[end] !== LF) end += 1;
  while (end > start && (window[end - 1] === SPACE || window[end - 1] === TAB || window[end - 1] === CR)) end -= 1;
  return end;
}

const LF = 0x0a;
const CR = 0x0d;
const TAB = 0x09;
const SPACE = 0x20;
const DASH = 0x2d;
