/**
 * Takes the sessions of a process that have much to do one at a time: each has a slice, then what came for others is read
 * and answered, then the next has a slice.
 *
 * If all of them went on at once, a client with one small command would wait for as many slices as there are sessions
 * with long ones. It knows no session and no clock.
 */

/** Who waits for a slice, the longest first. */
const waiting: (() => void)[] = [];

/** Settles when it is the turn of whoever asks. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (waiting.length === 1) setImmediate(giveTurn);
  });
}

function giveTurn(): void {
  waiting.shift()?.();
  // What was resolved runs before the loop goes on to its next round, in which sockets are read first.
  if (waiting.length > 0) setImmediate(giveTurn);
}
