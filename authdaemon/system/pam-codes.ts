/**
 * What PAM's codes mean for a login: who is at fault, somebody who may not come in, or the system.
 *
 * Courier takes every failure for a wrong password. Here a module that cannot reach its server does not make anybody's
 * password wrong.
 */
import type { Rejection, TemporaryFailure } from '../modules/module.js';
import { UNKNOWN_ACCOUNT, WRONG_PASSWORD } from '../modules/module.js';
import type { PamOutcome } from './questions.js';

const SYSTEM_ERROR = 4;
const PERMISSION_DENIED = 6;
const AUTHENTICATION_ERROR = 7;
const USER_UNKNOWN = 10;

/** Codes that say no, and why; in every phase. */
const refusals: ReadonlyMap<number, string> = new Map([
  [PERMISSION_DENIED, 'PAM denies access'],
  [11, 'PAM has seen too many tries'],
  [12, 'the password has expired and must be changed'],
  [13, 'the account has expired'],
  [16, 'the credentials have expired'],
  [27, 'the password has expired'],
]);

/** Those of them that another password, or an administrator, will mend. */
const EXPIRED: ReadonlySet<number> = new Set([12, 13, 16, 27]);

/** What else is known when PAM has said no. */
export interface PamSurroundings {
  /** The system knows the account. */
  readonly isAccount: boolean;
  /** The service has a script of pam_exec, which can say no only by a system error. */
  readonly hasScript: boolean;
  /** PAM has no such service, and has asked the service `other`. */
  readonly isOther: boolean;
}

/** Reads a code that is not success. */
export function pamRefusal(outcome: PamOutcome, around: PamSurroundings): Rejection | TemporaryFailure {
  const { phase, code, text } = outcome;
  if (code === USER_UNKNOWN) return UNKNOWN_ACCOUNT;
  if (code === AUTHENTICATION_ERROR) {
    // pam_deny at a stack's end says this of unknown names as well.
    if (phase === 'account') return { kind: 'rejected', reason: 'the account phase of PAM denies access' };
    if (!around.isAccount) return UNKNOWN_ACCOUNT;
    return around.isOther ? { kind: 'rejected', reason: "PAM's service 'other' says no" } : WRONG_PASSWORD;
  }
  const refusal = refusals.get(code);
  if (refusal !== undefined) {
    // Before its account phase PAM may say it of a wrong password as well.
    const expired = phase === 'account' && EXPIRED.has(code) ? { expired: true } : {};
    return { kind: 'rejected', reason: refusal, ...expired };
  }
  if (code === SYSTEM_ERROR && around.hasScript) {
    return { kind: 'rejected', reason: 'a script of pam_exec says no' };
  }
  return { kind: 'temporary failure', reason: `PAM, ${phase}: ${text}` };
}

/** Reads a code of pam_chauthtok(3) that is not success. */
export function pamChangeRefusal({ code, text, messages }: PamOutcome): Rejection | TemporaryFailure {
  const said = [text, ...messages].join('; ');
  const refused = [PERMISSION_DENIED, AUTHENTICATION_ERROR, USER_UNKNOWN, 11, 19, 20, 21, 23].includes(code);
  if (refused) return { kind: 'rejected', reason: `PAM does not take the new password: ${said}` };
  return { kind: 'temporary failure', reason: `PAM, change: ${said}` };
}
