/**
 * StoreModule: the module around an AccountStore. It compares credentials with what the store knows.
 *
 * Every store gets the same care here: an unknown account takes as long as a wrong password, a hash that cannot be
 * checked is nobody's wrong password, and each "no" has its reason in the debug log.
 */
import { logValue } from '../../init/runtime/log.js';
import { realClock } from '../../init/runtime/real-clock.js';
import type {
  AuthenticateRequest,
  AuthModule,
  ChangeAnswer,
  ChangePasswordRequest,
  EnumerateItem,
  LookupRequest,
  ModuleAnswer,
  ModuleContext,
  Rejection,
  TemporaryFailure,
} from '../modules/module.js';
import { UNKNOWN_ACCOUNT, WRONG_PASSWORD } from '../modules/module.js';
import { hasControls } from '../octet-text.js';
import { HashRenewal } from '../secrets/hash-renewal.js';
import type { AccountStore, StoredAccount } from './account-store.js';
import { type Credentials, type CredentialsVerdict, checkStoredPassword, readCredentials } from './credentials.js';

/** Compared with when no hash has been seen yet: {SSHA}, made of random octets. */
const NOBODYS_HASH = '{SSHA}Y2IAbV0WlJGpqBlCIQmHPLZJ8MdCq0Wq';

type Found = { readonly kind: 'found'; readonly stored: StoredAccount } | Rejection | TemporaryFailure;

/** A module whose accounts stand in a store. */
export class StoreModule implements AuthModule {
  readonly #store: AccountStore;
  readonly #context: ModuleContext;
  readonly #renewal: HashRenewal | undefined;
  #lastHash = NOBODYS_HASH;

  constructor(store: AccountStore, context: ModuleContext, now: () => number = realClock.ticks) {
    this.#store = store;
    this.#context = context;
    const { log } = context;
    const method = store.isReadOnly === true ? undefined : context.renewHash;
    this.#renewal = method === undefined ? undefined : new HashRenewal({ name: store.name, method, log, now });
  }

  get name(): string {
    return this.#store.name;
  }

  get dependsOnAddress(): boolean {
    return this.#store.dependsOnAddress ?? false;
  }

  stamp(): string | undefined {
    return this.#store.stamp?.();
  }

  start(): Promise<void> {
    return this.#store.start();
  }

  async stop(): Promise<void> {
    await this.#renewal?.settled();
    await this.#store.stop();
  }

  idle(): Promise<void> {
    return this.#store.idle();
  }

  trouble(): Promise<string | undefined> {
    return this.#store.trouble();
  }

  async authenticate(request: AuthenticateRequest): Promise<ModuleAnswer> {
    const credentials = readCredentials(request);
    if (credentials === undefined) {
      this.#debug(`Unsupported authentication type: ${logValue(request.authType)}`);
      return { kind: 'rejected', reason: `mechanism ${logValue(request.authType)} is not known here` };
    }
    const found = await this.#find(credentials.loginName, request.service);
    if (found.kind === 'temporary failure') return found;
    if (found.kind === 'rejected') return this.#pretend(credentials, found);
    const verdict = await credentials.check(found.stored.secrets);
    if (verdict.kind === 'none') {
      this.#debug('no password available to compare.');
      return this.#pretend(credentials, { kind: 'rejected', reason: verdict.reason });
    }
    if (verdict.kind === 'match') this.#renewHash(credentials, request.service, found.stored);
    return this.#answer(found.stored, credentials, verdict);
  }

  async lookup({ loginName, service }: LookupRequest): Promise<ModuleAnswer> {
    const found = await this.#find(loginName, service);
    return found.kind === 'found' ? { kind: 'account', account: found.stored.account } : found;
  }

