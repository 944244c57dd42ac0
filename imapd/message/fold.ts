/**
 * Text as SEARCH, SORT and THREAD compare it: without regard to case and to compatible spellings.
 *
 * These are the equalities of i;unicode-casemap (RFC 5051), which RFC 5255 wants: decomposed, so that `cafe` is found in
 * `café`, and of one case. Lower case, not title case: most mail is ASCII in lower case. Where the order counts, sort.ts
 * and sort-columns.ts see to that.
 */

/** Whether a text is all ASCII. */
export function isAscii(text: string): boolean {
  return !/[^\x00-\x7f]/.test(text);
}

/** Texts of Latin-1 that are decomposed as they are. */
const plainLatin =
  /^[\x00-\x9f\xa1-\xa7\xa9\xab-\xae\xb0\xb1\xb6\xb7\xbb\xbf\xc6\xd0\xd7\xd8\xde-\xdf\xe6\xf0\xf7\xf8\xfe]*$/;

/** Texts of Latin letters, without the few characters that have another compatible spelling, and without the dotless i. */
const accentedLatin =
  /^[\x00-\x9f\xa1-\xa7\xa9\xab-\xae\xb0\xb1\xb6\xb7\xbb\xbf-\u0130\u0134-\u013e\u0141-\u0148\u014a-\u017e]*$/;

/** Folds a text. Folding twice changes nothing for what mail holds; most western languages take the short ways. */
export function fold(text: string): string {
  if (plainLatin.test(text)) return text.toLowerCase();
  if (accentedLatin.test(text)) return text.normalize('NFD').toLowerCase();
  return streamSafe(text).normalize('NFKD').toLowerCase().normalize('NFKD').replace(/[ςı]/g, oneSpelling);
}

function oneSpelling(letter: string): string {
  return letter === 'ς' ? 'σ' : 'i';
}

/**
 * Breaks runs of more than 30 combining marks, as the Stream-Safe Text Format of UAX 15 does. Normalising sorts each
 * run in quadratic time: 64 KiB of marks, which anybody can send by mail, would hold the process up for seconds.
 */
function streamSafe(text: string): string {
  if (!hasLongRun(text)) return text;
  return text.replace(/[\p{M}\uff9e\uff9f]{30}(?=[\p{M}\uff9e\uff9f])/gu, '$&\u034f');
}

/** The first combining mark. */
const FIRST_MARK = 0x300;

/** Whether there are more than 30 characters in a row that may be combining marks, which most texts do not have. */
function hasLongRun(text: string): boolean {
  let run = 0;
  for (let at = 0; at < text.length; at += 1) {
    run = text.charCodeAt(at) < FIRST_MARK ? 0 : run + 1;
    if (run > 30) return true;
  }
  return false;
}
