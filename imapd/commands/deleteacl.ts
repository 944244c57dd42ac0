/** DELETEACL: forgets what was said of somebody's rights to a mailbox (RFC 4314 section 3.2). */
import { textFromOctets } from '../../maildir/file-system.js';
import { CommandFailure, type Completion, ok } from '../completion.js';
import type { Session } from '../session/session.js';
import { administeredPlace, changeAcl } from '../sharing/acl-access.js';
import { identifierFromText } from '../sharing/rights-wording.js';
import type { Cursor } from '../wire/cursor.js';

/** A mailbox and somebody, as clients say both. */
interface MailboxAndIdentifier {
  readonly mailboxName: Buffer;
  readonly identifier: string;
}

/** `deleteacl = "DELETEACL" SP mailbox SP identifier` */
export function parseMailboxAndIdentifier(cursor: Cursor): MailboxAndIdentifier {
  cursor.sp();
  const mailboxName = cursor.mailbox();
  cursor.sp();
  const identifier = textFromOctets(cursor.astring());
  cursor.end();
  return { mailboxName, identifier };
}

/** OK also where nothing was said of him: the client has what it wants. */
export async function deleteAcl(session: Session, args: MailboxAndIdentifier): Promise<Completion> {
  const place = administeredPlace(session, args.mailboxName, 'DELETEACL');
  const identifier = identifierFromText(args.identifier);
  if (identifier === undefined) throw new CommandFailure('Invalid ACL identifier.', 'CANNOT');
  await changeAcl(session, place, (list) => list.without(identifier));
  return ok('ACLs updated.');
}
