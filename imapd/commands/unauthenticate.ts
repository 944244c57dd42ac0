/** UNAUTHENTICATE: the session ends, the connection stays, and somebody else may log in (RFC 8437). */
import { mayUnauthenticate } from '../capability.js';
import { bad, type Completion, ok } from '../completion.js';
import type { Session } from '../session/session.js';

/**
 * Ends the session as LOGOUT does, without a word of the mailbox. There is no NO, because clients may send their next login
 * with it; where it is not announced the answer is BAD (RFC 8437 section 3).
 */
export async function unauthenticate(session: Session): Promise<Completion> {
  if (!mayUnauthenticate(session.capabilityContext)) return bad('UNAUTHENTICATE is not allowed now.');
  session.leavesClient = true;
  session.end();
  return ok('UNAUTHENTICATE completed');
}
