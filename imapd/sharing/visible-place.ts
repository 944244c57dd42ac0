/** Whether a name leads to a mailbox that an account may know of. */
import { hasRight } from '../../maildir/acl/rights.js';
import { MaildirError } from '../../maildir/errors.js';
import { CommandFailure } from '../completion.js';
import type { Session } from '../session/session.js';
import type { MailboxPlace } from './mailbox-place.js';

/** A mailbox that is there, and that the account may know of. */
export function visiblePlace(
  session: Session,
  encoded: Buffer,
): { readonly place: MailboxPlace; readonly identity: string } | undefined {
  try {
    const place = session.space.place(encoded);
    if (!hasRight(place.rights, 'l')) return undefined;
    // Those that file permissions share are found only where they are.
    const identity = place.shared === undefined ? place.maildir.folderIdentity(place.folderName) : place.mailboxName;
    return identity === undefined ? undefined : { place, identity };
  } catch (error) {
    if (error instanceof CommandFailure || error instanceof MaildirError) return undefined;
    throw error;
  }
}
