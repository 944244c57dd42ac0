/**
 * An Authenticator that slows guessing down: it asks late where failures came before, and says how late a failure is to
 * be answered. What is remembered, and for how long, login-penalties.ts decides.
 *
 *     penalty list              a line for each address with failures, the last first
 *     penalty clear [ADDRESS]   forgets them
 */
import { isIP } from 'node:net';
import type { Authenticator } from '../service/session-broker.js';
import type { Clock } from '../system/clock.js';
import { plainAddress } from '../tls/tls-helpers.js';
import { LoginPenalties, type PenaltySettings, shortened } from './login-penalties.js';
import type { FailedElsewhere } from './other-servers.js';

/** More lines are not told. */
const MOST_LINES = 1_000;

/** See the head of this file. */
export class SlowLogins implements Authenticator {
  readonly #asked: Authenticator;
  readonly #clock: Clock;
  readonly #penalties: LoginPenalties;
  readonly #isCrowd: (ip: string) => boolean;
  /** New settings count from the next login on. */
  settings: PenaltySettings;
  /** Hears of each login that failed here. */
  onFailure: (failure: FailedElsewhere) => void = () => {};

  constructor(asked: Authenticator, settings: PenaltySettings, isCrowd: (ip: string) => boolean, clock: Clock) {
    this.#asked = asked;
    this.settings = settings;
    this.#isCrowd = isCrowd;
    this.#clock = clock;
    this.#penalties = new LoginPenalties(clock);
  }

  authenticate: Authenticator['authenticate'] = async (question) => {
    const { remoteIp, loginName } = question;
    const wait = this.#penalties.waitMs(remoteIp, loginName, this.settings, this.#isCrowd(remoteIp));
    if (wait > 0) await this.#pause(wait);
    const answer = await this.#asked.authenticate(question);
    if (answer.kind === 'account') this.#penalties.succeeded(remoteIp, loginName);
    if (answer.kind !== 'rejected' || answer.expired === true) return answer;
    this.onFailure({ ip: remoteIp, loginName: shortened(loginName) });
    return { ...answer, delaySeconds: this.#penalties.failed(remoteIp, loginName, this.settings) };
  };

  beginExchange: Authenticator['beginExchange'] = (beginning, from) => this.#asked.beginExchange(beginning, from);

  /** A login failed on another server. */
  failedElsewhere({ ip, loginName }: FailedElsewhere): void {
    this.#penalties.failed(ip, loginName, this.settings);
  }

  /** `list`, `clear`, `clear ADDRESS`. @throws {Error} for other words */
  obey(command: string): string {
    const [verb = 'list', address] = command.split(/\s+/).filter((word) => word !== '');
    if (verb === 'list' && address === undefined) return this.#list();
    if (verb !== 'clear' || (address !== undefined && isIP(address) === 0)) {
      throw new Error('penalty takes list, clear, or clear ADDRESS');
    }
    const count = this.#penalties.clear(address === undefined ? undefined : plainAddress(address));
    return `${count} addresses forgotten`;
  }

  #list(): string {
    const penalties = this.#penalties.list(this.settings);
    const lines = penalties.slice(0, MOST_LINES).map(({ address, failures, names, ...seconds }) => {
      const times = `next_seconds=${seconds.nextSeconds} forgotten_in_seconds=${seconds.forgottenInSeconds}`;
      return `address=${address} failures=${failures} names=${names} ${times}`;
    });
    return [`${penalties.length} addresses`, ...lines].join('\n');
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.after(ms, resolve);
    });
  }
}
