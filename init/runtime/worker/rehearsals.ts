/**
 * Which process of a service rehearses: one at a time, the youngest first, so that the spare worker is ready for whoever
 * comes next, and so that starting fifty workers does not mean fifty rehearsals at once.
 *
 * What a rehearsal is, the protocol knows (mail-worker.ts). A process that has begun to serve rehearses all the same, in
 * moments in which nobody needs it. It knows no worker.
 */

/** Time for a process that was just started to come up. */
const FIRST_MS = 200;

/** Between two rehearsals: each uses most of a processor core for one or two seconds. */
const BETWEEN_MS = 5_000;

/** A process that is too busy to rehearse does not keep the others from it. */
const MAX_MS = 60_000;

/** Tells a process to rehearse. */
export type Rehearser = () => void;

/** Processes that have not rehearsed yet. */
export class Rehearsals {
  readonly #waiting: Rehearser[] = [];
  #current: Rehearser | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** A process that was started. */
  enter(rehearser: Rehearser): void {
    this.#waiting.push(rehearser);
    if (this.#timer === undefined && this.#current === undefined) this.#wait(FIRST_MS);
  }

  /** It has rehearsed, or has ended. */
  leave(rehearser: Rehearser): void {
    const at = this.#waiting.indexOf(rehearser);
    if (at !== -1) this.#waiting.splice(at, 1);
    if (this.#current !== rehearser) return;
    this.#current = undefined;
    this.#wait(BETWEEN_MS);
  }

  #wait(milliseconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#next(), milliseconds);
    this.#timer.unref();
  }

  #next(): void {
    this.#timer = undefined;
    this.#current = this.#waiting.pop();
    if (this.#current === undefined) return;
    this.#wait(MAX_MS);
    this.#current();
  }
}
