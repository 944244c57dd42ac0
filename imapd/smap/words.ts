/**
 * The lines of SMAP as words: `STORE 1 "KEYWORDS=a b"` (courier.md section 5.1).
 *
 * A word with a blank in it, or an empty one, stands in quotes, and a quote inside them is doubled. Texts are UTF-8.
 */

/** Octets of a client's line; what is beyond is cut off, as by Courier. */
export const MAX_LINE_OCTETS = 8_191;

/** Cuts a line into words. A quote that is not closed ends with the line. */
export function wordsOf(line: string): string[] {
  const words: string[] = [];
  for (const [, quoted, plain] of line.matchAll(/"((?:[^"]|"")*)"?|([^ \t]+)/g)) {
    words.push(quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"'));
  }
  return words;
}

/** A word as it is always written in quotes: names of folders and attributes whose values may hold blanks. */
export function quoted(word: string): string {
  return `"${harmless(word).replaceAll('"', '""')}"`;
}

/** A text for people: one line, whatever file names and other programs have put into it. */
export function harmless(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f]/g, '?');
}

/** What stands before and behind the first `=` of a word; the name in capitals. A word without `=` has no value. */
export function attributeOf(word: string): { readonly name: string; readonly value: string | undefined } {
  const equals = word.indexOf('=');
  if (equals < 0) return { name: word.toUpperCase(), value: undefined };
  return { name: word.slice(0, equals).toUpperCase(), value: word.slice(equals + 1) };
}
