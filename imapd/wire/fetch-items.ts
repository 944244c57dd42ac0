/**
 * What FETCH can ask of a message: `(FLAGS BODY.PEEK[1.2.HEADER.FIELDS (SUBJECT)]<0.1024>)`.
 */
import type { Cursor } from './cursor.js';
import { Encoder } from './encoder.js';
import { nameWord, SyntaxFailure } from './failures.js';
import { MAX_FETCH_ITEMS, MAX_PART_NUMBERS } from './limits.js';

const sectionTexts = ['HEADER.FIELDS.NOT', 'HEADER.FIELDS', 'HEADER', 'TEXT', 'MIME'] as const;

/** A part of a message. `part` empty means the message itself, `text` empty all of the part. */
export interface BodySection {
  readonly part: readonly number[];
  readonly text: '' | (typeof sectionTexts)[number];
  /** Field names in upper case, for HEADER.FIELDS and HEADER.FIELDS.NOT; empty otherwise. */
  readonly fields: readonly string[];
}

export interface SectionItem {
  readonly kind: 'section';
  /** The item's name in the response: `BODY[1.MIME]<0>`, `RFC822.HEADER`. */
  readonly label: string;
  readonly section: BodySection;
  /** Does not set \Seen. */
  readonly peek: boolean;
  /** Octets on the wire; the count is at least 1. */
  readonly partial?: { readonly offset: number; readonly count: number };
}

const plainItems = [
  'flags',
  'uid',
  'internaldate',
  'rfc822.size',
  'envelope',
  'body',
  'bodystructure',
  'modseq',
  'emailid',
  'threadid',
  'savedate',
] as const;

export interface PlainItem {
  readonly kind: (typeof plainItems)[number];
}

/** A part with its transfer encoding undone, or the size of it (RFC 3516). */
export interface BinaryItem {
  readonly kind: 'binary' | 'binary.size';
  /** The item's name in the response: `BINARY[1.2]<0>`. */
  readonly label: string;
  readonly part: readonly number[];
  readonly peek: boolean;
  /** Octets after decoding; the count is at least 1. */
  readonly partial?: { readonly offset: number; readonly count: number };
}

/** The beginning of the text (RFC 8970); with `lazy` only if it is known already. */
export interface PreviewItem {
  readonly kind: 'preview';
  readonly lazy: boolean;
}

export type FetchItem = PlainItem | SectionItem | BinaryItem | PreviewItem;

/** Whether the answer to this item makes a message \Seen. */
export function marksSeen(item: FetchItem): boolean {
  return (item.kind === 'section' || item.kind === 'binary') && !item.peek;
}

const macros = new Map<string, readonly PlainItem[]>([
  ['FAST', plain('flags', 'internaldate', 'rfc822.size')],
  ['ALL', plain('flags', 'internaldate', 'rfc822.size', 'envelope')],
  ['FULL', plain('flags', 'internaldate', 'rfc822.size', 'envelope', 'body')],
]);

const wholeMessage: BodySection = { part: [], text: '', fields: [] };

const oldNames = new Map<string, SectionItem>([
  ['RFC822', { kind: 'section', label: 'RFC822', section: wholeMessage, peek: false }],
  [
    'RFC822.HEADER',
    { kind: 'section', label: 'RFC822.HEADER', section: { ...wholeMessage, text: 'HEADER' }, peek: true },
  ],
  ['RFC822.TEXT', { kind: 'section', label: 'RFC822.TEXT', section: { ...wholeMessage, text: 'TEXT' }, peek: false }],
]);

/**
 * `"ALL" / "FULL" / "FAST" / fetch-att / "(" fetch-att *(SP fetch-att) ")"` (RFC 9051 section 9).
 *
 * Macros are expanded. What follows the items stays unread.
 */
export function parseFetchItems(cursor: Cursor): FetchItem[] {
  if (cursor.peekOctet() === 0x28) {
    const items = cursor.parenthesised(() => parseItem(cursor, cursor.atomBefore('[<')), { most: MAX_FETCH_ITEMS });
    if (items.length === 0) throw new SyntaxFailure('FETCH needs at least one item.');
    return items;
  }
  const word = cursor.atomBefore('[<');
  const macro = macros.get(word.toUpperCase());
  return macro === undefined ? [parseItem(cursor, word)] : [...macro];
}

function parseItem(cursor: Cursor, word: string): FetchItem {
  const name = word.toUpperCase();
  if ((name === 'BODY' || name === 'BODY.PEEK') && cursor.take('[')) return parseSectionItem(cursor, name);
  if (BINARY_NAMES.has(name) && cursor.take('[')) return parseBinaryItem(cursor, name);
  if (name === 'PREVIEW') return { kind: 'preview', lazy: cursor.take(' (LAZY)') };
  const kind = plainItems.find((known) => known.toUpperCase() === name);
  if (kind !== undefined) return { kind };
  const section = oldNames.get(name);
  if (section !== undefined) return section;
  throw new SyntaxFailure(`Unknown FETCH item ${nameWord(word)}.`);
}

