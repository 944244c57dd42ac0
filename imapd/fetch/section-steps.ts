/**
 * The steps of a FETCH that write sections: `BODY[…]` and its older names.
 *
 * Fields that clients list messages by come from the record of the header. Everything else comes from the file: a message
 * of usual size is in memory as a whole when its answer begins, a larger one is read while it is sent.
 */

import { expandedLines, expandLines, MACHINE_OCTETS } from '../../maildir/octets/line-machine.js';
import type { MessageReading } from '../cache/message-reading.js';
import { keptIndex } from '../cache/part-indexes.js';
import { type FileRange, type Located, locateSection, wireOctets } from '../message/body-section.js';
import { countBareLfs } from '../message/line-ends.js';
import type { MessageIndex } from '../message/mime.js';
import { OctetWriter } from '../message/octet-writer.js';
import { paced } from '../session/paced.js';
import type { SectionItem } from '../wire/fetch-items.js';
import type { FetchStep } from './fetch-plan.js';
import type { FetchSubject } from './fetch-subject.js';
import {
  type HeaderParts,
  holdsFields,
  knownFieldsOctets,
  type WantedFields,
  wantedFields,
  writeKnownFields,
} from './header-facts.js';

/** What was announced cannot be sent: the file has become shorter. Nothing that follows would be understood. */
export class LiteralFailure extends Error {
  override readonly name = 'LiteralFailure';
}

/** A piece of this size is read before its response begins; larger ones are counted first and read while sent. */
const MAX_READ_AHEAD_OCTETS = 65_536;

/** In a larger file, places and sizes are found through its index, which is made in steps and kept. */
const MAX_OCTETS_WITHOUT_INDEX = 1024 * 1024;

/** The common fields that an item asks for, if it is `BODY[HEADER.FIELDS (…)]` of nothing else. */
export function commonFieldsOf({ section, partial }: SectionItem): WantedFields | undefined {
  if (section.part.length > 0 || section.text !== 'HEADER.FIELDS' || partial !== undefined) return undefined;
  return wantedFields(section.fields);
}

/** `BODY[HEADER.FIELDS (…)]` of common fields; undefined for everything else. @param parts wanted of the header in all */
export function headerFieldsStep(item: SectionItem, parts: HeaderParts): FetchStep | undefined {
  const wanted = commonFieldsOf(item);
  if (wanted === undefined) return undefined;
  const fromFile = fileSectionStep(item);
  return {
    prepare(subject) {
      subject.findHeader(parts);
      return holdsFields(subject.view) ? undefined : fromFile.prepare?.(subject);
    },
    write(subject, out) {
      subject.findHeader(parts);
      return holdsFields(subject.view) ? writeFields(subject, out, wanted) : fromFile.write(subject, out);
    },
  };
}

function writeFields(subject: FetchSubject, out: OctetWriter, wanted: WantedFields): undefined {
  const sizeOctets = knownFieldsOctets(subject.view, wanted);
  writeLiteralHead(out, sizeOctets);
  writeKnownFields(subject.output.room(sizeOctets), subject.view, wanted);
  subject.session.counters.headers += sizeOctets;
}

function writeLiteralHead(out: OctetWriter, sizeOctets: number): void {
  out.octet(LEFT_BRACE);
  out.number(sizeOctets);
  out.text('}\r\n');
}

/** Any section, from the file. */
export function fileSectionStep(item: SectionItem): FetchStep {
  return new FileSectionStep(item);
}

class FileSectionStep implements FetchStep {
  readonly #item: SectionItem;
  readonly #counter: 'headers' | 'body';
  readonly #offset: number;
  readonly #count: number;
  /** Of the message that is being answered. */
  #located: Located | undefined;
  /** The piece that is asked for, where it was read ahead. */
  #ahead: Buffer | undefined;

  constructor(item: SectionItem) {
    this.#item = item;
    this.#counter = item.section.text.startsWith('HEADER') ? 'headers' : 'body';
    this.#offset = item.partial?.offset ?? 0;
    this.#count = item.partial?.count ?? Number.POSITIVE_INFINITY;
  }

