/**
 * Logins that were good a moment ago, so that a client which comes back every minute costs the back end nothing.
 *
 * Only a right password is remembered, under everything that the answer may depend on; a wrong one never is. Where the
 * logins are kept (in memory, or in Redis for several machines) is a RememberedLogins; this file decides what belongs
 * there, and when all of it is forgotten.
 */
import { count } from '../../init/runtime/metrics/counts.js';
import type { Account } from '../account.js';
import type { AuthenticateRequest } from '../modules/module.js';
import { octetsFromText } from '../octet-text.js';
import { readLoginData } from '../protocol.js';

/** An account that a module has found, with the password that was right. */
export interface GoodLogin {
  readonly module: string;
  readonly account: Account;
}

/** A login that is remembered; its account is without the password that the client gave. */
export interface RememberedLogin extends GoodLogin {
  /** The module gave the client's password back with the account. */
  readonly withPassword: boolean;
}

/** What a place knows of a login, and how it is told a new one. */
export interface Remembrance {
  readonly known?: { readonly login: RememberedLogin; readonly secondsLeft: number };
  /** Remembers it, unless all was forgotten since the question. */
  keep(login: RememberedLogin): void;
}

/** A place where logins are kept. It never throws; one that is out of reach knows nothing. */
export interface RememberedLogins {
  /** `login` is everything that tells this login from others, the password among it. */
  look(login: Buffer): Promise<Remembrance>;
  forget(): Promise<void>;
  stop(): Promise<void>;
}

/** What LoginCache works with. */
export interface LoginCacheOptions {
  readonly logins: RememberedLogins;
  /** authmodulelist: machines that ask others share nothing. */
  readonly moduleNames: readonly string[];
  /** A module's answer may differ by the client's address. */
  readonly addressMatters: boolean;
  /** Differs whenever the accounts of a module may have changed. */
  readonly stamp: () => string;
}

/** One login, on its way to the modules: what is known of it, and where a good answer goes. */
export interface LoginMemory {
  readonly known?: GoodLogin & { readonly secondsLeft: number };
  keep(login: GoodLogin): void;
}

/** See the head of this file. */
export class LoginCache {
  readonly #options: LoginCacheOptions;
  #stamp: string;

  constructor(options: LoginCacheOptions) {
    this.#options = options;
    this.#stamp = options.stamp();
  }

  /** Looks a login up; undefined for one that is never remembered: another type than `login`, or damaged. */
  async look({ service, authType, authData, remoteIp }: AuthenticateRequest): Promise<LoginMemory | undefined> {
    const data = authType === 'login' ? readLoginData(authData) : undefined;
    if (data === undefined) return undefined;
    const { logins, moduleNames, addressMatters, stamp } = this.#options;
    const stampNow = stamp();
    if (stampNow !== this.#stamp) {
      this.#stamp = stampNow;
      await logins.forget();
    }
    const address = addressMatters ? (remoteIp ?? '') : '';
    const { loginName, password } = data;
    const parts = [moduleNames.join(' '), service, authType, address, loginName, password.reveal()];
    // JSON keeps the parts apart, whatever stands in them.
    const { known, keep } = await logins.look(octetsFromText(JSON.stringify(parts)));
    count('authdaemond_cache_lookups_total', { result: known === undefined ? 'miss' : 'hit' }).value += 1;
    const memory: LoginMemory = {
      keep: ({ module, account: { clearPassword, ...account } }) => {
        // A password of another spelling is the module's own business, and no answer for the next one.
        if (clearPassword !== undefined && clearPassword.reveal() !== password.reveal()) return;
        keep({ module, account, withPassword: clearPassword !== undefined });
      },
    };
    if (known === undefined) return memory;
    const { module, account, withPassword } = known.login;
    const whole = withPassword ? { ...account, clearPassword: password } : account;
    return { ...memory, known: { module, account: whole, secondsLeft: known.secondsLeft } };
  }

  /** Forgets everything: a password was changed, or the settings were. */
  async forget(): Promise<void> {
    await this.#options.logins.forget();
  }

  async stop(): Promise<void> {
    await this.#options.logins.stop();
  }
}
