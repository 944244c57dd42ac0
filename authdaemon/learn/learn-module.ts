/**
 * authlearn: passwords that stand on an old server and in no store yet. At an account's first login its password is tried
 * there, and written into the store that keeps the account when it is right; from then on the store itself answers.
 *
 * It stands behind that store's module in authmodulelist. Whoever is not learnt is refused after the time that the old
 * server takes for a refusal, so that nobody can tell unknown names and learnt accounts from those still to be learnt.
 */
import { logValue } from '../../init/runtime/log/log.js';
import type { Secret } from '../../init/runtime/secret.js';
import { realClock } from '../../init/runtime/system/real-clock.js';
import { BindTimes } from '../ldap/bind-times.js';
import type {
  AuthenticateRequest,
  AuthModule,
  ChangeAnswer,
  EnumerateItem,
  ModuleAnswer,
  ModuleContext,
  Rejection,
  TemporaryFailure,
} from '../modules/module.js';
import { UNKNOWN_ACCOUNT, WRONG_PASSWORD } from '../modules/module.js';
import { hasControls } from '../octet-text.js';
import { readLoginData } from '../protocol.js';
import { RcFile, UnusableRcFile } from '../rc-file.js';
import type { AccountStore, StoredAccount, StoredSecrets } from '../stores/account-store.js';
import { checkStoredPassword } from '../stores/credentials.js';
import { ImapFailure, imapGreets, imapLogin } from './imap-login.js';
import { interpretLearnSettings, type LearningModule, type LearnSettings, learnSettingsPath } from './settings.js';

/** Makes a store of its own for a module. */
export type BuildStore = (name: LearningModule, context: ModuleContext) => Promise<AccountStore>;

/** No login waits longer for its turn and its answer. */
const REQUEST_MS = 30_000;

/** Somebody whose password is right on the old server. */
interface Pupil {
  readonly service: string;
  readonly loginName: string;
  readonly password: Secret;
}

/** See the head of this file. */
export class LearnModule implements AuthModule {
  readonly name = 'authlearn';
  readonly #context: ModuleContext;
  readonly #buildStore: BuildStore;
  readonly #rc: RcFile<LearnSettings>;
  readonly #refusalTimes = new BindTimes();
  readonly #learning = new Map<string, Promise<void>>();
  /** Names learnt within the last REQUEST_MS. */
  readonly #learntAt = new Map<string, number>();
  #store: { readonly name: LearningModule; readonly started: Promise<AccountStore> } | undefined;

  constructor(context: ModuleContext, buildStore: BuildStore) {
    this.#context = context;
    this.#buildStore = buildStore;
    this.#rc = new RcFile(learnSettingsPath(context.configDirectory), interpretLearnSettings, context.log);
  }

  async start(): Promise<void> {
    const settings = this.#settings();
    if (!('kind' in settings)) return;
    for (const line of settings.reason.split('\n')) this.#context.log.write('error', `authlearn: ${line}`);
  }

