/** STARTTLS: goes on in TLS, and forgets what was sent before (RFC 9051 section 6.2.1). */

import type { LoginSession } from '../before-login/login-session.js';
import { bad, type Completion, ok } from '../completion.js';

/** The handshake begins after the OK is written. */
export async function starttls(session: LoginSession): Promise<Completion> {
  if (session.client.tls) return bad('TLS is on already.');
  if (!session.client.tlsAvailable) return bad('TLS is not available here.');
  session.startTlsAfterAnswer();
  return ok('Begin SSL/TLS negotiation now.');
}
