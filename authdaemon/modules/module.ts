/**
 * AuthModule: what one way of finding accounts (userdb, PAM, a database) has to offer.
 *
 * A module may keep worker processes, a settings file of its own or connections: it brings them up in `start`, lets
 * them go in `stop`, and re-reads what changed by itself. The caller asks it one thing at a time per request, many
 * requests at once. It never throws for what its back end does: that is a temporary failure.
 */
import type { Log } from '../../init/runtime/log.js';
import type { Secret } from '../../init/runtime/secret.js';
import type { Account, EnumeratedAccount } from '../account.js';

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

/** This account; not mine, ask the next module; or: I cannot say now, and nobody else may. */
export type ModuleAnswer =
  | { readonly kind: 'account'; readonly account: Account }
  | { readonly kind: 'rejected' }
  | { readonly kind: 'temporary failure'; readonly reason: string };

/** How a password change ended. */
export type ChangeAnswer =
  | { readonly kind: 'changed' }
  | { readonly kind: 'rejected' }
  | { readonly kind: 'temporary failure'; readonly reason: string };

/** One account of the list, or, as the last one, that the list is not complete. */
export type EnumerateItem =
  | { readonly kind: 'account'; readonly account: EnumeratedAccount }
  | { readonly kind: 'temporary failure'; readonly reason: string };

/** A running module. */
export interface AuthModule {
  /** As it stands in authmodulelist: `authuserdb`. */
  readonly name: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Called after some minutes without requests: close what is idle. */
  idle(): Promise<void>;
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
}
