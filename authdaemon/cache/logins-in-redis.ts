/**
 * Good logins in a Redis that several machines share; each value is sealed (sealed-login.ts).
 *
 *     angarium:login:epoch        random; another one makes all values worthless
 *     angarium:login:ID           one login; expires by itself
 *
 * A stolen Redis holds nothing to log in with, and nothing to try passwords on. Whoever writes into it can make logins
 * be forgotten, and no more. A Redis that is down or slow is as if it were not there: short time limits, then a pause, and
 * one line in the log.
 */
import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import type { Log } from '../../init/runtime/log/log.js';
import type { RememberedLogin, RememberedLogins, Remembrance } from './login-cache.js';
import { openLogin, type SealPlace, SiteSecret, sealLogin } from './sealed-login.js';

/** A login may wait so long for Redis before its module is asked; on a local network it answers within one. */
const ANSWER_MS = 250;
const CONNECT_MS = 1000;
/** After a failure Redis is left alone so long: logins are not to wait for it one by one. */
const PAUSE_MS = 2000;
const PREFIX = 'angarium:login:';

/** Where it is, and how long logins are kept. */
export interface RedisOptions {
  /** `redis://user:password@host:port/database`, or `rediss:` for TLS. */
  readonly url: string;
  readonly secret: Buffer;
  readonly lifetimeMs: number;
  /** The wall clock, as all machines have it (ms). */
  readonly now: () => number;
  readonly log: Log;
}

/** See the head of this file. */
export class LoginsInRedis implements RememberedLogins {
  readonly #options: RedisOptions;
  readonly #redis: Redis;
  readonly #secret: SiteSecret;
  #pausedUntil = 0;
  #down = false;

  constructor(options: RedisOptions) {
    this.#options = options;
    this.#secret = new SiteSecret(options.secret);
    this.#redis = new Redis(options.url, {
      connectTimeout: CONNECT_MS,
      commandTimeout: ANSWER_MS,
      // What cannot be asked now is not asked later: its login is over by then.
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      retryStrategy: (times) => Math.min(times * 200, PAUSE_MS),
    });
    this.#redis.on('error', (error: Error) => this.#failed(error));
    this.#redis.on('close', () => this.#failed(new Error('the connection was lost')));
    this.#redis.on('ready', () => this.#answered());
  }

  async look(login: Buffer): Promise<Remembrance> {
    const place = this.#secret.placeOf(login);
    const found = await this.#ask(() => this.#redis.mgetBuffer(`${PREFIX}${place.id}`, `${PREFIX}epoch`));
    if (found === undefined) return { keep: () => undefined };
    const [sealed, epochOctets] = found;
    const epoch = epochOctets?.toString('latin1') ?? '';
    const keep = (good: RememberedLogin): void => void this.#keep(good, place, epoch);
    const timed = sealed == null ? undefined : openLogin(sealed, place, epoch);
    const left = (timed?.until ?? 0) - this.#options.now();
    // More than a whole life left: the clocks of the machines differ.
    if (timed === undefined || left <= 0 || left > this.#options.lifetimeMs) return { keep };
    return { keep, known: { login: timed.login, secondsLeft: Math.ceil(left / 1000) } };
  }

  async forget(): Promise<void> {
    await this.#ask(() => this.#redis.set(`${PREFIX}epoch`, randomBytes(16).toString('hex')));
  }

  async stop(): Promise<void> {
    this.#redis.removeAllListeners('close');
    this.#redis.disconnect();
  }

  async #keep(login: RememberedLogin, place: SealPlace, epoch: string): Promise<void> {
    const { lifetimeMs, now } = this.#options;
    const sealed = sealLogin({ login, until: now() + lifetimeMs }, place, epoch);
    await this.#ask(() => this.#redis.set(`${PREFIX}${place.id}`, sealed, 'PX', lifetimeMs));
  }

  /** Asks, unless Redis failed a moment ago; undefined when there is no answer. */
  async #ask<T>(question: () => Promise<T>): Promise<T | undefined> {
    if (this.#redis.status !== 'ready' || this.#options.now() < this.#pausedUntil) return undefined;
    // Whatever is wrong with Redis, the login goes on.
    try {
      const answer = await question();
      this.#answered();
      return answer;
    } catch (error) {
      this.#pausedUntil = this.#options.now() + PAUSE_MS;
      this.#failed(error);
      return undefined;
    }
  }

  #failed(error: unknown): void {
    if (this.#down) return;
    this.#down = true;
    const reason = error instanceof Error && error.message !== '' ? error.message : 'it cannot be reached';
    this.#options.log.write('warning', `AUTHCACHE_REDIS: ${reason}; until it answers, no logins are remembered`);
  }

  #answered(): void {
    if (!this.#down) return;
    this.#down = false;
    this.#options.log.write('info', 'AUTHCACHE_REDIS: it answers again');
  }
}
