/**
 * SEARCH_FACTS: what SEARCH on header fields, SORT and THREAD want to know of a message, as one record of octets.
 *
 *     octet 0      1: has a valid Date, 2: the subject was that of a reply
 *     octet 1      one bit for each searched field that the header has
 *     octet 2      one bit for each searched field that is too long to be kept here
 *     octet 3      0
 *     octet 4      Date in milliseconds since 1970 UTC (float64); the day that it names, counted from 1970 (int32)
 *     octet 16     where each section ends, counted from octet 36 (uint16 each)
 *     octet 36     the sections, UTF-8 but for the last
 *
 * Sections: Subject, From, To, Cc, Bcc decoded and folded, several fields of one name parted by an octet that UTF-8 does
 * not have; the base subject and the first mailbox of From, To and Cc as SORT compares them; Message-ID, empty without
 * one, and references, parted by spaces.
 *
 * Numbers are little-endian. It knows neither the cache nor where the header comes from.
 */
import type { FactView } from '../cache/folder-facts.js';
import { type MessageDate, parseDateOctets, parseMessageDate, writtenDay } from '../message/dates.js';
import { writeFoldedOctets } from '../message/folded-octets.js';
import { foldedWords } from '../message/folded-words.js';
import { MAX_VALUE_OCTETS } from '../message/limits.js';
import { OctetWriter } from '../message/octet-writer.js';
import { firstMailbox, MAX_REFERENCES_OCTETS, messageIds, sortedSubject } from '../message/sort.js';
import { FIELD, HeaderFields } from './header-fields.js';
import { findPlainMailbox, findPlainSubject, writeFoldedAscii, writeLowerCase, writePlainIds } from './plain-values.js';

const HAS_DATE = 1;
const IS_REPLY = 2;

const DATE_AT = 4;
const DAY_AT = 12;
const ENDS_AT = 16;

/** Sections by number. The searched fields come first: each has a bit of octets 1 and 2. */
export const SECTION = {
  subject: 0,
  from: 1,
  to: 2,
  cc: 3,
  bcc: 4,
  baseSubject: 5,
  firstFrom: 6,
  firstTo: 7,
  firstCc: 8,
  ids: 9,
} as const;

/** The number of a section. */
export type Section = (typeof SECTION)[keyof typeof SECTION];

const SECTIONS = 10;
const HEAD_OCTETS = ENDS_AT + SECTIONS * 2;

/** The numbers of the searched fields are those of their sections. */
const SEARCHED_FIELDS = 5;

/** Between two fields of one name: no octet of UTF-8. */
const FIELD_SEPARATOR = 0xff;
/** Between two Message-IDs: they have no white space. */
const SPACE = 0x20;

/** A searched field that is longer is looked for in the file: lists of some hundred addresses are rare. */
const MAX_FIELD_OCTETS = 4_096;
/** Folding makes a text at most so many times longer. */
const MAX_SEARCHED_OCTETS = 12_288;
/** A base subject or mailbox is cut here: a field that is looked at has no more than MAX_VALUE_OCTETS. */
const MAX_KEY_OCTETS = 4_096;
/** Room for Message-ID and references, of which the last ones count: some hundred of the usual length. */
const MAX_IDS_OCTETS = 16_384;

/** Longer references are looked at as a string: most of them will not be kept. */
const MAX_PLAIN_IDS_OCTETS = 8_192;

const writer = new OctetWriter();

/** The header at hand. */
const fields = new HeaderFields();
const place = { start: 0, end: 0 };
const found = { start: 0, end: 0 };

/** Where the first subject ends in the record if it was written as it stands; 0 if it was decoded. */
let plainSubjectEnd = 0;

/**
 * Makes the record of a header block, which is `header` up to `end`. It is valid until the next one is made.
 */
