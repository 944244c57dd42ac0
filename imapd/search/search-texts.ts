/**
 * The conditions of SEARCH that compare texts: HEADER and its kin, BODY, TEXT.
 */
import { CommandFailure } from '../completion.js';
import { isKnownCharset } from '../message/charset.js';
import { bodyMatches, compileNeedle, headerMatches, messageMatches, type Needle } from '../message/search-text.js';
import { type Candidate, COST, type TextConditions } from './search-conditions.js';

/**
 * Makes text conditions for a client's character set; without one, texts are UTF-8, of which US-ASCII is a part.
 *
 * @throws {CommandFailure} BADCHARSET, also when no key has a text: the client asked whether we know it.
 */
export function textConditions(charset: string | undefined): TextConditions {
  if (charset !== undefined && !isKnownCharset(charset)) throw badCharset();
  const needleOf = (text: Buffer): Needle => {
    const needle = compileNeedle(text, charset);
    if (needle === undefined) throw badCharset();
    return needle;
  };
  return {
    header(field, text) {
      const needle = needleOf(text);
      return { cost: COST.header, holds: ({ reading }) => headerMatches(reading.headerWith(field), field, needle) };
    },
    body(text) {
      const needle = needleOf(text);
      return { cost: COST.text, holds: (candidate) => searched(candidate, needle, bodyMatches) };
    },
    text(text) {
      const needle = needleOf(text);
      return { cost: COST.text, holds: (candidate) => searched(candidate, needle, messageMatches) };
    },
  };
}

function* searched({ reading }: Candidate, needle: Needle, matches: typeof bodyMatches): Generator<void, boolean> {
  const index = yield* reading.index();
  return yield* matches(reading.file, index, needle);
}

function badCharset(): CommandFailure {
  return new CommandFailure('The requested character set is not supported.', 'BADCHARSET (UTF-8 US-ASCII)');
}