  prepare({ reading, session }: FetchSubject): Promise<void> | undefined {
    if (!wantsIndex(this.#item, reading)) return this.#locate(reading, undefined);
    const index = paced(session, reading.index());
    return index instanceof Promise
      ? index.then((found) => this.#locate(reading, found))
      : this.#locate(reading, index);
  }

  #locate({ file }: MessageReading, index: MessageIndex | undefined): undefined {
    const located = locateSection(file, index, this.#item.section);
    this.#located = located;
    this.#ahead = undefined;
    // RFC 3501 would have NIL for a part that is not there; Courier and Dovecot send an empty string, which clients know.
    if (located === undefined) this.#ahead = Buffer.alloc(0);
    else if ('octets' in located) this.#ahead = located.octets.subarray(this.#offset, this.#offset + this.#count);
    else if (this.#item.partial !== undefined && (file.whole !== undefined || this.#count <= MAX_READ_AHEAD_OCTETS)) {
      const piece = new OctetWriter();
      for (const octets of wireOctets(file, located, this.#offset, this.#count)) piece.copy(octets, 0, octets.length);
      this.#ahead = piece.view();
    }
  }

  write(subject: FetchSubject, out: OctetWriter): Promise<void> | undefined {
    const ahead = this.#ahead;
    const located = this.#located;
    if (ahead !== undefined || located === undefined || 'octets' in located) {
      const octets = ahead ?? Buffer.alloc(0);
      this.#begin(subject, out, octets.length);
      subject.output.room(octets.length).copy(octets, 0, octets.length);
      return undefined;
    }
    const whole = this.#wholeFor(subject.reading, located);
    if (whole === undefined) return this.#stream(subject, out, located);
    const { start, end } = located;
    if (end - start > MACHINE_OCTETS) {
      this.#begin(subject, out, end - start + countBareLfs(whole, start, end));
      return writeInPieces(subject, whole, start, end);
    }
    // Its size must be written first, and is known when the lines are ready.
    const sizeOctets = expandLines(whole, start, end, 0);
    this.#begin(subject, out, sizeOctets);
    subject.output.room(sizeOctets).copy(expandedLines, 0, sizeOctets);
    return undefined;
  }

  /** All octets of the file, if most of them are wanted or they are in memory already. */
  #wholeFor(reading: MessageReading, { start, end }: FileRange): Buffer | undefined {
    const { whole, sizeOctets } = reading.file;
    const most = this.#item.partial === undefined && (end - start) * 2 > sizeOctets;
    return most ? reading.whole() : this.#item.partial === undefined ? whole : undefined;
  }

  /** Sends a section piece by piece; others have their turn in between, and memory holds one piece. */
  async #stream({ session, output, reading }: FetchSubject, out: OctetWriter, range: FileRange): Promise<void> {
    const sizeOctets = Math.min(this.#count, Math.max(0, range.wireOctets - this.#offset));
    this.#begin({ session }, out, sizeOctets);
    let leftOctets = sizeOctets;
    for (const piece of wireOctets(reading.file, range, this.#offset, sizeOctets)) {
      leftOctets -= piece.length;
      if (leftOctets < 0) break;
      output.room(piece.length).copy(piece, 0, piece.length);
      if (output.full) await session.flush();
      const turn = session.pace();
      if (turn !== undefined) await turn;
    }
    if (leftOctets !== 0)
      throw new LiteralFailure(`a literal of ${sizeOctets} octets was announced and the message has other octets now`);
  }

  /** Courier's log line at the end of a session tells how many octets of headers and of bodies were fetched. */
  #begin({ session }: Pick<FetchSubject, 'session'>, out: OctetWriter, sizeOctets: number): void {
    writeLiteralHead(out, sizeOctets);
    session.counters[this.#counter] += sizeOctets;
  }
}

/** Writes a section that is in memory in pieces, so that the client gets them while the next are written. */
async function writeInPieces(
  { session, output }: FetchSubject,
  whole: Buffer,
  start: number,
  end: number,
): Promise<void> {
  for (let from = start; from < end; from += MACHINE_OCTETS) {
    const to = Math.min(end, from + MACHINE_OCTETS);
    const length = expandLines(whole, from, to, from === start ? 0 : (whole[from - 1] ?? 0));
    output.room(length).copy(expandedLines, 0, length);
    if (output.full) await session.flush();
    const turn = session.pace();
    if (turn !== undefined) await turn;
  }
}

function wantsIndex({ section: { part, text }, partial }: SectionItem, reading: MessageReading): boolean {
  if (part.length > 0) return true;
  const { file } = reading;
  if (file.whole !== undefined || (text !== '' && text !== 'TEXT')) return false;
  if (partial === undefined && reading.whole() !== undefined) return false;
  if (keptIndex(file) !== undefined) return true;
  const nearTheStart = partial !== undefined && partial.offset + partial.count <= MAX_READ_AHEAD_OCTETS;
  return file.sizeOctets > MAX_OCTETS_WITHOUT_INDEX && !nearTheStart;
}

const LEFT_BRACE = 0x7b;
