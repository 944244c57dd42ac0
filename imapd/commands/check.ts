/** CHECK: a checkpoint of the mailbox. Whatever was answered with OK is on the disk already. */
import { type Completion, ok } from '../completion.js';

/** RFC 3501 section 6.4.1. */
export async function check(): Promise<Completion> {
  return ok('CHECK completed');
}
