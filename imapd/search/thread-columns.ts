/**
 * ThreadColumns: what THREAD compares, from records of SEARCH_FACTS into columns, with a number for each different subject
 * and Message-ID.
 */
import type { FactView } from '../cache/folder-facts.js';
import type { ThreadableMessages } from '../message/thread.js';
import { OctetTable } from './octet-table.js';
import { findSection, isReply, SECTION, sentMs } from './search-facts.js';

const place = { start: 0, end: 0 };
const SPACE = 0x20;
const NONE = -1;

/** Room for the references of a message, to begin with. */
const REFERENCES_PER_MESSAGE = 4;

/** Messages, one after the other in the order of their numbers. */
export class ThreadColumns {
  readonly #dates: Float64Array;
  readonly #arrivals: Float64Array;
  readonly #subjects: Int32Array;
  readonly #replies: Uint8Array;
  readonly #ownIds: Int32Array;
  readonly #referencesEnd: Int32Array;
  #references: Int32Array<ArrayBuffer>;
  readonly #ids = new OctetTable();
  readonly #texts = new OctetTable();
  readonly #emptySubject: number;
  #count = 0;
  #end = 0;

  /** @param room how many there may be */
  constructor(room: number) {
    this.#dates = new Float64Array(room);
    this.#arrivals = new Float64Array(room);
    this.#subjects = new Int32Array(room);
    this.#replies = new Uint8Array(room);
    this.#ownIds = new Int32Array(room);
    this.#referencesEnd = new Int32Array(room);
    this.#references = new Int32Array(room * REFERENCES_PER_MESSAGE);
    this.#emptySubject = this.#texts.intern(Buffer.alloc(0), 0, 0);
  }

  /** Adds a message by its record. */
  add(facts: FactView): void {
    const message = this.#count;
    this.#count += 1;
    this.#dates[message] = sentMs(facts) ?? facts.internalDate;
    this.#arrivals[message] = facts.internalDate;
    this.#replies[message] = isReply(facts) ? 1 : 0;
    findSection(facts, SECTION.baseSubject, place);
    this.#subjects[message] = this.#texts.intern(facts.octets, place.start, place.end);
    findSection(facts, SECTION.ids, place);
    this.#ownIds[message] = this.#addIds(facts.octets, place.start, place.end);
    this.#referencesEnd[message] = this.#end;
  }

  /** All that were added. */
  messages(): ThreadableMessages {
    return {
      count: this.#count,
      dates: this.#dates,
      arrivals: this.#arrivals,
      subjects: this.#subjects,
      subjectCount: this.#texts.count,
      emptySubject: this.#emptySubject,
      replies: this.#replies,
      ownIds: this.#ownIds,
      references: this.#references,
      referencesEnd: this.#referencesEnd,
      idCount: this.#ids.count,
    };
  }

  /** The message's own ID, empty without one, and its references, parted by spaces. Gives the own one. */
  #addIds(octets: Buffer, start: number, end: number): number {
    let at = endOfId(octets, start, end);
    const own = at === start ? NONE : this.#ids.intern(octets, start, at);
    while (at < end) {
      const from = at + 1;
      at = endOfId(octets, from, end);
      if (this.#end === this.#references.length) this.#widen();
      this.#references[this.#end] = this.#ids.intern(octets, from, at);
      this.#end += 1;
    }
    return own;
  }

  #widen(): void {
    const wider = new Int32Array(this.#references.length * 2 + 1);
    wider.set(this.#references);
    this.#references = wider;
  }
}

function endOfId(octets: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end && octets[at] !== SPACE) at += 1;
  return at;
}
