/**
 * COPY and UID COPY: all the messages, or none.
 */
import { type Completion, ok } from '../completion.js';
import { noteCopied } from '../mailbox/expunge-to-trash.js';
import { warnAfterAdding } from '../mailbox/quota-warning.js';
import { sendingFirst } from '../outbox/send-messages.js';
import type { Session } from '../session/session.js';
import { whileWorking } from '../session/while-working.js';
import { flagLimits } from '../sharing/require-right.js';
import type { TransferArguments } from '../wire/transfer-arguments.js';
import { copyUidCode } from '../wire/uidplus.js';

/**
 * Copies messages with their flags and dates, and says which UIDs the copies have.
 *
 * RFC 9051 section 6.4.7; COPYUID is RFC 4315. Messages that are gone are left out by the folder or make it all fail.
 */
export async function copy(session: Session, { messages, by, mailboxName }: TransferArguments): Promise<Completion> {
  const mailbox = session.selected;
  const uids = mailbox.pickUids(messages, by);
  const { place, folder: target } = session.openTarget(mailboxName, 'COPY');

  return sendingFirst(session, { place, uids }, async () => {
    const copying = mailbox.folder.copyTo(target, uids, flagLimits(place.rights));
    const copied = await whileWorking(session, copying);
    noteCopied(session, copied.from);
    warnAfterAdding(session);
    return ok('COPY completed.', copyUidCode(target.uidValidity, copied));
  });
}
