/**
 * Who an account is in access lists: `user=` with its address, `group=` for each group that its options name, and in its
 * own maildir `owner`.
 */
import type { SessionAccount } from '../../init/runtime/worker/mail-worker.js';
import type { Identities } from '../../maildir/acl/acl-list.js';
import { ALL_RIGHTS, RIGHT_BITS, type Rights } from '../../maildir/acl/rights.js';
import type { OwnRights } from './mailbox-place.js';

type Named = Pick<SessionAccount, 'address' | 'options'>;

/** Who the account is to folders of others. */
export function identitiesOf({ address, options }: Named): Identities {
  // Access lists call it anonymous, as they may call everybody.
  if (isAnonymous({ options })) return [];
  const groups = (options['group'] ?? '').split(',').filter((group) => group !== '');
  return [`user=${address}`, ...groups.map((group) => `group=${group}`)];
}

/** Who it is to its own, and what it may do there. With `disableshared` Courier reads no list, and nobody changes one. */
export function ownRightsOf(account: Named): OwnRights {
  if (isAnonymous(account)) return { identities: [], atMost: ANONYMOUS_RIGHTS };
  const identities = [...identitiesOf(account), 'owner'];
  const always = sharesNothing(account) ? ALL_RIGHTS & ~RIGHT_BITS.a : undefined;
  return { identities, always };
}

/** An account for everybody can look, and change nothing, whatever lists say. */
export const ANONYMOUS_RIGHTS: Rights = RIGHT_BITS.l | RIGHT_BITS.r;

/** Whether the account's option `anonymous` says that whoever uses it is nobody. */
export function isAnonymous({ options }: Pick<Named, 'options'>): boolean {
  return isOn(options['anonymous']);
}

/** Whether the account's option `disableshared` keeps it from sharing and from what others share. */
export function sharesNothing({ options }: Named): boolean {
  return isOn(options['disableshared']);
}

function isOn(option: string | undefined): boolean {
  const number = Number.parseInt(option ?? '', 10);
  return !Number.isNaN(number) && number !== 0;
}

/** What stands behind the last `@` of an address, in small letters; empty where there is none. */
export function domainOf(address: string): string {
  const at = address.lastIndexOf('@');
  return at < 0 ? '' : address.slice(at + 1).toLowerCase();
}
