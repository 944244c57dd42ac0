/**
 * Finds the moments in which nobody else needs this process, for work that can wait.
 *
 * Such work comes in pieces, with a pause before each: a pause in which the process had something else to do, or a
 * piece that had to wait for a processor, makes the next one wait longer. It knows nothing of what the work is.
 */
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

/** So long nobody may have wanted anything before a piece of such work. */
const PAUSE_MS = 10;

/** Whoever was not alone looks again after this time. */
const BUSY_PAUSE_MS = 250;

/** A loop that was busy for more than this part of a pause has something else to do. */
const BUSY_SHARE = 0.1;

/** A thread that waited for a processor for more than this part of its time shares the machine with somebody in need. */
const CROWDED_SHARE = 0.5;

/** Of one piece of work, and of what came before it. */
interface Use {
  readonly at: number;
  readonly waitedMs: number;
}

/** The pauses before pieces of work. */
export class QuietMoments {
  #last: Use = useNow();

  /** Settles when there is time for the next piece. */
  async next(): Promise<void> {
    let pauseMs = this.#wasCrowded() ? BUSY_PAUSE_MS : PAUSE_MS;
    while (!(await isQuietFor(pauseMs))) pauseMs = BUSY_PAUSE_MS;
    this.#last = useNow();
  }

  #wasCrowded(): boolean {
    const { at, waitedMs } = useNow();
    return waitedMs - this.#last.waitedMs > (at - this.#last.at) * CROWDED_SHARE;
  }
}

async function isQuietFor(milliseconds: number): Promise<boolean> {
  const before = performance.eventLoopUtilization();
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  return performance.eventLoopUtilization(before).utilization < BUSY_SHARE;
}

function useNow(): Use {
  return { at: performance.now(), waitedMs: waitedForProcessorMs() };
}

/** How long this thread was ready to run while others ran; 0 where the kernel does not tell. */
function waitedForProcessorMs(): number {
  try {
    return Number(readFileSync('/proc/self/schedstat', 'latin1').split(' ')[1]) / 1e6;
  } catch {
    return 0;
  }
}
