/**
 * What may stand behind the items of FETCH: `(CHANGEDSINCE 12345 VANISHED)` (RFC 4466 section 2.2, RFC 7162 sections
 * 3.1.4.1 and 3.2.6), and PARTIAL (RFC 9394 section 3.4).
 */
import type { Cursor } from './cursor.js';
import { nameWord, SyntaxFailure } from './failures.js';
import { type PartialRange, parsePartial } from './return-options.js';

/** Which of the messages named a FETCH is about. */
export interface FetchModifiers {
  /** Only those that changed after this mod-sequence. */
  readonly changedSince?: number;
  /** Together with those that left after it. */
  readonly vanished?: boolean;
  /** Only so many of them. */
  readonly partial?: PartialRange;
}

const none: FetchModifiers = {};

/** `fetch-modifiers = SP "(" fetch-modifier *(SP fetch-modifier) ")"`, which may be left out. */
export function parseFetchModifiers(cursor: Cursor): FetchModifiers {
  if (!cursor.spaceBeforeMore()) return none;
  cursor.sp();
  let modifiers = none;
  cursor.parenthesised(() => {
    const word = cursor.atom();
    modifiers = { ...modifiers, ...parseModifier(cursor, word) };
  });
  if (modifiers.vanished === true && modifiers.changedSince === undefined) {
    throw new SyntaxFailure('VANISHED needs CHANGEDSINCE.');
  }
  return modifiers;
}

function parseModifier(cursor: Cursor, word: string): FetchModifiers {
  switch (word.toUpperCase()) {
    case 'CHANGEDSINCE':
      cursor.sp();
      return { changedSince: cursor.number64() };
    case 'VANISHED':
      return { vanished: true };
    case 'PARTIAL':
      return { partial: parsePartial(cursor) };
    default:
      throw new SyntaxFailure(`Unknown FETCH modifier ${nameWord(word)}.`);
  }
}
