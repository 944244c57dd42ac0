/** NOTIFY: what the client wants to be told unasked, of the selected mailbox and of others (RFC 5465). */
import { CommandFailure, type Completion, ok } from '../completion.js';
import type { Session } from '../session/session.js';
import { NOTIFY_EVENTS, type NotifyArguments } from '../wire/notify-arguments.js';

/** What was said before counts no more. What has happened up to now in the selected mailbox is told, as by NOOP. */
export async function notify(session: Session, { groups, status, unsupported }: NotifyArguments): Promise<Completion> {
  if (unsupported) {
    throw new CommandFailure('There is no such event here.', `BADEVENT (${NOTIFY_EVENTS.join(' ')})`);
  }
  const items = groups.flatMap(({ newMessageItems }) => newMessageItems ?? []);
  if (items.some(({ kind }) => kind === 'modseq')) await session.useModSequences();
  // Few clients use it.
  const { Notifications } = await import('../notify/notifications.js');
  const before = session.notifications;
  await before?.tellOthers();
  session.notifications = await Notifications.begin(session, groups);
  before?.close();
  if (session.state === 'selected') session.selected.speak(session.wording);
  session.notifications.describe(status);
  return ok('NOTIFY completed.');
}
