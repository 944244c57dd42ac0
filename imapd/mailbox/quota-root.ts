/**
 * Quota roots: what the quota of a mailbox is called, and whose it is.
 *
 * A maildir has one root. An account calls its own `ROOT`, as in Courier. The quota of somebody else is nobody's business:
 * shared mailboxes have the roots `PUBLIC` and `SHARED`, which tell nothing, as in Courier. Administrators see the roots of
 * others, by the name of the owner's INBOX.
 */
import type { SessionAccount } from '../../init/runtime/worker/mail-worker.js';
import type { MaildirQuota } from '../../maildir/quota/maildir-quota.js';
import { CommandFailure } from '../completion.js';
import type { Session } from '../session/session.js';
import type { MailboxPlace } from '../sharing/mailbox-place.js';

const OWN_ROOT = 'ROOT';
const FOREIGN_ROOTS = { virtual: 'PUBLIC', filesystem: 'SHARED' } as const;

/** A root, and the quota behind it where this account may see it. */
export interface QuotaRoot {
  readonly name: string;
  readonly quota: MaildirQuota | undefined;
}

/** Whether an account may set quotas, and see those of others: `group=administrators`, Courier's word. */
export function isAdministrator({ options }: Pick<SessionAccount, 'options'>): boolean {
  return (options['group'] ?? '').split(',').includes('administrators');
}

/** The root of a mailbox. */
export function rootOfPlace({ account }: Session, place: MailboxPlace): QuotaRoot {
  const { namespace, maildir, mailboxName, folderName } = place;
  if (namespace === 'personal') return { name: OWN_ROOT, quota: maildir.quota };
  if (namespace === 'filesystem' || !isAdministrator(account)) {
    return { name: FOREIGN_ROOTS[namespace], quota: undefined };
  }
  const below = folderName.slice('INBOX'.length);
  const name = mailboxName.endsWith(below) ? mailboxName.slice(0, mailboxName.length - below.length) : mailboxName;
  return { name, quota: maildir.quota };
}

/** The root that a client named. @throws {CommandFailure} NONEXISTENT */
export function rootNamed(session: Session, name: Buffer): QuotaRoot {
  const text = name.toString();
  if (text === OWN_ROOT) return { name: OWN_ROOT, quota: session.maildir.quota };
  if (text === FOREIGN_ROOTS.virtual || text === FOREIGN_ROOTS.filesystem) return { name: text, quota: undefined };
  const place = isAdministrator(session.account) ? placeOrNone(session, name) : undefined;
  const root = place?.namespace === 'virtual' ? rootOfPlace(session, place) : undefined;
  if (root?.name !== text) throw new CommandFailure('There is no such quota root.', 'NONEXISTENT');
  return root;
}

function placeOrNone(session: Session, name: Buffer): MailboxPlace | undefined {
  try {
    return session.space.place(name);
  } catch (error) {
    if (error instanceof CommandFailure) return undefined;
    throw error;
  }
}
