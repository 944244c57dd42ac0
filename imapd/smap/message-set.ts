/**
 * Which messages a command of SMAP means: words `N` or `N-M` in front of its other words. Numbers beyond the last message
 * mean nothing; there is no `*`.
 */
import type { PickedMessage, SelectedMailbox } from '../mailbox/selected-mailbox.js';

const RANGE = /^(\d{1,10})(?:-(\d{1,10}))?$/;

/** The set words at the beginning, and what comes behind them. */
export interface SetAndRest {
  readonly ranges: readonly (readonly [first: number, last: number])[];
  readonly rest: readonly string[];
}

/** Takes the set off the words; it may be empty. */
export function takeSet(words: readonly string[]): SetAndRest {
  const ranges: [number, number][] = [];
  for (const [index, word] of words.entries()) {
    const [, first, last = first] = RANGE.exec(word) ?? [];
    if (first === undefined) return { ranges, rest: words.slice(index) };
    ranges.push([Number(first), Number(last)]);
  }
  return { ranges, rest: [] };
}

/** The messages of a set that are in the client's view, in ascending order and each once. */
export function* messagesIn(mailbox: SelectedMailbox, { ranges }: SetAndRest): Generator<PickedMessage, void, void> {
  const existing = ranges
    .map(([first, last]) => ({ first: Math.max(1, first), last: Math.min(last, mailbox.count) }))
    .filter(({ first, last }) => first <= last);
  if (existing.length > 0) yield* mailbox.pick(existing, 'sequence number');
}
