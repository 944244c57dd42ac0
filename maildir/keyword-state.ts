/**
 * The keywords of a folder in memory: which words are in use, and which message has which.
 *
 * Messages with the same keywords share one array, and the first spelling of a word is used for all.
 */
import { MaildirError } from './errors.js';
import type { FlagChange } from './flags.js';
import { noKeywords } from './folder-rows.js';
import type { FolderState } from './folder-state.js';
import { eachKeywordOnce, foldKeyword, type KeywordEntries, sameKeywords } from './keyword-text.js';

/** Every keyword is told to every client at SELECT, and clients show them as a list to choose from. */
export const MAX_KEYWORDS = 250;
/** No longer than a file system's name, which is what clients keep them in. */
export const MAX_KEYWORD_OCTETS = 255;

/** Takes over what the disk says about all messages. Gives whether anything changed. */
export function applyKeywords(state: FolderState, entries: KeywordEntries): boolean {
  if (entries.size === 0 && state.keywords.length === 0) return false;
  const { rows } = state;
  let change: number | undefined;
  const apply = (row: number, keywords: readonly string[]): void => {
    if (sameKeywords(keywords, rows.keywordsAt(row))) return;
    change ??= state.nextChange();
    rows.setKeywords(row, keywords);
    rows.setChangedAt(row, change);
  };
  const share = sharing();
  const told = new Uint8Array(rows.count);
  for (const [uniqueName, { keywords }] of entries) {
    const row = rows.rowOfName(uniqueName);
    if (row < 0) continue;
    told[row] = 1;
    apply(row, share(keywords));
  }
  if (rows.mayHaveKeywords) for (let row = 0; row < told.length; row += 1) if (told[row] === 0) apply(row, noKeywords);
  if (change !== undefined) keywordsInUse(state);
  return change !== undefined;
}

/** Finds out which keywords are in use now; those that were before keep their order. */
export function keywordsInUse(state: FolderState): void {
  const used = new Set<string>();
  const spellings = new Map<string, string>();
  for (const keywords of state.rows.keywordLists()) {
    for (const word of keywords) {
      used.add(foldKeyword(word));
      if (!spellings.has(foldKeyword(word))) spellings.set(foldKeyword(word), word);
    }
  }
  const kept = state.keywords.filter((word) => used.has(foldKeyword(word)));
  const keywords = eachKeywordOnce([...kept, ...spellings.values()]);
  if (keywords.length === state.keywords.length && keywords.every((word, at) => word === state.keywords[at])) return;
  state.keywords = keywords;
  state.keywordsChangedAt = state.nextChange();
}

/** Gives equal sets the same array. */
export function sharing(): (keywords: readonly string[]) => readonly string[] {
  const shared = new Map<string, readonly string[]>([['', noKeywords]]);
  return (keywords) => {
    const key = keywords.map(foldKeyword).sort().join(' ');
    const known = shared.get(key) ?? keywords;
    shared.set(key, known);
    return known;
  };
}

/** The keywords of a message after a change, in the spelling that the folder already uses. */
export function changedKeywords(
  state: FolderState,
  before: readonly string[],
  { operation, keywords }: Pick<FlagChange, 'operation' | 'keywords'>,
): readonly string[] {
  if (keywords.length === 0 && operation !== 'replace') return before;
  const given = new Set(keywords.map(foldKeyword));
  const after =
    operation === 'remove'
      ? before.filter((word) => !given.has(foldKeyword(word)))
      : eachKeywordOnce(
          [...(operation === 'add' ? before : []), ...keywords].map(
            (word) => state.keywords.find((known) => foldKeyword(known) === foldKeyword(word)) ?? word,
          ),
        );
  return sameKeywords(before, after) ? before : after;
}

/** @throws {MaildirError} 'too many keywords' if the folder cannot take these in addition */
export function checkKeywordRoom(state: FolderState, keywords: readonly string[]): void {
  const together = eachKeywordOnce([...state.keywords, ...keywords]);
  if (together.length > MAX_KEYWORDS && together.length > state.keywords.length) {
    throw new MaildirError('too many keywords', `${state.place.paths.directory}: at most ${MAX_KEYWORDS}`);
  }
  const long = keywords.find((word) => Buffer.byteLength(word) > MAX_KEYWORD_OCTETS);
  if (long !== undefined)
    throw new MaildirError('too many keywords', `keyword longer than ${MAX_KEYWORD_OCTETS} octets`);
}
