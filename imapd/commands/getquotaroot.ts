/** GETQUOTAROOT: which quota a mailbox is under, and what is used of it (RFC 9208). */
import { type Completion, ok } from '../completion.js';
import { rootOfPlace } from '../mailbox/quota-root.js';
import type { Session } from '../session/session.js';
import type { Cursor } from '../wire/cursor.js';
import { encodeQuota, encodeQuotaRoot } from '../wire/quota.js';

interface GetQuotaRootArguments {
  readonly mailboxName: Buffer;
}

/** `getquotaroot = "GETQUOTAROOT" SP mailbox` */
export function parseGetQuotaRoot(cursor: Cursor): GetQuotaRootArguments {
  cursor.sp();
  const mailboxName = cursor.mailbox();
  cursor.end();
  return { mailboxName };
}

/** RFC 9208 section 4.2.2: a mailbox without a quota has no root. */
export async function getQuotaRoot(session: Session, { mailboxName }: GetQuotaRootArguments): Promise<Completion> {
  const { place } = session.folderNamed(mailboxName, 'r', 'GETQUOTAROOT');
  const root = rootOfPlace(session, place);
  const usage = await root.quota?.usage();
  const hasRoot = root.quota === undefined || usage !== undefined;
  session.write(encodeQuotaRoot(session.manner.spoken(mailboxName), hasRoot ? root.name : undefined));
  if (hasRoot) session.write(encodeQuota(root.name, usage));
  return ok('GETQUOTAROOT Ok.');
}
