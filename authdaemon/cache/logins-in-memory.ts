/**
 * Good logins in this process's memory, for a short time and in bounded number.
 *
 * A login is kept under a MAC with a key that dies with the process: whoever reads the memory finds neither passwords
 * nor hashes of them that could be tried elsewhere.
 */
import { createHmac, randomBytes } from 'node:crypto';
import type { RememberedLogin, RememberedLogins, Remembrance } from './login-cache.js';

/** How long and how many; the clock counts milliseconds. */
export interface MemoryOptions {
  readonly lifetimeMs: number;
  readonly maxLogins: number;
  readonly now: () => number;
}

interface Entry {
  readonly login: RememberedLogin;
  readonly until: number;
}

/** See the head of this file. */
export class LoginsInMemory implements RememberedLogins {
  readonly #options: MemoryOptions;
  readonly #key = randomBytes(32);
  /** The oldest first: all live equally long. */
  readonly #entries = new Map<string, Entry>();
  /** Rises when all is forgotten: an answer that was under way then is not kept. */
  #generation = 0;

  constructor(options: MemoryOptions) {
    this.#options = options;
  }

  async look(login: Buffer): Promise<Remembrance> {
    const id = createHmac('sha256', this.#key).update(login).digest('base64');
    const generation = this.#generation;
    const keep = (found: RememberedLogin): void => {
      if (generation === this.#generation) this.#keep(id, found);
    };
    const entry = this.#entries.get(id);
    const left = (entry?.until ?? 0) - this.#options.now();
    if (entry === undefined || left <= 0) return { keep };
    return { keep, known: { login: entry.login, secondsLeft: Math.ceil(left / 1000) } };
  }

  async forget(): Promise<void> {
    this.#generation += 1;
    this.#entries.clear();
  }

  async stop(): Promise<void> {
    await this.forget();
  }

  #keep(id: string, login: RememberedLogin): void {
    const now = this.#options.now();
    this.#entries.delete(id);
    for (const [oldest, { until }] of this.#entries) {
      if (until > now && this.#entries.size < this.#options.maxLogins) break;
      this.#entries.delete(oldest);
    }
    this.#entries.set(id, { login, until: now + this.#options.lifetimeMs });
  }
}
