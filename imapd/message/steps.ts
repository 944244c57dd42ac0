/**
 * Long work in steps: generators that yield every few milliseconds, so that the caller can let others run.
 */

/** Runs a generator to its end without letting others run. */
export function finish<T>(work: Generator<void, T, void>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

/** Elements that one step looks at: a millisecond or two, whatever the comparison. */
export const ELEMENTS_PER_STEP = 2_048;
