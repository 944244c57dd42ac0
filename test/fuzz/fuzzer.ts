/**
 * Mutates seeds and runs targets with them. Knows no target; given a number it does the same again.
 */
import type { FuzzTarget } from './targets.js';

/** An input that broke a law. */
export interface Finding {
  readonly target: string;
  readonly octets: Buffer;
  readonly error: unknown;
}

/** One input must not hold a session up for longer; the longest seen here is a few milliseconds. */
const MAX_MILLISECONDS = 2_000;

const words = [
  '{',
  '}',
  '{5}\r\n',
  '{3+}\r\n',
  '~{1}\r\n',
  '(',
  ')',
  '"',
  '\\',
  '\r\n',
  '\n',
  '\r',
  '\0',
  '\xff',
  '<',
  '>',
  '[',
  ']',
  '*',
  ':',
  ',',
  ';',
  '=',
  '--ab',
  '--ab--',
  '\n\n',
  '=?utf-8?Q?',
  '?=',
  "''",
  '%',
  '&',
  '-',
  '4294967296',
  '0',
  ' ',
  'NIL',
  'NOT ',
  'OR ',
  'Content-Type: multipart/mixed; boundary=ab\n',
  'Content-Type: message/rfc822\n\n',
  'charset=utf-16',
  'Re: ',
  '(fwd)',
].map((word) => Buffer.from(word, 'latin1'));

/** Runs one input; a finding when it throws or takes too long. */
export async function tryInput(target: FuzzTarget, octets: Buffer): Promise<Finding | undefined> {
  const start = process.hrtime.bigint();
  try {
    await target.run(octets);
  } catch (error) {
    // What is looked for.
    return { target: target.name, octets, error };
  }
  const milliseconds = Number(process.hrtime.bigint() - start) / 1e6;
  if (milliseconds < MAX_MILLISECONDS) return undefined;
  return { target: target.name, octets, error: new Error(`it took ${milliseconds} ms`) };
}

/** Makes inputs without end, the same ones for the same number. */
export class Mutator {
  #state: number;

  constructor(number: number) {
    this.#state = number >>> 0;
  }

  /** Changes a seed in a few places. */
  mutate(seeds: readonly Buffer[]): Buffer {
    let octets = this.#pick(seeds);
    for (let changes = 1 + this.#below(8); changes > 0; changes -= 1) octets = this.#change(octets, seeds);
    return octets.subarray(0, 20_000);
  }

  #change(octets: Buffer, seeds: readonly Buffer[]): Buffer {
    const at = this.#below(octets.length + 1);
    const end = Math.min(octets.length, at + this.#below(30));
    const before = octets.subarray(0, at);
    switch (this.#below(6)) {
      case 0:
        return Buffer.concat([before, Buffer.from([this.#below(256)]), octets.subarray(at + 1)]);
      case 1:
        return Buffer.concat([before, octets.subarray(end)]);
      case 2:
        return Buffer.concat([before, this.#pick(words), octets.subarray(at)]);
      case 3:
        return Buffer.concat([
          before,
          ...Array.from({ length: this.#below(50) }, () => octets.subarray(at, end)),
          octets.subarray(at),
        ]);
      case 4:
        return Buffer.concat([
          before,
          ...Array.from({ length: this.#below(200) }, () => this.#pick(words)),
          octets.subarray(at),
        ]);
      default: {
        const other = this.#pick(seeds);
        return Buffer.concat([before, other.subarray(this.#below(other.length + 1))]);
      }
    }
  }

  #pick(from: readonly Buffer[]): Buffer {
    return from[this.#below(from.length)] ?? Buffer.alloc(0);
  }

  /** Mulberry32: small, and the same everywhere. */
  #below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * limit);
  }
}
