/**
 * Marks of keyword lists: a number by which a later run of the server finds out that a message has other keywords now.
 *
 * Two different lists have the same mark once in four thousand million times.
 */
import { foldKeyword } from '../keyword-text.js';

const FIRST_HASH = 0x811c9dc5;
const HASH_PRIME = 0x01000193;

/** Messages with the same keywords share one list. */
const marks = new WeakMap<readonly string[], number>();

/** 0 for no keywords; the order and the case of the words make no difference. */
export function keywordMark(keywords: readonly string[]): number {
  if (keywords.length === 0) return 0;
  const known = marks.get(keywords);
  if (known !== undefined) return known;
  let hash = FIRST_HASH;
  for (const octet of Buffer.from(keywords.map(foldKeyword).sort().join(' '))) {
    hash = Math.imul(hash ^ octet, HASH_PRIME) >>> 0;
  }
  const mark = hash === 0 ? 1 : hash;
  marks.set(keywords, mark);
  return mark;
}
