/**
 * HeaderFields: the fields of one header block that SEARCH, SORT and THREAD look at, found in one walk over its octets.
 */
import { FieldNames } from '../message/field-names.js';
import { FieldScan } from '../message/field-scan.js';
import { unfold } from '../message/header.js';
import type { Place } from './plain-values.js';

const NAMES = ['subject', 'from', 'to', 'cc', 'bcc', 'date', 'message-id', 'references', 'in-reply-to'] as const;

/** A field that is looked at. */
export type KnownField = (typeof NAMES)[number];

/** The numbers of the fields. */
export const FIELD = Object.fromEntries(NAMES.map((name, number) => [name, number])) as Readonly<
  Record<KnownField, number>
>;

const names = new FieldNames(NAMES);
const scan = new FieldScan();

/** Of a field in #places: number of the name, behind the colon, end. */
const WORDS = 3;

/** Where fields stand in one header block, and then in the next. The block must not change meanwhile. */
export class HeaderFields {
  octets: Buffer = Buffer.alloc(0);
  #places = new Int32Array(32 * WORDS);
  #words = 0;
  /** Of each name, the first field in #places; -1 without one. */
  readonly #firsts = new Int32Array(NAMES.length);

  /** Looks at the header block that lies from `start` to `end`. */
  reset(octets: Buffer, start: number, end: number): this {
    this.octets = octets;
    this.#words = 0;
    this.#firsts.fill(-1);
    scan.reset(octets, start, end);
    while (scan.next()) {
      const number = names.numberAt(octets, scan.start, scan.nameEnd);
      if (number !== -1) this.#note(number, scan.colon + 1, scan.end);
    }
    return this;
  }

  #note(number: number, start: number, end: number): void {
    const at = this.#words;
    if (at + WORDS > this.#places.length) {
      const more = new Int32Array(this.#places.length * 2);
      more.set(this.#places);
      this.#places = more;
    }
    this.#places[at] = number;
    this.#places[at + 1] = start;
    this.#places[at + 2] = end;
    this.#words = at + WORDS;
    if (this.#firsts[number] === -1) this.#firsts[number] = at;
  }

  /** The first field of a name, by its number; -1 without one. */
  first(name: number): number {
    return this.#firsts[name] ?? -1;
  }

  /** The next field of the same name; -1 without one. */
  next(field: number): number {
    for (let at = field + WORDS; at < this.#words; at += WORDS) {
      if (this.#places[at] === this.#places[field]) return at;
    }
    return -1;
  }

  /** Octets behind the colon of a field, with its line ends. */
  octetsOf(field: number): number {
    return (this.#places[field + 2] ?? 0) - (this.#places[field + 1] ?? 0);
  }

  /** Shows where the value of a field is, without the blanks and line ends around it. Only its first octets, at most. */
  find(field: number, maxOctets: number, place: Place): void {
    const { octets } = this;
    let start = this.#places[field + 1] ?? 0;
    let end = start + Math.min(maxOctets, this.octetsOf(field));
    while (start < end && isBlank(octets[start])) start += 1;
    while (start < end && isBlank(octets[end - 1])) end -= 1;
    place.start = start;
    place.end = end;
  }

  /** The value that lies there, unfolded, as octets in Latin-1. */
  text({ start, end }: Readonly<Place>): string {
    const { octets } = this;
    if (end - start > scratch.length) return unfold(octets.toString('latin1', start, end));
    // Many values are folded, and taking line ends out of strings costs more than all the rest.
    let to = 0;
    for (let at = start; at < end; at += 1) {
      const octet = octets[at] ?? 0;
      if (octet !== LF && (octet !== CR || octets[at + 1] !== LF || at + 1 === end)) scratch[to++] = octet;
    }
    return scratch.toString('latin1', 0, to);
  }
}

const scratch = Buffer.allocUnsafeSlow(8_192);
const LF = 0x0a;
const CR = 0x0d;

/** What stands around a value: blanks and line ends. */
function isBlank(octet: number | undefined): boolean {
  return octet === 0x20 || octet === 0x0a || octet === 0x0d || octet === 0x09;
}
