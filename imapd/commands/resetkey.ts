/**
 * RESETKEY: makes all URLs void that were authorised for a mailbox, or for all of them (RFC 4467 section 7).
 */
import { CommandFailure, type Completion, ok } from '../completion.js';
import { forgetKey } from '../fetch/url-keys.js';
import { mailboxName as nameOf } from '../mailbox/mailbox-name.js';
import type { Session } from '../session/session.js';
import type { KeysToReset } from '../wire/url-arguments.js';

/** Keys are made anew when they are needed. */
export async function resetKey(session: Session, { mailboxName, mechanisms }: KeysToReset): Promise<Completion> {
  if (mechanisms.some((mechanism) => mechanism !== 'INTERNAL'))
    throw new CommandFailure('INTERNAL is the one mechanism.');
  const names = mailboxName === undefined ? session.maildir.listFolders().map(nameOf) : [mailboxName];
  for (const name of names) {
    const { place } = session.folderNamed(name, 'r', 'RESETKEY');
    if (place.namespace === 'personal') await forgetKey(session, place);
    else if (mailboxName !== undefined) throw new CommandFailure('Only your own mailboxes have keys.', 'NOPERM');
    const turn = session.pace();
    if (turn !== undefined) await turn;
  }
  return ok('RESETKEY completed.', mailboxName === undefined ? undefined : 'URLMECH INTERNAL');
}
