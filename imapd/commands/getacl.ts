/** GETACL: who may do what with a mailbox (RFC 4314 section 3.3). */
import { octetsFromText } from '../../maildir/file-system.js';
import { type Completion, ok } from '../completion.js';
import type { Session } from '../session/session.js';
import { administeredPlace, readAcl } from '../sharing/acl-access.js';
import { identifierText, rightsText } from '../sharing/rights-wording.js';
import type { Cursor } from '../wire/cursor.js';
import { Encoder } from '../wire/encoder.js';

/** `getacl = "GETACL" SP mailbox` */
export function parseGetAcl(cursor: Cursor): Buffer {
  cursor.sp();
  const mailboxName = cursor.mailbox();
  cursor.end();
  return mailboxName;
}

/** `acl-data = "ACL" SP mailbox *(SP identifier SP rights)` (RFC 4314 section 3.6). */
export async function getAcl(session: Session, mailboxName: Buffer): Promise<Completion> {
  const place = administeredPlace(session, mailboxName, 'GETACL');
  const line = new Encoder().atom('* ACL ').mailbox(session.manner.spoken(mailboxName));
  for (const { identifier, letters } of readAcl(place).entries()) {
    line
      .sp()
      .string(octetsFromText(identifierText(identifier)))
      .sp()
      .string(rightsText(letters));
  }
  session.write(line.crlf());
  return ok('GETACL completed.');
}
