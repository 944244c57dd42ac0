/**
 * Which of the messages that a FETCH names it is about: those that changed since a mod-sequence (RFC 7162), and a piece of
 * them (RFC 9394).
 */
import { credible, tellVanished } from '../mailbox/resynchronise.js';
import type { PickedMessage } from '../mailbox/selected-mailbox.js';
import type { Session } from '../session/session.js';
import { SyntaxFailure } from '../wire/failures.js';
import type { FetchModifiers } from '../wire/fetch-modifiers.js';
import { partOf } from '../wire/return-options.js';
import type { SequenceSet } from '../wire/sequence-set.js';

/** What a FETCH names. */
export interface AskedMessages {
  readonly messages: SequenceSet;
  readonly by: 'uid' | 'sequence number';
  readonly modifiers: FetchModifiers;
}

/**
 * The messages, one after the other. What has left is told first, if that was asked.
 *
 * @throws {SyntaxFailure} for modifiers that may not stand here
 */
export async function askedMessages(session: Session, asked: AskedMessages): Promise<Iterable<PickedMessage>> {
  const { messages, by, modifiers } = asked;
  const { changedSince, vanished, partial } = modifiers;
  if (partial !== undefined && by !== 'uid') throw new SyntaxFailure('PARTIAL is for UID FETCH.');
  if (vanished === true && (by !== 'uid' || !session.manner.resync)) {
    throw new SyntaxFailure('VANISHED is for UID FETCH, and QRESYNC must be enabled.');
  }
  const mailbox = session.selected;
  if (changedSince === undefined) {
    const all = mailbox.pick(messages, by);
    return partial === undefined ? all : partOf([...all], partial);
  }
  await session.useModSequences();
  const since = credible(session, changedSince);
  if (vanished === true) tellVanished(session, { since, uids: messages });
  const changed = changedMessages(session, asked, since);
  return partial === undefined ? changed : partOf([...changed], partial);
}

function* changedMessages(
  { selected }: Session,
  { messages, by }: AskedMessages,
  since: number,
): Generator<PickedMessage> {
  const { folder } = selected;
  for (const message of selected.pick(messages, by)) {
    const row = selected.currentRow(message.sequenceNumber - 1);
    // Those that have left are told to be gone, as by any FETCH.
    if (row < 0 || (folder.sequences.kept?.at(row) ?? 0) > since) yield message;
  }
}
