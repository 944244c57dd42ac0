/** UNSUBSCRIBE: forgets a name. */
import { CommandFailure, type Completion, ok } from '../completion.js';
import { folderName } from '../mailbox/mailbox-name.js';
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
export async function unsubscribe({ maildir }: Session, mailboxName: Buffer): Promise<Completion> {
  if (mailboxName.at(-1) === 0x2e) return ok('Folder directory unsubscribe punted.');
  const name = folderName(mailboxName);
  if (name === undefined) throw new CommandFailure('Invalid mailbox name.', 'CANNOT');
  await maildir.unsubscribe(name);
  return ok('Folder unsubscribed.');
}
