/** NAMESPACE: where folders are (RFC 2342). */
import { SHARED_PREFIX } from '../../maildir/shared-folders.js';
import { type Completion, ok } from '../completion.js';
import { DELIMITER } from '../mailbox/mailbox-name.js';
import type { Session } from '../session/session.js';
import { VIRTUAL_PREFIX } from '../sharing/virtual-mailboxes.js';
import { Encoder } from '../wire/encoder.js';

/** One personal namespace. As Courier has it, what other accounts share is all in the shared ones. */
export async function namespace(session: Session): Promise<Completion> {
  const response = new Encoder()
    .atom('* NAMESPACE ((')
    .quoted(session.space.personalNames.prefix)
    .sp()
    .quoted(DELIMITER);
  response.atom(')) NIL ((').quoted(VIRTUAL_PREFIX).sp().quoted(DELIMITER);
  response.atom(')(').quoted(SHARED_PREFIX).sp().quoted(DELIMITER);
  session.write(response.atom('))').crlf());
  return ok('NAMESPACE completed.');
}
