/**
 * authpwd and authshadow: the system's accounts with their hashes, as getpwnam(3) and getspnam(3) give them. Only logins
 * with a password; without PAM, and without what PAM's modules would say.
 *
 * Both ask in a helper process: a name service may block for long.
 */
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
import type { AccountStore, StoreAnswer } from '../stores/account-store.js';
import { StoreModule } from '../stores/store-module.js';
import { passwordExpiry } from './password-aging.js';
import { accountFromSystem, isSystemName, SUPERUSER_REFUSED } from './system-account.js';
import { SystemHelpers } from './system-helpers.js';

const DAY_MS = 86_400_000;

/** The accounts of one of the two modules. */
export class PasswdStore implements AccountStore {
  readonly name: 'authpwd' | 'authshadow';
  readonly isReadOnly = true;
  readonly #helpers: SystemHelpers;

  constructor(name: 'authpwd' | 'authshadow', context: ModuleContext) {
    this.name = name;
    this.#helpers = new SystemHelpers(name, context);
  }

  async start(): Promise<void> {
    this.#helpers.start();
  }

  stop(): Promise<void> {
    return this.#helpers.stop();
  }

  async idle(): Promise<void> {
    this.#helpers.idle();
  }

  trouble(): Promise<string | undefined> {
    return this.#helpers.trouble(this.#question('nobody'));
  }

  async find(loginName: string): Promise<StoreAnswer> {
    if (!isSystemName(loginName)) return { kind: 'unknown' };
    const answer = await this.#helpers.ask(this.#question(loginName));
    if (answer.kind === 'temporary failure') return answer;
    if (answer.kind === 'superuser') return { kind: 'unusable', reason: SUPERUSER_REFUSED.reason };
    if (answer.kind !== 'found') return { kind: 'unknown' };
    const account = accountFromSystem(answer.account);
    const { encryptedPassword: encrypted } = account;
    return { kind: 'found', stored: { account, secrets: encrypted === undefined ? {} : { encrypted } } };
  }

  /** Tells why an account of shadow(5) may not be used now; undefined when it may. */
  async expiry(loginName: string, nowMs: number): Promise<Rejection | TemporaryFailure | undefined> {
    const answer = await this.#helpers.ask(this.#question(loginName));
    if (answer.kind === 'temporary failure') return answer;
    if (answer.kind !== 'found' || answer.account.aging === undefined) return undefined;
    const reason = passwordExpiry(answer.account.aging, Math.floor(nowMs / DAY_MS));
    return reason === undefined ? undefined : { kind: 'rejected', reason, expired: true };
  }

  async writePassword(): Promise<ChangeAnswer> {
    return { kind: 'rejected', reason: `${this.name} changes no passwords; passwd and authpam do` };
  }

  enumerate(): AsyncIterable<EnumerateItem> {
    return this.#helpers.enumerate();
  }

  #question(loginName: string) {
    return { kind: 'find', loginName, shadow: this.name === 'authshadow' ? 'needed' : 'not' } as const;
  }
}

/** The module `authshadow`: a right password is not enough when the account or the password has expired. */
export class ShadowModule implements AuthModule {
  readonly name = 'authshadow';
  readonly #store: PasswdStore;
  readonly #inner: StoreModule;
  readonly #now: () => number;

  /** `now` gives milliseconds since 1970. */
  constructor(context: ModuleContext, now: () => number) {
    this.#store = new PasswdStore('authshadow', context);
    this.#inner = new StoreModule(this.#store, context);
    this.#now = now;
  }

  start(): Promise<void> {
    return this.#inner.start();
  }

  stop(): Promise<void> {
    return this.#inner.stop();
  }

  idle(): Promise<void> {
    return this.#inner.idle();
  }

  trouble(): Promise<string | undefined> {
    return this.#inner.trouble();
  }

  async authenticate(request: AuthenticateRequest): Promise<ModuleAnswer> {
    const answer = await this.#inner.authenticate(request);
    if (answer.kind !== 'account') return answer;
    return (await this.#store.expiry(answer.account.address, this.#now())) ?? answer;
  }

  /** Mail is delivered to an account whose password has expired. */
  lookup(request: LookupRequest): Promise<ModuleAnswer> {
    return this.#inner.lookup(request);
  }

  changePassword(request: ChangePasswordRequest): Promise<ChangeAnswer> {
    return this.#inner.changePassword(request);
  }

  enumerate(): AsyncIterable<EnumerateItem> {
    return this.#inner.enumerate();
  }
}
