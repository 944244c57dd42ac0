/** UNSUBSCRIBE: forgets a name. */
import { SHARED_PREFIX } from '../../maildir/shared-folders.js';
import { type Completion, ok } from '../completion.js';
import type { Session } from '../session/session.js';
import type { Cursor } from '../wire/cursor.js';

/** `unsubscribe = "UNSUBSCRIBE" SP mailbox` */
export function parseUnsubscribe(cursor: Cursor): Buffer {
  cursor.sp();
  const mailboxName = cursor.mailbox();
  cursor.end();
  return mailboxName;
}

/** OK also when there was no such subscription, as in Courier: the client has what it wants. */
export async function unsubscribe(session: Session, mailboxName: Buffer): Promise<Completion> {
  if (mailboxName.at(-1) === 0x2e) return ok('Folder directory unsubscribe punted.');
  const name = session.space.subscriptionName(mailboxName);
  session.notifications?.ownSubscription(name);
  if (name.startsWith(SHARED_PREFIX)) {
    const place = session.space.filesystem.subscriptionPlace(name);
    const there = place !== undefined && (await session.maildir.unsubscribeShared(place));
    return ok(there ? 'UNSUBSCRIBE completed.' : 'Already unsubscribed.');
  }
  await session.maildir.unsubscribe(name);
  return ok('Folder unsubscribed.');
}
