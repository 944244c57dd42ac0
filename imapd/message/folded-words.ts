/**
 * Header values as SEARCH compares them: encoded words decoded, then folded. The same people write all the time, so what
 * had to be decoded is remembered for a while.
 */
import { decodeWords } from './encoded-words.js';
import { fold } from './fold.js';

/** Values that are remembered; three hundred octets each, so about a MiB for a process. */
const MAX_REMEMBERED = 4_000;
/** A longer value is hardly ever there twice. */
const MAX_REMEMBERED_LENGTH = 400;

const remembered = new Map<string, string>();

/** Decodes and folds a header value, given unfolded and as octets in Latin-1. */
export function foldedWords(value: string): string {
  if (!/=\?|[\x80-\xff]/.test(value)) return value.toLowerCase();
  if (value.length > MAX_REMEMBERED_LENGTH) return fold(decodeWords(value));
  const known = remembered.get(value);
  if (known !== undefined) return known;
  const folded = fold(decodeWords(value));
  if (remembered.size >= MAX_REMEMBERED) remembered.clear();
  remembered.set(value, folded);
  return folded;
}
