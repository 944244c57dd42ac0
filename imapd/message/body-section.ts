/**
 * Sections of a message, `BODY[1.2.HEADER]`: which octets of the file they are, and those octets as they go on the
 * wire (RFC 9051 section 6.4.5.1).
 */
import { fieldPlaces, headerEnd, nameAt, readHeader } from './header.js';
import { MAX_HEADER_OCTETS } from './limits.js';
import { countBareLfs, writeWithCrlf } from './line-ends.js';
import type { MessageIndex, Part, WireMark } from './mime.js';
import { OctetWriter } from './octet-writer.js';
import type { MessageSource } from './source.js';

/** Which section; the same shape as `BodySection` of the grammar. */
export interface Section {
  readonly part: readonly number[];
  readonly text: '' | 'HEADER' | 'HEADER.FIELDS' | 'HEADER.FIELDS.NOT' | 'TEXT' | 'MIME';
  /** In upper case. */
  readonly fields: readonly string[];
}

/** Octets of the file from `start` to `end`. */
export interface FileRange {
  readonly start: number;
  readonly end: number;
  /** On the wire. Counted when it is first asked for, unless the index knows it. */
  readonly wireOctets: number;
  /** Helps to find a place far inside. */
  readonly marks?: readonly WireMark[];
}

/** A section that is a piece of the file, or octets made for it (HEADER.FIELDS), ready for the wire. */
export type Located = FileRange | { readonly octets: Buffer };

/** Tells whether a section can only be found with the message's index. */
export function needsIndex(section: Section): boolean {
  return section.part.length > 0;
}

/**
 * Finds a section; undefined when the message has no such part.
 *
 * @throws {Error} when the index is needed and missing, which is a bug of the caller.
 */
export function locateSection(
  source: MessageSource,
  index: MessageIndex | undefined,
  section: Section,
): Located | undefined {
  if (index === undefined) return locateWithoutIndex(source, section);
  const { root, marks } = index;
  if (section.part.length === 0) {
    if (section.text !== '') return locateInMessage(source, root, section, marks);
    return { start: 0, end: root.bodyEnd, wireOctets: index.wireOctets, marks };
  }
  const found = partAt(root, section.part);
  if (found === undefined) return undefined;
  const { part, isWholeBody } = found;
  if (section.text === '') return bodyOf(part, marks);
  // HEADER and TEXT of a part are those of the message inside it; of any other part HEADER is what MIME gives.
  if (section.text !== 'MIME' && part.message !== undefined)
    return locateInMessage(source, part.message, section, marks);
  if (section.text === 'TEXT') return undefined;
  // Part 1 of a message that is no multipart has no header of its own.
  if (isWholeBody) return { octets: Buffer.from('\r\n') };
  return section.text === 'MIME' ? headerOf(part) : locateInMessage(source, part, section, marks);
}

interface FoundPart {
  readonly part: Part;
  /** The part is the body of a message that is no multipart. */
  readonly isWholeBody: boolean;
}

/** Follows part numbers: children of a multipart count from 1, and the body of any other message is its part 1. */
function partAt(root: Part, numbers: readonly number[]): FoundPart | undefined {
  let message: Part | undefined = root;
  let found: FoundPart | undefined;
  for (const number of numbers) {
    const container: Part | undefined = message ?? found?.part;
    if (container === undefined) return undefined;
    if (container.type === 'multipart') {
      const child: Part | undefined = container.children[number - 1];
      if (child === undefined) return undefined;
      found = { part: child, isWholeBody: false };
    } else {
      if (message === undefined || number !== 1) return undefined;
      found = { part: container, isWholeBody: true };
    }
    message = found.part.message;
  }
  return found;
}

function locateInMessage(source: MessageSource, part: Part, section: Section, marks: readonly WireMark[]): Located {
  if (section.text === 'TEXT') return bodyOf(part, marks);
  if (section.text === 'HEADER') return headerOf(part);
  const length = Math.min(part.bodyStart - part.headerStart, MAX_HEADER_OCTETS);
  return { octets: selectFields(source.read(part.headerStart, length), section) };
}

function headerOf({ headerStart, bodyStart, headerWireOctets }: Part): FileRange {
  return { start: headerStart, end: bodyStart, wireOctets: headerWireOctets };
}

function bodyOf({ bodyStart, bodyEnd, bodyWireOctets }: Part, marks: readonly WireMark[]): FileRange {
  return { start: bodyStart, end: bodyEnd, wireOctets: bodyWireOctets, marks };
}

function locateWithoutIndex(source: MessageSource, section: Section): Located {
  if (needsIndex(section)) throw new Error('a part number needs the index of the message');
  if (section.text === '') return new CountedRange(source, 0, source.sizeOctets);
  if (section.text === 'HEADER') return new CountedRange(source, 0, headerEnd(source));
  if (section.text === 'TEXT') return new CountedRange(source, headerEnd(source), source.sizeOctets);
  return { octets: selectFields(readHeader(source), section) };
}

