/**
 * What SEARCH and SORT are to return: `RETURN (MIN COUNT SAVE)` (RFC 4731, RFC 5182, RFC 5267, RFC 9394).
 *
 * It knows no messages.
 */
import type { Cursor } from './cursor.js';
import { nameWord, SyntaxFailure } from './failures.js';
import { type FetchItem, parseFetchItems } from './fetch-items.js';

/** Words that say what is told of the messages found. */
const resultWords = ['MIN', 'MAX', 'ALL', 'COUNT'] as const;
/** Words that say what else is done with them. */
const otherWords = ['RELEVANCY', 'SAVE', 'UPDATE', 'CONTEXT'] as const;
const returnWords = [...resultWords, ...otherWords];

export type ReturnWord = (typeof returnWords)[number];

/** A piece of the messages found, counted from 1; from the end, where the client wrote `-1:-100`. */
export interface PartialRange {
  readonly first: number;
  readonly last: number;
  readonly fromEnd: boolean;
}

/** A RETURN that was read. */
export interface ReturnOptions {
  readonly words: readonly ReturnWord[];
  readonly partial?: PartialRange;
  /** What UPDATE tells of messages that come into the result when they arrive (RFC 5465 section 7). */
  readonly updateItems?: readonly FetchItem[];
}

/** `search-return-opts = SP "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")"`; none means ALL. */
export function parseReturnOptions(cursor: Cursor): ReturnOptions | undefined {
  if (!cursor.take(' RETURN ')) return undefined;
  const words = new Set<ReturnWord>();
  let partial: PartialRange | undefined;
  let items: Pick<ReturnOptions, 'updateItems'> = {};
  const read = () => {
    const word = cursor.atom();
    if (word.toUpperCase() === 'PARTIAL') {
      if (partial !== undefined) throw new SyntaxFailure('RETURN has PARTIAL twice.');
      partial = parsePartial(cursor);
    } else {
      words.add(returnWord(word));
      const hasItems = word.toUpperCase() === 'UPDATE' && cursor.peekOctet() === 0x20 && cursor.peekOctet(1) === 0x28;
      if (hasItems) items = { updateItems: parseUpdateItems(cursor) };
    }
  };
  cursor.parenthesised(read, { most: MAX_RETURN_WORDS });
  if (partial === undefined) return { words: words.size === 0 ? ['ALL'] : [...words], ...items };
  // RFC 9394 section 3.1.
  if (words.has('ALL')) throw new SyntaxFailure('RETURN has ALL and PARTIAL.');
  return { words: [...words], partial, ...items };
}

/** `modifier-update = "UPDATE" [SP "(" fetch-att *(SP fetch-att) ")"]` (RFC 5465 section 8) */
function parseUpdateItems(cursor: Cursor): FetchItem[] {
  cursor.sp();
  return parseFetchItems(cursor);
}

/** There are some ten of them, and clients may repeat themselves. */
const MAX_RETURN_WORDS = 100;

function returnWord(word: string): ReturnWord {
  const known = returnWords.find((each) => each === word.toUpperCase());
  if (known === undefined) throw new SyntaxFailure(`Unknown return option ${nameWord(word)}.`);
  return known;
}

/** `partial-range = nz-number ":" nz-number / MINUS nz-number ":" MINUS nz-number` */
export function parsePartial(cursor: Cursor): PartialRange {
  cursor.sp();
  const fromEnd = cursor.take('-');
  const one = cursor.nzNumber();
  cursor.expect(':');
  if (cursor.take('-') !== fromEnd) throw new SyntaxFailure('PARTIAL counts from both ends.');
  const other = cursor.nzNumber();
  return { first: Math.min(one, other), last: Math.max(one, other), fromEnd };
}

/** Whether anything is told of the messages found; if not, there is no ESEARCH response (RFC 5182 section 2.1). */
export function tellsResult({ words, partial }: ReturnOptions): boolean {
  return partial !== undefined || words.includes('RELEVANCY') || resultWords.some((word) => words.includes(word));
}

/** Whether the first and the last of the messages found are all that matters. */
export function wantsEndsOnly({ words, partial }: ReturnOptions): boolean {
  return (
    partial === undefined && ['MIN', 'MAX'].some(among(words)) && words.every(among(['MIN', 'MAX', 'SAVE', 'CONTEXT']))
  );
}

function among(words: readonly string[]): (word: string) => boolean {
  return (word) => words.includes(word);
}

/** The piece of the messages found that a range names. */
export function partOf<T>(numbers: readonly T[], { first, last, fromEnd }: PartialRange): readonly T[] {
  const { length } = numbers;
  return fromEnd
    ? numbers.slice(Math.max(0, length - last), Math.max(0, length - first + 1))
    : numbers.slice(first - 1, last);
}

/** What SAVE keeps of the messages found (RFC 5182 section 2.4, RFC 9394 section 3.3). */
export function partToSave(numbers: readonly number[], { words, partial }: ReturnOptions): readonly number[] {
  const named = partial !== undefined || words.includes('MIN') || words.includes('MAX');
  if (!named || words.includes('ALL') || words.includes('COUNT')) return numbers;
  const kept = partial === undefined ? [] : [...partOf(numbers, partial)];
  if (words.includes('MIN')) kept.push(...numbers.slice(0, 1));
  if (words.includes('MAX')) kept.push(...numbers.slice(-1));
  return kept;
}
