/**
 * Which worker serves which maildir: all sessions of one maildir are in the same worker, and whoever comes back soon after
 * the last session finds that worker, which still has the folders in memory.
 *
 * It starts and ends nothing, and what a worker is it does not know.
 */

/** Maildirs without sessions whose worker is remembered: a few MB at most. */
const MAX_RESTING_MAILDIRS = 20_000;

interface Place<Worker> {
  readonly worker: Worker;
  sessions: number;
}

/** The workers of maildirs, by a key of the caller's. */
export class MaildirPlaces<Worker> {
  readonly #restMs: number;
  readonly #places = new Map<string, Place<Worker>>();
  /** Maildirs without sessions, and since when (ms); the longest first. */
  readonly #resting = new Map<string, number>();

  /** @param restMs how long the worker of a maildir without sessions is remembered */
  constructor(restMs: number) {
    this.#restMs = restMs;
  }

  /** The worker that has the sessions of a maildir; one that only had them must also be `suitable`. */
  find(maildir: string, suitable: (worker: Worker) => boolean): Worker | undefined {
    const place = this.#places.get(maildir);
    if (place === undefined) return undefined;
    return place.sessions > 0 || suitable(place.worker) ? place.worker : undefined;
  }

  /** A session begins. */
  enter(maildir: string, worker: Worker): void {
    const known = this.#places.get(maildir);
    const place = known?.worker === worker ? known : { worker, sessions: 0 };
    place.sessions += 1;
    this.#places.set(maildir, place);
    this.#resting.delete(maildir);
  }

  /** A session that was in this worker is over. @param now ms */
  leave(maildir: string, worker: Worker, now: number): void {
    const place = this.#places.get(maildir);
    if (place?.worker !== worker) return;
    place.sessions -= 1;
    if (place.sessions > 0) return;
    this.#resting.set(maildir, now);
    for (const [key, since] of this.#resting) {
      if (now - since < this.#restMs && this.#resting.size <= MAX_RESTING_MAILDIRS) break;
      this.#resting.delete(key);
      this.#places.delete(key);
    }
  }

  /** A worker is no more. */
  remove(worker: Worker): void {
    for (const [maildir, place] of this.#places) {
      if (place.worker !== worker) continue;
      this.#places.delete(maildir);
      this.#resting.delete(maildir);
    }
  }
}
