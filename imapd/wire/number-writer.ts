/**
 * NumberWriter: many numbers in one answer. A mailbox may have a hundred thousand of them, so they are written digit by
 * digit. It knows no response.
 */

/** So many are written in a step, after which others may have their turn: some ten microseconds. */
export const NUMBERS_PER_STEP = 2_048;

/** Ten digits, and an octet before them. */
const OCTETS_OF_NUMBER = 11;

/** Octets that are filled with numbers and what stands between them. */
export class NumberWriter {
  readonly #octets: Buffer;
  #length = 0;

  /** Makes room for so many numbers with an octet before each, and for other octets. */
  constructor(numbers: number, others: number) {
    this.#octets = Buffer.allocUnsafe(numbers * OCTETS_OF_NUMBER + others);
  }

  /** Octets written so far. */
  get length(): number {
    return this.#length;
  }

  octet(value: number): void {
    this.#octets[this.#length++] = value;
  }

  /** Writes ASCII. */
  text(value: string): void {
    this.#length += this.#octets.write(value, this.#length, 'latin1');
  }

  /** Writes whole numbers that are not negative and have at most ten digits, with this octet before each. */
  numbers(before: number, values: readonly number[], start: number, end: number): void {
    const octets = this.#octets;
    let length = this.#length;
    for (let index = start; index < end; index += 1) {
      octets[length++] = before;
      length = writeNumber(octets, length, values[index] ?? 0);
    }
    this.#length = length;
  }

  /** Writes one of them. */
  number(value: number): void {
    this.#length = writeNumber(this.#octets, this.#length, value);
  }

  /** Everything written so far. */
  octets(): Buffer {
    return this.#octets.subarray(0, this.#length);
  }
}

/** Gives where the number ends. */
function writeNumber(octets: Buffer, start: number, value: number): number {
  let digits = 1;
  for (let limit = 10; value >= limit; limit *= 10) digits += 1;
  let rest = value;
  for (let at = start + digits - 1; at >= start; at -= 1) {
    const next = Math.floor(rest / 10);
    octets[at] = 0x30 + rest - next * 10;
    rest = next;
  }
  return start + digits;
}
