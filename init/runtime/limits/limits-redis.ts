/**
 * Servers that share their limits, by a Redis: each tells the others on one channel what has changed, and says so often
 * that it is still there.
 *
 *     angarium:limits:imapd     {"server":"…","counts":{"client 192.0.2.7":3,"account 192.0.2.7 bob":2},"failed":[]}
 *
 * Nothing is stored there. Who comes asks the others for all; who is not heard any more is forgotten. A login never waits
 * for Redis: while it cannot be reached, each server counts for itself. Loads the driver; imported only where LIMITS_REDIS
 * is set.
 */
import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import type { Log } from '../log/log.js';
import type { Clock } from '../system/clock.js';
import { type FailedElsewhere, type OtherServers, parseTold, type Told } from './other-servers.js';

const CHANNEL = 'angarium:limits:';
const CONNECT_MS = 2_000;
const MAX_PAUSE_MS = 5_000;

/** Changes wait so long for others that travel with them. */
const GATHER_MS = 20;

/** How often a server says that it is there. */
const ALIVE_MS = 5_000;

const LOG_AGAIN_MS = 60_000;

/** What it connects. */
export interface SharedLimits {
  /** `imapd`: servers of the same name share. */
  readonly service: string;
  readonly url: string;
  readonly servers: OtherServers;
  readonly failed: (failure: FailedElsewhere) => void;
  readonly log: Log;
  readonly clock: Clock;
}

/** See the head of this file. */
export class LimitsRedis {
  readonly #shared: SharedLimits;
  readonly #server = randomBytes(9).toString('base64url');
  readonly #channel: string;
  readonly #speaker: Redis;
  readonly #listener: Redis;
  readonly #alive: NodeJS.Timeout;
  #gathering: (() => void) | undefined;
  #toldAt = Number.NEGATIVE_INFINITY;
  /** Something that the others should know did not reach them. */
  #isBehind = false;

  constructor(shared: SharedLimits) {
    this.#shared = shared;
    this.#channel = `${CHANNEL}${shared.service}`;
    this.#speaker = this.#connection();
    this.#listener = this.#connection();
    this.#listener.on('message', (_channel: string, text: string) => this.#hear(text));
    // After each connection anew: what was said meanwhile was not heard.
    this.#speaker.on('ready', () => this.#tellAll());
    this.#listener.on('ready', () => {
      this.#listener.subscribe(this.#channel).then(
        () => this.#tellAll(),
        (error: unknown) => this.#complain(error),
      );
    });
    shared.servers.onNews = () => this.#gather();
    this.#alive = setInterval(() => {
      shared.servers.forgetSilent();
      if (this.#isBehind) this.#tellAll();
      else this.#tell({ counts: {} });
    }, ALIVE_MS);
    this.#alive.unref();
  }

  /** Tells the others that this server has nobody any more. */
  async stop(): Promise<void> {
    clearInterval(this.#alive);
    this.#gathering?.();
    this.#shared.servers.onNews = () => {};
    const text = JSON.stringify({ server: this.#server, counts: {}, isAll: true });
    await this.#speaker.publish(this.#channel, text).catch(() => undefined);
    this.#speaker.disconnect();
    this.#listener.disconnect();
  }

  #connection(): Redis {
    const redis = new Redis(this.#shared.url, {
      connectTimeout: CONNECT_MS,
      commandTimeout: CONNECT_MS,
      enableOfflineQueue: false,
      autoResubscribe: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      retryStrategy: (times) => Math.min(times * 200, MAX_PAUSE_MS),
    });
    redis.on('error', (error: Error) => this.#complain(error));
    return redis;
  }

  #gather(): void {
    this.#gathering ??= this.#shared.clock.after(GATHER_MS, () => {
      this.#gathering = undefined;
      this.#tell(this.#shared.servers.takeNews());
    });
  }

  #tell(told: Told & { readonly ask?: boolean }): void {
    if (this.#speaker.status !== 'ready') return;
    const text = JSON.stringify({ server: this.#server, ...told });
    this.#speaker.publish(this.#channel, text).catch((error: unknown) => {
      this.#isBehind = true;
      this.#complain(error);
    });
  }

  /** Says all there is, and asks for the same. */
  #tellAll(): void {
    this.#isBehind = false;
    this.#tell({ ...this.#shared.servers.all(), ask: true });
  }

  #hear(text: string): void {
    const told = parseTold(text);
    if (told === undefined || told.server === this.#server) return;
    this.#shared.servers.heard(told.server, told);
    for (const failure of told.failed ?? []) this.#shared.failed(failure);
    if ('ask' in told) this.#tell(this.#shared.servers.all());
  }

  #complain(error: unknown): void {
    const now = this.#shared.clock.ticks();
    if (now - this.#toldAt < LOG_AGAIN_MS) return;
    this.#toldAt = now;
    const reason = error instanceof Error ? error.message : String(error);
    this.#shared.log.write('error', `LIMITS_REDIS: ${reason}; each server counts for itself meanwhile`);
  }
}
