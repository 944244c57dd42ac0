/**
 * When mail workers without sessions end: a minute after the last one, so that a client that comes back soon finds its
 * folders in memory.
 *
 * Where all mail is one Unix user's, the last worker stays. In its place a spare one would start, which takes as much memory;
 * and for a household whose programs look every few minutes, seconds of processor time each time, to get ready for what
 * the one before knew. One that has grown large ends all the same: its memory is better used by others.
 *
 * What a worker is it does not know, and it ends none itself.
 */

/** A worker ends this long after its last session. */
export const IDLE_MS = 60_000;

/**
 * A worker that stays may have so much in memory, in octets, with what it shares with others: a spare one was seen with 75 to
 * 86 MB, one that had listed and searched 10,000 messages with 85.
 */
export const MAX_STAYING_OCTETS = 128 * 1_048_576;

/** What is done with workers, and asked about them. */
export interface RetiringWorkers<Worker> {
  /** Ends one that has been without sessions for long enough. */
  end(worker: Worker): void;
  /** What one has in memory, in octets. */
  memoryOctets(worker: Worker): number;
}

/** All workers of a service. */
export class WorkerRetirement<Worker> {
  readonly #retiring: RetiringWorkers<Worker>;
  readonly #workers = new Set<Worker>();
  /** Those without sessions. */
  readonly #idle = new Map<Worker, NodeJS.Timeout>();
  #user: string | undefined;
  #hasSeveralUsers = false;

  constructor(retiring: RetiringWorkers<Worker>) {
    this.#retiring = retiring;
  }

  /** A worker was started for the mail of a Unix user. */
  started(worker: Worker, user: string): void {
    this.#workers.add(worker);
    this.#user ??= user;
    if (this.#hasSeveralUsers || user === this.#user) return;
    this.#hasSeveralUsers = true;
    for (const idle of [...this.#idle.keys()]) this.idles(idle);
  }

  /** It has a session. */
  serves(worker: Worker): void {
    clearTimeout(this.#idle.get(worker));
    this.#idle.delete(worker);
  }

  /** It has none any more. */
  idles(worker: Worker): void {
    this.serves(worker);
    const timer = setTimeout(() => this.#overdue(worker), IDLE_MS);
    this.#idle.set(worker, timer.unref());
  }

  /** It has ended, or is about to. */
  gone(worker: Worker): void {
    this.serves(worker);
    this.#workers.delete(worker);
  }

  #overdue(worker: Worker): void {
    const isLast = this.#workers.size === 1 && !this.#hasSeveralUsers;
    if (isLast && this.#retiring.memoryOctets(worker) <= MAX_STAYING_OCTETS) return;
    this.gone(worker);
    this.#retiring.end(worker);
  }
}
