/**
 * Scope: the mailboxes that the groups of a NOTIFY are about now (RFC 5465 section 6), beside the selected one.
 *
 * What does not exist, or may not be seen, is not in it; the groups of one mailbox add up.
 */
import { hasRight } from '../../maildir/acl/rights.js';
import type { Maildir } from '../../maildir/maildir.js';
import { filteredMailboxes } from '../mailbox/filtered-mailboxes.js';
import { type MailboxTree, mailboxTree } from '../mailbox/mailbox-list.js';
import type { Session } from '../session/session.js';
import { visiblePlace } from '../sharing/visible-place.js';
import { decodeMailboxName } from '../wire/modified-utf7.js';
import { type EventGroup, isOfSelected, type NotifyEvent } from '../wire/notify-arguments.js';
import type { CoveredMailbox } from './watched-mailbox.js';

/** What is there at one moment. */
export interface Scope {
  readonly mailboxes: ReadonlyMap<string, CoveredMailbox>;
  /** The account's own folders and subscriptions. */
  readonly tree: MailboxTree;
  /** Maildirs whose folders may come, go, or be opened and closed to this account. */
  readonly maildirs: ReadonlySet<Maildir>;
}

/** Looks for what groups mean now. */
export async function scopeOf(session: Session, groups: readonly EventGroup[]): Promise<Scope> {
  const others = groups.filter(({ filter, events }) => !isOfSelected(filter) && events.size > 0);
  const wanted = new Map<string, { readonly encoded: Buffer; readonly events: Set<NotifyEvent> }>();
  const maildirs = new Set<Maildir>(others.length > 0 ? [session.maildir] : []);
  for (const { filter, events } of others) {
    for (const name of namedIn(filter)) addMaildir(session, name, maildirs);
    for (const encoded of await filteredMailboxes(session, [filter])) {
      const name = encoded.toString('latin1');
      const known = wanted.get(name);
      if (known === undefined) wanted.set(name, { encoded, events: new Set(events) });
      else for (const event of events) known.events.add(event);
    }
  }
  const mailboxes = new Map<string, CoveredMailbox>();
  for (const { encoded, events } of wanted.values()) {
    const found = visiblePlace(session, encoded);
    const name = decodeMailboxName(encoded);
    if (found === undefined || name === undefined) continue;
    const { place, identity } = found;
    mailboxes.set(name, { name, place, events, identity, readable: hasRight(place.rights, 'r') });
    maildirs.add(place.maildir);
    const turn = session.pace();
    if (turn !== undefined) await turn;
  }
  return { mailboxes, tree: mailboxTree(session.maildir, { personalNames: session.space.personalNames }), maildirs };
}

function namedIn(filter: EventGroup['filter']): readonly Buffer[] {
  return 'names' in filter ? filter.names : [];
}

/** Also where nothing may be seen yet. */
function addMaildir(session: Session, name: Buffer, maildirs: Set<Maildir>): void {
  const maildir = session.space.maildirOfOther(name);
  if (maildir !== undefined) maildirs.add(maildir);
}
