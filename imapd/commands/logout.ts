/** LOGOUT, before and after login. */
import { type Completion, ok } from '../completion.js';
import { encodeUntagged } from '../wire/responses.js';

/** What LOGOUT needs of a session of either kind. */
interface EndingSession {
  write(octets: Buffer): void;
  /** Makes the loop end after the answer. */
  end(): void;
}

/** BYE first, then the tagged OK, then the end (RFC 9051 section 6.1.3). */
export async function logout(session: EndingSession): Promise<Completion> {
  session.write(encodeUntagged({ status: 'BYE', text: 'Angarium server shutting down' }));
  session.end();
  return ok('LOGOUT completed');
}
