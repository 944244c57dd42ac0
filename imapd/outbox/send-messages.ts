/**
 * Sends messages of the selected mailbox that are copied or moved to the outbox.
 */
import type { Completion } from '../completion.js';
import type { Session } from '../session/session.js';
import type { MailboxPlace } from '../sharing/mailbox-place.js';
import { checkNumber, octetsOf, outboxAt, send, storeSent } from './outbox.js';

/** What is to be transferred, and where to. */
export interface OutgoingMessages {
  readonly place: MailboxPlace;
  readonly uids: readonly number[];
}

/** Transfers messages; if that is to the outbox, they are sent first. What cannot be sent is not transferred. */
export async function sendingFirst(
  session: Session,
  { place, uids }: OutgoingMessages,
  transfer: () => Promise<Completion>,
): Promise<Completion> {
  const outbox = outboxAt(session, place);
  if (outbox === undefined) return transfer();
  checkNumber(outbox, uids.length);
  for (const uid of uids) {
    const file = session.selected.folder.openMessage(uid);
    try {
      await send(
        session,
        outbox,
        octetsOf((octets, position) => file.read(position, octets.length, octets).length),
      );
    } finally {
      file.close();
    }
  }
  return storeSent(session, transfer);
}
