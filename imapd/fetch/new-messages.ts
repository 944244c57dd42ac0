/** What a client is told unasked of messages that have arrived, because it has said so before (RFC 5465 section 5.2). */
import { ClientGone } from '../../init/runtime/worker/client-gone.js';
import type { Session } from '../session/session.js';
import type { FetchItem } from '../wire/fetch-items.js';
import { FetchPlan } from './fetch-plan.js';
import { FetchSubject } from './fetch-subject.js';
import { LiteralFailure } from './section-steps.js';
import { sendMessage } from './send-message.js';

/** Writes a FETCH response for each of them that is still there. No flag is set by it. */
export async function tellNewMessages(
  session: Session,
  items: readonly FetchItem[],
  uids: readonly number[],
): Promise<void> {
  const mailbox = session.selected;
  const facts = await session.facts.ready(mailbox.folder);
  const { uidsOnly } = session.manner;
  const told = uidsOnly ? items.filter(({ kind }) => kind !== 'uid' || items.length === 1) : items;
  const plan = new FetchPlan(told, uidsOnly);
  const subject = new FetchSubject(session, facts);
  try {
    for (const uid of uids) {
      const sequenceNumber = mailbox.sequenceNumberOf(uid);
      if (sequenceNumber === undefined) continue;
      await sendMessage(plan, subject, { sequenceNumber, uid: mailbox.uidOf(sequenceNumber) });
      if (session.full) await session.flush();
      const turn = session.pace();
      if (turn !== undefined) await turn;
    }
  } catch (error) {
    if (!(error instanceof LiteralFailure)) throw error;
    throw new ClientGone('A message became shorter while it was sent.');
  }
}
