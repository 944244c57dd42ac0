/**
 * Message numbers: from 1, as they were when the session began.
 */
import type { Session } from '../session/session.js';
import { err } from '../wire/replies.js';

/** For a number that no message has, or one that is marked as deleted. */
export const NO_SUCH_MESSAGE = err('Invalid message number.');

/** The place in the maildrop of the message that a word names; undefined when there is none, or it is marked. */
export function messageAt({ maildrop, marks }: Session, word: string | undefined): number | undefined {
  if (word === undefined || !/^\d{1,10}$/.test(word)) return undefined;
  const index = Number(word) - 1;
  return index < 0 || index >= maildrop.count || marks.has(index) ? undefined : index;
}
