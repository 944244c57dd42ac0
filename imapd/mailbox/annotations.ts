/**
 * Annotations as one account sees them: of a mailbox, or of the server where the name is empty (RFC 5464).
 *
 * Everybody who may see a mailbox sees what is shared about it; what is private, each for himself. The server's annotations
 * are the account's own: those in `/shared` would be the administrator's, and nobody can set them.
 */

import { hasRight } from '../../maildir/acl/rights.js';
import { MaildirError } from '../../maildir/errors.js';
import type { Annotation, AnnotationChange, Metadata } from '../../maildir/metadata.js';
import { MAX_VALUE_OCTETS, SHARED } from '../../maildir/metadata.js';
import { CommandFailure } from '../completion.js';
import type { Session } from '../session/session.js';
import type { MailboxPlace } from '../sharing/mailbox-place.js';
import { folderAt } from '../sharing/mailbox-place.js';
import { nonexistent, requireRight } from '../sharing/require-right.js';
import { type EntryValue, encodeMetadata, type MetadataQuestion } from '../wire/metadata-arguments.js';
import { giveRoles, knownRoles, requireRoom, rolesOf } from './special-uses.js';

/** The annotations that a command works with. */
export interface AnnotatedThing {
  readonly metadata: Metadata;
  /** Undefined is the server. */
  readonly place: MailboxPlace | undefined;
}

/** An entry and what it holds. */
export interface FoundEntry {
  readonly name: string;
  readonly value: Buffer | undefined;
}

/** What GETMETADATA found. */
export interface FoundMetadata {
  readonly entries: readonly FoundEntry[];
  /** Octets of the longest value that was left out for its size. */
  readonly longest: number | undefined;
}

/** Finds what a client named. @throws {CommandFailure} NONEXISTENT */
export function annotatedThing(session: Session, mailboxName: Buffer): AnnotatedThing {
  if (mailboxName.length === 0) return { metadata: session.maildir.serverMetadata, place: undefined };
  const place = session.space.place(mailboxName);
  if (!hasRight(place.rights, 'l')) throw nonexistent();
  folderAt(place);
  return { metadata: place.maildir.metadata(place.folderName), place };
}

/** Reads what was asked for. With depth 0 a name that is not set is told, too. */
export function findAnnotations(
  session: Session,
  { metadata, place }: AnnotatedThing,
  { entries, depth, maxSize }: MetadataQuestion,
): FoundMetadata {
  const kept = metadata.read().filter(({ owner }) => owner === SHARED || owner === annotationOwner(session));
  const visible = [...kept, ...specialUse(session, place)];
  const found: FoundEntry[] = [];
  let longest: number | undefined;
  for (const name of entries) {
    const matching = visible.filter((annotation) => isWithin(annotation.name, name, depth));
    for (const { name: itsName, value } of matching) {
      if (found.some((known) => known.name === itsName)) continue;
      if (value.length <= (maxSize ?? Number.POSITIVE_INFINITY)) found.push({ name: itsName, value });
      else longest = Math.max(longest ?? 0, value.length);
    }
    const isSet = matching.some((annotation) => annotation.name === name);
    if (depth === 0 && !isSet) found.push({ name, value: undefined });
  }
  return { entries: found, longest };
}

/** RFC 6154 section 4. */
const SPECIAL_USE = '/private/specialuse';

function specialUse(session: Session, place: MailboxPlace | undefined): Annotation[] {
  if (place?.namespace !== 'personal') return [];
  const roles = rolesOf(place.folderName, session);
  return roles.length === 0
    ? []
    : [{ owner: annotationOwner(session), name: SPECIAL_USE, value: Buffer.from(roles.join(' ')) }];
}

/** Writes the METADATA response for a mailbox that LIST tells; none if it cannot be read, or has left (RFC 9590 section 3). */
export function tellMetadata(session: Session, mailboxName: Buffer, entries: readonly string[]): void {
  try {
    const question = { entries, depth: 0, maxSize: undefined } as const;
    const found = findAnnotations(session, annotatedThing(session, mailboxName), question);
    session.write(encodeMetadata(session.manner.spoken(mailboxName), found.entries));
  } catch (error) {
    if (!(error instanceof MaildirError || error instanceof CommandFailure)) throw error;
  }
}

function isWithin(name: string, asked: string, depth: MetadataQuestion['depth']): boolean {
  if (name === asked) return true;
  if (depth === 0 || !name.startsWith(`${asked}/`)) return false;
  return depth === 'infinity' || !name.slice(asked.length + 1).includes('/');
}

/** Sets and removes annotations, all or none. @throws {CommandFailure} */
export async function setAnnotations(
  session: Session,
  { metadata, place }: AnnotatedThing,
  values: readonly EntryValue[],
): Promise<void> {
  const uses = values.findLast(({ name }) => name === SPECIAL_USE);
  const roles = uses && knownRoles((uses.value ?? Buffer.alloc(0)).toString('latin1').split(/ +/).filter(Boolean));
  if (uses !== undefined) requireSpecialUse(place);
  const others = values.filter(({ name }) => name !== SPECIAL_USE);
  const changes = others.map(({ name, value }): AnnotationChange => {
    const isShared = name.startsWith('/shared');
    if (/^\/(shared|private)$/.test(name)) throw new CommandFailure('An annotation needs a name below it.', 'CANNOT');
    if (isShared && place === undefined) throw new CommandFailure('Only administrators set these.', 'NOPERM');
    if (isShared && place !== undefined) requireRight(place, 'w', 'SETMETADATA');
    if (value !== null && value.length > MAX_VALUE_OCTETS)
      throw new CommandFailure('The value is too long.', `METADATA MAXSIZE ${MAX_VALUE_OCTETS}`);
    return { owner: isShared ? SHARED : annotationOwner(session), name, value: value ?? undefined };
  });
  if (changes.length > 0) await metadata.change(changes);
  if (place !== undefined && roles !== undefined) await giveRoles(place.folderName, roles, session);
}

function requireSpecialUse(place: MailboxPlace | undefined): void {
  if (place === undefined) throw new CommandFailure('The server has no special use.', 'CANNOT');
  requireRoom(place);
}

/** The name under which an account keeps what it alone sees. */
export function annotationOwner({ account }: Session): Annotation['owner'] {
  return `user=${account.address}`;
}