  async stop(): Promise<void> {
    await (await this.#store?.started)?.stop();
    this.#store = undefined;
  }

  async idle(): Promise<void> {
    await (await this.#store?.started)?.idle();
  }

  async trouble(): Promise<string | undefined> {
    const settings = this.#settings();
    if ('kind' in settings) return settings.reason;
    try {
      await imapGreets(settings.server);
    } catch (error) {
      if (error instanceof ImapFailure) return error.message;
      throw error;
    }
    return (await this.#storeOf(settings)).trouble();
  }

  async authenticate({ service, authType, authData }: AuthenticateRequest): Promise<ModuleAnswer> {
    const login = authType === 'login' ? readLoginData(authData) : undefined;
    if (login === undefined) return { kind: 'rejected', reason: 'a password is learnt from a password only' };
    const { loginName, password } = login;
    if (loginName === '' || hasControls(loginName) || password.reveal() === '') return this.#late(UNKNOWN_ACCOUNT);
    const settings = this.#settings();
    if ('kind' in settings) return settings;
    const store = await this.#storeOf(settings);
    const found = await store.find(loginName, service);
    if (found.kind === 'temporary failure') return found;
    if (found.kind !== 'found') {
      return this.#late(found.kind === 'unknown' ? UNKNOWN_ACCOUNT : { kind: 'rejected', reason: found.reason });
    }
    const account = { ...found.stored.account, clearPassword: password };
    if (hasSecret(found.stored.secrets)) {
      if (await this.#isLearnt(loginName, password, found.stored.secrets)) return { kind: 'account', account };
      return this.#late({ kind: 'rejected', reason: `${store.name} checks the password of this account itself` });
    }
    const refusal = await this.#ask(settings, loginName, password);
    if (refusal !== undefined) return refusal;
    await this.#learnOnce(settings, store, { service, loginName, password });
    return { kind: 'account', account };
  }

  async lookup(): Promise<Rejection> {
    return { kind: 'rejected', reason: 'authlearn keeps no accounts' };
  }

  async changePassword(): Promise<ChangeAnswer> {
    return { kind: 'rejected', reason: 'authlearn changes no passwords' };
  }

  async *enumerate(): AsyncIterable<EnumerateItem> {}

  /** Was the password learnt while this login waited, after the store's module had said that there is none? */
  async #isLearnt(loginName: string, password: Secret, secrets: StoredSecrets): Promise<boolean> {
    const at = this.#learntAt.get(loginName);
    if (at === undefined || realClock.ticks() - at > REQUEST_MS) return false;
    return (await checkStoredPassword(password, secrets))?.kind === 'match';
  }

  async #ask(
    { server }: LearnSettings,
    loginName: string,
    password: Secret,
  ): Promise<Rejection | TemporaryFailure | undefined> {
    const began = realClock.ticks();
    // What a server does is an answer, not a crash.
    try {
      if (await imapLogin(server, loginName, password)) return undefined;
      this.#refusalTimes.add(realClock.ticks() - began);
      return WRONG_PASSWORD;
    } catch (error) {
      if (!(error instanceof ImapFailure)) throw error;
      return { kind: 'temporary failure', reason: error.message };
    }
  }

  /** Of several first logins at once, one writes and the others wait for it. */
  async #learnOnce(settings: LearnSettings, store: AccountStore, pupil: Pupil): Promise<void> {
    const { loginName } = pupil;
    const underWay = this.#learning.get(loginName) ?? this.#learn(settings, store, pupil);
    this.#learning.set(loginName, underWay);
    await underWay.finally(() => this.#learning.delete(loginName));
  }

  /** Writes the password, unless somebody else has meanwhile. It is right in any case. */
  async #learn({ method, server }: LearnSettings, store: AccountStore, pupil: Pupil): Promise<void> {
    const { service, loginName, password } = pupil;
    const stored = await this.#unlearnt(store, pupil);
    if (stored === undefined) return;
    const answer = await store.writePassword({ service, loginName, newPassword: password, stored, method });
    const who = `authlearn: ${logValue(loginName)}`;
    const from = `${server.host}:${server.port}`;
    if (answer.kind === 'changed') {
      this.#noteLearnt(loginName);
      this.#context.log.write('info', `${who}: the password was learnt from ${from} and written by ${store.name}`);
    } else this.#context.log.write('error', `${who}: ${store.name} has not written the password: ${answer.reason}`);
  }

  #noteLearnt(loginName: string): void {
    const now = realClock.ticks();
    for (const [name, at] of this.#learntAt) if (now - at > REQUEST_MS) this.#learntAt.delete(name);
    this.#learntAt.set(loginName, now);
  }

  async #unlearnt(store: AccountStore, { loginName, service }: Pupil): Promise<StoredAccount | undefined> {
    const found = await store.find(loginName, service);
    return found.kind === 'found' && !hasSecret(found.stored.secrets) ? found.stored : undefined;
  }

  /** The settings of now; @throws nothing: a file that cannot be used is told. */
  #settings(): LearnSettings | TemporaryFailure {
    try {
      return this.#rc.current();
    } catch (error) {
      if (!(error instanceof UnusableRcFile)) throw error;
      return { kind: 'temporary failure', reason: error.message };
    }
  }

  async #storeOf({ moduleName }: LearnSettings): Promise<AccountStore> {
    const before = this.#store;
    if (before?.name === moduleName) return before.started;
    const started = this.#started(moduleName);
    this.#store = { name: moduleName, started };
    await (await before?.started)?.stop();
    return started;
  }

  async #started(moduleName: LearningModule): Promise<AccountStore> {
    const store = await this.#buildStore(moduleName, this.#context);
    await store.start();
    return store;
  }

  #late(rejection: Rejection): Rejection {
    return { ...rejection, delayMs: this.#refusalTimes.typicalMs() };
  }
}

function hasSecret({ encrypted = '', clear, hmacContexts, check }: StoredSecrets): boolean {
  return encrypted !== '' || clear !== undefined || check !== undefined || (hmacContexts?.size ?? 0) > 0;
}
