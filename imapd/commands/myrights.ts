/** MYRIGHTS: what the account may do with a mailbox (RFC 4314 section 3.5). */
import { lettersFromRights, rightsFromLetters } from '../../maildir/acl/rights.js';
import { type Completion, ok } from '../completion.js';
import type { Session } from '../session/session.js';
import { existing } from '../sharing/acl-access.js';
import type { MailboxPlace } from '../sharing/mailbox-place.js';
import { nonexistent } from '../sharing/require-right.js';
import { rightsText } from '../sharing/rights-wording.js';
import { Encoder } from '../wire/encoder.js';

/** Who has none of these may not know of the mailbox (RFC 4314 section 4). */
const TELLING = rightsFromLetters('aceilrx');

/** Tells them of any mailbox that the account may know of. */
export async function myRights(session: Session, mailboxName: Buffer): Promise<Completion> {
  const place = session.space.place(mailboxName);
  if ((place.rights & TELLING) === 0) throw nonexistent();
  session.write(myRightsLine(mailboxName, existing(place)));
  return ok('MYRIGHTS completed.');
}

/** `myrights-data = "MYRIGHTS" SP mailbox SP rights` (RFC 4314 section 3.8) */
export function myRightsLine(mailboxName: Buffer, { rights }: Pick<MailboxPlace, 'rights'>): Buffer {
  return new Encoder()
    .atom('* MYRIGHTS ')
    .string(mailboxName)
    .sp()
    .string(rightsText(lettersFromRights(rights)))
    .crlf();
}
