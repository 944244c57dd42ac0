/** SETACL: gives somebody rights to a mailbox, or takes some away (RFC 4314 section 3.1). */
import { textFromOctets } from '../../maildir/file-system.js';
import { CommandFailure, type Completion, ok } from '../completion.js';
import type { Session } from '../session/session.js';
import { administeredPlace, changeAcl } from '../sharing/acl-access.js';
import { identifierFromText, lettersFromText } from '../sharing/rights-wording.js';
import type { Cursor } from '../wire/cursor.js';
import { nameWord, SyntaxFailure } from '../wire/failures.js';

interface SetAclArguments {
  readonly mailboxName: Buffer;
  readonly identifier: string;
  /** With a sign in front where they are added or taken away, in the letters of files. */
  readonly rights: string;
}

/** `setacl = "SETACL" SP mailbox SP identifier SP mod-rights`; RFC 4314 section 3.1 wants BAD for unknown rights. */
export function parseSetAcl(cursor: Cursor): SetAclArguments {
  cursor.sp();
  const mailboxName = cursor.mailbox();
  cursor.sp();
  const identifier = textFromOctets(cursor.astring());
  cursor.sp();
  const [, sign = '', said = ''] = /^([+-]?)(.*)$/s.exec(cursor.astring().toString('latin1')) ?? [];
  cursor.end();
  const letters = lettersFromText(said);
  if (letters === undefined) throw new SyntaxFailure(`${nameWord(said)} holds a letter that is no right.`);
  return { mailboxName, identifier, rights: sign + letters };
}

/** The owner keeps what he needs to undo it, and administrators keep everything, as in Courier. */
export async function setAcl(session: Session, { mailboxName, ...said }: SetAclArguments): Promise<Completion> {
  const place = administeredPlace(session, mailboxName, 'SETACL');
  const identifier = identifierFromText(said.identifier);
  if (identifier === undefined) throw new CommandFailure('Invalid ACL identifier.', 'CANNOT');
  await changeAcl(session, place, (list) => list.given(identifier, said.rights) ?? list);
  return ok('ACLs updated.');
}
