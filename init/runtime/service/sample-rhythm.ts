/**
 * When a process looks at itself next, and when it is at rest. It takes no time and no measurements itself; activity.ts
 * does.
 */

/** How often it looks while there is much work. */
const SAMPLE_MS = 10;

/**
 * How seldom it looks while there is little: each time twice as late as the time before, up to this. To be woken for a look
 * costs a process several times what a command does that asks for little.
 */
const MAX_SAMPLE_MS = 80;

/** After so long without work there is none. */
const QUIET_MS = 100;

/** The looks of one process, from its first work after a rest to the next rest. */
export class SampleRhythm {
  #sampleMs = SAMPLE_MS;
  #quietMs = 0;

  /** From rest: the milliseconds until the first look. */
  begin(): number {
    this.#sampleMs = SAMPLE_MS;
    this.#quietMs = 0;
    return this.#sampleMs;
  }

  /**
   * After a look: the milliseconds until the next one; undefined when there has been nothing to do for long enough.
   *
   * @param isBusy the event loop had much to do since the look before
   * @param noted something came since then
   */
  next(isBusy: boolean, noted: boolean): number | undefined {
    this.#quietMs = isBusy || noted ? 0 : this.#quietMs + this.#sampleMs;
    if (this.#quietMs >= QUIET_MS) return undefined;
    this.#sampleMs = isBusy ? SAMPLE_MS : Math.min(2 * this.#sampleMs, MAX_SAMPLE_MS);
    return this.#sampleMs;
  }
}
