/**
 * Diffie-Hellman parameters, for clients that know no elliptic curves: the groups of RFC 7919, which clients and servers
 * agree are sound. A group made by chance would be no better, could be worse, and takes minutes to find.
 *
 *     DHParameter ::= SEQUENCE { prime INTEGER, base INTEGER, privateValueLength INTEGER OPTIONAL }   (PKCS #3)
 */
import { derElement } from './der.js';

/** RFC 7919 appendix A: p = 2^b - 2^(b-64) + (floor(2^(b-130) e) + X) 2^64 - 1, the smallest X that gives a safe prime. */
const OFFSETS: Readonly<Record<number, bigint>> = {
  2048: 560_316n,
  3072: 2_625_351n,
  4096: 5_736_041n,
  6144: 15_705_020n,
  8192: 10_965_728n,
};

/** Sizes that there are. */
export const DH_BITS: readonly number[] = Object.keys(OFFSETS).map(Number);

/** Gives the group of a size as PEM text; undefined for a size that has none. */
export function dhParameters(bits: number): string | undefined {
  const offset = OFFSETS[bits];
  if (offset === undefined) return undefined;
  const size = BigInt(bits);
  const prime = 2n ** size - 2n ** (size - 64n) + (scaledE(size - 130n) + offset) * 2n ** 64n - 1n;
  const body = Buffer.concat([integer(Buffer.from(prime.toString(16), 'hex')), integer(Buffer.from([2]))]);
  const lines = Buffer.concat([head(0x30, body.length), body])
    .toString('base64')
    .replace(/.{64}/g, '$&\n')
    .trimEnd();
  return `-----BEGIN DH PARAMETERS-----\n${lines}\n-----END DH PARAMETERS-----\n`;
}

/** How long the prime of parameters in DER is. @throws {RangeError} when they are none. */
export function dhBits(octets: Buffer): number {
  const prime = derElement(octets, derElement(octets, 0).start);
  const digits = octets.toString('hex', prime.start, prime.end).replace(/^0+/, '');
  return digits === '' ? 0 : BigInt(`0x${digits}`).toString(2).length;
}

/** floor(2^bits e): 1 + 1/1! + 1/2! + …, with some bits more so that the sum's rounding does not show. */
function scaledE(bits: bigint): bigint {
  const spare = 64n;
  let sum = 0n;
  let term = 2n ** (bits + spare);
  for (let number = 1n; term > 0n; number += 1n) {
    sum += term;
    term /= number;
  }
  return sum >> spare;
}

/** Positive: the first bit is not set. */
function integer(octets: Buffer): Buffer {
  const positive = (octets[0] ?? 0) < 0x80 ? octets : Buffer.concat([Buffer.from([0]), octets]);
  return Buffer.concat([head(0x02, positive.length), positive]);
}

function head(tag: number, length: number): Buffer {
  if (length < 0x80) return Buffer.from([tag, length]);
  return length < 0x100 ? Buffer.from([tag, 0x81, length]) : Buffer.from([tag, 0x82, length >> 8, length & 0xff]);
}