export function encodeSearchFacts(header: Buffer, end = header.length): Buffer {
  fields.reset(header, 0, end);
  writer.length = HEAD_OCTETS;
  writer.octets.fill(0, 0, HEAD_OCTETS);
  plainSubjectEnd = 0;
  for (let section = 0; section < SEARCHED_FIELDS; section += 1) {
    if (fields.first(section) !== -1) writeSearched(section);
    endSection(section);
  }
  const isReply = writeBaseSubject();
  for (let section = SECTION.from; section <= SECTION.cc; section += 1) writeMailbox(section);
  writeIds();
  const date = dateOf(fields.first(FIELD.date));
  const { octets } = writer;
  octets[0] = (date === undefined ? 0 : HAS_DATE) | (isReply ? IS_REPLY : 0);
  octets.writeDoubleLE(date?.ms ?? 0, DATE_AT);
  octets.writeInt32LE(date === undefined ? 0 : writtenDay(date), DAY_AT);
  return writer.view();
}

/** Writes all values of a field; none if they are too long. */
function writeSearched(section: number): void {
  const bit = 1 << section;
  const from = writer.length;
  let tooLong = false;
  let octets = 0;
  for (let field = fields.first(section); field !== -1 && !tooLong; field = fields.next(field)) {
    octets += fields.octetsOf(field) + 1;
    tooLong = octets > MAX_FIELD_OCTETS;
    if (!tooLong) writeFolded(section, field);
  }
  tooLong ||= writer.length - from > MAX_SEARCHED_OCTETS;
  if (tooLong) {
    writer.length = from;
    if (section === SECTION.subject) plainSubjectEnd = 0;
  }
  writer.octets[1] = (writer.octets[1] ?? 0) | bit;
  if (tooLong) writer.octets[2] = (writer.octets[2] ?? 0) | bit;
}

function writeFolded(section: number, field: number): void {
  const isFirst = field === fields.first(section);
  if (!isFirst) writer.octet(FIELD_SEPARATOR);
  fields.find(field, MAX_FIELD_OCTETS, place);
  const isPlain = writeFoldedAscii(writer, fields.octets, place);
  if (isPlain && isFirst && section === SECTION.subject) plainSubjectEnd = writer.length;
  if (isPlain || writeFoldedOctets(writer, fields.octets, place.start, place.end)) return;
  writeUtf8(foldedWords(fields.text(place)));
}

/** Writes the base subject; gives whether it is that of a reply. */
function writeBaseSubject(): boolean {
  place.start = HEAD_OCTETS;
  place.end = plainSubjectEnd;
  const plain = plainSubjectEnd > 0 ? findPlainSubject(writer.octets, place, found) : undefined;
  if (plain !== undefined) {
    writer.copy(writer.octets, found.start, found.end);
    endSection(SECTION.baseSubject);
    return plain;
  }
  const { key, isReply } = sortedSubject(valueIn(FIELD.subject, MAX_VALUE_OCTETS));
  writeKey(SECTION.baseSubject, key);
  return isReply;
}

/** Writes the mailbox of the first address of From, To or Cc. */
function writeMailbox(section: number): void {
  const key = SECTION.firstFrom - SECTION.from + section;
  const field = fields.first(section);
  if (field === -1) {
    endSection(key);
    return;
  }
  fields.find(field, MAX_VALUE_OCTETS, place);
  if (!findPlainMailbox(fields.octets, place, found)) {
    writeKey(key, firstMailbox(fields.text(place)));
    return;
  }
  found.end = Math.min(found.end, found.start + MAX_KEY_OCTETS);
  writeLowerCase(writer, fields.octets, found);
  endSection(key);
}

/** The value of the first field of a name, unfolded, as octets in Latin-1; empty without one. */
function valueIn(name: number, maxOctets: number): string {
  const field = fields.first(name);
  if (field === -1) return '';
  fields.find(field, maxOctets, place);
  return fields.text(place);
}

function dateOf(field: number): MessageDate | undefined {
  if (field === -1) return undefined;
  fields.find(field, MAX_VALUE_OCTETS, place);
  return parseDateOctets(fields.octets, place.start, place.end) ?? parseMessageDate(fields.text(place));
}

function writeKey(section: number, text: string): void {
  const from = writer.length;
  writeUtf8(text);
  writer.length = Math.min(writer.length, from + MAX_KEY_OCTETS);
  endSection(section);
}

