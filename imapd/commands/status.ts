/** STATUS: counts of a mailbox that need not be selected. */
import { type Completion, ok } from '../completion.js';
import { statusResponse } from '../mailbox/mailbox-status.js';
import type { Session } from '../session/session.js';
import { Cursor } from '../wire/cursor.js';
import { parseStatusItems, type StatusItem } from '../wire/status-items.js';

interface StatusArguments {
  readonly mailboxName: Buffer;
  readonly items: readonly StatusItem[];
}

/** `status = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")"`; Courier takes one item without parentheses. */
export function parseStatus(cursor: Cursor): StatusArguments {
  cursor.sp();
  const mailboxName = cursor.mailbox();
  cursor.sp();
  const items =
    cursor.peekOctet() === 0x28
      ? parseStatusItems(cursor)
      : parseStatusItems(new Cursor(Buffer.from(`(${cursor.atom()})`, 'latin1')));
  cursor.end();
  return { mailboxName, items };
}

/** RFC 9051 section 6.3.11. The name comes back as the client wrote it. */
export async function status(session: Session, { mailboxName, items }: StatusArguments): Promise<Completion> {
  const { folder } = session.folderNamed(mailboxName, 'r', 'STATUS');
  session.write(await statusResponse(session, { mailboxName: session.manner.spoken(mailboxName), items }, folder));
  return ok('STATUS Completed.');
}
