/**
 * An account of the system as authdaemon gives it: USERNAME with its uid, home, and the name from GECOS.
 */
import type { Account, EnumeratedAccount } from '../account.js';
import { octetsFromText } from '../octet-text.js';
import type { SystemAccount } from './questions.js';

/** Longer names are no accounts (LOGIN_NAME_MAX), and some modules of PAM have buffers of that size. */
const MAX_NAME_OCTETS = 255;

/** The refusal of root's own mailbox: a mail worker never runs as root. */
export const SUPERUSER_REFUSED = { kind: 'rejected', reason: 'uid 0 may not log in' } as const;

/** Tells whether the system may be asked about a name; it is free of control characters. */
export function isSystemName(loginName: string): boolean {
  return loginName !== '' && !loginName.includes(':') && octetsFromText(loginName).length <= MAX_NAME_OCTETS;
}

/** The account as callers see it. */
export function accountFromSystem({ name, uid, gid, home, gecos, encryptedPassword }: SystemAccount): Account {
  const account: Account = {
    address: name,
    systemUser: name,
    uid,
    gid,
    home,
    fullName: gecos.split(',', 1)[0] ?? '',
    options: [],
  };
  return encryptedPassword === undefined ? account : { ...account, encryptedPassword };
}

/** The account as ENUMERATE lists it. */
export function enumeratedFromSystem({ name, uid, gid, home }: SystemAccount): EnumeratedAccount {
  return { name, uid, gid, home, maildir: '', options: [] };
}
