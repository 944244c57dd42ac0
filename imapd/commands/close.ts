/** CLOSE: leaves the mailbox and removes what is marked \Deleted, without a word about it (RFC 9051 section 6.4.1). */
import { type Completion, ok } from '../completion.js';
import { expungeDeleted } from '../mailbox/expunge-deleted.js';
import type { Session } from '../session/session.js';

/** After EXAMINE nothing is removed. */
export async function close(session: Session): Promise<Completion> {
  if (!session.selected.readOnly) await expungeDeleted(session);
  session.select(undefined);
  return ok('mailbox closed.');
}
