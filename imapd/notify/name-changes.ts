/**
 * Which mailbox names have come, gone or changed between two looks, and how that is told: in LIST responses (RFC 5465
 * sections 5.4 and 5.5).
 *
 * A mailbox that has another name is known by its directory, so it does not matter who renamed it, or how.
 */
import { DELIMITER, mailboxName } from '../mailbox/mailbox-name.js';
import type { ToldMailbox } from '../mailbox/told-mailbox.js';
import type { Session } from '../session/session.js';
import { visiblePlace } from '../sharing/visible-place.js';
import type { NotifyEvent } from '../wire/notify-arguments.js';
import type { Scope } from './scope.js';
import type { CoveredMailbox } from './watched-mailbox.js';

/** Two looks, and what the client did in between. */
export interface Comparison {
  readonly before: Scope;
  readonly now: Scope;
  /** Names that its own commands changed: it knows that. */
  readonly own: ReadonlySet<string>;
}

/** What is to be told, each name once. */
export function nameChanges(session: Session, comparison: Comparison): ToldMailbox[] {
  const { before, now, own } = comparison;
  const changes = new Map<string, ToldMailbox>();
  const gone = namesOf(before).filter(({ name }) => isGone(session, comparison, name));
  const come = namesOf(now).filter((mailbox) => hasCome(comparison, mailbox));
  const renamed = renames(gone, come);
  for (const { name } of come) {
    const oldName = renamed.get(name);
    if (own.has(name) || (oldName !== undefined && wentAlong(renamed, name, oldName))) continue;
    changes.set(name, oldName === undefined ? { name } : { name, oldName });
    if (oldName === undefined) addParent(now, name, changes);
  }
  const oldNames = new Set(renamed.values());
  for (const { name } of gone) {
    if (oldNames.has(name) || own.has(name)) continue;
    changes.set(name, { name });
    addParent(now, name, changes);
  }
  for (const name of subscriptionChanges(comparison)) {
    // With its mailbox a subscription has got the new name.
    if (!changes.has(name) && !oldNames.has(name) && !renamed.has(name)) changes.set(name, { name });
  }
  return [...changes.values()];
}

function tells({ events }: CoveredMailbox, event: NotifyEvent): boolean {
  return events.has(event);
}

function namesOf({ mailboxes }: Scope): CoveredMailbox[] {
  return [...mailboxes.values()].filter((mailbox) => tells(mailbox, 'MailboxName'));
}

/** What a filter does not name any more may still be there. */
function isGone(session: Session, { now }: Comparison, name: string): boolean {
  return !now.mailboxes.has(name) && visiblePlace(session, mailboxName(name)) === undefined;
}

/** What a filter did not name before may have been there. */
function hasCome({ before, now }: Comparison, { name, identity }: CoveredMailbox): boolean {
  const known = before.mailboxes.get(name);
  if (known !== undefined) return known.identity !== identity;
  if (before.tree.existing.has(name)) return false;
  return now.tree.existing.has(name) || isSubscribed(before, name) === isSubscribed(now, name);
}

function isSubscribed({ tree }: Scope, name: string): boolean {
  return tree.subscribed.has(name) || tree.subscribedElsewhere.has(name);
}

/** New names of those that have the same directory as before, to the old ones. */
function renames(gone: readonly CoveredMailbox[], come: readonly CoveredMailbox[]): Map<string, string> {
  const byIdentity = new Map(gone.map(({ identity, name }) => [identity, name]));
  return new Map(
    come.flatMap(({ identity, name }) => {
      const oldName = byIdentity.get(identity);
      return oldName === undefined ? [] : [[name, oldName] as const];
    }),
  );
}

/** No events are sent for what is below a mailbox that was renamed. */
function wentAlong(renamed: ReadonlyMap<string, string>, name: string, oldName: string): boolean {
  for (let dot = name.lastIndexOf(DELIMITER); dot > 0; dot = name.lastIndexOf(DELIMITER, dot - 1)) {
    const oldAbove = renamed.get(name.slice(0, dot));
    if (oldAbove !== undefined && oldName === oldAbove + name.slice(dot)) return true;
  }
  return false;
}

/** The level above has another number of children, and is affected with them. */
function addParent({ mailboxes }: Scope, name: string, changes: Map<string, ToldMailbox>): void {
  const parent = name.slice(0, Math.max(0, name.lastIndexOf(DELIMITER)));
  const mailbox = mailboxes.get(parent);
  if (mailbox !== undefined && tells(mailbox, 'MailboxName') && !changes.has(parent)) {
    changes.set(parent, { name: parent });
  }
}

function subscriptionChanges({ before, now, own }: Comparison): string[] {
  const mailboxes = new Map([...before.mailboxes, ...now.mailboxes]);
  return [...mailboxes.values()].flatMap((mailbox) => {
    const { name } = mailbox;
    const changed = isSubscribed(before, name) !== isSubscribed(now, name);
    return changed && tells(mailbox, 'SubscriptionChange') && !own.has(name) ? [name] : [];
  });
}
