/**
 * How fast one client may open connections that come to nothing: so many a minute, with as many at once.
 *
 * A connection that ends in a login is given back, so that an office behind one address, or a webmail program, is never
 * slowed down by its own good logins. It knows no socket.
 */
import type { Clock } from '../system/clock.js';

/** Clients that are remembered. One entry is some hundred octets. */
const MOST_CLIENTS = 20_000;

const MINUTE_MS = 60_000;

interface Allowance {
  /** Connections that may still be opened at `at`. */
  left: number;
  at: number;
}

/** The connections of the last minute, by client. */
export class ConnectionRate {
  readonly #clock: Pick<Clock, 'ticks'>;
  readonly #allowances = new Map<string, Allowance>();

  constructor(clock: Pick<Clock, 'ticks'>) {
    this.#clock = clock;
  }

  /** Counts a connection. False: there were `perMinute` and more. */
  take(client: string, perMinute: number): boolean {
    const allowance = this.#current(client, perMinute);
    // Those that try on and on are not let in sooner for it, nor later.
    if (allowance.left < 1) return false;
    allowance.left -= 1;
    return true;
  }

  /** Gives back a connection that ended in a login. */
  giveBack(client: string): void {
    const allowance = this.#allowances.get(client);
    if (allowance !== undefined) allowance.left += 1;
  }

  #current(client: string, perMinute: number): Allowance {
    const now = this.#clock.ticks();
    const known = this.#allowances.get(client);
    // Whoever was seen last stands last, so that those in front are the oldest.
    this.#allowances.delete(client);
    const passed = known === undefined ? MINUTE_MS : Math.max(0, now - known.at);
    const left = Math.min(perMinute, (known?.left ?? 0) + (passed * perMinute) / MINUTE_MS);
    const allowance = { left, at: now };
    this.#allowances.set(client, allowance);
    if (this.#allowances.size > MOST_CLIENTS) this.#forgetOldest();
    return allowance;
  }

  #forgetOldest(): void {
    for (const client of this.#allowances.keys()) {
      this.#allowances.delete(client);
      return;
    }
  }
}
