/**
 * Header fields of RFC 5322, tolerant of everything: what is no field is passed over.
 *
 * Values are strings of octets (Latin-1), unfolded; `decodeWords` in encoded-words.ts makes text of them.
 */

import { type WalkedLines, walkLines } from '../../maildir/octets/line-machine.js';
import { MAX_HEADER_FIELDS, MAX_HEADER_OCTETS } from './limits.js';
import type { MessageSource } from './source.js';

/** A field and where it stands in its header block, with its line ends. */
export interface HeaderField {
  /** As written. */
  readonly name: string;
  /** Unfolded octets as Latin-1, without white space around it. */
  readonly value: string;
}

/** Octets of the first look: most headers are shorter, and one read gives them. */
const FIRST_READ_OCTETS = 8_192;
/** What the first look reads into. The header that is found is a copy, as large as it is. */
const firstRead = Buffer.allocUnsafeSlow(FIRST_READ_OCTETS);

/** Reads a message's header with its blank line, or its beginning when it is longer than `limitOctets`. */
export function readHeader(source: MessageSource, limitOctets = MAX_HEADER_OCTETS): Buffer {
  for (let length = FIRST_READ_OCTETS; ; length *= 4) {
    const octets = source.read(0, Math.min(length, limitOctets), firstRead);
    const end = endOfHeader(octets) ?? (octets.length < length || length >= limitOctets ? octets.length : undefined);
    if (end !== undefined) return Buffer.from(octets.subarray(0, end));
  }
}

/** Finds the position behind a message's blank line, however long the header is; without one, the message's end. */
export function headerEnd(source: MessageSource): number {
  for (let position = 0; ; ) {
    const window = source.read(position, SEARCH_OCTETS);
    const end = position === 0 ? endOfHeader(window) : endAfterLineEnd(window);
    if (end !== undefined) return position + end;
    if (window.length < SEARCH_OCTETS) return position + window.length;
    // The blank line may begin in this window and end in the next.
    position += window.length - 2;
  }
}

/** One read while the end of a header is looked for. */
const SEARCH_OCTETS = 64 * 1024;

/** Finds a line end with a blank line behind it; gives the position behind that. */
function endAfterLineEnd(octets: Buffer): number | undefined {
  for (let lf = octets.indexOf(LF); lf !== -1; lf = octets.indexOf(LF, lf + 1)) {
    if (octets[lf + 1] === LF) return lf + 2;
    if (octets[lf + 1] === CR && octets[lf + 2] === LF) return lf + 3;
  }
  return undefined;
}

/** Position behind the blank line that ends a header; undefined when there is none. */
export function endOfHeader(octets: Buffer): number | undefined {
  if (
    isBlankLine(octets, 0) ||
    !walkLines(octets, { start: 0, end: octets.length, toDashes: false, toBlank: true }, walked)
  ) {
    return endByLines(octets);
  }
  const { at } = walked;
  // It may have seen a line behind the octets.
  if (!isBlankLine(octets, at)) return undefined;
  return octets[at] === LF ? at + 1 : at + 2;
}

const walked: WalkedLines = { at: 0, lines: 0, bareLfs: 0 };

function isBlankLine(octets: Buffer, at: number): boolean {
  const { length } = octets;
  if (at >= length) return false;
  return octets[at] === LF || (octets[at] === CR && at + 1 < length && octets[at + 1] === LF);
}

function endByLines(octets: Buffer): number | undefined {
  for (let start = 0; start < octets.length; ) {
    const lf = octets.indexOf(LF, start);
    if (lf === -1) return undefined;
    if (lf === start || (lf === start + 1 && octets[start] === CR)) return lf + 1;
    start = lf + 1;
  }
  return undefined;
}

/** Lines of one field: `start` to `end` with all line ends, `colon` where the name ends. Offsets into the header. */
export interface FieldPlace {
  readonly start: number;
  readonly colon: number;
  readonly end: number;
}

/** Finds the fields of a header in their order. Lines that are no field are passed over, and end the field before. */
export function* fieldPlaces(header: string): Generator<FieldPlace> {
  let count = 0;
  let start = 0;
  let colon = -1;
  while (start < header.length && count < MAX_HEADER_FIELDS) {
    const end = endOfField(header, start);
    // Looked for once, however many lines without one lie before it.
    if (colon < start) colon = header.indexOf(':', start);
    if (colon === -1) return;
    if (colon < end && isFieldName(header, start, colon)) {
      count += 1;
      yield { start, colon, end };
    }
    start = end;
  }
}

/** Position behind the field that begins at `start`: its line and the folded ones. */
function endOfField(header: string, start: number): number {
  let end = start;
  do {
    const lf = header.indexOf('\n', end);
    if (lf === -1) return header.length;
    end = lf + 1;
  } while (isBlankAt(header, end) && !isEmptyLineAt(header, end));
  return end;
}

function isBlankAt(header: string, at: number): boolean {
  const code = header.charCodeAt(at);
  return code === 0x20 || code === 0x09;
}

function isEmptyLineAt(header: string, at: number): boolean {
  return header.charCodeAt(at) === LF || (header.charCodeAt(at) === CR && header.charCodeAt(at + 1) === LF);
}

/** `field-name = 1*ftext`; blanks before the colon are allowed, as in RFC 5322 section 4.5. */
function isFieldName(header: string, start: number, colon: number): boolean {
  let end = colon;
  while (end > start && isBlankAt(header, end - 1)) end -= 1;
  if (end === start) return false;
  for (let at = start; at < end; at += 1) {
    const code = header.charCodeAt(at);
    if (code <= 0x20 || code === 0x7f) return false;
  }
  return true;
}

/** Gives the name at a place, as written. */
export function nameAt(header: string, { start, colon }: FieldPlace): string {
  return header.slice(start, colon).trimEnd();
}

/** Gives the unfolded value at a place, of at most `maxOctets`. */
export function valueAt(header: string, { colon, end }: FieldPlace, maxOctets = end): string {
  return unfold(header.slice(colon + 1, Math.min(end, colon + 1 + maxOctets)));
}

/** Takes line ends out; the white space that folding needed stays. */
export function unfold(value: string): string {
  return value.replace(/\r?\n/g, '').replace(/^[ \t\r]+|[ \t\r]+$/g, '');
}

/** Gives all fields of a header in their order. */
export function fields(header: Buffer): HeaderField[] {
  const text = header.toString('latin1');
  return Array.from(fieldPlaces(text), (place) => ({ name: nameAt(text, place), value: valueAt(text, place) }));
}

const LF = 0x0a;
const CR = 0x0d;
