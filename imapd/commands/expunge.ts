/**
 * EXPUNGE and UID EXPUNGE. The EXPUNGE responses are those that the session announces after each command.
 */
import { CommandFailure, type Completion, ok } from '../completion.js';
import { expungeDeleted } from '../mailbox/expunge-deleted.js';
import { highestCode } from '../mailbox/highest-code.js';
import type { Session } from '../session/session.js';
import { requireSelectedRight } from '../sharing/require-right.js';
import type { Cursor } from '../wire/cursor.js';
import type { SequenceSet } from '../wire/sequence-set.js';

interface ExpungeArguments {
  /** Undefined for all messages. */
  readonly uids: SequenceSet | undefined;
}

/** `expunge = "EXPUNGE"` */
export function parseExpunge(cursor: Cursor): ExpungeArguments {
  cursor.end();
  return { uids: undefined };
}

/** `uid-expunge = "UID" SP "EXPUNGE" SP sequence-set` (RFC 4315 section 2.1). */
export function parseUidExpunge(cursor: Cursor): ExpungeArguments {
  cursor.sp();
  const uids = cursor.sequenceSet();
  cursor.end();
  return { uids };
}

/** Removes for good what is marked \Deleted (RFC 9051 sections 6.4.3 and 6.4.9). */
export async function expunge(session: Session, { uids }: ExpungeArguments): Promise<Completion> {
  requireSelectedRight(session.selected, 'e', 'EXPUNGE');
  if (session.selected.readOnly) throw new CommandFailure('Cannot expunge read-only mailbox.', 'READ-ONLY');

  const removed = await expungeDeleted(session, uids);
  return ok('EXPUNGE completed', removed.length === 0 ? undefined : await highestCode(session));
}
