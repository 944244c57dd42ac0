/**
 * BindTimes: how long the server took lately to check a password. An unknown name is answered after one of these times, so
 * that nobody can tell it from a wrong password with a watch.
 *
 * A bind as somebody who is not there would not do: the server hashes nothing then. One as somebody who is there would
 * count as his failed login.
 */
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';

/** Enough to have the spread of the times, few enough to follow a server that gets slower. */
const KEPT = 64;
/** Before any was seen: about what a server on the same machine takes. */
const FIRST_MS = 1;
/** Timers are up to so much late; the rest of the time is waited turn by turn. */
const TIMER_MS = 2;

/** The last times. */
export class BindTimes {
  readonly #times: number[] = [];
  #next = 0;

  add(milliseconds: number): void {
    this.#times[this.#next] = milliseconds;
    this.#next = (this.#next + 1) % KEPT;
  }

  /** One of the last times, chosen by chance, in milliseconds. */
  get typicalMs(): number {
    return this.#times[Math.floor(Math.random() * this.#times.length)] ?? FIRST_MS;
  }

  /** Waits as long as a bind takes. */
  async waitAsLong(): Promise<void> {
    const until = performance.now() + this.typicalMs;
    const early = until - performance.now() - TIMER_MS;
    if (early >= 1) await delay(early);
    while (performance.now() < until) await nextTurn();
  }
}
