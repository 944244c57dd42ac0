/**
 * Answers of authdaemond to types of AUTH that are ours: lines in the form of Courier's, with other names.
 *
 *     CHALLENGE=base64\nTOKEN=text\n.\n               go on; the token is wanted back
 *     UID=5000\n … LASTWORD=base64\n.\n               yes, and what the client is to be told before its session
 *     REFUSED=expired\nLASTWORD=base64\n.\n           no, and what the client is to be told about it
 *
 * Pure.
 */
import type { MechanismAnswer } from './mechanisms.js';
import type { AnswerReading } from './protocol.js';

/** The name of the line with what a client is told at last. */
export const LAST_WORD = 'LASTWORD';

/** Writes the answer of a mechanism that has no account in it; undefined for a plain no. */
export function formatExchange(
  answer: Exclude<MechanismAnswer, { kind: 'account' | 'temporary failure' }>,
): string | undefined {
  if (answer.kind === 'challenge') return `CHALLENGE=${answer.challenge}\nTOKEN=${answer.token}\n.\n`;
  const { lastWord, expired } = answer;
  if (lastWord === undefined && expired !== true) return undefined;
  const word = lastWord === undefined ? '' : `${LAST_WORD}=${lastWord}\n`;
  return `REFUSED=${expired === true ? 'expired' : ''}\n${word}.\n`;
}

/** Adds the last word to the lines of an account. */
export function withLastWord(account: Buffer, lastWord: string | undefined): Buffer {
  if (lastWord === undefined) return account;
  return Buffer.concat([account.subarray(0, -2), Buffer.from(`${LAST_WORD}=${lastWord}\n.\n`)]);
}

/** Reads an answer without an account; undefined for others. */
export function readExchangeLines(fields: ReadonlyMap<string, string>): AnswerReading | undefined {
  const [challenge, token, refused] = [fields.get('CHALLENGE'), fields.get('TOKEN'), fields.get('REFUSED')];
  if (challenge !== undefined && token !== undefined) return { kind: 'challenge', challenge, token };
  if (refused === undefined) return undefined;
  const lastWord = fields.get(LAST_WORD);
  const expired = refused === 'expired' ? { expired: true } : {};
  return { kind: 'rejected', ...expired, ...(lastWord === undefined ? {} : { lastWord }) };
}
