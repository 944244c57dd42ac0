/**
 * Who an account is in access lists: `user=` with its address, `group=` for each group that its options name, and in its
 * own maildir `owner`.
 */
import type { SessionAccount } from '../../init/runtime/mail-worker.js';
import type { Identities } from '../../maildir/acl/acl-list.js';
import { ALL_RIGHTS, RIGHT_BITS } from '../../maildir/acl/rights.js';
import type { OwnRights } from './mailbox-place.js';

type Named = Pick<SessionAccount, 'address' | 'options'>;

/** Who the account is to folders of others. */
export function identitiesOf({ address, options }: Named): Identities {
  const groups = (options['group'] ?? '').split(',').filter((group) => group !== '');
  return [`user=${address}`, ...groups.map((group) => `group=${group}`)];
}

/** Who it is to its own, and what it may do there. With `disableshared` Courier reads no list, and nobody changes one. */
export function ownRightsOf(account: Named): OwnRights {
  const identities = [...identitiesOf(account), 'owner'];
  const always = sharesNothing(account) ? ALL_RIGHTS & ~RIGHT_BITS.a : undefined;
  return { identities, always };
}

/** Whether the account's option `disableshared` keeps it from sharing and from what others share. */
export function sharesNothing({ options }: Named): boolean {
  const number = Number.parseInt(options['disableshared'] ?? '', 10);
  return !Number.isNaN(number) && number !== 0;
}

/** What stands behind the last `@` of an address, in small letters; empty where there is none. */
export function domainOf(address: string): string {
  const at = address.lastIndexOf('@');
  return at < 0 ? '' : address.slice(at + 1).toLowerCase();
}
