/**
 * What COPY and MOVE are told: which messages, and where to.
 */
import type { Cursor } from './cursor.js';
import type { SequenceSet } from './sequence-set.js';

/** The arguments of COPY, MOVE and their UID forms. */
export interface TransferArguments {
  readonly messages: SequenceSet;
  readonly by: 'uid' | 'sequence number';
  /** As the client wrote it. */
  readonly mailboxName: Buffer;
}

/** `copy = "COPY" SP sequence-set SP mailbox`, and the same for MOVE (RFC 9051 section 9). */
export function parseTransfer(cursor: Cursor, by: TransferArguments['by']): TransferArguments {
  cursor.sp();
  const messages = cursor.sequenceSet();
  cursor.sp();
  const mailboxName = cursor.mailbox();
  cursor.end();
  return { messages, by, mailboxName };
}
