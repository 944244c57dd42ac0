/** CREATE: makes a folder. */
import { MaildirError } from '../../maildir/errors.js';
import type { Maildir } from '../../maildir/maildir.js';
import { CommandFailure, type Completion, ok } from '../completion.js';
import type { Session } from '../session/session.js';
import { requireCreation } from '../sharing/require-right.js';
import type { Cursor } from '../wire/cursor.js';

/** `create = "CREATE" SP mailbox` */
export function parseCreate(cursor: Cursor): Buffer {
  cursor.sp();
  const mailboxName = cursor.mailbox();
  cursor.end();
  return mailboxName;
}

/**
 * Makes the folder. Levels above it that do not exist stay \Noselect. A name that ends in the delimiter only announces
 * that folders below it will follow, and as in Courier there is nothing to do for it (RFC 9051 section 6.3.4).
 */
export async function create(session: Session, mailboxName: Buffer): Promise<Completion> {
  const place = session.space.placeOfNew(mailboxName);
  const { maildir, folderName } = place;
  const branchOnly = mailboxName.at(-1) === 0x2e;
  if (folderName === 'INBOX' && !branchOnly) throw new CommandFailure('INBOX already exists!', 'ALREADYEXISTS');
  requireCreation(place);
  const text = `"${mailboxName.toString('latin1')}" created.`;
  if (branchOnly) return ok(text);
  await maildir.createFolder(folderName);
  return ok(text, `MAILBOXID (${await idOf(maildir, folderName)})`);
}

/** RFC 8474 section 4.2. */
async function idOf(maildir: Maildir, folderName: string): Promise<string> {
  const folder = maildir.folder(folderName);
  try {
    await folder.refresh();
    return folder.id;
  } catch (error) {
    // Others had selected a folder of this name that somebody removed: the next object is of this one.
    if (!(error instanceof MaildirError && error.kind === 'numbered anew')) throw error;
    const fresh = maildir.folder(folderName);
    await fresh.refresh();
    return fresh.id;
  }
}
