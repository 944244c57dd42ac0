/**
 * Clock: time as sessions see it. Mail workers and login processes hand in the real one, tests one that they turn by hand.
 */

/** What a session may know of time. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds with their fractions since some moment: for short times. It goes on when the administrator sets the clock. */
  ticks(): number;
  /** Runs `run` once after so many milliseconds, unless the function that is returned is called before. */
  after(milliseconds: number, run: () => void): () => void;
}
