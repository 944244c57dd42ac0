/**
 * HMAC secrets as userdb keeps them for CRAM: the hash's state after the padded key, outer then inner, in hex.
 *
 * A password cannot be read from it, and yet HMAC can go on from it. Node's hashes cannot start from a state, so MD5
 * (RFC 1321), SHA-1 and SHA-256 (RFC 6234) stand here. Pure.
 */
import { createHash } from 'node:crypto';

/** The hashes of CRAM-MD5, CRAM-SHA1 and CRAM-SHA256. */
export type HmacAlgorithm = 'md5' | 'sha1' | 'sha256';

const BLOCK_OCTETS = 64;

interface Hash {
  readonly initial: readonly number[];
  readonly littleEndian: boolean;
  compress(state: readonly number[], words: readonly number[]): number[];
}

/** Makes the stored secret of a password. */
export function hmacContext(algorithm: HmacAlgorithm, password: Buffer): string {
  const key = password.length > BLOCK_OCTETS ? createHash(algorithm).update(password).digest() : password;
  const state = (pad: number): Buffer => {
    const block = Buffer.alloc(BLOCK_OCTETS, pad);
    key.forEach((octet, index) => {
      block[index] = octet ^ pad;
    });
    const hash = hashes[algorithm];
    return stateOctets(hash, hash.compress(hash.initial, wordsOf(hash, block)));
  };
  return Buffer.concat([state(0x5c), state(0x36)]).toString('hex');
}

/** Goes on from a stored secret: the HMAC of a message, in hex. Undefined when the secret is damaged. */
export function hmacFromContext(algorithm: HmacAlgorithm, context: string, message: Buffer): string | undefined {
  const hash = hashes[algorithm];
  const stateLength = hash.initial.length * 4;
  const octets = Buffer.from(context, 'hex');
  if (octets.length !== stateLength * 2 || context.length !== stateLength * 4) return undefined;
  const inner = finish(hash, octets.subarray(stateLength), message);
  return finish(hash, octets.subarray(0, stateLength), inner).toString('hex');
}

/** Hashes the rest of a message whose first block led to `state`. */
function finish(hash: Hash, state: Buffer, rest: Buffer): Buffer {
  const zeros = (BLOCK_OCTETS * 2 - 9 - (rest.length % BLOCK_OCTETS)) % BLOCK_OCTETS;
  const bits = BigInt(rest.length + BLOCK_OCTETS) * 8n;
  const length = Buffer.alloc(8);
  if (hash.littleEndian) length.writeBigUInt64LE(bits);
  else length.writeBigUInt64BE(bits);
  const padded = Buffer.concat([rest, Buffer.of(0x80), Buffer.alloc(zeros), length]);
  let words = wordsOf(hash, state);
  for (let at = 0; at < padded.length; at += BLOCK_OCTETS) {
    words = hash.compress(words, wordsOf(hash, padded.subarray(at, at + BLOCK_OCTETS)));
  }
  return stateOctets(hash, words);
}

function wordsOf({ littleEndian }: Hash, octets: Buffer): number[] {
  const words: number[] = [];
  for (let at = 0; at < octets.length; at += 4)
    words.push(littleEndian ? octets.readInt32LE(at) : octets.readInt32BE(at));
  return words;
}

