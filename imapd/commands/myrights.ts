/** MYRIGHTS: what the account may do with a mailbox (RFC 4314 section 3.5). */
import { rightsFromLetters } from '../../maildir/acl/rights.js';
import { type Completion, ok } from '../completion.js';
import type { Session } from '../session/session.js';
import { existing } from '../sharing/acl-access.js';
import { nonexistent } from '../sharing/require-right.js';
import { myRightsLine } from '../sharing/rights-wording.js';

/** Who has none of these may not know of the mailbox (RFC 4314 section 4). */
const TELLING = rightsFromLetters('aceilrx');

/** Tells them of any mailbox that the account may know of. */
export async function myRights(session: Session, mailboxName: Buffer): Promise<Completion> {
  const place = session.space.place(mailboxName);
  if ((place.rights & TELLING) === 0) throw nonexistent();
  session.write(myRightsLine(session.manner.spoken(mailboxName), existing(place)));
  return ok('MYRIGHTS completed.');
}