  async changePassword(request: ChangePasswordRequest): Promise<ChangeAnswer> {
    const { loginName, newPassword } = request;
    if (newPassword.reveal() === '') return { kind: 'rejected', reason: 'the new password is empty' };
    if (this.#renewal === undefined) return this.#changePassword(request);
    return this.#renewal.alone(loginName, () => this.#changePassword(request));
  }

  enumerate(): AsyncIterable<EnumerateItem> {
    return this.#store.enumerate();
  }

  async #changePassword(request: ChangePasswordRequest): Promise<ChangeAnswer> {
    const { loginName, service, oldPassword, newPassword } = request;
    const found = await this.#find(loginName, service);
    if (found.kind !== 'found') return found;
    const { stored } = found;
    const verdict = await checkStoredPassword(oldPassword, stored.secrets);
    if (verdict === undefined) return { kind: 'rejected', reason: 'no password is stored' };
    if (verdict.kind === 'temporary failure') return verdict;
    if (verdict.kind === 'impossible') return this.#impossible(stored, verdict.reason);
    if (verdict.kind === 'mismatch') return WRONG_PASSWORD;
    const answer = await this.#store.writePassword({ service, loginName, newPassword, stored });
    if (answer.kind === 'temporary failure') {
      this.#context.log.write('error', `${this.name}: ${logValue(loginName)}: ${answer.reason}`);
    }
    return answer;
  }

  async #find(loginName: string, service: string): Promise<Found> {
    if (loginName === '' || hasControls(loginName)) return UNKNOWN_ACCOUNT;
    this.#debug(`looking up '${logValue(loginName)}'`);
    const answer = await this.#store.find(loginName, service);
    switch (answer.kind) {
      case 'found':
        return answer;
      case 'unknown':
        return UNKNOWN_ACCOUNT;
      case 'unusable':
        this.#context.log.write('error', `${this.name}: ${logValue(loginName)}: ${answer.reason}`);
        return { kind: 'rejected', reason: answer.reason };
      case 'temporary failure':
        this.#context.log.write('error', `${this.name}: ${answer.reason}`);
        return answer;
    }
  }

  /** Says no, after the time a comparison takes. */
  async #pretend(credentials: Credentials, rejection: Rejection): Promise<Rejection> {
    const { pretend, typicalHash } = this.#store;
    if (pretend !== undefined && credentials.password !== undefined) await pretend();
    else await credentials.pretend(typicalHash ?? this.#lastHash);
    return rejection;
  }

  #answer(
    { account, secrets }: StoredAccount,
    { password }: Credentials,
    verdict: Exclude<CredentialsVerdict, { kind: 'none' }>,
  ): ModuleAnswer {
    if (verdict.kind === 'temporary failure') return verdict;
    if (verdict.kind === 'impossible') return this.#impossible({ account, secrets }, verdict.reason);
    if (secrets.encrypted !== undefined && secrets.encrypted !== '') this.#lastHash = secrets.encrypted;
    if (verdict.kind === 'match') {
      this.#debug('password matches successfully');
      return { kind: 'account', account: password === undefined ? account : { ...account, clearPassword: password } };
    }
    this.#debug(
      this.#context.debugLogin >= 2 && password !== undefined
        ? `supplied password '${logValue(password.reveal())}' does not match encrypted password '${secrets.encrypted}'`
        : 'supplied password does not match encrypted password',
    );
    return WRONG_PASSWORD;
  }

  /** Has the hash of a password that was right written anew, unless the store checks passwords itself. */
  #renewHash({ loginName, password }: Credentials, service: string, stored: StoredAccount): void {
    const { check, encrypted = '' } = stored.secrets;
    if (this.#renewal === undefined || password === undefined || check !== undefined || encrypted === '') return;
    this.#renewal.consider(loginName, encrypted, async (method) => {
      // Since the login it may have been changed.
      const found = await this.#store.find(loginName, service);
      if (found.kind === 'temporary failure') return found;
      if (found.kind !== 'found' || found.stored.secrets.encrypted !== encrypted) return undefined;
      return this.#store.writePassword({ service, loginName, newPassword: password, stored: found.stored, method });
    });
  }

  #impossible({ account }: StoredAccount, reason: string): TemporaryFailure {
    this.#context.log.write('error', `${this.name}: ${logValue(account.address)}: ${reason}`);
    return { kind: 'temporary failure', reason: `the stored password cannot be checked: ${reason}` };
  }

  #debug(text: string): void {
    if (this.#context.debugLogin >= 1) this.#context.log.write('debug', `${this.name}: ${text}`);
  }
}
