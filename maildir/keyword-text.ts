/**
 * Keywords as words, and the text of `courierimapkeywords/:list`.
 *
 *     keyword1
 *     keyword2
 *
 *     1700000001.M1.mx:0 1       base name, colon, numbers of its keywords
 *
 * Keywords compare without case (ASCII only); the spelling that came first is kept. It touches no disk.
 */
import { uniqueNameOf } from './filename.js';

/** The keywords of one message. */
export interface KeywordEntry {
  readonly baseName: string;
  readonly keywords: readonly string[];
}

/** Keywords of messages by their unique names. A Map, because anybody may choose the names. */
export type KeywordEntries = Map<string, KeywordEntry>;

/** Characters that Courier does not allow in a keyword in IMAP mode become `_`. */
export function safeKeyword(word: string): string {
  return word.replace(/[\u0000-\u0020\u007f(){%*"\\\]]/g, '_');
}

/** A keyword as it is compared. */
export function foldKeyword(word: string): string {
  return word.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** Drops repetitions; the first spelling stays. */
export function eachKeywordOnce(words: Iterable<string>): string[] {
  const byFolded = new Map<string, string>();
  for (const word of words) {
    const folded = foldKeyword(word);
    if (word !== '' && !byFolded.has(folded)) byFolded.set(folded, word);
  }
  return [...byFolded.values()];
}

/** Whether two sets of keywords are the same set. */
export function sameKeywords(one: readonly string[], other: readonly string[]): boolean {
  if (one === other) return true;
  if (one.length !== other.length) return false;
  const folded = new Set(one.map(foldKeyword));
  return other.every((word) => folded.has(foldKeyword(word)));
}

/** Reads an update file: one keyword in a line. */
export function parseKeywordLines(text: string): string[] {
  return eachKeywordOnce(text.split('\n').map((line) => safeKeyword(line.trimEnd())));
}

/** Reads `:list`. `tidy` is false if something in it makes no sense and it should be written again. */
export function parseKeywordList(text: string): { entries: KeywordEntries; tidy: boolean } {
  const lines = text.split('\n');
  const words: string[] = [];
  let at = 0;
  for (; at < lines.length && lines[at] !== ''; at += 1) words.push(safeKeyword(lines[at] ?? ''));
  const entries: KeywordEntries = new Map();
  let tidy = true;
  for (const line of lines.slice(at + 1)) {
    if (line === '') continue;
    const colon = line.indexOf(':');
    const baseName = line.slice(0, Math.max(0, colon));
    const numbers = line.slice(colon + 1).split(' ');
    const keywords = eachKeywordOnce(
      numbers.flatMap((number) => (/^\d+$/.test(number) ? (words[Number(number)] ?? []) : [])),
    );
    if (baseName === '' || keywords.length === 0) tidy = false;
    else entries.set(uniqueNameOf(baseName), { baseName, keywords });
  }
  return { entries, tidy };
}

/** Writes `:list`; messages without keywords are not in it. */
export function formatKeywordList(entries: Iterable<KeywordEntry>): string {
  const numbers = new Map<string, number>();
  const words: string[] = [];
  let lines = '';
  for (const { baseName, keywords } of entries) {
    if (keywords.length === 0) continue;
    const listed = keywords.map((word) => {
      const folded = foldKeyword(word);
      const known = numbers.get(folded);
      if (known !== undefined) return known;
      numbers.set(folded, words.length);
      return words.push(word) - 1;
    });
    lines += `${baseName}:${listed.join(' ')}\n`;
  }
  return `${words.map((word) => `${word}\n`).join('')}\n${lines}`;
}
