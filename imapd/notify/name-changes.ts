/**
 * Which mailbox names have come, gone or changed between two looks, and how that is told: in LIST responses (RFC 5465
 * sections 5.4 and 5.5).
 *
 * A mailbox that has another name is known by its directory, so it does not matter who renamed it, or how.
 */
import { attributeWords } from '../mailbox/mailbox-list.js';
import { DELIMITER, mailboxName } from '../mailbox/mailbox-name.js';
import { exactPattern } from '../mailbox/mailbox-pattern.js';
import { specialUses } from '../mailbox/special-uses.js';
import type { Session } from '../session/session.js';
import { Encoder } from '../wire/encoder.js';
import type { NotifyEvent } from '../wire/notify-arguments.js';
import { encodeList } from '../wire/responses.js';
import { type Scope, visiblePlace } from './scope.js';
import type { CoveredMailbox } from './watched-mailbox.js';

/** A mailbox to tell of. */
interface NameChange {
  readonly name: string;
  readonly oldName?: string;
}

/** Two looks, and what the client did in between. */
export interface Comparison {
  readonly before: Scope;
  readonly now: Scope;
  /** Names that its own commands changed: it knows that. */
  readonly own: ReadonlySet<string>;
}

/** What is to be told, each name once. */
export function nameChanges(session: Session, comparison: Comparison): NameChange[] {
  const { before, now, own } = comparison;
  const changes = new Map<string, NameChange>();
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
function addParent({ mailboxes }: Scope, name: string, changes: Map<string, NameChange>): void {
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

/** The LIST response for a name as it is now. */
export function listLine(session: Session, { tree }: Scope, { name, oldName }: NameChange): Buffer {
  const { maildir, settings, space, manner } = session;
  const encoded = mailboxName(name);
  const exists = visiblePlace(session, encoded) !== undefined;
  const hasChildren = tree.parents.has(name) || sharedChildren(session, name);
  const attributes = attributeWords({ exists, hasChildren, isMarked: undefined }, { settings, extended: true });
  if (tree.subscribed.has(name) || tree.subscribedElsewhere.has(name)) attributes.push('\\Subscribed');
  const { personalNames } = space;
  if (exists) attributes.push(...(specialUses({ maildir, settings, personalNames }).get(name) ?? []));
  const { spoken } = manner;
  const extension = oldName === undefined ? undefined : oldNameItem(spoken(mailboxName(oldName)));
  return encodeList('LIST', DELIMITER, { attributes, name: spoken(encoded), extension });
}

/** `oldname-extended-item = "OLDNAME" SP "(" mailbox ")"` */
function oldNameItem(name: Buffer): Buffer {
  return new Encoder().atom(' ("OLDNAME" (').mailbox(name).atom('))').octets();
}

function sharedChildren(session: Session, name: string): boolean {
  for (const mailbox of session.space.sharedMailboxes([exactPattern(name)])) {
    if (mailbox?.name === name) return mailbox.hasChildren;
  }
  return false;
}
