/**
 * The warning that a mailbox is nearly full: an ALERT, once in a session, as soon as there is something to warn of.
 *
 * It is looked for on the disk when the session selects its first mailbox; after that, each change of this process tells
 * how full the maildir is.
 */
import { percentUsed } from '../../maildir/quota/quota-limits.js';
import type { Session } from '../session/session.js';
import { encodeUntagged } from '../wire/responses.js';

/** To be called when a mailbox was selected. Gives undefined where there is nothing to wait for. */
export function warnAtSelect(session: Session): Promise<void> | undefined {
  const { settings, maildir } = session;
  if (session.quotaWarning !== 'not looked' || settings.quotaWarnPercent === 0) return undefined;
  session.quotaWarning = 'looked';
  return maildir.quota.isSet ? lookAndWarn(session) : undefined;
}

async function lookAndWarn(session: Session): Promise<void> {
  const usage = await session.maildir.quota.usage();
  if (usage !== undefined) warn(session, percentUsed(usage.used, usage.limits));
}

/** To be called when messages were added. */
export function warnAfterAdding(session: Session): void {
  warn(session, session.maildir.quota.lastPercent);
}

function warn(session: Session, percent: number): void {
  const { quotaWarnPercent } = session.settings;
  if (quotaWarnPercent === 0 || percent < quotaWarnPercent || session.quotaWarning === 'told') return;
  session.quotaWarning = 'told';
  session.write(encodeUntagged({ status: 'NO', code: 'ALERT', text: `You have used ${percent}% of your mail quota.` }));
}
