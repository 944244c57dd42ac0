/** CLOSE: leaves the mailbox and removes what is marked \Deleted, without a word about it (RFC 9051 section 6.4.1). */
import { hasRight } from '../../maildir/acl/rights.js';
import { type Completion, ok } from '../completion.js';
import { expungeDeleted } from '../mailbox/expunge-deleted.js';
import type { Session } from '../session/session.js';

/** After EXAMINE, and without the right to expunge, nothing is removed (RFC 4314 section 4). */
export async function close(session: Session): Promise<Completion> {
  const { readOnly, place } = session.selected;
  if (!readOnly && hasRight(place.rights, 'e')) await expungeDeleted(session);
  session.select(undefined);
  return ok('mailbox closed.');
}
