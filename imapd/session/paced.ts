/**
 * Runs work that comes in steps, and lets other sessions have their turn in between.
 *
 * It knows no clock; the session does.
 */

/** Whoever works for a client: `Session.pace`. */
export interface PacedWorker {
  pace(): Promise<void> | undefined;
}

/**
 * Runs a generator to its end. Work that is done in its first step, as for most messages, gives its value at once:
 * a loop over 10,000 messages then has nothing to wait for.
 */
export function paced<T>(worker: PacedWorker, steps: Generator<void, T>): T | Promise<T> {
  const first = steps.next();
  return first.done === true ? first.value : rest(worker, steps);
}

async function rest<T>(worker: PacedWorker, steps: Generator<void, T>): Promise<T> {
  for (;;) {
    const turn = worker.pace();
    if (turn !== undefined) await turn;
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
