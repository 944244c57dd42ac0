/**
 * SEARCH's texts the slow way: everything is decoded and folded, and then looked at. Tests expect the same answers from the
 * server, which decodes only what it must.
 */
import { decodeText, decodeUnlabelled, isKnownCharset } from '../../imapd/message/charset.js';
import { fold } from '../../imapd/message/fold.js';
import { fieldPlaces, nameAt, valueAt } from '../../imapd/message/header.js';
import { MAX_HEADER_OCTETS } from '../../imapd/message/limits.js';
import type { MessageIndex, Part } from '../../imapd/message/mime.js';
import { decodeExtended } from '../../imapd/message/parameters.js';
import type { MessageSource } from '../../imapd/message/source.js';
import { transferDecoder } from '../../imapd/message/transfer-decoding.js';

/** A text to look for, folded. */
export interface Needle {
  readonly folded: string;
}

/** Prepares a text that a client sent; undefined when its character set is not known. None means UTF-8 or ASCII. */
export function compileNeedle(text: Buffer, charset?: string): Needle | undefined {
  if (charset !== undefined && !isKnownCharset(charset)) return undefined;
  return { folded: fold(decodeText(text, charset)) };
}

/** HEADER: does one of the fields of this name hold the text? An empty text asks whether the field is there. */
export function headerMatches(header: Buffer, fieldName: string, needle: Needle): boolean {
  const text = header.toString('latin1');
  const wanted = fieldName.toLowerCase();
  for (const place of fieldPlaces(text)) {
    if (place.colon - place.start < wanted.length || nameAt(text, place).toLowerCase() !== wanted) continue;
    if (needle.folded === '' || holds(decodeWords(valueAt(text, place)), needle)) return true;
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
  for (const part of allParts(index.root)) {
    if (part !== index.root && blockMatches(source, part, needle)) return true;
    if (isText(part) && (yield* textMatches(source, part, needle))) return true;
    yield;
  }
  return false;
}

/** TEXT: looks through the header as well. */
export function* messageMatches(
  source: MessageSource,
  index: MessageIndex,
  needle: Needle,
): Generator<void, boolean, void> {
  if (needle.folded === '' || blockMatches(source, index.root, needle)) return true;
  return yield* bodyMatches(source, index, needle);
}

function holds(text: string, needle: Needle): boolean {
  return fold(text).includes(needle.folded);
}

/** A part, and all that is inside it. Tests have no deep messages. */
function allParts(part: Part): Part[] {
  const inside = part.message === undefined ? part.children : [part.message];
  return [part, ...inside.flatMap(allParts)];
}

/** Whatever a person reads as text: also reports and messages that could not be looked into. */
function isText({ type, message }: Part): boolean {
  return ['text', 'message'].includes(type) && message === undefined;
}

/** A whole header: each field unfolded and decoded, and RFC 2231 values as well. */
function blockMatches(source: MessageSource, part: Part, needle: Needle): boolean {
  const length = Math.min(part.bodyStart - part.headerStart, MAX_HEADER_OCTETS);
  const header = source.read(part.headerStart, length).toString('latin1');
  if (!/=\?|[\x80-\xff]/.test(header)) {
    // Nothing is encoded, so all fields are looked at at once.
    if (holds(header.replace(/\r?\n(?=[ \t])/g, ''), needle)) return true;
  } else {
    for (const place of fieldPlaces(header)) {
      if (holds(`${nameAt(header, place)}: ${decodeWords(valueAt(header, place))}`, needle)) return true;
    }
  }
  const parameters = [...part.parameters, ...(part.disposition?.parameters ?? [])];
  return parameters.some(({ name, value }) => {
    if (!name.endsWith('*')) return false;
    const { charset, octets } = decodeExtended(value);
    return holds(decodeText(octets, charset), needle);
  });
}

function* textMatches(source: MessageSource, part: Part, needle: Needle): Generator<void, boolean, void> {
  const charset = part.parameters.find(({ name }) => name === 'charset')?.value;
  const isPlain = charset === undefined || /^(?:us-ascii|ascii|utf-?8)$/i.test(charset.trim());
  const octets = source.read(part.bodyStart, part.bodyEnd - part.bodyStart);
  yield;
  const transfer = transferDecoder(part.encoding);
  const decoded = Buffer.concat([transfer.decode(octets), transfer.end()]);
  const isLabelled = !isPlain && isKnownCharset(charset);
  return holds(isLabelled ? decodeText(decoded, charset) : textWithoutLabel(decoded), needle);
}

/** UTF-8 where all octets are, up to a character that the end cuts off; else windows-1252. */
function textWithoutLabel(octets: Buffer): string {
  const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  try {
    const text = strict.decode(octets, { stream: true });
    return text + decodeText(octets.subarray(Buffer.byteLength(text)), 'windows-1252');
  } catch {
    return decodeText(octets, 'windows-1252');
  }
}

/** `=?charset*language?encoding?text?=` */
const encodedWord = /=\?([^?\s*]{1,40})(?:\*[^?\s]{0,40})?\?([bq])\?([^?\s]*)\?=/gi;

/**
 * Decodes a value to text: RFC 2047 words, and raw 8-bit octets.
 *
 * Neighbouring words of one character set are decoded as one, since some programs cut inside a character. A word in
 * an unknown character set is taken as UTF-8 or windows-1252.
 */
function decodeWords(value: string): string {
  if (!value.includes('=?')) return decodeRaw(value);
  let text = '';
  let from = 0;
  let pending: { charset: string; octets: Buffer[] } | undefined;
  const flush = () => {
    if (pending !== undefined) text += decodeText(Buffer.concat(pending.octets), pending.charset);
    pending = undefined;
  };
  for (const match of value.matchAll(encodedWord)) {
    const between = value.slice(from, match.index);
    // White space between two words is there for folding only.
    const joins = pending !== undefined && /^[ \t\r\n]*$/.test(between);
    const charset = (match[1] ?? '').toLowerCase();
    if (!joins || pending?.charset !== charset) flush();
    if (!joins) text += decodeRaw(between);
    pending ??= { charset, octets: [] };
    pending.octets.push(decodeWordText(match[2] ?? '', match[3] ?? ''));
    from = match.index + match[0].length;
  }
  flush();
  return text + decodeRaw(value.slice(from));
}

function decodeWordText(encoding: string, text: string): Buffer {
  if (encoding === 'b' || encoding === 'B') return Buffer.from(text, 'base64');
  const octets = text.replace(/_/g, ' ').replace(/=([0-9a-f]{2})/gi, (_match: string, hex: string) => {
    return String.fromCharCode(Number.parseInt(hex, 16));
  });
  return Buffer.from(octets, 'latin1');
}

function decodeRaw(value: string): string {
  return /[\x80-\xff]/.test(value) ? decodeUnlabelled(Buffer.from(value, 'latin1')) : value;
}