function stateOctets({ littleEndian }: Hash, state: readonly number[]): Buffer {
  const octets = Buffer.alloc(state.length * 4);
  state.forEach((word, index) => {
    if (littleEndian) octets.writeInt32LE(word | 0, index * 4);
    else octets.writeInt32BE(word | 0, index * 4);
  });
  return octets;
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

/** The words of a state or schedule are there by construction; 0 only satisfies the compiler. */
function at(words: readonly number[], index: number): number {
  return words[index] ?? 0;
}

const md5Shifts = [
  [7, 12, 17, 22],
  [5, 9, 14, 20],
  [4, 11, 16, 23],
  [6, 10, 15, 21],
] as const;
const md5Constants = Array.from({ length: 64 }, (_, index) => Math.floor(Math.abs(Math.sin(index + 1)) * 2 ** 32) | 0);

function compressMd5(state: readonly number[], words: readonly number[]): number[] {
  let [a = 0, b = 0, c = 0, d = 0] = state;
  for (let step = 0; step < 64; step += 1) {
    const round = step >> 4;
    const [mix, index] = md5Round(round, step, [b, c, d]);
    const shift = md5Shifts[round]?.[step % 4] ?? 0;
    const sum = (a + mix + at(md5Constants, step) + at(words, index)) | 0;
    [a, b, c, d] = [d, (b + rotateLeft(sum, shift)) | 0, b, c];
  }
  return [at(state, 0) + a, at(state, 1) + b, at(state, 2) + c, at(state, 3) + d].map((word) => word | 0);
}

function md5Round(round: number, step: number, [b, c, d]: readonly [number, number, number]): [number, number] {
  if (round === 0) return [(b & c) | (~b & d), step];
  if (round === 1) return [(d & b) | (~d & c), (5 * step + 1) % 16];
  if (round === 2) return [b ^ c ^ d, (3 * step + 5) % 16];
  return [c ^ (b | ~d), (7 * step) % 16];
}

function compressSha1(state: readonly number[], words: readonly number[]): number[] {
  const schedule = [...words];
  for (let index = 16; index < 80; index += 1) {
    const mixed =
      at(schedule, index - 3) ^ at(schedule, index - 8) ^ at(schedule, index - 14) ^ at(schedule, index - 16);
    schedule.push(rotateLeft(mixed, 1));
  }
  let [a = 0, b = 0, c = 0, d = 0, e = 0] = state;
  for (let step = 0; step < 80; step += 1) {
    const [mix, constant] = sha1Round(step, [b, c, d]);
    const sum = (rotateLeft(a, 5) + mix + e + constant + at(schedule, step)) | 0;
    [a, b, c, d, e] = [sum, a, rotateLeft(b, 30), c, d];
  }
  return [a, b, c, d, e].map((word, index) => (word + at(state, index)) | 0);
}

function sha1Round(step: number, [b, c, d]: readonly [number, number, number]): [number, number] {
  if (step < 20) return [(b & c) | (~b & d), 0x5a827999];
  if (step < 40) return [b ^ c ^ d, 0x6ed9eba1];
  if (step < 60) return [(b & c) | (b & d) | (c & d), 0x8f1bbcdc];
  return [b ^ c ^ d, 0xca62c1d6];
}

/** The first primes, for SHA-256's constants: fractions of their square and cube roots. */
const primes = Array.from({ length: 312 }, (_, index) => index).filter(
  (number) =>
    number > 1 && !Array.from({ length: 16 }, (_, index) => index + 2).some((d) => d < number && number % d === 0),
);
const fraction = (root: number): number => Math.floor((root - Math.floor(root)) * 2 ** 32) | 0;
const sha256Constants = primes.slice(0, 64).map((prime) => fraction(Math.cbrt(prime)));

function compressSha256(state: readonly number[], words: readonly number[]): number[] {
  const schedule = [...words];
  for (let index = 16; index < 64; index += 1) {
    const early = at(schedule, index - 15);
    const late = at(schedule, index - 2);
    const small0 = rotateLeft(early, 25) ^ rotateLeft(early, 14) ^ (early >>> 3);
    const small1 = rotateLeft(late, 15) ^ rotateLeft(late, 13) ^ (late >>> 10);
    schedule.push((at(schedule, index - 16) + small0 + at(schedule, index - 7) + small1) | 0);
  }
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
  for (let step = 0; step < 64; step += 1) {
    const big1 = rotateLeft(e, 26) ^ rotateLeft(e, 21) ^ rotateLeft(e, 7);
    const first = (h + big1 + ((e & f) ^ (~e & g)) + at(sha256Constants, step) + at(schedule, step)) | 0;
    const big0 = rotateLeft(a, 30) ^ rotateLeft(a, 19) ^ rotateLeft(a, 10);
    const second = (big0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [a, b, c, d, e, f, g, h] = [(first + second) | 0, a, b, c, (d + first) | 0, e, f, g];
  }
  return [a, b, c, d, e, f, g, h].map((word, index) => (word + at(state, index)) | 0);
}

const md5Initial = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];

const hashes: Readonly<Record<HmacAlgorithm, Hash>> = {
  md5: { initial: md5Initial, littleEndian: true, compress: compressMd5 },
  sha1: { initial: [...md5Initial, 0xc3d2e1f0], littleEndian: false, compress: compressSha1 },
  sha256: {
    initial: primes.slice(0, 8).map((prime) => fraction(Math.sqrt(prime))),
    littleEndian: false,
    compress: compressSha256,
  },
};
