/** LISTRIGHTS: which rights somebody has always, and which he may be given (RFC 4314 section 3.4). */
import { ALL_LETTERS } from '../../maildir/acl/rights.js';
import { octetsFromText } from '../../maildir/file-system.js';
import { CommandFailure, type Completion, ok } from '../completion.js';
import type { Session } from '../session/session.js';
import { administeredPlace, ownerOf } from '../sharing/acl-access.js';
import { identifierFromText, optionalRights, rightsText } from '../sharing/rights-wording.js';
import { Encoder } from '../wire/encoder.js';

interface ListRightsArguments {
  readonly mailboxName: Buffer;
  readonly identifier: string;
}

/**
 * `listrights-data = "LISTRIGHTS" SP mailbox SP identifier SP rights *(SP rights)` (RFC 4314 section 3.7)
 *
 * The owner always sees and administers his mailbox, and administrators have everything everywhere.
 */
export async function listRights(session: Session, args: ListRightsArguments): Promise<Completion> {
  const place = administeredPlace(session, args.mailboxName, 'LISTRIGHTS');
  const identifier = identifierFromText(args.identifier);
  if (identifier === undefined) throw new CommandFailure('Invalid ACL identifier.', 'CANNOT');
  const required = alwaysGiven(identifier, ownerOf(session, place));
  const line = new Encoder().atom('* LISTRIGHTS ').mailbox(session.manner.spoken(args.mailboxName));
  line.sp().string(octetsFromText(args.identifier)).sp().string(required);
  for (const right of optionalRights(required)) line.sp().atom(right);
  session.write(line.crlf());
  return ok('LISTRIGHTS completed.');
}

function alwaysGiven(identifier: string, owner: string | undefined): string {
  if (/^(group=)?administrators$/.test(identifier)) return rightsText(ALL_LETTERS);
  return identifier === 'owner' || identifier === owner ? rightsText('al') : '';
}
