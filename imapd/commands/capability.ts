/** CAPABILITY, before and after login. */
import { type CapabilityContext, capabilities } from '../capability.js';
import { type Completion, ok } from '../completion.js';
import { encodeWords } from '../wire/responses.js';

/** What CAPABILITY needs of a session of either kind. */
interface CapableSession {
  readonly capabilityContext: CapabilityContext;
  write(octets: Buffer): void;
}

/** RFC 9051 section 6.1.1. */
export async function capability(session: CapableSession): Promise<Completion> {
  session.write(encodeWords('CAPABILITY', capabilities(session.capabilityContext)));
  return ok('CAPABILITY completed');
}
