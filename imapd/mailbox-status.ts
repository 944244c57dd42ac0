/** The STATUS response, for STATUS and for LIST with RETURN (STATUS …). */
import type { Session } from './session.js';
import { encodeStatus } from './wire/responses.js';
import type { StatusItem } from './wire/status-items.js';

/**
 * Looks at a folder without opening it: nothing moves from new to cur, and no message loses \Recent.
 *
 * @throws {MaildirError} when the folder cannot be read.
 */
export async function statusResponse(
  session: Session,
  { folderName, mailboxName, items }: { folderName: string; mailboxName: Buffer; items: readonly StatusItem[] },
): Promise<Buffer> {
  const folder = session.maildir.folder(folderName);
  const counts = await folder.counts();
  return encodeStatus(mailboxName, items, {
    MESSAGES: counts.messages,
    RECENT: counts.recent,
    UIDNEXT: counts.uidNext,
    UIDVALIDITY: counts.uidValidity,
    UNSEEN: counts.unseen,
    DELETED: counts.deleted,
    // RFC 8438 allows a sum that is too large, never one that is too small, and files keep LF where CRLF is meant.
    SIZE: counts.sizeOctets,
  });
}
