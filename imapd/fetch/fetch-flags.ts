/**
 * FETCH of flags and UIDs alone, for all messages of a mailbox at once: how clients begin with each mailbox.
 *
 * Everything is in memory, so the lines are put together as text with nothing made per message. They are ASCII: a
 * keyword that is not is never shown.
 */
import type { PickedMessage } from '../mailbox/selected-mailbox.js';
import type { Session } from '../session/session.js';
import type { FetchItem } from '../wire/fetch-items.js';

/** Lines that become one buffer: some 20 KB, a fraction of a millisecond. */
const MESSAGES_AT_ONCE = 512;

/** Whether the items are answered here. */
export function isFlagsOnly(items: readonly FetchItem[]): boolean {
  return items.every(({ kind }) => kind === 'flags' || kind === 'uid');
}

/** Writes one response per message; gives how many messages are gone. */
export async function fetchFlags(
  session: Session,
  picked: readonly PickedMessage[],
  items: readonly FetchItem[],
): Promise<number> {
  let gone = 0;
  for (let from = 0; from < picked.length; from += MESSAGES_AT_ONCE) {
    const some = picked.slice(from, from + MESSAGES_AT_ONCE);
    let text = '';
    for (const message of some) {
      const line = flagsLine(session, message, items);
      text += line;
      if (line === '') gone += 1;
    }
    session.write(Buffer.from(text, 'latin1'));
    if (session.full) await session.flush();
    const turn = session.pace();
    if (turn !== undefined) await turn;
  }
  return gone;
}

/** `* 4 FETCH (UID 9 FLAGS (\Seen))` with the items in the client's order; empty when the message is gone. */
function flagsLine({ selected }: Session, message: PickedMessage, items: readonly FetchItem[]): string {
  const flags = selected.flagsTextOf(message);
  if (flags === undefined) return '';
  let line = `* ${message.sequenceNumber} FETCH (`;
  let separator = '';
  for (const { kind } of items) {
    line += kind === 'uid' ? `${separator}UID ${message.uid}` : `${separator}FLAGS (${flags})`;
    separator = ' ';
  }
  return `${line})\r\n`;
}
