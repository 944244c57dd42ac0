/**
 * POP or IMAP before SMTP as a mail service has it: its settings, and an Authenticator that notes who was let in.
 *
 * Off unless a file or a Redis is named. A reload changes the places, and what is noted already is written to new ones.
 */
import type { Log } from '../log/log.js';
import type { Authenticator } from '../service/session-broker.js';
import type { Settings } from '../settings/settings-file.js';
import { realClock } from '../system/real-clock.js';
import { RelayAddresses, type RelayPlace } from './relay-addresses.js';
import { RelayFile } from './relay-file.js';

const FILE = 'RELAY_AFTER_LOGIN_FILE';
const REDIS = 'RELAY_AFTER_LOGIN_REDIS';
const MINUTES = 'RELAY_AFTER_LOGIN_MINUTES';
const DEFAULT_MINUTES = 30;
const MAX_MINUTES = 10_080;

/** Where addresses are written down, and for how long. */
export interface RelaySettings {
  readonly file: string | undefined;
  readonly redis: string | undefined;
  readonly minutes: number;
}

/** Reads the settings; what is wrong goes into their problems. */
export function readRelaySettings(settings: Settings): RelaySettings {
  const file = settings.optionalText(FILE);
  const redis = settings.optionalText(REDIS);
  if (file !== undefined && !file.startsWith('/')) {
    settings.problem(FILE, `${FILE}=${file} is not an absolute path`, 'write it from / on');
  }
  if (redis !== undefined && !/^rediss?:\/\/./.test(redis)) {
    settings.problem(REDIS, `${REDIS} is no address of a Redis`, 'write for example redis://127.0.0.1:6379');
  }
  return { file, redis, minutes: settings.integer(MINUTES, DEFAULT_MINUTES, { min: 1, max: MAX_MINUTES }) };
}

/** What a mail service does after each login. */
export class RelayAfterLogin {
  #settings = '';
  #current: { note(remoteIp: string): void; stop(): Promise<void> } | undefined;
  #last: Promise<void> = Promise.resolve();

  /** Gives an Authenticator that also notes addresses, by settings that may be new. */
  around(authenticator: Authenticator, settings: RelaySettings, log: Log): Authenticator {
    this.#use(settings, log);
    return {
      authenticate: async (question) => {
        const answer = await authenticator.authenticate(question);
        if (answer.kind === 'account') this.#current?.note(question.remoteIp);
        return answer;
      },
      beginExchange: (beginning, from) => authenticator.beginExchange(beginning, from),
    };
  }

  /** The service has ended. Never rejects. */
  async stop(): Promise<void> {
    const current = this.#current;
    this.#current = undefined;
    await this.#last;
    await current?.stop();
  }

  #use(settings: RelaySettings, log: Log): void {
    const text = JSON.stringify(settings);
    if (text === this.#settings) return;
    this.#settings = text;
    const before = this.#current;
    const isOn = settings.file !== undefined || settings.redis !== undefined;
    const next = isOn ? new LateAddresses(settings, log) : undefined;
    this.#current = next;
    // The places of before are let go first: they may be the same ones.
    this.#last = this.#last.then(async () => {
      await before?.stop();
      await next?.start();
    });
  }
}

/** RelayAddresses whose places come a little later: a driver is loaded, and the file of before is given up. */
class LateAddresses {
  readonly #settings: RelaySettings;
  readonly #log: Log;
  readonly #early: string[] = [];
  #addresses: RelayAddresses | undefined;

  constructor(settings: RelaySettings, log: Log) {
    this.#settings = settings;
    this.#log = log;
  }

  note(remoteIp: string): void {
    if (this.#addresses === undefined) this.#early.push(remoteIp);
    else this.#addresses.note(remoteIp);
  }

  async start(): Promise<void> {
    const { file, redis, minutes } = this.#settings;
    const places: RelayPlace[] = file === undefined ? [] : [new RelayFile(FILE, file)];
    if (redis !== undefined) {
      const { RelayRedis } = await import('./relay-redis.js');
      places.push(new RelayRedis(REDIS, redis, realClock));
    }
    const addresses = new RelayAddresses({ places, lifetimeMs: minutes * 60_000, log: this.#log, clock: realClock });
    await addresses.start();
    this.#addresses = addresses;
    for (const remoteIp of this.#early.splice(0)) addresses.note(remoteIp);
  }

  async stop(): Promise<void> {
    await this.#addresses?.stop();
  }
}
