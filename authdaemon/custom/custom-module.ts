/**
 * authcustom: a module of the site's own, in JavaScript, says who may log in. In Courier authcustom is a place to put C
 * code in; here it is an ES module that authcustomrc names.
 *
 * It may export `find(loginName, service)`, which gives an account with its hash and leaves the comparison to us, or
 * `authenticate({ loginName, password, service, remoteIp })`, which decides itself; besides, `changePassword` and
 * `enumerate`. It runs in helper processes (worker.ts).
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
import { WRONG_PASSWORD } from '../modules/module.js';
import { hasControls } from '../octet-text.js';
import { formatLoginData, readLoginData } from '../protocol.js';
import type { AccountStore, StoreAnswer } from '../stores/account-store.js';
import { StoreModule } from '../stores/store-module.js';
import { CustomProcesses } from './custom-processes.js';
import type { CustomAnswer } from './questions.js';
import { accountFromResult, enumeratedFromResult, WrongResult } from './results.js';

const CANNOT_CHANGE: Rejection = { kind: 'rejected', reason: 'the custom module changes no passwords' };

/** The accounts that the module's `find` gives. */
class CustomStore implements AccountStore {
  readonly name = 'authcustom';
  readonly isReadOnly = true;
  readonly #processes: CustomProcesses;

  constructor(processes: CustomProcesses) {
    this.#processes = processes;
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {}

  async idle(): Promise<void> {}

  async trouble(): Promise<string | undefined> {
    return undefined;
  }

  async find(loginName: string, service: string): Promise<StoreAnswer> {
    const answer = await this.#processes.ask({ call: 'find', words: [loginName, service] });
    if (answer.kind === 'temporary failure') return answer;
    if (answer.kind === 'not offered') return { kind: 'unknown' };
    return checked(loginName, () => {
      const stored = accountFromResult(answer.value, loginName);
      return stored === undefined ? { kind: 'unknown' } : { kind: 'found', stored };
    });
  }

  async writePassword(): Promise<ChangeAnswer> {
    return CANNOT_CHANGE;
  }

  async *enumerate(): AsyncIterable<EnumerateItem> {}
}

/** The module `authcustom`. */
export class CustomModule implements AuthModule {
  readonly name = 'authcustom';
  readonly dependsOnAddress = true;
  readonly #processes: CustomProcesses;
  readonly #inStore: StoreModule;

  constructor(context: ModuleContext) {
    this.#processes = new CustomProcesses(context);
    this.#inStore = new StoreModule(new CustomStore(this.#processes), context);
  }

  async start(): Promise<void> {
    this.#processes.start();
  }

  stop(): Promise<void> {
    return this.#processes.stop();
  }

  async idle(): Promise<void> {
    this.#processes.idle();
  }

  async trouble(): Promise<string | undefined> {
    const answer = await this.#processes.ask({ call: 'load', words: [] });
    return answer.kind === 'temporary failure' ? answer.reason : undefined;
  }

  async authenticate(request: AuthenticateRequest): Promise<ModuleAnswer> {
    const login = request.authType === 'login' ? readLoginData(request.authData) : undefined;
    if (login === undefined || hasControls(login.loginName)) return this.#inStore.authenticate(request);
    const { loginName, password } = login;
    const { service, remoteIp } = request;
    const asked = { loginName, password: password.reveal(), service };
    const words = [remoteIp === undefined ? asked : { ...asked, remoteIp }] as const;
    const answer = await this.#processes.ask({ call: 'authenticate', words });
    if (answer.kind === 'temporary failure') return answer;
    if (answer.kind === 'not offered') return this.#inStore.authenticate(request);
    return checked(loginName, () => {
      const stored = accountFromResult(answer.value, loginName);
      return stored === undefined
        ? { kind: 'rejected', reason: 'the custom module says no' }
        : { kind: 'account', account: { ...stored.account, clearPassword: password } };
    });
  }

  lookup(request: LookupRequest): Promise<ModuleAnswer> {
    return this.#inStore.lookup(request);
  }

  async changePassword(request: ChangePasswordRequest): Promise<ChangeAnswer> {
    const { service, loginName, oldPassword, newPassword } = request;
    if (newPassword.reveal() === '') return { kind: 'rejected', reason: 'the new password is empty' };
    const authData = formatLoginData({ loginName, password: oldPassword });
    if (authData === undefined) return WRONG_PASSWORD;
    const login = await this.authenticate({ service, authType: 'login', authData });
    if (login.kind !== 'account') return login;
    const change = { loginName, oldPassword: oldPassword.reveal(), newPassword: newPassword.reveal(), service };
    const answer = await this.#processes.ask({ call: 'changePassword', words: [change] });
    if (answer.kind === 'temporary failure') return answer;
    if (answer.kind === 'not offered') return CANNOT_CHANGE;
    if (answer.value === true) return { kind: 'changed' };
    return { kind: 'rejected', reason: 'the custom module did not take the new password' };
  }

  async *enumerate(): AsyncIterable<EnumerateItem> {
    const answer = await this.#processes.ask({ call: 'enumerate', words: [] });
    if (answer.kind === 'temporary failure') yield answer;
    if (answer.kind !== 'returned') return;
    for (const item of listed(answer)) yield item;
  }
}

function listed({ value }: Extract<CustomAnswer, { kind: 'returned' }>): EnumerateItem[] {
  return (Array.isArray(value) ? value : []).map((each: unknown) =>
    checked('enumerate', () => ({ kind: 'account', account: enumeratedFromResult(each) })),
  );
}

/** A result of a wrong shape is nobody's wrong password. */
function checked<Answer>(whose: string, read: () => Answer): Answer | TemporaryFailure {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof WrongResult)) throw error;
    return { kind: 'temporary failure', reason: `the custom module's result for ${whose}: ${error.message}` };
  }
}