/** `("BODY" / "BODY.PEEK") section ["<" number64 "." nz-number64 ">"]`, from behind the bracket. */
function parseSectionItem(cursor: Cursor, name: string): SectionItem {
  const section = parseSectionSpec(cursor);
  cursor.expect(']');
  const peek = name === 'BODY.PEEK';
  const partial = parsePartial(cursor);
  if (partial === undefined) return { kind: 'section', label: sectionLabel(section), section, peek };
  return { kind: 'section', label: `${sectionLabel(section)}<${partial.offset}>`, section, peek, partial };
}

/** `["<" number64 "." nz-number64 ">"]` */
function parsePartial(cursor: Cursor): { offset: number; count: number } | undefined {
  if (!cursor.take('<')) return undefined;
  const offset = cursor.number64();
  cursor.expect('.');
  const count = cursor.number64();
  cursor.expect('>');
  if (count === 0) throw new SyntaxFailure('A partial FETCH asks for 0 octets.');
  return { offset, count };
}

const BINARY_NAMES: ReadonlySet<string> = new Set(['BINARY', 'BINARY.PEEK', 'BINARY.SIZE']);

/** `"BINARY" [".PEEK"] section-binary [partial] / "BINARY.SIZE" section-binary`, from behind the bracket. */
function parseBinaryItem(cursor: Cursor, name: string): BinaryItem {
  const part = parsePartNumbers(cursor);
  cursor.expect(']');
  const place = part.join('.');
  const peek = name !== 'BINARY';
  if (name === 'BINARY.SIZE') return { kind: 'binary.size', label: `BINARY.SIZE[${place}]`, part, peek };
  const partial = parsePartial(cursor);
  if (partial === undefined) return { kind: 'binary', label: `BINARY[${place}]`, part, peek };
  return { kind: 'binary', label: `BINARY[${place}]<${partial.offset}>`, part, peek, partial };
}

/** `section-binary = "[" [section-part] "]"`, between the brackets. */
function parsePartNumbers(cursor: Cursor): number[] {
  const part: number[] = [];
  if (!startsWithDigit(cursor)) return part;
  do {
    if (part.length === MAX_PART_NUMBERS) throw new SyntaxFailure('A part number has too many levels.');
    part.push(cursor.nzNumber());
  } while (cursor.take('.'));
  return part;
}

/** `section-spec = section-msgtext / (section-part ["." section-text])` (RFC 9051 section 9). */
export function parseSectionSpec(cursor: Cursor): BodySection {
  const part: number[] = [];
  while (startsWithDigit(cursor)) {
    if (part.length === MAX_PART_NUMBERS) throw new SyntaxFailure('A part number has too many levels.');
    part.push(cursor.nzNumber());
    if (!cursor.take('.')) return { part, text: '', fields: [] };
  }
  const text = sectionTexts.find((known) => cursor.take(known));
  if (text === undefined) {
    if (part.length === 0) return wholeMessage;
    throw cursor.failure('HEADER, TEXT, MIME or a number');
  }
  if (text === 'MIME' && part.length === 0) throw new SyntaxFailure('MIME needs a part number.');
  return { part, text, fields: text.startsWith('HEADER.') ? parseFieldNames(cursor) : [] };
}

/** `header-list = "(" header-fld-name *(SP header-fld-name) ")"` */
function parseFieldNames(cursor: Cursor): string[] {
  cursor.sp();
  const names = cursor.parenthesised(() => cursor.astring().toString('latin1').toUpperCase());
  if (names.length === 0) throw new SyntaxFailure('HEADER.FIELDS needs at least one field.');
  if (names.some((name) => /[^\x20-\x7e]/.test(name))) throw new SyntaxFailure('A field name is not printable ASCII.');
  return names;
}

/** Writes a section as it stands in a response, field names in upper case: `BODY[1.HEADER.FIELDS (TO CC)]`. */
function sectionLabel({ part, text, fields }: BodySection): string {
  const place = [...part, ...(text === '' ? [] : [text])].join('.');
  return fields.length === 0 ? `BODY[${place}]` : `BODY[${place} (${fields.map(astring).join(' ')})]`;
}

function astring(name: string): string {
  return /^[^\x00-\x20(){%*"\\\x7f]+$/.test(name) ? name : new Encoder().quoted(name).octets().toString('latin1');
}

function startsWithDigit(cursor: Cursor): boolean {
  const octet = cursor.peekOctet() ?? 0;
  return octet >= 0x30 && octet <= 0x39;
}

function plain(...kinds: readonly PlainItem['kind'][]): readonly PlainItem[] {
  return kinds.map((kind) => ({ kind }));
}
