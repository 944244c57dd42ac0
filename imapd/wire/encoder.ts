/**
 * Writes responses, terminal by terminal: what a Cursor method reads, the Encoder method of the same name writes.
 *
 * Nobody else puts protocol text together, so nothing that a user or a message named can break a line.
 */
import { MAX_QUOTED_OCTETS } from './limits.js';

const INITIAL_OCTETS = 256;

/** One response, or several, growing in one buffer. Not to be used again after `crlf` or `octets`, except to grow on. */
export class Encoder {
  #buffer: Buffer;
  #length = 0;

  constructor(expectedOctets = INITIAL_OCTETS) {
    this.#buffer = Buffer.allocUnsafe(expectedOctets);
  }

  /** Octets written so far. */
  get length(): number {
    return this.#length;
  }

  /** Writes protocol text: printable ASCII, spaces included. Anything else is a bug of the caller and throws. */
  atom(text: string): this {
    this.#reserve(text.length);
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (code < 0x20 || code > 0x7e) throw new Error('protocol text holds an octet that is not printable ASCII');
      this.#buffer[this.#length + at] = code;
    }
    this.#length += text.length;
    return this;
  }

  sp(): this {
    this.#reserve(1);
    this.#buffer[this.#length] = 0x20;
    this.#length += 1;
    return this;
  }

  /** Writes a whole number that is not negative. */
  number(number: number): this {
    if (!Number.isSafeInteger(number) || number < 0) throw new Error(`${number} is not a number of the protocol`);
    return this.atom(String(number));
  }

  /** Writes `quoted / literal`, decided here. NUL, which no string may hold, becomes `?`. */
  string(value: Buffer | string): this {
    const octets = typeof value === 'string' ? Buffer.from(value) : value;
    return isQuotable(octets) ? this.quoted(octets) : this.literal(withoutNul(octets));
  }

  /** Writes the name of a mailbox; what is not ASCII was asked for, and is quoted as well (RFC 6855 section 3). */
  mailbox(name: Buffer | string): this {
    const octets = typeof name === 'string' ? Buffer.from(name) : name;
    return isQuotable(octets, 0xff) ? this.quoted(octets) : this.literal(withoutNul(octets));
  }

  nstring(value: Buffer | string | null | undefined): this {
    return value === null || value === undefined ? this.nil() : this.string(value);
  }

  /** Writes a quoted string. Octets that cannot stand in one are a bug of the caller and throw; 8-bit ones pass. */
  quoted(value: Buffer | string): this {
    const octets = typeof value === 'string' ? Buffer.from(value) : value;
    this.#reserve(octets.length * 2 + 2);
    const buffer = this.#buffer;
    let at = this.#length;
    buffer[at++] = 0x22;
    for (const octet of octets) {
      if (octet === 0 || octet === 0x0a || octet === 0x0d) throw new Error('a quoted string holds CR, LF or NUL');
      if (octet === 0x22 || octet === 0x5c) buffer[at++] = 0x5c;
      buffer[at++] = octet;
    }
    buffer[at++] = 0x22;
    this.#length = at;
    return this;
  }

  /** Writes a literal with its octets as they are. */
  literal(octets: Buffer): this {
    return this.literalHead(octets.length).raw(octets);
  }

  /** Writes `{n}` CRLF; the n octets must follow, through `raw` or on the stream. */
  literalHead(sizeOctets: number): this {
    return this.atom(`{${sizeOctets}}`).raw('\r\n');
  }

  nil(): this {
    return this.atom('NIL');
  }

  /** Writes `(a b c)`. */
  list<T>(elements: Iterable<T>, each: (element: T) => void): this {
    this.atom('(');
    let first = true;
    for (const element of elements) {
      if (!first) this.sp();
      first = false;
      each(element);
    }
    return this.atom(')');
  }

  /** Writes octets as they are: text that another part of the program has formatted already. */
  raw(value: Buffer | string): this {
    const sizeOctets = typeof value === 'string' ? Buffer.byteLength(value) : value.length;
    this.#reserve(sizeOctets);
    if (typeof value === 'string') this.#buffer.write(value, this.#length);
    else value.copy(this.#buffer, this.#length);
    this.#length += sizeOctets;
    return this;
  }

  /** Ends the line and gives the octets. */
  crlf(): Buffer {
    return this.raw('\r\n').octets();
  }

  /** Everything written so far. */
  octets(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  #reserve(moreOctets: number): void {
    const needed = this.#length + moreOctets;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
}

function isQuotable(octets: Buffer, highest = 0x7e): boolean {
  if (octets.length > MAX_QUOTED_OCTETS) return false;
  for (const octet of octets) if (octet < 0x20 || octet > highest || octet === 0x7f) return false;
  return true;
}

function withoutNul(octets: Buffer): Buffer {
  return octets.includes(0) ? Buffer.from(octets.map((octet) => (octet === 0 ? 0x3f : octet))) : octets;
}
