/**
 * Filters: searches that a client has stored under a name, as annotations of the server (RFC 5466).
 *
 *     SETMETADATA "" (/private/filters/values/on-the-road "SMALLER 5000 FROM \"boss@example.com\"")
 *     SEARCH FILTER on-the-road
 */
import { CommandFailure } from '../completion.js';
import { findAnnotations } from '../mailbox/annotations.js';
import type { Session } from '../session/session.js';
import { Cursor } from '../wire/cursor.js';
import { SyntaxFailure } from '../wire/failures.js';
import { parseKeys, type SearchKey } from '../wire/search-keys.js';

/** The key that a filter stands for; the account's own comes first. @throws {CommandFailure} UNDEFINED-FILTER */
export function filterNamed(session: Session, name: string): SearchKey {
  const entries = ['private', 'shared'].map((side) => `/${side}/filters/values/${name.toLowerCase()}`);
  const server = { metadata: session.maildir.serverMetadata, place: undefined };
  const found = findAnnotations(session, server, { entries, depth: 0, maxSize: undefined }).entries;
  const value = entries
    .map((entry) => found.find((each) => each.name === entry)?.value)
    .find((each) => each !== undefined);
  const key = value && keyIn(value);
  if (key === undefined) throw new CommandFailure('There is no such filter.', `UNDEFINED-FILTER ${name}`);
  return key;
}

/** Undefined for what is no search. */
function keyIn(value: Buffer): SearchKey | undefined {
  try {
    return parseKeys(new Cursor(value));
  } catch (error) {
    if (error instanceof SyntaxFailure) return undefined;
    throw error;
  }
}
