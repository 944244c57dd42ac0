/**
 * Text as SEARCH, SORT and THREAD compare it: without regard to case and to compatible spellings.
 *
 * NFKC, lower case, and one sigma. i;unicode-casemap (RFC 5051) decomposes instead; composed forms keep `e` from
 * matching the beginning of `é`, and give the same equalities otherwise.
 */

/** Folds a text. Folding twice changes nothing for what mail holds; ASCII takes the short way. */
export function fold(text: string): string {
  if (/^[\x00-\x7f]*$/.test(text)) return text.toLowerCase();
  return text.normalize('NFKC').toLowerCase().normalize('NFKC').replace(/ς/g, 'σ');
}
