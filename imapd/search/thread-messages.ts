/**
 * THREAD: collects what it needs of the messages that a search found.
 */
import type { ThreadableMessages } from '../message/thread.js';
import type { Session } from '../session/session.js';
import { collect } from './found-messages.js';
import { ThreadColumns } from './thread-columns.js';

/** Messages to be threaded, and what the answer shows of them. */
export interface CollectedThreads {
  readonly messages: ThreadableMessages;
  /** Sequence number of each. */
  readonly numbers: readonly number[];
}

/** Collects messages by their sequence numbers; those that are gone are left out. */
export async function collectThreads(session: Session, numbers: readonly number[]): Promise<CollectedThreads> {
  const columns = new ThreadColumns(numbers.length);
  const kept: number[] = [];
  await collect(session, numbers, {
    needsSize: false,
    take: ({ facts, sequenceNumber }) => {
      columns.add(facts);
      kept.push(sequenceNumber);
    },
  });
  return { messages: columns.messages(), numbers: kept };
}
