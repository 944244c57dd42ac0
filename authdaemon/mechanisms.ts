/**
 * Mechanism: what AUTH does for types that take more than asking the modules once whether a password is right: SCRAM,
 * and tokens of OAuth. It finds accounts by lookup, so every module serves it.
 */

import type { Account } from './account.js';
import type { Verdict } from './authenticate.js';
import type { AuthenticateRequest, LookupRequest, ModuleAnswer, TemporaryFailure } from './modules/module.js';

/** What came of it. A last word, in base64, is what the client is to hear before or after the decision. */
export type MechanismAnswer =
  | { readonly kind: 'account'; readonly account: Account; readonly lastWord?: string }
  /** In base64; the token is wanted back. */
  | { readonly kind: 'challenge'; readonly challenge: string; readonly token: string }
  | { readonly kind: 'rejected'; readonly reason: string; readonly lastWord?: string; readonly expired?: boolean }
  | TemporaryFailure;

/** The modules, as a mechanism may ask them. */
export interface AskModules {
  /** In the order of authmodulelist. */
  readonly names: readonly string[];
  /** Asks one module, or with `.` all until one knows the account. */
  lookup(module: string, request: LookupRequest): Promise<Verdict<ModuleAnswer>>;
}

/** The answer, how it came about, and whom it is about, as far as that is known. */
export interface MechanismVerdict extends Verdict<MechanismAnswer> {
  readonly loginName: string;
}

/** One way to prove who one is. It never throws for what a client or a provider says. */
export interface Mechanism {
  answer(request: AuthenticateRequest, modules: AskModules): Promise<MechanismVerdict>;
}
