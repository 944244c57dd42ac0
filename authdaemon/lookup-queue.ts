/**
 * How many lookups run at once (the setting `daemons`), and who is next when more are wanted.
 *
 * Waiting requests stand in one line per caller (the client's address), and the lines take turns: one address that
 * tries a thousand passwords does not keep everybody else waiting. Knows nothing of accounts.
 */

/** Requests that may wait; more would wait longer than their callers do. */
export const MAX_WAITING_LOOKUPS = 1000;

/** Runs tasks, `atOnce` at a time. */
export class LookupQueue {
  #atOnce: number;
  readonly #maxWaiting: number;
  #running = 0;
  #waiting = 0;
  /** In the order of their turns. */
  readonly #lines = new Map<string, (() => void)[]>();

  constructor(atOnce: number, maxWaiting = MAX_WAITING_LOOKUPS) {
    this.#atOnce = atOnce;
    this.#maxWaiting = maxWaiting;
  }

  /** Changes how many may run; those that run go on. */
  set atOnce(atOnce: number) {
    this.#atOnce = atOnce;
    while (this.#running < this.#atOnce && this.#admitNext()) this.#running += 1;
  }

  /** Runs a task when it is the caller's turn; `'full'` when too many wait already. */
  async run<T>(caller: string, task: () => Promise<T>): Promise<T | 'full'> {
    if (this.#running < this.#atOnce) this.#running += 1;
    else if (this.#waiting >= this.#maxWaiting) return 'full';
    else await this.#turn(caller);
    // Only to hand the turn on, whatever the task does.
    try {
      return await task();
    } finally {
      if (this.#running > this.#atOnce || !this.#admitNext()) this.#running -= 1;
    }
  }

  #turn(caller: string): Promise<void> {
    this.#waiting += 1;
    return new Promise((resolve) => {
      const line = this.#lines.get(caller);
      if (line === undefined) this.#lines.set(caller, [resolve]);
      else line.push(resolve);
    });
  }

  /** Lets the first of the next line go; that line then goes behind the others. */
  #admitNext(): boolean {
    for (const [caller, line] of this.#lines) {
      const next = line.shift();
      this.#lines.delete(caller);
      if (line.length > 0) this.#lines.set(caller, line);
      if (next === undefined) continue;
      this.#waiting -= 1;
      next();
      return true;
    }
    return false;
  }
}