function writeIds(): void {
  const from = writer.length;
  if (writePlain(FIELD['message-id'], false) < 0)
    writer.text(messageIds(valueIn(FIELD['message-id'], MAX_VALUE_OCTETS))[0] ?? '');
  const references = writePlain(FIELD.references, true);
  if (references < 0 || (references === 0 && fields.first(FIELD['in-reply-to']) !== -1)) writeAncestors(from);
  endSection(SECTION.ids);
}

/** Writes the Message-IDs of a field: gives how many there are, or -1, with nothing written, if they are not plain. */
function writePlain(name: number, all: boolean): number {
  const field = fields.first(name);
  if (field === -1) return 0;
  if (fields.octetsOf(field) > MAX_PLAIN_IDS_OCTETS) return -1;
  fields.find(field, MAX_PLAIN_IDS_OCTETS, place);
  return writePlainIds(writer, fields.octets, place, all);
}

/** Writes the Message-IDs that a message refers to, as far as there is room. */
function writeAncestors(from: number): void {
  let ancestors = messageIds(valueIn(FIELD.references, MAX_REFERENCES_OCTETS));
  if (ancestors.length === 0) ancestors = messageIds(valueIn(FIELD['in-reply-to'], MAX_VALUE_OCTETS)).slice(0, 1);
  // The nearest ancestors are the last.
  let first = ancestors.length;
  for (let left = MAX_IDS_OCTETS - (writer.length - from); first > 0; first -= 1) {
    left -= 1 + (ancestors[first - 1] ?? '').length;
    if (left < 0) break;
  }
  for (let index = first; index < ancestors.length; index += 1) {
    writer.octet(SPACE);
    writer.text(ancestors[index] ?? '');
  }
}

function endSection(section: number): void {
  const length = writer.length - HEAD_OCTETS;
  writer.octets[ENDS_AT + section * 2] = length & 0xff;
  writer.octets[ENDS_AT + section * 2 + 1] = length >>> 8;
}

/** A longer text is written faster by the platform than octet by octet. */
const SHORT_TEXT = 24;

function writeUtf8(text: string): void {
  if (text.length <= SHORT_TEXT && wroteAscii(text)) return;
  // At most three octets for each unit of UTF-16.
  writer.need(text.length * 3);
  writer.length += writer.octets.write(text, writer.length);
}

/** Writes a text if it is ASCII. */
function wroteAscii(text: string): boolean {
  writer.need(text.length);
  const { octets, length } = writer;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code > 0x7f) return false;
    octets[length + at] = code;
  }
  writer.length = length + text.length;
  return true;
}

/** Where the octets of a section lie. One for a whole command, filled in again and again. */
export interface SectionPlace {
  start: number;
  end: number;
}

/** Finds a section of a record. */
export function findSection({ octets, start }: FactView, section: Section, place: SectionPlace): void {
  const at = start + ENDS_AT + section * 2;
  const from = section === 0 ? 0 : (octets[at - 2] ?? 0) + ((octets[at - 1] ?? 0) << 8);
  place.start = start + HEAD_OCTETS + from;
  place.end = start + HEAD_OCTETS + (octets[at] ?? 0) + ((octets[at + 1] ?? 0) << 8);
}

/** The searched field of a section is too long to be in the record. */
export function isLeftOut({ octets, start }: FactView, section: Section): boolean {
  return ((octets[start + 2] ?? 0) & (1 << section)) !== 0;
}

/** The header has a field of this section's name. */
export function hasField({ octets, start }: FactView, section: Section): boolean {
  return ((octets[start + 1] ?? 0) & (1 << section)) !== 0;
}

/** The subject was that of a reply or a forward. */
export function isReply({ octets, start }: FactView): boolean {
  return ((octets[start] ?? 0) & IS_REPLY) !== 0;
}

/** The Date field in milliseconds since 1970 UTC; undefined without a valid one. */
export function sentMs({ octets, start }: FactView): number | undefined {
  return ((octets[start] ?? 0) & HAS_DATE) === 0 ? undefined : octets.readDoubleLE(start + DATE_AT);
}

/** The day that the Date field names, counted from 1 January 1970; undefined without a valid one. */
export function sentDay({ octets, start }: FactView): number | undefined {
  return ((octets[start] ?? 0) & HAS_DATE) === 0 ? undefined : octets.readInt32LE(start + DAY_AT);
}
