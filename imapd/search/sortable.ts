/**
 * What SORT and THREAD compare, of each message that a search found: from the cache, or from its file.
 */

import { falseIfGone, MessageReading } from '../cache/message-reading.js';
import type { PickedMessage } from '../mailbox/selected-mailbox.js';
import type { Criterion, SortableMessage, SortFacts } from '../message/sort.js';
import { paced } from '../session/paced.js';
import type { Session } from '../session/session.js';
import { currentRow } from './search-run.js';

/** A found message with what it is compared by. */
export interface FoundMessage extends SortableMessage {
  readonly uid: number;
}

/** What has to be known of the messages. What is not needed is not looked for. */
export interface SortNeeds {
  readonly header: boolean;
  readonly arrival: boolean;
  readonly size: boolean;
}

/** What the criteria of SORT need. DATE falls back to the arrival. */
export function needsOf(criteria: readonly Criterion[]): SortNeeds {
  const keys = new Set(criteria.map(({ key }) => key));
  return {
    header: (['CC', 'DATE', 'FROM', 'SUBJECT', 'TO'] as const).some((key) => keys.has(key)),
    arrival: keys.has('ARRIVAL') || keys.has('DATE'),
    size: keys.has('SIZE'),
  };
}

const unknownFacts: SortFacts = {
  subject: '',
  isReply: false,
  sentMs: undefined,
  from: '',
  to: '',
  cc: '',
  messageId: undefined,
  references: [],
};

/** Finds out what is needed of each message. Messages that vanish meanwhile are left out. */
export async function describeMessages(
  session: Session,
  messages: readonly PickedMessage[],
  needs: SortNeeds,
): Promise<FoundMessage[]> {
  const described: FoundMessage[] = [];
  for (const message of messages) {
    const found = await describe(session, message, needs);
    if (found !== false) described.push(found);
    const turn = session.pace();
    if (turn !== undefined) await turn;
  }
  return described;
}

async function describe(session: Session, message: PickedMessage, needs: SortNeeds): Promise<FoundMessage | false> {
  const { folder } = session.selected;
  const row = currentRow(session.selected, message);
  if (row < 0) return false;
  const reading = new MessageReading(folder, row);
  // The file is closed in any case, and a message without a file is none of those that were found.
  try {
    const arrivalMs = needs.arrival ? folder.internalDateAt(row) : 0;
    const facts = needs.header ? reading.sort() : unknownFacts;
    const sizeOctets = needs.size ? await paced(session, reading.wireOctets()) : 0;
    return { uid: message.uid, sequenceNumber: message.sequenceNumber, arrivalMs, facts, sizeOctets };
  } catch (error) {
    return falseIfGone(error);
  } finally {
    reading.close();
  }
}
