/** LANGUAGE: which languages there are for texts, and which the client would have (RFC 5255 section 3). */
import { CommandFailure, type Completion, ok } from '../completion.js';
import type { Cursor } from '../wire/cursor.js';

/** All texts are English; `i-default` is what a server speaks that nobody has asked for anything (RFC 2277). */
const LANGUAGES = ['EN', 'i-default'] as const;

/** No user speaks so many. */
const MAX_RANGES = 100;

/** `language-cmd = "LANGUAGE" *(SP lang-range-quoted)` */
export function parseLanguage(cursor: Cursor): readonly string[] {
  const ranges: string[] = [];
  while (cursor.spaceBeforeMore() && ranges.length < MAX_RANGES) {
    cursor.sp();
    ranges.push(cursor.astring().toString('latin1'));
  }
  cursor.end();
  return ranges;
}

/** Tells the languages, or the first that the client would have. Nothing changes: each text is the same in both. */
export async function language(
  session: { write(octets: Buffer): void },
  ranges: readonly string[],
): Promise<Completion> {
  const found = ranges.length === 0 ? LANGUAGES.join(' ') : ranges.map(languageFor).find((one) => one !== undefined);
  if (found === undefined) throw new CommandFailure('There are no texts in this language.');
  session.write(Buffer.from(`* LANGUAGE (${found})\r\n`));
  return ok('LANGUAGE completed.');
}

/** What `en-GB` asks for is there as `EN` (RFC 4647 section 3.4). */
function languageFor(range: string): string | undefined {
  const wanted = range.toLowerCase();
  if (wanted === 'default' || wanted === '*') return LANGUAGES[0];
  return LANGUAGES.find((known) => `${wanted}-`.startsWith(`${known.toLowerCase()}-`));
}
