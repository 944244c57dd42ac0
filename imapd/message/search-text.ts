/**
 * SEARCH's texts: BODY, TEXT, HEADER and its kin, compared after decoding, without regard to case (see fold.ts).
 *
 * Text parts and the headers of parts are looked at; other attachments are not. Memory stays flat: bodies are decoded
 * piece by piece, and as much of the text before is kept as a match can reach over. An ASCII needle on ASCII text is
 * compared without decoding.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import {
  decodeText,
  decodeUnlabelled,
  isAsciiCompatible,
  isKnownCharset,
  type StreamDecoder,
  streamDecoder,
} from './charset.js';
import { fold } from './fold.js';
import { foldedWords } from './folded-words.js';
import { fieldPlaces, nameAt, unfold, valueAt } from './header.js';
import { MAX_HEADER_OCTETS } from './limits.js';
import type { MessageIndex, Part } from './mime.js';
import { asciiHolds, type Needle, textHolds } from './needle.js';
import { decodeExtended, type Parameter } from './parameters.js';
import type { MessageSource } from './source.js';
import { decodeTransfer, transferDecoder } from './transfer-decoding.js';

/** HEADER: does one of the fields of this name hold the text? An empty text asks whether the field is there. */
export function headerMatches(header: Buffer, fieldName: string, needle: Needle): boolean {
  const text = header.toString('latin1');
  const wanted = fieldName.toLowerCase();
  for (const place of fieldPlaces(text)) {
    if (place.colon - place.start < wanted.length || nameAt(text, place).toLowerCase() !== wanted) continue;
    if (needle.folded === '' || foldedWords(valueAt(text, place)).includes(needle.folded)) return true;
  }
  return false;
}

/** BODY: looks through the text parts and part headers. Yields between pieces so that the caller can let others run. */
export function* bodyMatches(
  source: MessageSource,
  index: MessageIndex,
  needle: Needle,
): Generator<void, boolean, void> {
  if (needle.folded === '') return true;
  for (const part of partsOf(index.root)) {
    if (part !== index.root && (yield* blockMatches(source, part, needle))) return true;
    if (isText(part) && (yield* textMatches(source, part, needle))) return true;
    yield;
  }
  return false;
}

/** Fields of a message's header that somebody has decoded and folded already. */
export interface KnownFields {
  /** Whether all fields of this name are known; the name in capitals. */
  has(name: string): boolean;
  /** Whether one of them holds the text. */
  hold(needle: Needle): boolean;
}

/** TEXT: looks through the header as well. What is known of that is not decoded again. */
export function* messageMatches(
  source: MessageSource,
  index: MessageIndex,
  needle: Needle,
  known?: KnownFields,
): Generator<void, boolean, void> {
  if (needle.folded === '' || (yield* blockMatches(source, index.root, needle, known))) return true;
  return yield* bodyMatches(source, index, needle);
}

/** All parts, those of messages within included, in their order. */
function* partsOf(root: Part): Generator<Part> {
  const waiting = [root];
  for (let part = waiting.pop(); part !== undefined; part = waiting.pop()) {
    yield part;
    if (part.message !== undefined) waiting.push(part.message);
    for (let index = part.children.length - 1; index >= 0; index -= 1) {
      const child = part.children[index];
      if (child !== undefined) waiting.push(child);
    }
  }
}

function isText({ type, message }: Part): boolean {
  return type === 'text' || (type === 'message' && message === undefined);
}

/** A whole header: each field unfolded and decoded, and RFC 2231 values as well. */
function* blockMatches(
  source: MessageSource,
  part: Part,
  needle: Needle,
  known?: KnownFields,
): Generator<void, boolean, void> {
  const length = Math.min(part.bodyStart - part.headerStart, MAX_HEADER_OCTETS);
  const header = source.read(part.headerStart, length);
  if (yield* headerBlockMatches(header, needle, known)) return true;
  return extendedMatches(part.parameters, needle) || extendedMatches(part.disposition?.parameters ?? [], needle);
}

/** Fields of one step. */
const FIELDS_PER_STEP = 128;

/** A longer header is looked at field by field, with breaks. */
const MAX_OCTETS_AT_ONCE = 64 * 1024;

function* headerBlockMatches(
  octets: Buffer,
  needle: Needle,
  known: KnownFields | undefined,
): Generator<void, boolean, void> {
  const header = octets.toString('latin1');
  const ascii = isAscii(octets);
  const encoded = header.includes('=?');
  if (ascii && needle.linesPattern?.test(header) === false) {
    if (!encoded || (header.length <= MAX_OCTETS_AT_ONCE && !mayHoldEncoded(header, needle, known))) return false;
  }
  // Where nothing is encoded, all fields are looked at at once.
  if (ascii && !encoded) return needle.pattern?.test(withoutFolds(header)) === true;
  let count = 0;
  for (const place of fieldPlaces(header)) {
    count += 1;
    if (count % FIELDS_PER_STEP === 0) yield;
    const value = valueAt(header, place);
    if (`${fold(nameAt(header, place))}: ${foldedWords(value)}`.includes(needle.folded)) return true;
  }
  return false;
}

function withoutFolds(header: string): string {
  const lines = header.includes('\r') ? header.replaceAll('\r\n ', ' ').replaceAll('\r\n\t', '\t') : header;
  return lines.replaceAll('\n ', ' ').replaceAll('\n\t', '\t');
}

