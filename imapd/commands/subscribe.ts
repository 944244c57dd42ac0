/** SUBSCRIBE: remembers a name; the folder need not exist (RFC 3501 section 6.3.6). */
import { SHARED_PREFIX } from '../../maildir/shared-folders.js';
import { CommandFailure, type Completion, ok } from '../completion.js';
import type { Session } from '../session/session.js';
import type { Cursor } from '../wire/cursor.js';

/** `subscribe = "SUBSCRIBE" SP mailbox` */
export function parseSubscribe(cursor: Cursor): Buffer {
  cursor.sp();
  const mailboxName = cursor.mailbox();
  cursor.end();
  return mailboxName;
}

/** RFC 9051 section 6.3.7. */
export async function subscribe(session: Session, mailboxName: Buffer): Promise<Completion> {
  if (mailboxName.at(-1) === 0x2e) return ok('Folder directory subscribe punted.');
  const name = session.space.subscriptionName(mailboxName);
  session.notifications?.ownSubscription(name);
  if (name.startsWith(SHARED_PREFIX)) return subscribeShared(session, name);
  await session.maildir.subscribe(name);
  return ok('Folder subscribed.');
}

/** The subscription is a folder with links. Where nothing can be read, Courier makes one that stays empty. */
function subscribeShared({ maildir, space }: Session, name: string): Completion {
  const place = space.filesystem.place(name);
  if (place === undefined) throw new CommandFailure('Cannot subscribe to this folder.', 'NONEXISTENT');
  if (maildir.sharedFolders.isSubscribed(place.shared)) return ok('Already subscribed.');
  maildir.sharedFolder(place.shared);
  return ok('SUBSCRIBE completed.');
}
