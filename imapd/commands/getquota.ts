/** GETQUOTA: what is used of a quota (RFC 9208). */
import { type Completion, ok } from '../completion.js';
import { rootNamed } from '../mailbox/quota-root.js';
import type { Session } from '../session/session.js';
import type { Cursor } from '../wire/cursor.js';
import { encodeQuota } from '../wire/quota.js';

interface GetQuotaArguments {
  readonly root: Buffer;
}

/** `getquota = "GETQUOTA" SP quota-root-name` */
export function parseGetQuota(cursor: Cursor): GetQuotaArguments {
  cursor.sp();
  const root = cursor.astring();
  cursor.end();
  return { root };
}

/** RFC 9208 section 4.2.1. A root without limits has an empty list. */
export async function getQuota(session: Session, { root }: GetQuotaArguments): Promise<Completion> {
  const { name, quota } = rootNamed(session, root);
  session.write(encodeQuota(name, await quota?.usage()));
  return ok('GETQUOTA Ok.');
}
