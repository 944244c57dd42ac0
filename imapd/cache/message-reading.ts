/**
 * MessageReading: one message that a command looks at. What is known of it comes from the cache; its file is opened when
 * something else is asked for, once, and closed by the command.
 *
 * Whatever may have to read a whole file comes in steps of about a MiB (see paced.ts). Every method that needs the file
 * throws MaildirError `'message gone'` when there is none.
 */
import { MaildirError } from '../../maildir/errors.js';
import type { Folder, MessageFile } from '../../maildir/folder.js';
import { countWireOctets } from '../message/body-section.js';
import { encodeBodyStructure } from '../message/body-structure.js';
import { parseMessageDate, writtenDay } from '../message/dates.js';
import { encodeEnvelope } from '../message/envelope.js';
import { fieldPlaces, fields, nameAt, readHeader } from '../message/header.js';
import { type MessageIndex, type Part, scanMessage } from '../message/mime.js';
import { type SortFacts, sortFacts } from '../message/sort.js';
import { forget, type MessageCache, type MessageFacts, workerCache } from './message-cache.js';

/**
 * The part index of a smaller message is not kept: scanning it again costs less than a tenth of a millisecond, and the
 * index takes a few hundred octets per part. Clients fetch large messages in many pieces, each of which needs it.
 */
export const MIN_OCTETS_OF_KEPT_INDEX = 65_536;

/** Line ends of a file up to this size are counted in one step, which takes less than a millisecond. */
const MAX_OCTETS_COUNTED_AT_ONCE = 1024 * 1024;

/** What an index costs in memory, per part, roughly. */
const OCTETS_OF_PART = 800;
const OCTETS_OF_SORT_FACTS = 600;

/** What people search for. Kept once somebody did: the next search of this kind opens no file. */
const COMMON_FIELDS: ReadonlySet<string> = new Set(['SUBJECT', 'FROM', 'TO', 'CC']);

/** A message, from the cache and from its file. */
export class MessageReading {
  readonly uid: number;
  readonly #folder: Folder;
  readonly #row: number;
  readonly #cache: MessageCache;
  #facts: MessageFacts | undefined;
  #file: MessageFile | undefined;
  #header: Buffer | undefined;
  #index: MessageIndex | undefined;

  /** @param row row of the folder's current table, used before anything is waited for */
  constructor(folder: Folder, row: number, cache = workerCache) {
    this.uid = folder.table.uidAt(row);
    this.#folder = folder;
    this.#row = row;
    this.#cache = cache;
  }

  /** What is known. */
  get facts(): MessageFacts {
    this.#facts ??= this.#cache.factsOf(this.#folder, this.#row);
    return this.#facts;
  }

  /** The message's file, opened. */
  get file(): MessageFile {
    if (this.#file !== undefined) return this.#file;
    const file = this.#folder.openMessage(this.uid);
    this.#file = file;
    const { facts } = this;
    // Message files never change; where another program did it all the same, what was known is worth nothing.
    if (facts.fileOctets !== undefined && facts.fileOctets !== file.sizeOctets) forget(facts);
    facts.fileOctets = file.sizeOctets;
    return file;
  }

  /** The header block, with the line ends of the file. */
  header(): Buffer {
    const header = this.#header ?? readHeader(this.file);
    this.#header = header;
    return header;
  }

  /** A header block in which the named field, in capitals, stands as it does in the message's header. */
  headerWith(field: string): Buffer {
    if (!COMMON_FIELDS.has(field)) return this.header();
    const known = this.facts.commonFields;
    return known ?? this.#keep('commonFields', commonFieldsOf(this.header()));
  }

  /** ENVELOPE as it goes on the wire. */
  envelope(): Buffer {
    return this.facts.envelope ?? this.#keep('envelope', encodeEnvelope(this.header()));
  }

  /** RFC822.SIZE. */
  *wireOctets(): Generator<void, number> {
    const known = this.facts.wireOctets;
    if (known !== undefined) return known;
    const { sizeOctets } = this.file;
    if (sizeOctets > MAX_OCTETS_COUNTED_AT_ONCE) return (yield* this.index()).wireOctets;
    const counted = countWireOctets(this.file, 0, sizeOctets);
    this.facts.wireOctets = counted;
    return counted;
  }

  /** Where the parts are. */
  *index(): Generator<void, MessageIndex> {
    const known = this.#index ?? this.facts.index;
    if (known !== undefined) return known;
    const index = yield* scanMessage(this.file);
    this.#index = index;
    this.facts.wireOctets = index.wireOctets;
    if (this.file.sizeOctets >= MIN_OCTETS_OF_KEPT_INDEX) {
      this.facts.index = index;
      this.#cache.charge(OCTETS_OF_PART * countParts(index.root));
    }
    return index;
  }

  /** BODY or BODYSTRUCTURE as it goes on the wire. */
  *structure(kind: 'body' | 'bodyStructure'): Generator<void, Buffer> {
    const known = this.facts[kind];
    if (known !== undefined) return known;
    const index = yield* this.index();
    return this.#keep(kind, yield* encodeBodyStructure(index, this.file, kind === 'bodyStructure'));
  }

  /** What SORT and THREAD compare. */
  sort(): SortFacts {
    const known = this.facts.sort;
    if (known !== undefined) return known;
    const found = sortFacts(this.header());
    this.facts.sort = found;
    this.#cache.charge(OCTETS_OF_SORT_FACTS);
    return found;
  }

  /** The day that the Date field names, counted from 1 January 1970; undefined when it names none. */
  sentDay(): number | undefined {
    const known = this.facts.sentDay;
    if (known !== undefined) return known === 'none' ? undefined : known;
    const field = fields(this.header()).find(({ name }) => name.toLowerCase() === 'date');
    const date = field === undefined ? undefined : parseMessageDate(field.value);
    const day = date === undefined ? undefined : writtenDay(date);
    this.facts.sentDay = day ?? 'none';
    return day;
  }

  /** Closes the file if it is open. What was found out stays known. */
  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  #keep(fact: 'envelope' | 'body' | 'bodyStructure' | 'commonFields', octets: Buffer): Buffer {
    // A copy of exactly its size: the encoder's buffer may be much larger, and would be kept with it.
    const kept = Buffer.from(octets);
    this.facts[fact] = kept;
    this.#cache.charge(kept.length);
    return kept;
  }
}

/** Only the common fields of a header, as they are written there. */
function commonFieldsOf(header: Buffer): Buffer {
  const text = header.toString('latin1');
  const kept: string[] = [];
  for (const place of fieldPlaces(text)) {
    if (COMMON_FIELDS.has(nameAt(text, place).toUpperCase())) kept.push(text.slice(place.start, place.end));
  }
  return Buffer.from(`${kept.join('')}\n`, 'latin1');
}

/** Parts, the messages inside messages included. */
function countParts({ children, message }: Part): number {
  const inside = message === undefined ? 0 : countParts(message);
  return children.reduce((count, child) => count + countParts(child), 1 + inside);
}

/** False for the failure that a message is no longer there, which ends nothing but what is done for this message. */
export function falseIfGone(error: unknown): false {
  if (error instanceof MaildirError && error.kind === 'message gone') return false;
  throw error;
}
