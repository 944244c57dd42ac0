/** The time of the machine, for those that get their clock handed in so that tests can turn it. */

import { performance } from 'node:perf_hooks';

/** Milliseconds since 1970, the same for short times, and a call after so many of them that can be cancelled. */
export const realClock = {
  now: (): number => Date.now(),
  ticks: (): number => performance.now(),
  after(milliseconds: number, run: () => void): () => void {
    const timer = setTimeout(run, milliseconds);
    return () => clearTimeout(timer);
  },
};
