/** SUBSCRIBE: remembers a name; the folder need not exist (RFC 3501 section 6.3.6). */
import { type Completion, ok } from '../completion.js';
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
  await session.maildir.subscribe(session.space.subscriptionName(mailboxName));
  return ok('Folder subscribed.');
}
