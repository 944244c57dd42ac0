/**
 * All that limits the clients of a mail service, put together for its supervisor: connections, the access file, and what
 * failed logins cost.
 */

import type { Log } from '../log/log.js';
import type { Authenticator } from '../service/session-broker.js';
import type { MailServiceConfiguration } from '../settings/service-configuration.js';
import { realClock } from '../system/real-clock.js';
import { AccessWatch } from './access-watch.js';
import { ConnectionTable } from './connections.js';
import { LimitSharing } from './limit-sharing.js';
import type { PenaltySettings } from './login-penalties.js';
import { SlowLogins } from './slow-logins.js';

type Limited = Pick<MailServiceConfiguration, 'limits' | 'access' | 'penalties' | 'limitsRedis'>;

const NO_PENALTIES: PenaltySettings = { firstSeconds: 0, mostSeconds: 0 };

/** See the head of this file. */
export class ServiceLimits {
  readonly connections: ConnectionTable;
  /** Asks the one that was handed in, in time. */
  readonly authenticator: Authenticator;
  readonly #slowLogins: SlowLogins;
  readonly #access: AccessWatch;
  readonly #sharing: LimitSharing;

  /** `name` is that of the service: `imapd`. */
  constructor(name: string, configuration: Limited, asked: Authenticator, log: Log) {
    const { limits, access, penalties = NO_PENALTIES, limitsRedis } = configuration;
    this.connections = new ConnectionTable(limits, (level, text) => log.write(level, text));
    this.#slowLogins = new SlowLogins(asked, penalties, (ip) => this.connections.isCrowd(ip), realClock);
    this.authenticator = this.#slowLogins;
    this.#access = new AccessWatch(log, (rules) => {
      this.connections.access = rules;
    });
    this.#access.watch(access);
    this.#sharing = new LimitSharing(name, this.connections, this.#slowLogins, log);
    this.#sharing.use(limitsRedis);
  }

  /** New settings. */
  reload({ limits, access, penalties = NO_PENALTIES, limitsRedis }: Limited): void {
    this.#sharing.use(limitsRedis);
    this.connections.limits = limits;
    this.#slowLogins.settings = penalties;
    this.#access.watch(access);
  }

  /** The service has ended. Never rejects. */
  stop(): Promise<void> {
    return this.#sharing.stop();
  }

  /** Acts on a command of the control socket; undefined where it is none of these. @throws {Error} for wrong words */
  obey(verb: string, rest: string): string | undefined {
    if (verb === 'penalty') return this.#slowLogins.obey(rest);
    return verb === 'access' ? this.#access.look() : undefined;
  }
}
