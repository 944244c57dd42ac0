/**
 * Takes the sessions of a process that have much to do one at a time: each has a slice, then what came for others is read
 * and answered, then the next has a slice. Accounts take turns first, then the sessions of one account among themselves.
 *
 * If all of them went on at once, a client with one small command would wait for as many slices as there are sessions
 * with long ones; and if all stood in one line, one account with hundreds of sessions would make all others wait. It
 * knows no session and no clock.
 */

/** Who waits for a slice, by account, the longest first: first among the accounts, and of each account. */
const waiting = new Map<string, (() => void)[]>();

/** Settles when it is the turn of whoever asks. */
export function nextTurn(account: string): Promise<void> {
  return new Promise((resolve) => {
    if (waiting.size === 0) setImmediate(giveTurn);
    const line = waiting.get(account);
    if (line === undefined) waiting.set(account, [resolve]);
    else line.push(resolve);
  });
}

function giveTurn(): void {
  for (const [account, line] of waiting) {
    waiting.delete(account);
    line.shift()?.();
    if (line.length > 0) waiting.set(account, line);
    break;
  }
  // What was resolved runs before the loop goes on to its next round, in which sockets are read first.
  if (waiting.size > 0) setImmediate(giveTurn);
}
