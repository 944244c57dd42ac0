/**
 * FieldScan: a walk over the fields of a header block in octets. It makes no object per field: the place of the present
 * one is in the scan itself.
 *
 * The rules are those of `fieldPlaces` in header.ts: lines that are no field are passed over and end the field before.
 */
import { MAX_HEADER_FIELDS } from './limits.js';

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

  /** Begins with the octets from `start` to `end`. */
  reset(octets: Buffer, start: number, end: number): this {
    this.#octets = octets;
    this.#limit = end;
    this.#count = 0;
    this.end = start;
    this.bareLfs = 0;
    return this;
  }

  /** Goes to the next field; false when there is none. */
  next(): boolean {
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
