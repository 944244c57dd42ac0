/**
 * StoreModule: the module around an AccountStore. It compares credentials with what the store knows.
 *
 * Every store gets the same care here: an unknown account takes as long as a wrong password, a hash that cannot be
 * checked is nobody's wrong password, and each "no" has its reason in the debug log.
 */
import { logValue } from '../../init/runtime/log/log.js';
import { realClock } from '../../init/runtime/system/real-clock.js';
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
import { type AppPasswordUse, findAppPassword, isLockedHash, UseTimes } from '../secrets/app-passwords.js';
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
  readonly #now: () => number;
  readonly #renewal: HashRenewal | undefined;
  readonly #useTimes = new UseTimes();
  #lastHash = NOBODYS_HASH;
  #noting: Promise<unknown> = Promise.resolve();

  constructor(store: AccountStore, context: ModuleContext, now: () => number = realClock.ticks) {
    this.#store = store;
    this.#context = context;
    this.#now = now;
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
    await this.#noting;
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
    const answer = await this.#byMainPassword(found, credentials, request.service);
    if (answer.kind !== 'rejected') return answer;
    return (await this.#byAppPassword(found, credentials, request)) ?? answer;
  }

  async #byMainPassword(
    found: Exclude<Found, TemporaryFailure>,
    credentials: Credentials,
    service: string,
  ): Promise<ModuleAnswer> {
    if (found.kind === 'rejected') return this.#pretend(credentials, found);
    const verdict = await credentials.check(found.stored.secrets);
    if (verdict.kind === 'none') {
      this.#debug('no password available to compare.');
      return this.#pretend(credentials, { kind: 'rejected', reason: verdict.reason });
    }
    if (verdict.kind === 'match') this.#renewHash(credentials, service, found.stored);
    return this.#answer(found.stored, credentials, verdict);
  }

  /** Undefined: the password is none. The store is asked for every name, known, locked or not: it takes as long. */
  async #byAppPassword(
    found: Exclude<Found, TemporaryFailure>,
    { loginName, password }: Credentials,
    { service, remoteIp = '' }: AuthenticateRequest,
  ): Promise<ModuleAnswer | undefined> {
    if (password === undefined || loginName === '' || hasControls(loginName)) return undefined;
    const all = (await this.#store.appPasswords?.(loginName, service)) ?? [];
    if (found.kind === 'rejected' || isLockedHash(found.stored.secrets.encrypted ?? '')) return undefined;
    if ('kind' in all) {
      this.#context.log.write('error', `${this.name}: ${all.reason}`);
      return all;
    }
    const match = await findAppPassword(all, service, password);
    if (match === undefined) return undefined;
    const use = { loginName, label: match.label, service, remoteIp: hasControls(remoteIp) ? '' : remoteIp };
    this.#debug(`app password '${logValue(match.label)}' matches successfully`);
    if (this.#useTimes.isDue(use, this.#now())) this.#noting = Promise.all([this.#noting, this.#noteUse(use)]);
    // The main password, should it be kept in the clear, is not what this one gives a right to.
    const { clearPassword: _, ...account } = found.stored.account;
    return { kind: 'account', account, appPassword: match.label };
  }

  async #noteUse(use: AppPasswordUse): Promise<void> {
    const { loginName, label, service, remoteIp } = use;
    const who = `${this.name}: ${logValue(loginName)}: app password ${logValue(label)}`;
    this.#context.log.write('info', `${who}, service=${logValue(service)}, from=${logValue(remoteIp)}`);
    // Nobody waits for this, so nobody else would hear of a mistake of ours.
    try {
      const trouble = await this.#store.noteAppPasswordUse?.(use);
      if (trouble !== undefined) this.#context.log.write('warning', `${who}: its use was not noted: ${trouble}`);
    } catch (error) {
      this.#context.log.bug(error, this.name);
    }
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
    if (pretend !== undefined && credentials.password !== undefined) await pretend(credentials.password);
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
