/** IDLE: tells the client what happens, as it happens, until it says DONE (RFC 2177). What is told: session/idling.ts. */
import { type Completion, ok } from '../completion.js';
import type { Session } from '../session/session.js';
import { encodeContinuation } from '../wire/responses.js';

/** Gives the completion that is sent when the client says DONE. */
export async function idle(session: Session): Promise<Completion> {
  session.write(encodeContinuation('entering idle mode'));
  return ok('IDLE completed');
}
