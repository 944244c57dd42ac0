/** NOOP: does nothing, so that the session can tell what has changed. */
import { type Completion, ok } from '../completion.js';

/** RFC 9051 section 6.1.2. */
export async function noop(): Promise<Completion> {
  return ok('NOOP completed');
}
