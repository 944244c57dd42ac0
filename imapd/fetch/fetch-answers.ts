/**
 * The values of FETCH items for one message: from its name, from what is known of it, or from its file.
 *
 * It writes nothing. Values of sections are places in the file, read when they are sent.
 */

import type { MessageReading } from '../cache/message-reading.js';
import type { PickedMessage, SelectedMailbox } from '../mailbox/selected-mailbox.js';
import { locateSection, wireOctets } from '../message/body-section.js';
import { formatDateTime } from '../wire/date-time.js';
import type { FetchItem, PlainItem, SectionItem } from '../wire/fetch-items.js';
import type { FetchAnswer, StreamedLiteral } from '../wire/fetch-response.js';

/** The message that the items are about. */
export interface FetchSubject {
  readonly mailbox: SelectedMailbox;
  readonly message: PickedMessage;
  /** Row of the folder's current table. */
  readonly row: number;
  readonly reading: MessageReading;
}

/** Finds the values of all items, in their order. @throws {MaildirError} `'message gone'` */
export function* answersOf(items: readonly FetchItem[], subject: FetchSubject): Generator<void, FetchAnswer[]> {
  const answers: FetchAnswer[] = [];
  for (const item of items) {
    const value = item.kind === 'section' ? yield* section(item, subject.reading) : yield* plainItem(item, subject);
    answers.push({ name: item.kind === 'section' ? item.label : item.kind.toUpperCase(), value });
  }
  return answers;
}

function* plainItem({ kind }: PlainItem, subject: FetchSubject): Generator<void, string | Buffer> {
  const { mailbox, message, row, reading } = subject;
  switch (kind) {
    case 'uid':
      return String(message.uid);
    case 'flags':
      return `(${mailbox.flagsTextOf(message) ?? ''})`;
    case 'internaldate':
      return internalDateText(mailbox.folder.internalDateAt(row));
    case 'rfc822.size':
      return String(reading.facts.wireOctets ?? (yield* reading.wireOctets()));
    case 'envelope':
      return reading.envelope();
    case 'body':
      return yield* reading.structure('body');
    case 'bodystructure':
      return yield* reading.structure('bodyStructure');
  }
}

/** INTERNALDATE in the server's own zone, as Courier has it. */
function internalDateText(ms: number): string {
  return `"${formatDateTime({ ms, zoneMinutes: -new Date(ms).getTimezoneOffset() })}"`;
}

/** A piece of this size is read before its response begins; larger ones are counted first and read while sent. */
const MAX_READ_AHEAD_OCTETS = 65_536;

/** In a larger file, places and sizes are found through its index, which is made in steps and kept. */
const MAX_OCTETS_WITHOUT_INDEX = 1024 * 1024;

function* section(item: SectionItem, reading: MessageReading): Generator<void, StreamedLiteral> {
  const { file } = reading;
  const index = wantsIndex(item, reading) ? yield* reading.index() : undefined;
  const located = locateSection(file, index, item.section);
  // RFC 3501 would have NIL for a part that is not there; Courier and Dovecot send an empty string, which clients know.
  if (located === undefined) return inMemory([]);
  const { offset, count } = item.partial ?? { offset: 0, count: Number.POSITIVE_INFINITY };
  if ('octets' in located) return inMemory([located.octets.subarray(offset, offset + count)]);
  if (count <= MAX_READ_AHEAD_OCTETS) return inMemory([...wireOctets(file, located, offset, count)]);
  const sizeOctets = Math.min(count, Math.max(0, located.wireOctets - offset));
  return { sizeOctets, pieces: wireOctets(file, located, offset, sizeOctets) };
}

function inMemory(pieces: readonly Buffer[]): StreamedLiteral {
  return { sizeOctets: pieces.reduce((sum, piece) => sum + piece.length, 0), pieces };
}

function wantsIndex({ section: { part, text }, partial }: SectionItem, { file, facts }: MessageReading): boolean {
  if (part.length > 0 || facts.index !== undefined) return true;
  if (text !== '' && text !== 'TEXT') return false;
  const nearTheStart = partial !== undefined && partial.offset + partial.count <= MAX_READ_AHEAD_OCTETS;
  return file.sizeOctets > MAX_OCTETS_WITHOUT_INDEX && !nearTheStart;
}
