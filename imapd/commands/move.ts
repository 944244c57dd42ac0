/**
 * MOVE and UID MOVE (RFC 6851): each message is at every moment in exactly one of the two folders.
 */
import { CommandFailure, type Completion, ok } from '../completion.js';
import { highestCode } from '../mailbox/highest-code.js';
import { warnAfterAdding } from '../mailbox/quota-warning.js';
import { sendingFirst } from '../outbox/send-messages.js';
import type { Session } from '../session/session.js';
import { whileWorking } from '../session/while-working.js';
import { flagLimits, requireSelectedRight } from '../sharing/require-right.js';
import { encodeUntagged } from '../wire/responses.js';
import type { TransferArguments } from '../wire/transfer-arguments.js';
import { copyUidCode } from '../wire/uidplus.js';

/**
 * Moves messages. COPYUID comes first, then the EXPUNGE responses, then the completion.
 *
 * RFC 6851 section 3.3 and RFC 9051 section 6.4.8. The EXPUNGE responses are those that the session announces after
 * the command: its row lets them pass.
 */
export async function move(session: Session, { messages, by, mailboxName }: TransferArguments): Promise<Completion> {
  const mailbox = session.selected;
  if (mailbox.readOnly) throw new CommandFailure('Current box is selected READ-ONLY.', 'NOPERM');
  const uids = mailbox.pickUids(messages, by);
  // RFC 6851 section 4.4: what STORE of \Deleted, COPY and EXPUNGE need together.
  requireSelectedRight(mailbox, 't', 'MOVE');
  requireSelectedRight(mailbox, 'e', 'MOVE');
  const { place, folder: target } = session.openTarget(mailboxName, 'MOVE');

  return sendingFirst(session, { place, uids }, async () => {
    const moved = await whileWorking(session, mailbox.folder.moveTo(target, uids, flagLimits(place.rights)));
    warnAfterAdding(session);
    const mapping = copyUidCode(target.uidValidity, moved);
    if (mapping !== undefined) session.write(encodeUntagged({ status: 'OK', code: mapping, text: 'Moved.' }));
    return ok('MOVE completed.', mapping === undefined ? undefined : await highestCode(session));
  });
}
