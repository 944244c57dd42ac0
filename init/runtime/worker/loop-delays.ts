/**
 * How long an event loop kept those waiting who wanted something of it: a histogram over the last minutes.
 *
 * It keeps counts in classes that are a tenth apart, so that it costs little and forgets nothing that matters. It takes
 * no measurements itself; activity.ts does.
 */

/** Delays of some minutes, in milliseconds. Each is rounded up to the end of its class, by a tenth at most. */
export interface DelaySummary {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** What is older than so many windows is forgotten. */
const WINDOWS = 5;
const WINDOW_MS = 60_000;

/** The first class ends here: less is not measured with timers. */
const FIRST_CLASS_MS = 0.1;
const CLASS_WIDTH = 1.1;
/** The last class begins beyond two minutes. */
const CLASSES = 150;

/** Counts of delays, newest window first. */
export class LoopDelays {
  #windows: Uint32Array[] = [];
  #windowStartedAt = 0;

  /** Adds a delay in milliseconds, seen at `now` (any clock that only goes forward, in milliseconds). */
  add(delayMs: number, now: number): void {
    this.#turn(now);
    const [newest] = this.#windows;
    if (newest === undefined) return;
    const place = classOf(delayMs);
    newest[place] = (newest[place] ?? 0) + 1;
  }

  /** Forgets all. */
  clear(): void {
    this.#windows = [];
  }

  /** The delays of the last five minutes; all 0 when there was nothing to do. */
  summary(now: number): DelaySummary {
    this.#turn(now);
    const sums = new Array<number>(CLASSES).fill(0);
    for (const window of this.#windows) {
      for (const [place, count] of window.entries()) sums[place] = (sums[place] ?? 0) + count;
    }
    const total = sums.reduce((one, other) => one + other, 0);
    return {
      p50: endOfClassAt(sums, total * 0.5),
      p99: endOfClassAt(sums, total * 0.99),
      max: endOfClassAt(sums, total),
    };
  }

  #turn(now: number): void {
    if (this.#windows.length === 0) {
      this.#windows = [new Uint32Array(CLASSES)];
      this.#windowStartedAt = now;
      return;
    }
    const passed = Math.floor((now - this.#windowStartedAt) / WINDOW_MS);
    if (passed === 0) return;
    const fresh = Array.from({ length: Math.min(passed, WINDOWS) }, () => new Uint32Array(CLASSES));
    this.#windows = [...fresh, ...this.#windows].slice(0, WINDOWS);
    this.#windowStartedAt += passed * WINDOW_MS;
  }
}

function classOf(delayMs: number): number {
  if (delayMs <= FIRST_CLASS_MS) return 0;
  const place = Math.ceil(Math.log(delayMs / FIRST_CLASS_MS) / Math.log(CLASS_WIDTH));
  return Math.min(place, CLASSES - 1);
}

/** Where the class ends in which the count reaches `rank`. */
function endOfClassAt(sums: readonly number[], rank: number): number {
  if (rank === 0) return 0;
  let seen = 0;
  const place = sums.findIndex((count) => {
    seen += count;
    return seen >= rank;
  });
  return FIRST_CLASS_MS * CLASS_WIDTH ** place;
}
