/**
 * LoginIntervals: when each account last logged in, where the administrator wants some time to pass between two logins.
 */
import type { Clock } from '../init/runtime/system/clock.js';

/** So many accounts are remembered; the oldest is forgotten first. */
const MAX_REMEMBERED = 10_000;

/** The accounts of one mail worker: all sessions of an account are in the same one. */
export class LoginIntervals {
  readonly #clock: Pick<Clock, 'now'>;
  /** The oldest first. */
  readonly #lastLogins = new Map<string, number>();

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  /** Notes a login that comes late enough, and gives 0; else gives the seconds that are left. */
  secondsUntilNext(account: string, intervalSeconds: number): number {
    if (intervalSeconds === 0) return 0;
    const now = this.#clock.now();
    const last = this.#lastLogins.get(account);
    const left = last === undefined || last > now ? 0 : last + intervalSeconds * 1000 - now;
    if (left > 0) return Math.ceil(left / 1000);
    this.#lastLogins.delete(account);
    this.#lastLogins.set(account, now);
    const [oldest] = this.#lastLogins.keys();
    if (oldest !== undefined && this.#lastLogins.size > MAX_REMEMBERED) this.#lastLogins.delete(oldest);
    return 0;
  }
}
