/**
 * The public keys of a provider, fetched from the address of its key set (`jwks_uri`, RFC 8414 section 2) and kept.
 *
 * They are fetched when the first token comes, again after an hour, and when a token names a key that is not among them:
 * the provider may have a new one. Strangers can make up names of keys, so that happens once a minute. While the provider
 * cannot be reached, the keys from before count for a day; after it, and without any, tokens are a temporary failure.
 */
import type { TemporaryFailure } from '../modules/module.js';
import type { VerificationKey } from './jwt.js';
import { MAX_KEYS, readKeySet } from './key-set.js';
import { limitedText, reasonOf } from './provider.js';

const FRESH_MS = 3_600_000;
const MAX_AGE_MS = 86_400_000;
/** For a key that is not known. */
const UNKNOWN_EVERY_MS = 60_000;
/** After a failure, logins are not to wait for the provider one by one. */
const RETRY_AFTER_MS = 10_000;
/** Large providers' sets have 20 KB. */
const MAX_SET_OCTETS = 262_144;

/** Where they are, and how they are fetched. */
export interface ProviderKeysOptions {
  readonly url: string;
  readonly timeoutMs: number;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  readonly warn: (text: string) => void;
}

/** Keys behind one address. */
export class ProviderKeys {
  readonly #options: ProviderKeysOptions;
  #keys: readonly VerificationKey[] = [];
  /** When they were fetched; without any, long ago. */
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #triedAt = Number.NEGATIVE_INFINITY;
  /** Why the last try failed. */
  #trouble: string | undefined;
  #fetching: Promise<void> | undefined;

  constructor(options: ProviderKeysOptions) {
    this.#options = options;
  }

  get url(): string {
    return this.#options.url;
  }

  /** Gives the keys for a token that names this key, or none. Never throws. */
  async keysFor(keyId: string | undefined): Promise<readonly VerificationKey[] | TemporaryFailure> {
    const { wallClock } = this.#options;
    // A clock that was put back makes keys as old as can be.
    const ageOf = (time: number): number => (time > wallClock() ? Number.POSITIVE_INFINITY : wallClock() - time);
    const isKnown = keyId === undefined || this.#keys.some(({ id }) => id === undefined || id === keyId);
    const sinceTry = ageOf(this.#triedAt);
    const mayTry = sinceTry >= (this.#trouble === undefined ? UNKNOWN_EVERY_MS : RETRY_AFTER_MS);
    if (ageOf(this.#fetchedAt) >= MAX_AGE_MS || !isKnown) {
      if (mayTry || this.#fetching !== undefined) await this.#fetch();
      if (this.#trouble !== undefined) return { kind: 'temporary failure', reason: this.#trouble };
    } else if (ageOf(this.#fetchedAt) >= FRESH_MS && mayTry) {
      // Nobody waits for it: the old ones are good enough for this login.
      void this.#fetch();
    }
    return this.#keys;
  }

  #fetch(): Promise<void> {
    this.#fetching ??= this.#tryToFetch().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #tryToFetch(): Promise<void> {
    const { url, wallClock, warn } = this.#options;
    this.#triedAt = wallClock();
    // Networks and other people's servers.
    try {
      this.#keys = await this.#ask();
      this.#fetchedAt = wallClock();
      this.#trouble = undefined;
    } catch (error) {
      const reason = `OAUTH_JWKS_URL: ${url}: ${reasonOf(error)}`;
      if (this.#trouble === undefined && this.#keys.length > 0) warn(`${reason}; the keys from before stay in use`);
      this.#trouble = reason;
    }
  }

  async #ask(): Promise<readonly VerificationKey[]> {
    const { url, timeoutMs, warn } = this.#options;
    const response = await fetch(url, {
      headers: { accept: 'application/jwk-set+json, application/json' },
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`it answers with status ${response.status}`);
    }
    const text = await limitedText(response, MAX_SET_OCTETS);
    const keys = readKeySet(text, (what) => warn(`OAUTH_JWKS_URL: ${what}`)).slice(0, MAX_KEYS);
    if (keys.length === 0) throw new Error('there is no key in it that could have signed a token');
    return keys;
  }
}
