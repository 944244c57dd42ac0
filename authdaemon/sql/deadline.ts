/**
 * A deadline for what a server on the network is asked: no answer is an answer, too.
 */

import { realClock } from '../../init/runtime/system/real-clock.js';

/** Gives what `work` gives, or throws what `late` makes when it takes too long; `late` also puts an end to the work. */
export async function withDeadline<T>(work: Promise<T>, milliseconds: number, late: () => Error): Promise<T> {
  let cancel = (): void => undefined;
  const deadline = new Promise<never>((_, reject) => {
    cancel = realClock.after(milliseconds, () => {
      // What the work says after its end is of no interest.
      work.catch(() => undefined);
      reject(late());
    });
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    cancel();
  }
}
