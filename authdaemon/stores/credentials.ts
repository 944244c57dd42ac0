/**
 * Credentials: what a client said to prove who it is, read from an AUTH request, and its comparison with stored secrets.
 *
 * Knows the types `login`, `cram-…` and `apop`; asks nobody.
 */
import type { Secret } from '../../init/runtime/secret.js';
import type { AuthenticateRequest, TemporaryFailure } from '../modules/module.js';
import { octetsFromText } from '../octet-text.js';
import { type ApopAnswer, checkApop, readApopData } from '../passwords/apop.js';
import { type CramAnswer, checkCram, readCramData } from '../passwords/cram.js';
import { hmacContext } from '../passwords/hmac-context.js';
import { checkPassword, type PasswordVerdict, sameText } from '../passwords/password.js';
import { readLoginData } from '../protocol.js';
import type { StoredSecrets } from './account-store.js';

/** `none`: nothing is stored that this mechanism could be checked with. */
export type CredentialsVerdict =
  | PasswordVerdict
  | TemporaryFailure
  | { readonly kind: 'none'; readonly reason: string };

/** A claim to be somebody. */
export interface Credentials {
  readonly loginName: string;
  /** Where the mechanism sends it. */
  readonly password?: Secret;
  check(secrets: StoredSecrets): Promise<CredentialsVerdict>;
  /** Takes as long as a wrong password with this hash would. */
  pretend(typicalHash: string): Promise<void>;
}

/** Reads the claim of an AUTH request; undefined for a type that is not known here and for damaged data. */
export function readCredentials({ authType, authData }: AuthenticateRequest): Credentials | undefined {
  if (authType === 'login') {
    const login = readLoginData(authData);
    return login === undefined ? undefined : new PasswordCredentials(login.loginName, login.password);
  }
  const apop = readApopData(authType, authData);
  if (apop !== undefined) return new ApopCredentials(apop);
  const answer = readCramData(authType, authData);
  return answer === undefined ? undefined : new CramCredentials(answer);
}

class PasswordCredentials implements Credentials {
  readonly loginName: string;
  readonly password: Secret;

  constructor(loginName: string, password: Secret) {
    this.loginName = loginName;
    this.password = password;
  }

  async check(secrets: StoredSecrets): Promise<CredentialsVerdict> {
    return (await checkStoredPassword(this.password, secrets)) ?? { kind: 'none', reason: 'no password is stored' };
  }

  async pretend(typicalHash: string): Promise<void> {
    await checkPassword(this.password, typicalHash);
  }
}

/** Compares a password with what is stored, the hash before the clear text; undefined when nothing is. */
export async function checkStoredPassword(
  password: Secret,
  { check, encrypted, clear }: StoredSecrets,
): Promise<PasswordVerdict | TemporaryFailure | undefined> {
  if (check !== undefined) return check(password);
  if (encrypted !== undefined && encrypted !== '') return checkPassword(password, encrypted);
  if (clear === undefined) return undefined;
  return { kind: sameText(clear.reveal(), password.reveal()) ? 'match' : 'mismatch' };
}

class CramCredentials implements Credentials {
  readonly #answer: CramAnswer;

  constructor(answer: CramAnswer) {
    this.#answer = answer;
  }

  get loginName(): string {
    return this.#answer.loginName;
  }

  async check({ hmacContexts, clear }: StoredSecrets): Promise<CredentialsVerdict> {
    const context =
      hmacContexts?.get(this.#answer.algorithm) ??
      (clear === undefined ? undefined : hmacContext(this.#answer.algorithm, octetsFromText(clear.reveal())));
    if (context === undefined) return { kind: 'none', reason: 'no secret for CRAM is stored' };
    return { kind: checkCram(this.#answer, context) ? 'match' : 'mismatch' };
  }

  /** A digest takes microseconds; there is nothing to hide. */
  async pretend(): Promise<void> {}
}

class ApopCredentials implements Credentials {
  readonly #answer: ApopAnswer;

  constructor(answer: ApopAnswer) {
    this.#answer = answer;
  }

  get loginName(): string {
    return this.#answer.loginName;
  }

  async check({ clear }: StoredSecrets): Promise<CredentialsVerdict> {
    if (clear === undefined) return { kind: 'none', reason: 'APOP needs a password in the clear' };
    return { kind: checkApop(this.#answer, clear.reveal()) ? 'match' : 'mismatch' };
  }

  /** As for CRAM. */
  async pretend(): Promise<void> {}
}
