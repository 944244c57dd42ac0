/**
 * RefusalTimes: how long a server took lately to refuse a password. An unknown name is answered after one of these times,
 * so that nobody can tell it from a wrong password with a watch.
 */

/** Enough to have the spread of the times, few enough to follow a server that gets slower. */
const KEPT = 64;
/** Before any was seen: about what a server on the same machine takes. */
const FIRST_MS = 1;

/** The last times. */
export class RefusalTimes {
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
}
