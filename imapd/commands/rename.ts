/** RENAME: gives a folder and all below it another name; of INBOX it moves the messages. */
import { type Completion, ok } from '../completion.js';
import { renameMailbox } from '../mailbox/rename-mailbox.js';
import { toldMailbox } from '../mailbox/told-mailbox.js';
import type { Session } from '../session/session.js';
import { requireCreation, requireRight } from '../sharing/require-right.js';
import type { Cursor } from '../wire/cursor.js';

interface RenameArguments {
  readonly from: Buffer;
  readonly to: Buffer;
}

/** `rename = "RENAME" SP mailbox SP mailbox` */
export function parseRename(cursor: Cursor): RenameArguments {
  cursor.sp();
  const from = cursor.mailbox();
  cursor.sp();
  const to = cursor.mailbox();
  cursor.end();
  return { from, to };
}

/** RFC 9051 section 6.3.6. */
export async function rename(session: Session, args: RenameArguments): Promise<Completion> {
  const place = session.space.place(args.from);
  const newPlace = session.space.placeOfNew(args.to);
  requireRight(place, 'x', 'RENAME');
  requireCreation(newPlace);
  for (const { mailboxName } of [place, newPlace]) session.notifications?.own(mailboxName);
  await renameMailbox(session, place, newPlace);
  // RFC 9051 section 6.3.9.7; of INBOX only the messages have moved.
  if (session.manner.rev2 && place.folderName !== 'INBOX') {
    session.write(toldMailbox(session, { name: newPlace.mailboxName, oldName: place.mailboxName }));
  }
  return ok('Folder renamed.');
}
