/**
 * Lets others run during a long pass: the disk is read synchronously, so a pass must stop by itself now and then.
 */

/** A slice of work. Other sessions wait no longer than this for one pass. */
const SLICE_MILLISECONDS = 2;
/** Looking at the clock costs as much as a little work. */
const STEPS_BETWEEN_LOOKS = 16;

/** Asks the clock whether a slice is used up. */
export class Pace {
  readonly #now: () => number;
  #sliceEnds: number;
  #steps = 0;

  constructor(now: () => number) {
    this.#now = now;
    this.#sliceEnds = now() + SLICE_MILLISECONDS;
  }

  /** A promise to wait for when it is time to let others run, else undefined. */
  step(): Promise<void> | undefined {
    this.#steps += 1;
    return this.#steps % STEPS_BETWEEN_LOOKS === 0 ? this.look() : undefined;
  }

  /** The same after a larger piece of work: it looks at the clock each time. */
  look(): Promise<void> | undefined {
    if (this.#now() < this.#sliceEnds) return undefined;
    return new Promise((resolve) => {
      setImmediate(() => {
        this.#sliceEnds = this.#now() + SLICE_MILLISECONDS;
        resolve();
      });
    });
  }
}

const nothingBefore: Promise<unknown> = Promise.resolve();

/** Runs one thing after the other, in the order of asking. */
export class Turns {
  #last = nothingBefore;

  /** Runs when all that was asked for before has ended, well or badly. */
  take<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#last.then(run, run);
    this.#last = result.catch(() => undefined);
    return result;
  }
}
