/** RENAME: gives a folder and all below it another name; of INBOX it moves the messages. */
import { CommandFailure, type Completion, ok } from '../completion.js';
import { DELIMITER, PERSONAL_PREFIX } from '../mailbox/mailbox-name.js';
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
  const { maildir, folderName: from } = place;
  const newPlace = session.space.placeOfNew(args.to);
  const { maildir: newMaildir, folderName: to } = newPlace;
  requireRight(place, 'x', 'RENAME');
  requireCreation(newPlace);
  if (newMaildir !== maildir) throw new CommandFailure('Cannot move a folder to a different account.', 'CANNOT');
  if (to === 'INBOX') throw new CommandFailure('INBOX already exists!', 'ALREADYEXISTS');
  if (from === 'INBOX') {
    // It would move the mail of somebody else, whose INBOX goes on to receive it.
    if (place.namespace !== 'personal') throw new CommandFailure('INBOX rename not implemented.', 'CANNOT');
    await maildir.moveInboxTo(to);
    return ok('Folder renamed.');
  }
  if (from === PERSONAL_PREFIX + session.settings.trashFolderName)
    throw new CommandFailure('Reserved folder name - cannot rename.', 'CANNOT');
  if (isAt(to, from) && to !== from) throw new CommandFailure('A folder cannot become its own subfolder.', 'CANNOT');
  if (
    session.state === 'selected' &&
    session.selected.folder.maildir === maildir &&
    isAt(session.selected.folder.name, from)
  )
    throw new CommandFailure("Can't RENAME the currently-open folder", 'INUSE');

  await maildir.renameFolder(from, to);
  return ok('Folder renamed.');
}

/** Whether a folder is another one, or below it. */
function isAt(name: string, other: string): boolean {
  return name === other || name.startsWith(other + DELIMITER);
}
