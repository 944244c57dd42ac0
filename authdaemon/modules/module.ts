/**
 * AuthModule: what one way of finding accounts (userdb, PAM, a database) has to offer.
 *
 * A module may keep worker processes, a settings file of its own or connections: it brings them up in `start`, lets
 * them go in `stop`, and re-reads what changed by itself. The caller asks it one thing at a time per request, many
 * requests at once. It never throws for what its back end does: that is a temporary failure. A module that only keeps
 * accounts, and leaves the checking of passwords to us, is an AccountStore (stores/).
 */
import type { Log } from '../../init/runtime/log/log.js';
import type { Secret } from '../../init/runtime/secret.js';
import type { Account, EnumeratedAccount } from '../account.js';
import type { LdapTls } from '../ldap/tls.js';

/** Somebody wants in. `login` data is parsed; other types come as their octets. */
export interface AuthenticateRequest {
  readonly service: string;
  readonly authType: string;
  readonly authData: Buffer;
  /** The client's address, if the caller said it (TCPREMOTEIP). */
  readonly remoteIp?: string;
}

/** Who is this? No password is checked. */
export interface LookupRequest {
  readonly service: string;
  readonly loginName: string;
}

/** A new password; the module checks the old one first. */
export interface ChangePasswordRequest {
  readonly service: string;
  readonly loginName: string;
  readonly oldPassword: Secret;
  readonly newPassword: Secret;
}

/** Back end trouble. Nobody may take it for a no: the account may well be there, and the password right. */
export interface TemporaryFailure {
  readonly kind: 'temporary failure';
  /** For the log and for authtest; never for the client. */
  readonly reason: string;
}

/**
 * Not this one; ask the next module. `reason` is for the log and for authtest: 'unknown account', 'wrong password',
 * 'no password is stored', 'the account has expired', … A client only ever hears that the login failed.
 */
export interface Rejection {
  readonly kind: 'rejected';
  readonly reason: string;
  /** PAM wants a final no to be told so much later. Nobody's place in a queue is kept for that. */
  readonly delayMs?: number;
  /** The password was right, and is not good any more: that much the client may be told. */
  readonly expired?: boolean;
}

/** This account; not mine, ask the next module; or: I cannot say now, and nobody else may. */
export type ModuleAnswer =
  /** `appPassword`: the label of the app password that was given, where it was one. */
  { readonly kind: 'account'; readonly account: Account; readonly appPassword?: string } | Rejection | TemporaryFailure;

/** How a password change ended. */
export type ChangeAnswer = { readonly kind: 'changed' } | Rejection | TemporaryFailure;

/** One account of the list, or, as the last one, that the list is not complete. */
export type EnumerateItem = { readonly kind: 'account'; readonly account: EnumeratedAccount } | TemporaryFailure;

/** A running module. */
export interface AuthModule {
  /** As it stands in authmodulelist: `authuserdb`. */
  readonly name: string;
  /** The answer may differ by the client's address (PAM, a program of the site's own). Absent: it never does. */
  readonly dependsOnAddress?: boolean;
  /**
   * Gives another text whenever the accounts kept here may have changed (the files' times and inodes); logins that the
   * daemon remembers are then forgotten. Absent, or undefined: nobody can tell. Cheap: it is asked at every login.
   */
  stamp?(): string | undefined;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Called after some minutes without requests: close what is idle. */
  idle(): Promise<void>;
  /** Tells why the back end cannot be reached now, or undefined when it can; for `authdaemond --modules`. */
  trouble(): Promise<string | undefined>;
  authenticate(request: AuthenticateRequest): Promise<ModuleAnswer>;
  lookup(request: LookupRequest): Promise<ModuleAnswer>;
  changePassword(request: ChangePasswordRequest): Promise<ChangeAnswer>;
  enumerate(): AsyncIterable<EnumerateItem>;
}

/** What the daemon gives each module. */
export interface ModuleContext {
  readonly log: Log;
  /** DEBUG_LOGIN: 0 silent, 1 what is done, 2 with passwords. */
  readonly debugLogin: 0 | 1 | 2;
  /** Where the settings files are: /etc/courier. */
  readonly configDirectory: string;
  /** authdaemonvar, for what is only to be known as long as nobody deletes it. Absent: nothing is written. */
  readonly stateDirectory?: string;
  /** `daemons`: requests that may be under way at once, and so connections or processes a module may want. */
  readonly lookupsAtOnce: number;
  /** AUTH_RENEW_HASH: the method that weaker hashes are renewed with at login. Absent: they stay. */
  readonly renewHash?: string;
  /** LDAPTLS_… of authdaemonrc. Absent: nothing is set. */
  readonly ldapTls?: LdapTls;
}

/** The answer for an account that no record is about. */
export const UNKNOWN_ACCOUNT: Rejection = { kind: 'rejected', reason: 'unknown account' };
/** The answer for a password that does not match. */
export const WRONG_PASSWORD: Rejection = { kind: 'rejected', reason: 'wrong password' };
