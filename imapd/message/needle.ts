/**
 * Needle: a text that SEARCH looks for, ready for many looks.
 *
 * What counts is always whether the folded text holds the folded needle (see fold.ts). For an ASCII needle most texts can
 * be told not to hold it without folding them: the few characters that fold to something with ASCII in it are known.
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
  /** Characters that may become a part of an ASCII needle when they are folded. */
  readonly suspects: RegExp;
}

/** Characters outside ASCII that hold a letter or a digit of ASCII when they are folded, and some of their neighbours. */
const HOLD_LETTERS =
  '\\u00aa\\u00b2\\u00b3\\u00b9\\u00ba\\u00bc-\\u00be\\u0130-\\u0149\\u017f\\u01c4-\\u01f3\\u02b0-\\u02e3\\u1d2c-\\u1dbf' +
  '\\u1e9a\\u2070-\\u20a8\\u2100-\\u218f\\u2460-\\u24ea\\u2c7c\\u2c7d\\u3250-\\u33ff\\ua7f1-\\ua7f4\\ufb00-\\ufb06' +
  '\\uff10-\\uff5a\\u{10780}-\\u{107bf}\\u{1cc00}-\\u{1ccff}\\u{1d400}-\\u{1d7ff}\\u{1f100}-\\u{1f1ff}\\u{1fb00}-\\u{1fbff}';

/** The same for all other ASCII characters: spaces, dots, brackets. */
const HOLD_OTHERS =
  '\\u00a0\\u00a8\\u00af\\u00b4\\u00b8\\u02d8-\\u02dd\\u037a\\u037e\\u0384\\u0385\\u1fbd-\\u1fff\\u2000-\\u200a\\u2017' +
  '\\u2024-\\u2026\\u202f\\u203c\\u203e\\u2047-\\u2049\\u205f\\u2a74-\\u2a76\\u3000\\u309b\\u309c\\u3200-\\u3243\\ufb29' +
  '\\ufc5e-\\ufc63\\ufdfa\\ufdfb\\ufe10-\\ufe7f\\uff01-\\uffe5';

const lettersHeld = new RegExp(`[${HOLD_LETTERS}]`, 'u');
const anythingHeld = new RegExp(`[${HOLD_LETTERS}${HOLD_OTHERS}]`, 'u');

/** Prepares a text that a client sent; undefined when its character set is not known. None means UTF-8 or ASCII. */
export function compileNeedle(text: Buffer, charset?: string): Needle | undefined {
  if (charset !== undefined && !isKnownCharset(charset)) return undefined;
  const folded = fold(decodeText(text, charset));
  const suspects = /^[a-z0-9]*$/.test(folded) ? lettersHeld : anythingHeld;
  const pattern = isAscii(folded) ? new RegExp(escaped(folded), 'i') : undefined;
  return { folded, octets: Buffer.from(folded), suspects, pattern };
}

/** Whether a text, decoded but not folded, holds a needle. */
export function textHolds(text: string, needle: Needle): boolean {
  const { pattern, suspects } = needle;
  // Without `u` and `v`, the flag `i` takes no character outside ASCII for one of ASCII.
  if (pattern !== undefined && !pattern.test(text) && !suspects.test(text)) return false;
  return fold(text).includes(needle.folded);
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
