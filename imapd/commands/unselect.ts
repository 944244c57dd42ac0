/** UNSELECT: leaves the mailbox and removes nothing (RFC 3691). */
import { type Completion, ok } from '../completion.js';
import type { Session } from '../session/session.js';

/** RFC 9051 section 6.4.2. */
export async function unselect(session: Session): Promise<Completion> {
  session.select(undefined);
  return ok('UNSELECT completed');
}
