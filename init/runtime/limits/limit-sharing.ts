/**
 * Whether, and with whom, a service shares its limits: LIMITS_REDIS. The driver is loaded when it is first wanted.
 */

import type { Log } from '../log/log.js';
import { realClock } from '../system/real-clock.js';
import type { ConnectionTable } from './connections.js';
import { OtherServers } from './other-servers.js';
import type { SlowLogins } from './slow-logins.js';

/** See the head of this file. */
export class LimitSharing {
  readonly #service: string;
  readonly #connections: ConnectionTable;
  readonly #slowLogins: SlowLogins;
  readonly #log: Log;
  #url: string | undefined;
  #current: Promise<{ stop(): Promise<void> }> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(service: string, connections: ConnectionTable, slowLogins: SlowLogins, log: Log) {
    this.#service = service;
    this.#connections = connections;
    this.#slowLogins = slowLogins;
    this.#log = log;
  }

  /** Shares by this Redis from now on, or not at all. */
  use(url: string | undefined): void {
    if (url === this.#url) return;
    this.#url = url;
    this.#end();
    if (url === undefined) return;
    const servers = new OtherServers(realClock);
    this.#connections.others = servers;
    this.#slowLogins.onFailure = (failure) => servers.failed(failure);
    const failed = this.#slowLogins.failedElsewhere.bind(this.#slowLogins);
    const shared = { service: this.#service, url, servers, failed, log: this.#log, clock: realClock };
    this.#current = import('./limits-redis.js').then(({ LimitsRedis }) => new LimitsRedis(shared));
    this.#current.catch((error: unknown) => this.#log.bug(error, 'LIMITS_REDIS'));
  }

  /** Never rejects. */
  async stop(): Promise<void> {
    this.#end();
    await this.#last;
  }

  #end(): void {
    const before = this.#current;
    this.#current = undefined;
    this.#connections.others = undefined;
    this.#slowLogins.onFailure = () => {};
    if (before === undefined) return;
    this.#last = before.then((sharing) => sharing.stop()).catch(() => undefined);
  }
}