/** A range whose octets on the wire are counted when somebody asks. */
class CountedRange implements FileRange {
  readonly start: number;
  readonly end: number;
  readonly #source: MessageSource;
  #counted: number | undefined;

  constructor(source: MessageSource, start: number, end: number) {
    this.#source = source;
    this.start = start;
    this.end = end;
  }

  get wireOctets(): number {
    this.#counted ??= countWireOctets(this.#source, this.start, this.end);
    return this.#counted;
  }
}

/** HEADER.FIELDS and HEADER.FIELDS.NOT: whole fields in the order of the message, then the blank line. */
function selectFields(header: Buffer, { text, fields }: Section): Buffer {
  const wanted = new Set(fields);
  const keepNamed = text === 'HEADER.FIELDS';
  const latin1 = header.toString('latin1');
  const kept: string[] = [];
  for (const place of fieldPlaces(latin1)) {
    if (wanted.has(nameAt(latin1, place).toUpperCase()) === keepNamed) kept.push(latin1.slice(place.start, place.end));
  }
  const octets = kept.join('').replace(/\r?\n/g, '\r\n');
  const lineEnd = octets === '' || octets.endsWith('\n') ? '' : '\r\n';
  return Buffer.from(`${octets}${lineEnd}\r\n`, 'latin1');
}

/** One read of the file; its octets become at most twice as many. */
const PIECE_OCTETS = 64 * 1024;

/** What is only counted is read into this, one piece after the other: new memory for each costs more than the reading. */
const counted = Buffer.allocUnsafeSlow(128 * 1024);

/** Counts what a piece of the file has on the wire, reading it through. */
export function countWireOctets(source: MessageSource, start: number, end: number): number {
  let octets = end - start;
  let last = 0;
  for (let at = start; at < end; ) {
    const piece = source.read(at, Math.min(counted.length, end - at), counted);
    if (piece.length === 0) break;
    octets += countBareLfs(piece, 0, piece.length, last);
    last = piece[piece.length - 1] ?? 0;
    at += piece.length;
  }
  return octets;
}

/**
 * Gives `count` octets of a range as they go on the wire, from its wire octet `from` on, in pieces of at most 128 KiB.
 * A piece is valid until the next one is asked for.
 *
 * Fewer come at the end of the range, or when the file has become shorter.
 */
export function* wireOctets(
  source: MessageSource,
  range: FileRange,
  from = 0,
  count = Number.POSITIVE_INFINITY,
): Generator<Buffer, void, void> {
  const near = nearestMark(source, range, from);
  let skip = from - near.skipped;
  let left = count;
  let before = 0;
  const spare = Buffer.allocUnsafeSlow(Math.max(0, Math.min(PIECE_OCTETS, range.end - near.position)));
  const converted = new OctetWriter(Buffer.allocUnsafeSlow(spare.length * 2));
  for (let at = near.position; at < range.end && left > 0; ) {
    const piece = source.read(at, Math.min(PIECE_OCTETS, range.end - at), spare);
    if (piece.length === 0) return;
    at += piece.length;
    converted.length = 0;
    writeWithCrlf(converted, piece, { start: 0, end: piece.length, before });
    before = piece[piece.length - 1] ?? 0;
    if (skip >= converted.length) {
      skip -= converted.length;
      continue;
    }
    const octets = converted.octets.subarray(skip, Math.min(skip + left, converted.length));
    skip = 0;
    left -= octets.length;
    yield octets;
  }
}

/** Finds where to begin to read for wire octet `from` of a range: a mark before it, or the range's start. */
function nearestMark(source: MessageSource, { start, marks = [] }: FileRange, from: number) {
  const first = lastMark(marks, (mark) => mark.position <= start);
  if (first === undefined || from < PIECE_OCTETS) return { position: start, skipped: 0 };
  const startOnWire = first.wirePosition + countWireOctets(source, first.position, start);
  const mark = lastMark(marks, ({ wirePosition }) => wirePosition <= startOnWire + from);
  if (mark === undefined || mark.position <= start) return { position: start, skipped: 0 };
  return { position: mark.position, skipped: mark.wirePosition - startOnWire };
}

/** The last of the ascending marks that is not beyond a limit. */
function lastMark(marks: readonly WireMark[], isBefore: (mark: WireMark) => boolean): WireMark | undefined {
  let low = 0;
  let high = marks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const mark = marks[middle];
    if (mark !== undefined && isBefore(mark)) low = middle + 1;
    else high = middle;
  }
  return marks[low - 1];
}
