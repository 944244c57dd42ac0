/**
 * CANCELUPDATE: ends searches that are kept up to date (RFC 5267 section 4.3.5).
 */
import { CommandFailure, type Completion, ok } from '../completion.js';
import type { Session } from '../session/session.js';

/** Ends the searches with these tags: all of them, or none if one is not known. */
export function cancelUpdate(session: Session, tags: readonly string[]): Promise<Completion> {
  const { keptSearches } = session.selected;
  if (keptSearches === undefined || !tags.every((tag) => keptSearches.has(tag))) {
    throw new CommandFailure('No search with this tag is kept up to date.');
  }
  for (const tag of tags) keptSearches.end(tag);
  return Promise.resolve(ok('No further updates.'));
}
