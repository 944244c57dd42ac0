/** ENABLE: switches extensions on that change what the client is sent (RFC 5161). */
import { ENABLABLE } from '../capability.js';
import { type Completion, ok } from '../completion.js';
import type { Session } from '../session/session.js';
import type { Cursor } from '../wire/cursor.js';
import { encodeWords } from '../wire/responses.js';

/** `enable = "ENABLE" 1*(SP capability)` */
export function parseEnable(cursor: Cursor): readonly string[] {
  const words: string[] = [];
  do {
    cursor.sp();
    words.push(cursor.atom().toUpperCase());
  } while (cursor.spaceBeforeMore());
  cursor.end();
  return words;
}

/** All but one are written in capitals everywhere. */
function spelling(word: string): string {
  return word === 'IMAP4REV2' ? 'IMAP4rev2' : word;
}

/** Says which of the words are switched on by this command; those that are not known are ignored. */
export async function enable(session: Session, words: readonly string[]): Promise<Completion> {
  const added = words.filter((word) => ENABLABLE.has(word) && !session.isEnabled(word));
  session.write(encodeWords('ENABLED', added.map(spelling)));
  await session.enable(added);
  return ok('Options enabled');
}
