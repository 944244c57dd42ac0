/**
 * FieldScan: a walk over the fields of a header block in octets. It makes no object per field: the place of the present
 * one is in the scan itself.
 *
 * The rules are those of `fieldPlaces` in header.ts: lines that are no field are passed over and end the field before.
 * Where it can, it has many fields found at once by the loop in field-machine.ts, with the same result.
 */
import { FIELD_WORDS, type FoundFields, fieldTable, findFields } from './field-machine.js';
import { MAX_HEADER_FIELDS } from './limits.js';

/** The scan whose fields are in the table: there is one table for all. */
let holder: FieldScan | undefined;

/** A walk over fields. `reset` it, then call `next` until it says false. */
export class FieldScan {
  /** Where the present field begins. */
  start = 0;
  /** Where its name ends, blanks before the colon left out. */
  nameEnd = 0;
  colon = 0;
  /** Behind its last line end. */
  end = 0;
  /** LFs without CR before `start`, and before `end`: so much further on they are where lines end with CRLF. */
  bareLfsBefore = 0;
  bareLfs = 0;
  #octets: Buffer = Buffer.alloc(0);
  #limit = 0;
  #count = 0;
  /** Where the next field stands in the table. */
  #next = 0;
  readonly #found: FoundFields = { words: 0, origin: 0, at: 0, bareLfs: 0 };

  /** Begins with the octets from `start` to `end`. */
  reset(octets: Buffer, start: number, end: number): this {
    this.#octets = octets;
    this.#limit = end;
    this.#count = 0;
    this.end = start;
    this.bareLfs = 0;
    if (holder === this) holder = undefined;
    return this;
  }

  /** Goes to the next field; false when there is none. */
  next(): boolean {
    const { words, origin, at } = this.#found;
    if (holder !== this) return this.#findMore() ?? this.#nextByOctets();
    if (this.#next < words) return this.#take(origin);
    return at < this.#limit && (this.#findMore() ?? this.#nextByOctets());
  }

  /** Goes to the next field of the table. */
  #take(origin: number): boolean {
    if (this.#count >= MAX_HEADER_FIELDS) return false;
    this.#count += 1;
    const at = this.#next;
    this.#next = at + FIELD_WORDS;
    this.start = (fieldTable[at] ?? 0) - origin;
    this.nameEnd = (fieldTable[at + 1] ?? 0) - origin;
    this.colon = (fieldTable[at + 2] ?? 0) - origin;
    this.end = (fieldTable[at + 3] ?? 0) - origin;
    this.bareLfsBefore = fieldTable[at + 4] ?? 0;
    this.bareLfs = fieldTable[at + 5] ?? 0;
    return true;
  }

  /** Fills the table and goes to its first field; undefined where that cannot be done. */
  #findMore(): boolean | undefined {
    const found = this.#found;
    if (holder !== this) {
      // The lines behind the present field are looked at again.
      found.at = this.end;
      found.bareLfs = this.bareLfs;
    }
    this.#next = 0;
    if (!findFields(this.#octets, this.#limit, found)) return undefined;
    holder = this;
    return found.words > 0 && this.#take(found.origin);
  }

  #nextByOctets(): boolean {
    while (this.end < this.#limit && this.#count < MAX_HEADER_FIELDS) {
      this.start = this.end;
      this.bareLfsBefore = this.bareLfs;
      this.end = this.#endOfField(this.start);
      if (!this.#findName()) continue;
      this.#count += 1;
      return true;
    }
    return false;
  }

  /** `field-name = 1*ftext`; blanks before the colon are allowed, as in RFC 5322 section 4.5. */
  #findName(): boolean {
    const octets = this.#octets;
    const { end } = this;
    let at = this.start;
    while (at < end && ftext[octets[at] ?? 0] === 1) at += 1;
    this.nameEnd = at;
    while (at < end && (octets[at] === SPACE || octets[at] === TAB)) at += 1;
    this.colon = at;
    return this.nameEnd > this.start && at < end && octets[at] === COLON;
  }

  #endOfField(start: number): number {
    const octets = this.#octets;
    const limit = this.#limit;
    for (let at = start; ; ) {
      const lf = octets.indexOf(LF, at);
      if (lf === -1 || lf >= limit) return limit;
      if (octets[lf - 1] !== CR || lf === start) this.bareLfs += 1;
      if (lf + 1 === limit) return limit;
      at = lf + 1;
      const next = octets[at];
      if (next !== SPACE && next !== TAB) return at;
    }
  }
}

/** 1 for octets of a field's name: all that are not controls, blanks or the colon. */
const ftext = Uint8Array.from({ length: 256 }, (_, octet) =>
  octet > 0x20 && octet !== 0x7f && octet !== 0x3a ? 1 : 0,
);

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const COLON = 0x3a;
