/**
 * HeaderFields: the fields of one header block that SEARCH, SORT and THREAD look at, found in one walk over its octets.
 */
import { decodeWords } from '../message/encoded-words.js';
import { FieldNames } from '../message/field-names.js';
import { FieldScan } from '../message/field-scan.js';
import { foldedWords } from '../message/folded-words.js';
import { unfold } from '../message/header.js';

const NAMES = ['subject', 'from', 'to', 'cc', 'bcc', 'date', 'message-id', 'references', 'in-reply-to'] as const;

/** A field that is looked at. */
export type KnownField = (typeof NAMES)[number];

const names = new FieldNames(NAMES);
const scan = new FieldScan();

/** Where fields stand in one header block. The block must not change meanwhile. */
export class HeaderFields {
  readonly #octets: Buffer;
  /** Number of the name, place of the colon, end; for each field of a known name. */
  readonly #places: number[] = [];
  /** A bit for each name that there is. */
  #present = 0;
  /** Values that were asked for, since most are asked for twice. */
  readonly #values: (string | undefined)[] = [];

  /** @param octets the header block, up to `end` */
  constructor(octets: Buffer, end: number) {
    this.#octets = octets;
    scan.reset(octets, 0, end);
    while (scan.next()) {
      const number = names.numberAt(octets, scan.start, scan.nameEnd);
      if (number === -1) continue;
      this.#present |= 1 << number;
      this.#places.push(number, scan.colon, scan.end);
    }
  }

  /** The value of the first field of a name, unfolded, as octets in Latin-1; empty without one. */
  value(name: KnownField, maxOctets: number): string {
    if (!this.has(name)) return '';
    const wanted = NAMES.indexOf(name);
    for (let at = 0; at < this.#places.length; at += 3) {
      if (this.#places[at] === wanted) return this.#valueAt(at, maxOctets);
    }
    return '';
  }

  /** The same as text: encoded words are decoded. */
  text(name: KnownField, maxOctets: number): string {
    return decodeWords(this.value(name, maxOctets));
  }

  /** Whether there is a field of this name. */
  has(name: KnownField): boolean {
    return (this.#present & (1 << NAMES.indexOf(name))) !== 0;
  }

  /** All values of a name, decoded and folded as SEARCH compares them; undefined if they are longer than `maxOctets`. */
  folded(name: KnownField, maxOctets: number): string[] | undefined {
    const wanted = NAMES.indexOf(name);
    const values: string[] = [];
    let octets = 0;
    for (let at = 0; at < this.#places.length; at += 3) {
      if (this.#places[at] !== wanted) continue;
      octets += (this.#places[at + 2] ?? 0) - (this.#places[at + 1] ?? 0);
      if (octets > maxOctets) return undefined;
      values.push(foldedWords(this.#valueAt(at, maxOctets)));
    }
    return values;
  }

  #valueAt(at: number, maxOctets: number): string {
    const octets = (this.#places[at + 2] ?? 0) - (this.#places[at + 1] ?? 0) - 1;
    if (octets > maxOctets) return this.#read(at, maxOctets);
    const value = this.#values[at] ?? this.#read(at, octets);
    this.#values[at] = value;
    return value;
  }

  #read(at: number, length: number): string {
    const octets = this.#octets;
    let start = (this.#places[at + 1] ?? 0) + 1;
    let end = start + length;
    while (start < end && isBlank(octets[start])) start += 1;
    while (start < end && isBlank(octets[end - 1])) end -= 1;
    const value = octets.toString('latin1', start, end);
    if (!value.includes('\n')) return value;
    return value.includes('\r') ? unfold(value) : value.replaceAll('\n', '');
  }
}

/** What stands around a value: blanks and line ends. */
function isBlank(octet: number | undefined): boolean {
  return octet === 0x20 || octet === 0x0a || octet === 0x0d || octet === 0x09;
}
