/**
 * Addresses that may relay, as keys in a Redis that forgets them by itself:
 *
 *     angarium:relay:192.0.2.7        1795000000, until when (seconds since 1970)
 *
 * Loads the driver; imported only where the setting is there.
 */
import { Redis } from 'ioredis';
import type { RelayClock, RelayPlace, Until } from './relay-addresses.js';

const PREFIX = 'angarium:relay:';
const CONNECT_MS = 2000;
const ANSWER_MS = 2000;
const MAX_PAUSE_MS = 5000;
/** Keys that are written in one go. */
const KEYS_AT_ONCE = 1000;

/** A Redis with addresses. */
export class RelayRedis implements RelayPlace {
  readonly name: string;
  readonly #redis: Redis;
  readonly #clock: RelayClock;

  constructor(name: string, url: string, clock: RelayClock) {
    this.name = name;
    this.#clock = clock;
    this.#redis = new Redis(url, {
      connectTimeout: CONNECT_MS,
      commandTimeout: ANSWER_MS,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      retryStrategy: (times) => Math.min(times * 200, MAX_PAUSE_MS),
    });
    // Each write that fails says so.
    this.#redis.on('error', () => undefined);
  }

  async write(_: Until, changed: Until): Promise<void> {
    const entries = [...changed].filter(([, until]) => until > this.#clock.now());
    if (entries.length > 0) await this.#connected();
    for (let start = 0; start < entries.length; start += KEYS_AT_ONCE) {
      const pipeline = this.#redis.pipeline();
      for (const [address, until] of entries.slice(start, start + KEYS_AT_ONCE)) {
        const left = Math.max(Math.round(until - this.#clock.now()), 1);
        pipeline.set(`${PREFIX}${address}`, String(Math.ceil(until / 1000)), 'PX', left);
      }
      for (const [error] of (await pipeline.exec()) ?? []) if (error !== null) throw error;
    }
  }

  /** Waits for the connection, which is made again and again by itself; not for long. */
  #connected(): Promise<void> {
    if (this.#redis.status === 'ready') return Promise.resolve();
    return new Promise((resolve, reject) => {
      const ready = (): void => {
        cancel();
        resolve();
      };
      const cancel = this.#clock.after(CONNECT_MS, () => {
        this.#redis.off('ready', ready);
        reject(new Error('it cannot be reached'));
      });
      this.#redis.once('ready', ready);
    });
  }

  /** Redis watches their time: whoever logged in before a restart keeps it. */
  async end(): Promise<void> {
    this.#redis.disconnect();
  }
}
