/**
 * OctetTable: gives each different text a small number, so that Message-IDs and subjects are compared as numbers.
 *
 * Open addressing over one buffer: no string and no object per text. The hash has a secret that each process draws for
 * itself; whoever finds texts that meet in it all the same makes long searches, and those end in an ordinary Map.
 */
import { randomInt } from 'node:crypto';

/** Slots looked at for one text. At most half of all slots are taken, so honest texts hardly ever come so far. */
const MAX_STEPS = 64;

/** The factor of the hash: odd, so that it loses nothing. */
const SECRET = randomInt(2 ** 31) * 2 + 1;

/** Texts as octets, numbered from 0 in the order in which they first came. */
export class OctetTable {
  /** The number of the text in each slot, and one more; 0 for an empty slot. There are a power of two of them. */
  #slots = new Int32Array(2_048);
  #hashes = new Int32Array(1_024);
  /** Where each text ends in #octets; the next one begins there. */
  #ends = new Int32Array(1_024);
  #octets = Buffer.allocUnsafeSlow(32_768);
  #length = 0;
  #count = 0;
  /** Texts for which there was no slot near enough. */
  readonly #crowded = new Map<string, number>();

  /** How many different texts have come. */
  get count(): number {
    return this.#count;
  }

  /** The number of the text from `start` to `end`; a new one if it has not come before. The octets are copied. */
  intern(octets: Buffer, start: number, end: number): number {
    const hash = hashOf(octets, start, end);
    let slot = this.#slotFor(hash, octets, start, end);
    const taken = slot < 0 ? 0 : (this.#slots[slot] ?? 0);
    if (taken !== 0) return taken - 1;
    const crowded = this.#crowdedAt(octets, start, end);
    if (crowded !== undefined) return crowded;
    if (this.#count * 2 >= this.#slots.length) {
      this.#widen();
      slot = this.#slotFor(hash, octets, start, end);
    }
    const number = this.#add(octets, start, end, hash);
    if (slot < 0) this.#crowded.set(octets.toString('latin1', start, end), number);
    else this.#slots[slot] = number + 1;
    return number;
  }

  /** The slot of a text, or the empty one where it would have to be; -1 if neither is near. */
  #slotFor(hash: number, octets: Buffer, start: number, end: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let step = 0; step < MAX_STEPS; step += 1) {
      const slot = (hash + step) & mask;
      const taken = slots[slot] ?? 0;
      if (taken === 0) return slot;
      if (this.#hashes[taken - 1] === hash && this.#isText(taken - 1, octets, start, end)) return slot;
    }
    return -1;
  }

  #crowdedAt(octets: Buffer, start: number, end: number): number | undefined {
    return this.#crowded.size === 0 ? undefined : this.#crowded.get(octets.toString('latin1', start, end));
  }

  #isText(number: number, octets: Buffer, start: number, end: number): boolean {
    const own = this.#octets;
    let at = number === 0 ? 0 : (this.#ends[number - 1] ?? 0);
    if ((this.#ends[number] ?? 0) - at !== end - start) return false;
    for (let from = start; from < end; from += 1, at += 1) if (own[at] !== octets[from]) return false;
    return true;
  }

  #add(octets: Buffer, start: number, end: number, hash: number): number {
    const number = this.#count;
    if (number === this.#ends.length) {
      this.#ends = doubled(this.#ends);
      this.#hashes = doubled(this.#hashes);
    }
    const length = this.#length + end - start;
    if (length > this.#octets.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(length, this.#octets.length * 2));
      this.#octets.copy(larger, 0, 0, this.#length);
      this.#octets = larger;
    }
    octets.copy(this.#octets, this.#length, start, end);
    this.#length = length;
    this.#ends[number] = length;
    this.#hashes[number] = hash;
    this.#count += 1;
    return number;
  }

  /** Twice as many slots. Crowded texts stay where they are. */
  #widen(): void {
    const slots = new Int32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (const taken of this.#slots) {
      if (taken === 0) continue;
      const hash = this.#hashes[taken - 1] ?? 0;
      let step = 0;
      while (step < MAX_STEPS && slots[(hash + step) & mask] !== 0) step += 1;
      if (step < MAX_STEPS) slots[(hash + step) & mask] = taken;
      else this.#crowded.set(this.#textOf(taken - 1), taken - 1);
    }
    this.#slots = slots;
  }

  #textOf(number: number): string {
    return this.#octets.toString('latin1', number === 0 ? 0 : this.#ends[number - 1], this.#ends[number]);
  }
}

function doubled(numbers: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(numbers.length * 2);
  larger.set(numbers);
  return larger;
}

function hashOf(octets: Buffer, start: number, end: number): number {
  let hash = SECRET ^ (end - start);
  for (let at = start; at < end; at += 1) {
    hash = Math.imul(hash ^ (octets[at] ?? 0), SECRET);
    hash ^= hash >>> 15;
  }
  return hash;
}
