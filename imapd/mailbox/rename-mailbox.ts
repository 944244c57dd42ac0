/**
 * What RENAME does, of IMAP and of SMAP, once the rights to it were checked: gives a folder and all below it another name;
 * of INBOX it moves the messages (RFC 9051 section 6.3.6).
 *
 * It knows no syntax and writes no answer.
 */
import { CommandFailure } from '../completion.js';
import type { Session } from '../session/session.js';
import type { MailboxPlace } from '../sharing/mailbox-place.js';
import { DELIMITER, PERSONAL_PREFIX } from './mailbox-name.js';

/** Renames a mailbox. @throws {CommandFailure} in Courier's words, and MaildirError for what the disk says */
export async function renameMailbox(session: Session, place: MailboxPlace, newPlace: MailboxPlace): Promise<void> {
  const { maildir, folderName: from } = place;
  const { maildir: newMaildir, folderName: to } = newPlace;
  if (newMaildir !== maildir) throw new CommandFailure('Cannot move a folder to a different account.', 'CANNOT');
  if (to === 'INBOX') throw new CommandFailure('INBOX already exists!', 'ALREADYEXISTS');
  if (from === 'INBOX') {
    // Who may rename what others share does not own the mail that their INBOX goes on to receive.
    if (place.namespace !== 'personal')
      throw new CommandFailure('The INBOX of another account cannot be renamed.', 'CANNOT');
    await maildir.moveInboxTo(to);
    return;
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
}

/** Whether a folder is another one, or below it. */
function isAt(name: string, other: string): boolean {
  return name === other || name.startsWith(other + DELIMITER);
}
