/** SETQUOTA: changes limits, for administrators (RFC 9208). */
import { CommandFailure, type Completion, ok } from '../completion.js';
import { isAdministrator, rootNamed } from '../mailbox/quota-root.js';
import type { Session } from '../session/session.js';
import type { Cursor } from '../wire/cursor.js';
import { type AskedLimits, encodeQuota, parseLimitList } from '../wire/quota.js';

interface SetQuotaArguments {
  readonly root: Buffer;
  readonly asked: AskedLimits;
}

/** `setquota = "SETQUOTA" SP quota-root-name SP setquota-list` */
export function parseSetQuota(cursor: Cursor): SetQuotaArguments {
  cursor.sp();
  const root = cursor.astring();
  cursor.sp();
  const asked = parseLimitList(cursor);
  cursor.end();
  return { root, asked };
}

/**
 * RFC 9208 section 4.2.3: a resource that is not named has no limit any more, and no name at all removes the quota.
 *
 * A quota that stands in the account's record would come back with the next login, so it cannot be changed here.
 */
export async function setQuota(session: Session, { root, asked }: SetQuotaArguments): Promise<Completion> {
  if (!isAdministrator(session.account)) throw new CommandFailure('SETQUOTA No permission.', 'NOPERM');
  const { name, quota } = rootNamed(session, root);
  if (quota === undefined) throw new CommandFailure('SETQUOTA No permission.', 'NOPERM');
  const [unknown] = asked.unknown;
  if (unknown !== undefined) throw new CommandFailure(`There are no limits of ${unknown}.`, 'CANNOT');
  if (quota.isOfAccount) {
    throw new CommandFailure('This quota is set where the account is, not here.', 'CANNOT');
  }
  const { octets, messages } = asked.limits;
  await quota.setLimits(octets === undefined && messages === undefined ? undefined : asked.limits);
  session.write(encodeQuota(name, await quota.usage()));
  return ok('SETQUOTA Ok.');
}
