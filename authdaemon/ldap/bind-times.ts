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

/** crypt(3) refuses longer passwords at once, and so does a server that hashes with it: they have times of their own. */
const MAX_HASHED_OCTETS = 511;

interface Times {
  readonly kept: number[];
  next: number;
}

/** The last times. */
export class BindTimes {
  readonly #hashed: Times = { kept: [], next: 0 };
  readonly #tooLong: Times = { kept: [], next: 0 };

  /** Keeps how long a bind with a password of so many octets took. */
  add(milliseconds: number, passwordOctets = 0): void {
    const times = this.#timesOf(passwordOctets);
    times.kept[times.next] = milliseconds;
    times.next = (times.next + 1) % KEPT;
  }

  /** One of the last times of such passwords, chosen by chance, in milliseconds. */
  typicalMs(passwordOctets = 0): number {
    const { kept } = this.#timesOf(passwordOctets);
    return kept[Math.floor(Math.random() * kept.length)] ?? FIRST_MS;
  }

  #timesOf(passwordOctets: number): Times {
    return passwordOctets > MAX_HASHED_OCTETS ? this.#tooLong : this.#hashed;
  }

  /** Waits as long as a bind with such a password takes. */
  async waitAsLong(passwordOctets: number): Promise<void> {
    const until = performance.now() + this.typicalMs(passwordOctets);
    const early = until - performance.now() - TIMER_MS;
    if (early >= 1) await delay(early);
    while (performance.now() < until) await nextTurn();
  }
}
