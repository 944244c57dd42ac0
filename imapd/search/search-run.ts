/**
 * Evaluates search keys on the selected mailbox, for SEARCH, SORT and THREAD.
 *
 * Cheap conditions are asked first, so that a file is opened only for a message that passed all the others, and at
 * most once. The work is done in slices with breaks between them, and ends when the client has gone. What each key
 * means is in search-conditions.ts.
 */
import { falseIfGone, MessageReading } from '../cache/message-reading.js';
import type { PickedMessage, SelectedMailbox } from '../mailbox/selected-mailbox.js';
import { paced } from '../session/paced.js';
import type { Session } from '../session/session.js';
import type { SearchKey } from '../wire/search-keys.js';
import { type Condition, conditionFor } from './search-conditions.js';
import { textConditions } from './search-texts.js';

/** The clock is asked once per so many messages that needed no file. */
const MESSAGES_PER_LOOK_AT_CLOCK = 64;

/** What SEARCH, SORT and THREAD look for. */
export interface SearchRequest {
  /** As the client named it; undefined is US-ASCII, of which UTF-8 is a superset. */
  readonly charset: string | undefined;
  readonly key: SearchKey;
}

/**
 * Finds the messages that a key describes, in the order of their numbers. Messages that have left meanwhile are not
 * found.
 *
 * @throws {CommandFailure} BADCHARSET
 */
export async function searchMessages(session: Session, { charset, key }: SearchRequest): Promise<PickedMessage[]> {
  const mailbox = session.selected;
  const condition = conditionFor(key, mailbox, textConditions(charset));
  const found: PickedMessage[] = [];
  for (const message of mailbox.pick(EVERY_MESSAGE, 'uid')) {
    const verdict = judge(session, message, condition);
    const holds: boolean = verdict instanceof Promise ? await verdict : verdict;
    if (holds) found.push(message);
    if (condition.cost === 0 && message.sequenceNumber % MESSAGES_PER_LOOK_AT_CLOCK !== 0) continue;
    const turn = session.pace();
    if (turn !== undefined) await turn;
  }
  return found;
}

const EVERY_MESSAGE = [{ first: 1, last: '*' }] as const;

function judge(session: Session, message: PickedMessage, condition: Condition): boolean | Promise<boolean> {
  const { folder } = session.selected;
  const row = currentRow(session.selected, message);
  if (row < 0) return false;
  const reading = new MessageReading(folder, row);
  const candidate = { sequenceNumber: message.sequenceNumber, uid: message.uid, row, folder, reading };
  let waiting = false;
  // The file is closed in any case. Of a message that vanishes while it is read nothing can be said: it is not found.
  try {
    const holds = condition.holds(candidate);
    if (typeof holds === 'boolean') return holds;
    const verdict = paced(session, holds);
    if (!(verdict instanceof Promise)) return verdict;
    waiting = true;
    return verdict.catch(falseIfGone).finally(() => reading.close());
  } catch (error) {
    return falseIfGone(error);
  } finally {
    if (!waiting) reading.close();
  }
}

/** The row where a message of the view is in the folder now, mostly that of its own number; -1 when it has left. */
export function currentRow({ folder }: SelectedMailbox, { sequenceNumber, uid }: PickedMessage): number {
  const { table } = folder;
  const row = sequenceNumber - 1;
  return row < table.count && table.uidAt(row) === uid ? row : table.rowOf(uid);
}
