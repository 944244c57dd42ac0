/** The response code that tells a client up to which mod-sequence it knows everything (RFC 7162 section 3.2.7). */
import type { Session } from '../session/session.js';

/** After messages left the selected mailbox; undefined for a client that knows no mod-sequences. */
export async function highestCode(session: Session): Promise<string | undefined> {
  if (!session.manner.modSequences) return undefined;
  const { sequences } = session.selected.folder;
  await sequences.settle();
  // What else has happened until now is told before the command is answered.
  return `HIGHESTMODSEQ ${sequences.highest}`;
}
