/** SELECT and EXAMINE: open a mailbox and describe it. */

import { MaildirError } from '../../maildir/errors.js';
import { type Completion, ok } from '../completion.js';
import { SelectedMailbox, type SelectOptions } from '../mailbox/selected-mailbox.js';
import type { Session } from '../session/session.js';
import type { Cursor } from '../wire/cursor.js';
import { encodeExists, encodeRecent, encodeUntagged } from '../wire/responses.js';

interface SelectArguments {
  readonly mailboxName: Buffer;
  readonly readOnly: boolean;
}

/** `select = "SELECT" SP mailbox`; `examine = "EXAMINE" SP mailbox` */
export function parseSelect(cursor: Cursor, readOnly: boolean): SelectArguments {
  cursor.sp();
  const mailboxName = cursor.mailbox();
  cursor.end();
  return { mailboxName, readOnly };
}

/**
 * Closes the mailbox that was selected, without expunging and even if this one cannot be opened; then opens this one
 * and says all that RFC 3501 section 6.3.1 wants, in Courier's order.
 */
export async function select(session: Session, { mailboxName, readOnly }: SelectArguments): Promise<Completion> {
  session.select(undefined);
  const mailbox = await open(session, { mailboxName, readOnly });
  session.select(mailbox);

  session.write(mailbox.describeFlags());
  session.write(encodeExists(mailbox.count));
  session.write(encodeRecent(mailbox.recentCount));
  const unseen = mailbox.firstUnseen;
  if (unseen !== undefined) say(session, `UNSEEN ${unseen}`);
  say(session, `UIDVALIDITY ${mailbox.uidValidity}`);
  say(session, `UIDNEXT ${mailbox.folder.uidNext}`);
  return ok('Ok', mailbox.readOnly ? 'READ-ONLY' : 'READ-WRITE');
}

async function open(session: Session, { mailboxName, readOnly }: SelectArguments): Promise<SelectedMailbox> {
  const options = { readOnly, keywords: session.settings.keywords !== 'off' };
  try {
    return await openOnce(session, mailboxName, options);
  } catch (error) {
    // Others have selected it with UIDs that are void now; they end, and this session begins with the new ones.
    if (!(error instanceof MaildirError && error.kind === 'numbered anew')) throw error;
    return await openOnce(session, mailboxName, options);
  }
}

function openOnce(
  session: Session,
  mailboxName: Buffer,
  options: Omit<SelectOptions, 'place'>,
): Promise<SelectedMailbox> {
  const { place, folder } = session.folderNamed(mailboxName);
  return SelectedMailbox.open(folder, { ...options, place });
}

function say(session: Session, code: string): void {
  session.write(encodeUntagged({ status: 'OK', code, text: 'Ok' }));
}
