/**
 * What a right is needed for, and what happens without it.
 *
 * A mailbox that the account may not see is answered as one that does not exist (RFC 4314 section 6); one that it may see
 * is answered in Courier's words. Only the mailbox that is selected is known to be there, whatever became of the rights.
 */

import { hasRight, RIGHT_BITS, type Right, type Rights } from '../../maildir/acl/rights.js';
import { ALL_FLAGS, DELETED, type FlagLimits, SEEN } from '../../maildir/flags.js';
import { CommandFailure } from '../completion.js';
import { DELIMITER, mailboxName } from '../mailbox/mailbox-name.js';
import type { MailboxPlace } from './mailbox-place.js';

/** Makes the failure of what does not exist, as far as the account may know. */
export function nonexistent(): CommandFailure {
  return new CommandFailure('Mailbox does not exist, or must be subscribed to.', 'NONEXISTENT');
}

/**
 * Checks that the account may do something to a mailbox; `command` is for the words.
 *
 * @throws {CommandFailure} NOPERM, or NONEXISTENT where it may not even see the mailbox
 */
export function requireRight(place: MailboxPlace, right: Right, command: string): void {
  const { rights } = place;
  if (hasRight(rights, right)) return;
  if (!hasRight(rights, 'l')) throw nonexistent();
  throw denied(command, mailboxName(place.mailboxName).toString('latin1'), right);
}

/** Checks that a mailbox may be made; its place has the rights of the one above it. @throws {CommandFailure} NOPERM */
export function requireCreation({ rights, mailboxName: name }: MailboxPlace): void {
  if (!hasRight(rights, 'c')) throw creationDenied(name);
}

/**
 * Makes the failure of what cannot be made below a mailbox. It is the same where that mailbox does not exist, so that
 * nobody learns which there are.
 */
export function creationDenied(name: string): CommandFailure {
  const above = name.slice(0, Math.max(name.lastIndexOf(DELIMITER), 0));
  return denied('CREATE', mailboxName(above).toString('latin1'), 'c');
}

/** Checks a right to the mailbox that is selected. @throws {CommandFailure} NOPERM */
export function requireSelectedRight({ place }: { readonly place: MailboxPlace }, right: Right, command: string): void {
  if (!hasRight(place.rights, right)) throw denied(command, 'current mailbox', right);
}

function denied(command: string, name: string, right: Right): CommandFailure {
  return new CommandFailure(`Access denied for ${command} on ${name} (ACL "${right}" required)`, 'NOPERM');
}

const FLAG_RIGHTS: Rights = RIGHT_BITS.s | RIGHT_BITS.t | RIGHT_BITS.w;

/** Rights without any of which a mailbox is READ-ONLY (RFC 4314 section 5.2). */
const WRITING_RIGHTS: Rights = FLAG_RIGHTS | RIGHT_BITS.i | RIGHT_BITS.e;

/** Whether somebody with these rights can change nothing in a mailbox. */
export function isReadOnly(rights: Rights): boolean {
  return (rights & WRITING_RIGHTS) === 0;
}

/** The flags that these rights are for: `s` is \Seen, `t` is \Deleted, `w` all others; undefined if that is all. */
export function flagLimits(rights: Rights): FlagLimits | undefined {
  if ((rights & FLAG_RIGHTS) === FLAG_RIGHTS) return undefined;
  const others = hasRight(rights, 'w');
  let flags = others ? ALL_FLAGS & ~(SEEN | DELETED) : 0;
  if (hasRight(rights, 's')) flags |= SEEN;
  if (hasRight(rights, 't')) flags |= DELETED;
  return { flags, keywords: others };
}
