/**
 * The folder that sends: what is added to it is mailed to the recipients in its header, Courier's OUTBOX.
 *
 * Only the account's own folder of that name sends, never one that somebody shares. What cannot be sent is not stored;
 * what was sent and cannot be stored is reported, and not refused, so that nobody sends it twice.
 */
import { CommandFailure, type Completion } from '../completion.js';
import type { Session } from '../session/session.js';
import { who } from '../session/session-log.js';
import type { OutboxSettings } from '../settings/session-settings.js';
import type { MailboxPlace } from '../sharing/mailbox-place.js';
import { encodeUntagged } from '../wire/responses.js';
import { withoutFields } from './sent-header.js';

/** The settings of the outbox, if a place is one. */
export function outboxAt({ settings }: Session, place: MailboxPlace): OutboxSettings | undefined {
  const { outbox } = settings;
  return place.namespace === 'personal' && place.folderName === outbox?.folderName ? outbox : undefined;
}

/** @throws {CommandFailure} when so many messages may not be sent together */
export function checkNumber(outbox: OutboxSettings, messages: number): void {
  if (messages > 1 && !outbox.severalAtOnce) {
    throw new CommandFailure('Only one message may be sent at a time.', 'ALERT');
  }
}

/** Sends a message to the recipients in its header. @throws {CommandFailure} */
export async function send(session: Session, outbox: OutboxSettings, message: Iterable<Buffer>): Promise<void> {
  // Few sites have an outbox, and what starts processes is not needed elsewhere here.
  const { sendmail } = await import('../../init/runtime/worker/sendmail.js');
  const { address, home } = session.account;
  const octets = withoutFields(message, outbox.droppedFields);
  const failure = await sendmail(
    { program: outbox.sendmail, headerFrom: outbox.headerFrom, sender: address, home },
    octets,
  );
  if (failure === undefined) return;
  session.log.write('error', `error sending a message, ${who(session)}: ${failure}`);
  throw new CommandFailure('Unable to send E-mail message.', 'ALERT');
}

/** Stores what was sent. A failure is told, but it is not one of the command. */
export async function storeSent(session: Session, store: () => Promise<Completion>): Promise<Completion> {
  try {
    return await store();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    session.log.write('error', `a message was sent and not stored, ${who(session)}: ${String(error.cause ?? error)}`);
    session.write(
      encodeUntagged({ status: 'NO', code: 'ALERT', text: 'The message was sent, but could not be stored.' }),
    );
    return { status: 'OK', text: 'The message was sent.' };
  }
}

const PIECE_OCTETS = 65_536;

/** The octets of something that can be read at any position. */
export function* octetsOf(read: (octets: Buffer, position: number) => number): Generator<Buffer> {
  for (let position = 0; ; ) {
    const piece = Buffer.allocUnsafe(PIECE_OCTETS);
    const length = read(piece, position);
    if (length === 0) return;
    yield piece.subarray(0, length);
    position += length;
  }
}
