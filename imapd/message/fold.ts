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

/**
 * Texts that are decomposed as they are: of Latin-1, Cyrillic and Hebrew letters, Chinese characters, and what stands
 * between words.
 */
const plainLetters =
  /^[\x00-\x9f\xa1-\xa7\xa9\xab-\xae\xb0\xb1\xb6\xb7\xbb\xbf\xc6\xd0\xd7\xd8\xde-\xdf\xe6\xf0\xf7\xf8\xfe\u0402\u0404-\u0406\u0408-\u040b\u040f-\u0418\u041a-\u0438\u043a-\u044f\u0452\u0454-\u0456\u0458-\u045b\u045f\u05d0-\u05ea\u2010\u2012-\u2015\u2018-\u2022\u3001-\u3003\u4e00-\u9fff]*$/;

/**
 * Texts whose characters have no other compatible spelling than the decomposed one, without the dotless i and Greek, whose
 * sigma has two small letters.
 */
const accentedLetters =
  /^[\x00-\x9f\xa1-\xa7\xa9\xab-\xae\xb0\xb1\xb6\xb7\xbb\xbf-\u0130\u0134-\u013e\u0141-\u0148\u014a-\u017e\u0400-\u045f\u05d0-\u05ea\u0621-\u063a\u0641-\u064a\u2010\u2012-\u2015\u2018-\u2022\u3001-\u3011\u3041-\u3096\u30a1-\u30fe\u4e00-\u9fff\uac00-\ud7a3]*$/;

/** Folds a text. Folding twice changes nothing for what mail holds; most languages take the short ways. */
export function fold(text: string): string {
  if (plainLetters.test(text)) return text.toLowerCase();
  if (accentedLetters.test(text)) return text.normalize('NFD').toLowerCase();
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
