/** The time of the machine, for those that get their clock handed in so that tests can turn it. */

/** Milliseconds since 1970, and a call after so many of them that can be cancelled. */
export const realClock = {
  now: (): number => Date.now(),
  after(milliseconds: number, run: () => void): () => void {
    const timer = setTimeout(run, milliseconds);
    return () => clearTimeout(timer);
  },
};
