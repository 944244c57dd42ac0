/**
 * OctetWriter: octets put together in one buffer that is used again and again. Answers and records are written with it,
 * so that no string and no small buffer is made on the way.
 *
 * `octets` and `length` are open to those who write in loops of their own: they call `need` first.
 */

/** Twice as many at once would not be faster, and a message with a long header still fits. */
const FIRST_ROOM_OCTETS = 16_384;

/** Longer texts are faster written by the platform than octet by octet. */
const LONG_TEXT = 24;

/** Fewer octets are copied one by one: Node makes an object of their place first. */
const SHORT_COPY_OCTETS = 48;

/** Below 2^31 after one more digit. */
const MAX_SMALL = 99_999_999;
const MAX_SMALL_DIGITS = 8;

/** A buffer that is filled from its start and grows when it must. */
export class OctetWriter {
  octets: Buffer;
  length = 0;

  constructor(octets: Buffer = Buffer.allocUnsafeSlow(FIRST_ROOM_OCTETS)) {
    this.octets = octets;
  }

  /** Makes room for so many octets more. `octets` may be another buffer afterwards. */
  need(count: number): void {
    const wanted = this.length + count;
    if (wanted <= this.octets.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(wanted, this.octets.length * 2));
    this.octets.copy(grown, 0, 0, this.length);
    this.octets = grown;
  }

  octet(value: number): void {
    this.need(1);
    this.octets[this.length++] = value;
  }

  /** Writes a string of octets (Latin-1). */
  text(value: string): void {
    const count = value.length;
    this.need(count);
    const { octets } = this;
    if (count > LONG_TEXT) {
      this.length += octets.write(value, this.length, count, 'latin1');
      return;
    }
    let at = this.length;
    for (let index = 0; index < count; index += 1) octets[at++] = value.charCodeAt(index);
    this.length = at;
  }

  /** Writes all of a few octets. */
  few(octets: Uint8Array): void {
    const count = octets.length;
    this.need(count);
    const target = this.octets;
    let at = this.length;
    for (let index = 0; index < count; index += 1) target[at++] = octets[index] ?? 0;
    this.length = at;
  }

  /** Writes `octets` from `start` to `end`. */
  copy(octets: Buffer, start: number, end: number): void {
    const count = end - start;
    this.need(count);
    const { length } = this;
    this.length = length + count;
    if (count > SHORT_COPY_OCTETS) {
      octets.copy(this.octets, length, start, end);
      return;
    }
    const target = this.octets;
    for (let from = start, to = length; from < end; from += 1, to += 1) target[to] = octets[from] ?? 0;
  }

  /** Writes a whole number that is not negative. */
  number(value: number): void {
    this.need(16);
    if (value <= MAX_SMALL) {
      this.#smallNumber(value);
      return;
    }
    const { octets } = this;
    let digits = 1;
    for (let limit = 10; value >= limit; limit *= 10) digits += 1;
    let at = this.length + digits;
    this.length = at;
    let rest = value;
    do {
      const next = Math.floor(rest / 10);
      octets[--at] = 0x30 + rest - next * 10;
      rest = next;
    } while (rest > 0);
  }

  /** The same with whole numbers of 32 bits alone, as nearly all are. */
  #smallNumber(value: number): void {
    const { octets } = this;
    let digits = 1;
    for (let limit = 10; digits < MAX_SMALL_DIGITS && value >= limit; limit *= 10) digits += 1;
    let at = this.length + digits;
    this.length = at;
    let rest = value | 0;
    do {
      const next = (rest / 10) | 0;
      octets[--at] = 0x30 + rest - next * 10;
      rest = next;
    } while (rest > 0);
  }

  /** What was written, where it lies: valid until the writer is used again. */
  view(): Buffer {
    return this.octets.subarray(0, this.length);
  }
}
