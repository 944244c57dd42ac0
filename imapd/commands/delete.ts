/** DELETE: removes a folder with its messages, for good. */
import { CommandFailure, type Completion, ok } from '../completion.js';
import { PERSONAL_PREFIX } from '../mailbox/mailbox-name.js';
import type { Session } from '../session/session.js';
import { isSamePlace } from '../sharing/mailbox-place.js';
import { requireRight } from '../sharing/require-right.js';
import type { Cursor } from '../wire/cursor.js';

/** `delete = "DELETE" SP mailbox` */
export function parseDelete(cursor: Cursor): Buffer {
  cursor.sp();
  const mailboxName = cursor.mailbox();
  cursor.end();
  return mailboxName;
}

/**
 * Removes the folder; folders below it stay, and its name with them as \Noselect (RFC 3501 section 6.3.4).
 *
 * Sessions that have it selected lose it: see RFC 2180 section 3.3. The own session must leave it first, as in Courier.
 */
export async function deleteMailbox(session: Session, mailboxName: Buffer): Promise<Completion> {
  if (mailboxName.at(-1) === 0x2e) return ok('Folder directory delete punted.');
  const place = session.space.place(mailboxName);
  const { maildir, folderName } = place;
  if (place.shared !== undefined) {
    // What belongs to others stays; as in Courier, the reader alone gives it up.
    await maildir.unsubscribeShared(place.shared);
    return ok('UNSUBSCRIBEd a shared folder.');
  }
  requireRight(place, 'x', 'DELETE');
  if (folderName === 'INBOX' || folderName === PERSONAL_PREFIX + session.settings.trashFolderName)
    throw new CommandFailure('Cannot delete this folder.', 'CANNOT');
  if (session.state === 'selected' && isSamePlace(session.selected.place, place))
    throw new CommandFailure('Cannot delete currently-open folder.', 'INUSE');

  session.notifications?.own(place.mailboxName);
  await maildir.deleteFolder(folderName);
  return ok('Folder deleted.');
}