/** Whether a field with encoded words may hold an ASCII needle that its lines as they are do not hold. */
function mayHoldEncoded(header: string, needle: Needle, known: KnownFields | undefined): boolean {
  if (known?.hold(needle) === true) return true;
  for (let word = header.indexOf('=?'); word !== -1; ) {
    let start = header.lastIndexOf('\n', word) + 1;
    while (start > 1 && isBlankAt(header, start)) start = header.lastIndexOf('\n', start - 2) + 1;
    let end = header.indexOf('\n', word);
    while (end !== -1 && isBlankAt(header, end + 1)) end = header.indexOf('\n', end + 1);
    const colon = header.indexOf(':', start);
    if (known?.has(header.slice(start, colon).trimEnd().toUpperCase()) !== true) {
      const value = header.slice(colon < word ? colon + 1 : start, end === -1 ? header.length : end);
      if (foldedWords(inOneLine(value)).includes(needle.folded)) return true;
    }
    if (end === -1) return false;
    word = header.indexOf('=?', end);
  }
  return false;
}

/** The same as `unfold`, and much faster for what is one line already, or has no CR. */
function inOneLine(value: string): string {
  return value.includes('\r') ? unfold(value) : value.replaceAll('\n', '').trim();
}

function isBlankAt(header: string, at: number): boolean {
  const code = header.charCodeAt(at);
  return code === 0x20 || code === 0x09;
}

function extendedMatches(parameters: readonly Parameter[], needle: Needle): boolean {
  for (const { name, value } of parameters) {
    if (!name.endsWith('*')) continue;
    const { charset, octets } = decodeExtended(value);
    if (textHolds(decodeText(octets, charset), needle)) return true;
  }
  return false;
}

/** Octets of one step. */
const PIECE_OCTETS = 64 * 1024;

/** Characters that a match may take up before folding, for each after it: decomposed letters become shorter. */
const UNFOLDED_PER_FOLDED = 4;
const REACH_CHARACTERS = 64;

function* textMatches(source: MessageSource, part: Part, needle: Needle): Generator<void, boolean, void> {
  const charset = charsetOf(part);
  const length = part.bodyEnd - part.bodyStart;
  if (length <= PIECE_OCTETS) return pieceMatches(source.read(part.bodyStart, length), part.encoding, charset, needle);
  const transfer = transferDecoder(part.encoding);
  const decoder = decoderFor(charset);
  const reach = needle.folded.length * UNFOLDED_PER_FOLDED + REACH_CHARACTERS;
  const pieceOctets = Math.max(PIECE_OCTETS, reach);
  let before = '';
  for (let at = part.bodyStart; at < part.bodyEnd; ) {
    const octets = source.read(at, Math.min(pieceOctets, part.bodyEnd - at));
    if (octets.length === 0) break;
    at += octets.length;
    const text = before + decoder.decode(transfer.decode(octets));
    if (textHolds(text, needle)) return true;
    before = text.slice(-reach);
    yield;
  }
  return textHolds(before + decoder.decode(transfer.end()) + decoder.end(), needle);
}

/** The label of a text's character set; undefined where it says so little that the octets are looked at. */
function charsetOf({ parameters }: Part): string | undefined {
  const charset = parameters.find(({ name }) => name === 'charset')?.value;
  return charset === undefined || /^\s*(?:us-ascii|ascii|utf-?8)\s*$/i.test(charset) ? undefined : charset;
}

function decoderFor(charset: string | undefined): StreamDecoder {
  return (charset === undefined ? undefined : streamDecoder(charset)) ?? utf8OrWindows1252();
}

/** A text that is one piece, as most are: ASCII, as most are, is not decoded at all. */
function pieceMatches(octets: Buffer, encoding: string, charset: string | undefined, needle: Needle): boolean {
  const decoded = decodeTransfer(octets, encoding);
  if (isAscii(decoded) && isAsciiCompatible(charset)) return asciiHolds(decoded, needle);
  if (charset !== undefined && isKnownCharset(charset)) return textHolds(decodeText(decoded, charset), needle);
  if (isUtf8(decoded)) return textHolds(decoded.toString(), needle);
  // A character that is cut off at the end makes no other character set of the text before it.
  const end = decoded.length - unfinishedUtf8(decoded);
  return textHolds(decodeUnlabelled(decoded.subarray(0, end)) + decodeUnlabelled(decoded.subarray(end)), needle);
}

/** Text that says it is ASCII or nothing often is UTF-8, or else windows-1252; each piece is looked at by itself. */
function utf8OrWindows1252(): StreamDecoder {
  let held: Buffer = Buffer.alloc(0);
  return {
    decode(octets: Buffer): string {
      const all = held.length === 0 ? octets : Buffer.concat([held, octets]);
      const cut = all.length - unfinishedUtf8(all);
      held = Buffer.from(all.subarray(cut));
      return decodeUnlabelled(all.subarray(0, cut));
    },
    end: () => decodeUnlabelled(held),
  };
}

/** Octets at the end that begin a UTF-8 character which may go on behind them. */
function unfinishedUtf8(octets: Buffer): number {
  for (let back = 1; back <= Math.min(3, octets.length); back += 1) {
    const octet = octets[octets.length - back] ?? 0;
    if (octet < 0x80) return 0;
    if (octet < 0xc0) continue;
    const missing = (octet >= 0xf0 ? 4 : octet >= 0xe0 ? 3 : 2) - back;
    const ends = missing > 0 ? LAST_OCTETS.map((last) => Buffer.alloc(missing, last)) : [];
    return ends.some((end) => isUtf8(Buffer.concat([octets.subarray(-back), end]))) ? back : 0;
  }
  return 0;
}

/** The lowest and the highest octet inside a UTF-8 character: if it can go on, then with one of them. */
const LAST_OCTETS = [0x80, 0xbf] as const;
