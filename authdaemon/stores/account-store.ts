/**
 * AccountStore: a place that keeps accounts with their passwords and leaves the checking to us: userdb, SQL, LDAP.
 *
 * Knows nothing of mechanisms; StoreModule compares what a client says with what stands here.
 */
import type { Secret } from '../../init/runtime/secret.js';
import type { Account } from '../account.js';
import type { ChangeAnswer, EnumerateItem, TemporaryFailure } from '../modules/module.js';
import type { HmacAlgorithm } from '../passwords/hmac-context.js';
import type { PasswordVerdict } from '../passwords/password.js';
import type { AppPassword, AppPasswordUse } from '../secrets/app-passwords.js';

/** What is stored to prove that somebody is who he says. */
export interface StoredSecrets {
  /** A hash of any scheme of passwords/password.ts; counts before `clear`. */
  readonly encrypted?: string;
  /** The password itself, where a site keeps it so. */
  readonly clear?: Secret;
  /** Secrets for CRAM alone, as userdb keeps them (hmac-context.ts). Where there are none, CRAM needs `clear`. */
  readonly hmacContexts?: ReadonlyMap<HmacAlgorithm, string>;
  /** The store checks a password itself (LDAP's bind); nothing else is then looked at for it. */
  readonly check?: (password: Secret) => Promise<PasswordVerdict | TemporaryFailure>;
}

/** A record: the account as callers see it, and its secrets. */
export interface StoredAccount {
  readonly account: Account;
  readonly secrets: StoredSecrets;
}

/** The record; none; one that cannot be used (`reason` says why: a missing uid, uid 0); or no answer for now. */
export type StoreAnswer =
  | { readonly kind: 'found'; readonly stored: StoredAccount }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'unusable'; readonly reason: string }
  | TemporaryFailure;

/** A password that has been checked, and the one to come after it. */
export interface PasswordWrite {
  readonly service: string;
  readonly loginName: string;
  readonly newPassword: Secret;
  /** The record as it was when the old password was checked. */
  readonly stored: StoredAccount;
  /**
   * The hash is to be made so (a hint for hashPassword), instead of like the old one. It is then written only while the
   * hash of `stored` is still there, or still none, as far as the store can tell.
   */
  readonly method?: string;
}

/** A running store. It never throws for what its back end does. */
export interface AccountStore {
  /** As it stands in authmodulelist: `authmysql`. */
  readonly name: string;
  /** Others write these accounts: no hash is renewed here, and writePassword always says no. Absent: false. */
  readonly isReadOnly?: boolean;
  /** A hash like those of the accounts: an unknown name takes as long as a wrong password. Absent: the last one seen. */
  readonly typicalHash?: string;
  /** Where the store checks passwords itself (`check`): takes as long as a wrong one; `typicalHash` is not looked at. */
  readonly pretend?: ((password: Secret) => Promise<void>) | undefined;
  /** As AuthModule's. */
  readonly dependsOnAddress?: boolean;
  /** As AuthModule's. */
  stamp?(): string | undefined;
  start(): Promise<void>;
  stop(): Promise<void>;
  idle(): Promise<void>;
  trouble(): Promise<string | undefined>;
  /** Looks a record up; `loginName` holds no control character. */
  find(loginName: string, service: string): Promise<StoreAnswer>;
  writePassword(write: PasswordWrite): Promise<ChangeAnswer>;
  /**
   * The app passwords of a name. Asked only where the main password was not right, and then also for a name that is no
   * account, so that both take equally long. Absent: there are none.
   */
  appPasswords?(loginName: string, service: string): Promise<readonly AppPassword[] | TemporaryFailure>;
  /** Writes down that one was used; called once a minute for each at most. A text says why it could not. */
  noteAppPasswordUse?(use: AppPasswordUse): Promise<string | undefined>;
  enumerate(): AsyncIterable<EnumerateItem>;
}
