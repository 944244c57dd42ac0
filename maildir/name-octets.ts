/**
 * Names of message files as the octets that a directory holds, taken apart without making strings.
 *
 * filename.ts says what the parts mean. A folder is read name by name, so what is here runs for each message of a scan.
 * It touches no disk.
 */
import { randomInt } from 'node:crypto';

/** The parts of a name; the caller keeps one object for many names. */
export interface NameParts {
  /** Where the base name ends: at the first colon, or at the end. */
  baseEnd: number;
  /** Where the unique name ends; -1 if it has a hole, because a size stands in the middle of the base name. */
  uniqueEnd: number;
  /** Of the unique name. */
  hash: number;
}

const COLON = 0x3a;
const COMMA = 0x2c;
const EQUALS = 0x3d;
const CAPITAL_S = 0x53;
const DIGIT_0 = 0x30;

/** FNV-1a, begun anew in each process, because strangers may choose names. */
const FIRST_HASH = randomInt(2 ** 31);
const HASH_PRIME = 0x01000193;

/** An object for takeApart(). */
export function noParts(): NameParts {
  return { baseEnd: 0, uniqueEnd: 0, hash: 0 };
}

/** Finds the parts of a filename. */
export function takeApart(octets: Uint8Array, start: number, end: number, parts: NameParts): void {
  let hash = FIRST_HASH;
  let uniqueEnd = -1;
  let hole = false;
  let at = start;
  while (at < end) {
    const octet = octets[at] ?? 0;
    if (octet === COLON) break;
    const next = octet === COMMA ? afterSize(octets, at, end) : at;
    if (next > at) {
      if (uniqueEnd < 0) uniqueEnd = at;
      at = next;
      continue;
    }
    if (uniqueEnd >= 0) hole = true;
    hash = Math.imul(hash ^ octet, HASH_PRIME);
    at += 1;
  }
  parts.baseEnd = at;
  parts.uniqueEnd = hole ? -1 : uniqueEnd < 0 ? at : uniqueEnd;
  parts.hash = hash ^ (hash >>> 15);
}

/** Behind the `,S=1234` that begins here; where it began if there is none. */
function afterSize(octets: Uint8Array, from: number, end: number): number {
  if (from + 3 >= end || octets[from + 1] !== CAPITAL_S || octets[from + 2] !== EQUALS) return from;
  let at = from + 3;
  while (at < end && isDigit(octets[at] ?? 0)) at += 1;
  return at === from + 3 ? from : at;
}

function isDigit(octet: number): boolean {
  return octet >= DIGIT_0 && octet <= DIGIT_0 + 9;
}

/** Whether two base names are of the same message. */
export function sameUnique(
  one: Uint8Array,
  [oneStart, oneEnd]: readonly [number, number],
  other: Uint8Array,
  [otherStart, otherEnd]: readonly [number, number],
): boolean {
  let at = oneStart;
  let otherAt = otherStart;
  for (;;) {
    at = one[at] === COMMA ? afterSizes(one, at, oneEnd) : at;
    otherAt = other[otherAt] === COMMA ? afterSizes(other, otherAt, otherEnd) : otherAt;
    if (at >= oneEnd || otherAt >= otherEnd) return at >= oneEnd && otherAt >= otherEnd;
    if (one[at] !== other[otherAt]) return false;
    at += 1;
    otherAt += 1;
  }
}

function afterSizes(octets: Uint8Array, from: number, end: number): number {
  let at = from;
  for (let next = afterSize(octets, at, end); next > at; next = afterSize(octets, at, end)) at = next;
  return at;
}

/** The size that a base name tells: the last one; -1 if there is none. */
export function sizeInOctets(octets: Uint8Array, start: number, end: number): number {
  for (let at = end - 3; at >= start; at -= 1) {
    if (octets[at] !== COMMA || octets[at + 1] !== CAPITAL_S || octets[at + 2] !== EQUALS) continue;
    const after = afterSize(octets, at, end);
    let size = 0;
    for (let digit = at + 3; digit < after; digit += 1) size = size * 10 + (octets[digit] ?? 0) - DIGIT_0;
    return after > at && Number.isSafeInteger(size) ? size : -1;
  }
  return -1;
}

/** The number that a name begins with; 0 if there is none. */
export function leadingNumber(octets: Uint8Array, start: number, end: number): number {
  let number = 0;
  for (let at = start; at < end; at += 1) {
    const octet = octets[at] ?? 0;
    if (!isDigit(octet)) break;
    number = number * 10 + octet - DIGIT_0;
  }
  return number;
}

/** Compares octets, as memcmp does. */
export function compareOctets(
  one: Uint8Array,
  [oneStart, oneEnd]: readonly [number, number],
  other: Uint8Array,
  [otherStart, otherEnd]: readonly [number, number],
): number {
  const length = Math.min(oneEnd - oneStart, otherEnd - otherStart);
  for (let at = 0; at < length; at += 1) {
    const difference = (one[oneStart + at] ?? 0) - (other[otherStart + at] ?? 0);
    if (difference !== 0) return difference;
  }
  return oneEnd - oneStart - (otherEnd - otherStart);
}
