/**
 * What FUZZY makes of a search key (RFC 6203): a text is found when all its words are, in any order, and in the fields that
 * are searched most also when they are spelled a little differently. How near a message comes is its relevancy.
 *
 * Keys that have no text mean what they mean without FUZZY.
 */
import { type SearchKey, withFuzzyKeys } from '../wire/search-keys.js';
import type { Candidate } from './candidate.js';
import { type Condition, conditionFor, type SearchScope, type Verdict } from './search-conditions.js';
import { wordsOfField } from './search-texts.js';

/** How relevant a message is, of 100. */
const RELEVANCY = { phrase: 100, words: 75, spelling: 40 } as const;

/** A client that sends a whole message as a search text is no reason to compare each of its words with all others. */
const MAX_WORDS = 20;

type TextKey = Extract<SearchKey, { readonly text: Buffer }>;

/** Makes a condition that holds for what is similar, and notes the relevancy of what it holds for. */
export function fuzzyCondition(key: SearchKey, scope: SearchScope): Condition {
  if ('text' in key) return new SimilarText(key, scope);
  return conditionFor(withFuzzyKeys(key), scope);
}

class SimilarText implements Condition {
  readonly cost: number;
  readonly #phrase: Condition;
  readonly #words: readonly string[];
  readonly #eachWord: readonly Condition[];
  readonly #fields: readonly string[];

  constructor(key: TextKey, scope: SearchScope) {
    const { texts } = scope;
    this.#phrase = conditionFor(key, scope);
    this.cost = this.#phrase.cost;
    this.#words = texts.words(key.text).slice(0, MAX_WORDS);
    const ofWords = { ...scope, texts: texts.inUtf8 };
    this.#eachWord = this.#words.map((word) => conditionFor({ ...key, text: Buffer.from(word) }, ofWords));
    this.#fields = key.kind === 'header' ? [key.field] : key.kind === 'text' ? ['SUBJECT', 'FROM', 'TO', 'CC'] : [];
  }

  *holds(candidate: Candidate): Generator<void, boolean> {
    if (yield* answer(this.#phrase.holds(candidate))) return note(candidate, RELEVANCY.phrase);
    if (this.#words.length === 0) return false;
    const missing: string[] = [];
    for (const [at, condition] of this.#eachWord.entries()) {
      if (!(yield* answer(condition.holds(candidate)))) missing.push(this.#words[at] ?? '');
    }
    if (missing.length === 0) return note(candidate, RELEVANCY.words);
    const known = this.#fields.flatMap((field) => wordsOfField(candidate, field));
    const similar = missing.every((word) => known.some((other) => isSimilar(word, other)));
    return similar && note(candidate, RELEVANCY.spelling);
  }
}

function* answer(verdict: Verdict): Generator<void, boolean> {
  return typeof verdict === 'object' ? yield* verdict : verdict;
}

/** Of several keys the middle counts. */
function note(candidate: Candidate, relevancy: number): true {
  const { relevancy: before } = candidate;
  candidate.relevancy = before === undefined ? relevancy : Math.round((before + relevancy) / 2);
  return true;
}

/** Short words have too many neighbours. */
const SHORT_WORD = 4;
const LONG_WORD = 8;
/** Longer ones are none. */
const MAX_WORD_LENGTH = 40;

/** Whether two words differ in one letter, long ones in two: another, one more, one less, or two in the other order. */
export function isSimilar(one: string, other: string): boolean {
  const most = one.length < SHORT_WORD ? 0 : one.length < LONG_WORD ? 1 : 2;
  if (Math.abs(one.length - other.length) > most || one.length > MAX_WORD_LENGTH) return false;
  return one === other || (most > 0 && distance(one, other) <= most);
}

/** The number of changes that make one word of the other (optimal string alignment). */
function distance(one: string, other: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let row = 1; row <= one.length; row += 1) {
    const current = [row];
    for (let at = 1; at <= other.length; at += 1) {
      const same = one[row - 1] === other[at - 1];
      let least = Math.min((last[at] ?? 0) + 1, (current[at - 1] ?? 0) + 1, (last[at - 1] ?? 0) + (same ? 0 : 1));
      const swapped = one[row - 1] === other[at - 2] && one[row - 2] === other[at - 1];
      if (row > 1 && at > 1 && swapped) least = Math.min(least, (beforeLast[at - 2] ?? 0) + 1);
      current.push(least);
    }
    beforeLast = last;
    last = current;
  }
  return last[other.length] ?? 0;
}
