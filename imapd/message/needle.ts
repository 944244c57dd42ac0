/**
 * Needle: a text that SEARCH looks for, ready for many looks.
 *
 * What counts is always whether the folded text holds the folded needle (see fold.ts). For an ASCII needle most texts can
 * be told not to hold it without folding them: the few characters that fold to something with ASCII in it are known, and
 * of letters with accents, which fold to a letter and its accents, only the last one of a match can be one.
 */
import { decodeText, isKnownCharset } from './charset.js';
import { fold, isAscii } from './fold.js';

/** A text to look for. */
export interface Needle {
  readonly folded: string;
  /** `folded` as UTF-8. */
  readonly octets: Buffer;
  /** Finds an ASCII needle in text that is not folded; undefined for other needles. */
  readonly pattern: RegExp | undefined;
  /** The same, with an accent on its last letter or without. */
  readonly accentedPattern: RegExp | undefined;
  /** Finds it in the lines of a header as they are, folded ones too; undefined for what may hold a field's colon. */
  readonly linesPattern: RegExp | undefined;
  /** What characters outside ASCII must hold to become a part of an ASCII needle: bits of `held`. */
  readonly needs: number;
}

/** Pairs: the first and the last character of a range. */
type Ranges = readonly (readonly [number, number])[];

/**
 * Characters outside ASCII that hold a letter or a digit of ASCII when they are folded, and some of their neighbours. Of
 * those beyond U+FFFF the first half, which they share with others: texts are looked through unit by unit.
 */
const HOLD_LETTERS: Ranges = [
  [0xaa, 0xaa],
  [0xb2, 0xb3],
  [0xb9, 0xba],
  [0xbc, 0xbe],
  [0x130, 0x149],
  [0x17f, 0x17f],
  [0x1c4, 0x1f3],
  [0x2b0, 0x2e3],
  [0x1d2c, 0x1dbf],
  [0x1e9a, 0x1e9a],
  [0x2070, 0x20a8],
  [0x2100, 0x218f],
  [0x2460, 0x24ea],
  [0x2c7c, 0x2c7d],
  [0x3250, 0x33ff],
  [0xa7f1, 0xa7f4],
  [0xd801, 0xd801],
  [0xd833, 0xd835],
  [0xd83c, 0xd83c],
  [0xd83e, 0xd83e],
  [0xfb00, 0xfb06],
  [0xff10, 0xff5a],
];

/** The same for all other ASCII characters: spaces, dots, brackets. */
const HOLD_OTHERS: Ranges = [
  [0xa0, 0xa0],
  [0xa8, 0xa8],
  [0xaf, 0xaf],
  [0xb4, 0xb4],
  [0xb8, 0xb8],
  [0x2d8, 0x2dd],
  [0x37a, 0x37a],
  [0x37e, 0x37e],
  [0x384, 0x385],
  [0x1fbd, 0x1fff],
  [0x2000, 0x200a],
  [0x2017, 0x2017],
  [0x2024, 0x2026],
  [0x202f, 0x202f],
  [0x203c, 0x203e],
  [0x2047, 0x2049],
  [0x205f, 0x205f],
  [0x2a74, 0x2a76],
  [0x3000, 0x3000],
  [0x309b, 0x309c],
  [0x3200, 0x3243],
  [0xfb29, 0xfb29],
  [0xfc5e, 0xfc63],
  [0xfdfa, 0xfdfb],
  [0xfe10, 0xfe7f],
  [0xff01, 0xffe5],
];

const LETTERS = 1;
const OTHERS = 2;

/** For each unit of UTF-16 what it may hold: bits LETTERS and OTHERS. */
const held = heldByUnit();

function heldByUnit(): Uint8Array {
  const units = new Uint8Array(0x10000);
  for (const [first, last] of HOLD_OTHERS) units.fill(OTHERS, first, last + 1);
  for (const [first, last] of HOLD_LETTERS) units.fill(LETTERS | OTHERS, first, last + 1);
  return units;
}

/** Prepares a text that a client sent; undefined when its character set is not known. None means UTF-8 or ASCII. */
export function compileNeedle(text: Buffer, charset?: string): Needle | undefined {
  if (charset !== undefined && !isKnownCharset(charset)) return undefined;
  const folded = fold(decodeText(text, charset));
  const needs = /^[a-z0-9]*$/.test(folded) ? LETTERS : LETTERS | OTHERS;
  const pattern = isAscii(folded) ? new RegExp(escaped(folded), 'i') : undefined;
  // A field is shown with one space behind its colon, whatever stands there.
  const isInOneLine = /^[!-9;-~][ -9;-~]*$/.test(folded);
  const linesPattern = isInOneLine ? new RegExp(escaped(folded).replaceAll(' ', '(?:\\r?\\n)? '), 'i') : undefined;
  const accentedPattern = pattern && new RegExp(escaped(folded.slice(0, -1)) + lastOf(folded), 'i');
  return { folded, octets: Buffer.from(folded), needs, pattern, accentedPattern, linesPattern };
}

/** Where letters with accents are, and the signs that are struck out. */
const ACCENTED: Ranges = [
  [0xc0, 0x24f],
  [0x1e00, 0x1eff],
  [0x226e, 0x226f],
  [0x2260, 0x2260],
];

/** By an ASCII character in lower case: what folds to it and something behind it. */
let accented: Map<string, string> | undefined;

function accentedLetters(): Map<string, string> {
  const letters = new Map<string, string>();
  for (const [first, last] of ACCENTED) {
    for (let code = first; code <= last; code += 1) {
      const letter = String.fromCharCode(code);
      const plain = fold(letter)[0] ?? '';
      if (plain !== letter && isAscii(plain)) letters.set(plain, (letters.get(plain) ?? '') + letter);
    }
  }
  return letters;
}

/** A pattern for the last character of an ASCII needle. */
function lastOf(folded: string): string {
  const last = folded.slice(-1);
  accented ??= accentedLetters();
  const others = accented.get(last);
  return others === undefined ? escaped(last) : `(?:${escaped(last)}|[${others}])`;
}

/** Whether a text, decoded but not folded, holds a needle. */
export function textHolds(text: string, needle: Needle): boolean {
  const { accentedPattern, needs } = needle;
  // Without `u` and `v`, the flag `i` takes no character outside ASCII for one of ASCII.
  if (accentedPattern !== undefined && !accentedPattern.test(text) && !holdsSome(text, needs)) return false;
  return fold(text).includes(needle.folded);
}

function holdsSome(text: string, needs: number): boolean {
  for (let at = 0; at < text.length; at += 1) if (((held[text.charCodeAt(at)] ?? 0) & needs) !== 0) return true;
  return false;
}

/** Whether folded UTF-8 from `start` to `end` holds a needle. */
export function foldedHolds(octets: Buffer, start: number, end: number, { octets: wanted }: Needle): boolean {
  const first = wanted[0];
  const last = end - wanted.length;
  for (let at = start; at <= last; at += 1) {
    if (octets[at] !== first) continue;
    let length = 1;
    while (length < wanted.length && octets[at + length] === wanted[length]) length += 1;
    if (length >= wanted.length) return true;
  }
  return false;
}

/** Whether ASCII text, given as octets, may hold a needle. */
export function asciiHolds(octets: Buffer, { pattern }: Needle): boolean {
  return pattern?.test(octets.toString('latin1')) ?? false;
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
