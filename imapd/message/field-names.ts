/**
 * Names of header fields as small numbers, found by their octets without making a string of them.
 */

/** Fields whose names are looked for; the number of each is its place in the list that was given. */
export class FieldNames {
  readonly names: readonly string[];
  readonly #octets: readonly Buffer[];
  /** By hash: number of the name plus one, 0 for none. */
  readonly #slots = new Uint8Array(SLOTS);

  /** @param names in lower case, ASCII; at most 254 */
  constructor(names: readonly string[]) {
    this.names = names;
    this.#octets = names.map((name) => Buffer.from(name, 'latin1'));
    for (const [number, octets] of this.#octets.entries()) {
      let slot = slotOf(octets, 0, octets.length);
      while (this.#slots[slot] !== 0) slot = (slot + 1) % SLOTS;
      this.#slots[slot] = number + 1;
    }
  }

  /** The number of the name that stands there, in whatever case; -1 for any other. */
  numberAt(octets: Buffer, start: number, end: number): number {
    for (let slot = slotOf(octets, start, end); ; slot = (slot + 1) % SLOTS) {
      const number = (this.#slots[slot] ?? 0) - 1;
      if (number < 0 || this.#isAt(number, octets, start, end)) return number;
    }
  }

  #isAt(number: number, octets: Buffer, start: number, end: number): boolean {
    const name = this.#octets[number];
    if (name === undefined || name.length !== end - start) return false;
    for (let index = 0; index < name.length; index += 1) {
      const octet = octets[start + index] ?? 0;
      const lower = octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet;
      if (lower !== name[index]) return false;
    }
    return true;
  }
}

/** Many times the names of the longest list, so that most names that are not in it are told by their slot alone. */
const SLOTS = 1024;

/** Names differ most in their length and in some of their octets. */
function slotOf(octets: Buffer, start: number, end: number): number {
  const first = (octets[start] ?? 0) & 0x1f;
  const middle = (octets[(start + end) >> 1] ?? 0) & 0x1f;
  const last = (octets[end - 1] ?? 0) & 0x1f;
  const second = (octets[start + ((end - start) >> 2)] ?? 0) & 0x1f;
  return (
    (Math.imul(first + (middle << 5) + (last << 10) + (second << 15) + ((end - start) << 20), 0x9e3779b1) >>> 22) %
    SLOTS
  );
}
