/**
 * Finds the moments in which nobody else needs this process, for work that can wait.
 *
 * Such work comes in pieces, with a pause before each. When somebody wanted something during a piece or the pause before
 * it, or when a piece had to wait for a processor, the next pause is a long one, and begins anew until nobody wants
 * anything any more. It knows nothing of what the work is.
 */
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { workNoted } from '../service/activity.js';

/** So long nobody may have wanted anything before a piece of such work. */
const PAUSE_MS = 10;

/** A piece of such work may itself look like a client that asks one thing. */
const NOTES_OF_A_PIECE = 1;

/** Whoever was not alone looks again after this time: a client that does one thing after the other takes less between. */
const BUSY_PAUSE_MS = 250;

/** A loop that was busy for more than this part of a pause has something else to do. */
const BUSY_SHARE = 0.1;

/** A thread that waited for a processor for more than this part of its time shares the machine with somebody in need. */
const CROWDED_SHARE = 0.5;

/** Of one piece of work, and of what came before it. */
interface Use {
  readonly at: number;
  readonly notes: number;
  readonly waitedMs: number;
}

/** The pauses before pieces of work. */
export class QuietMoments {
  #last: Use = useNow();

  /** Settles when there is time for the next piece. */
  async next(): Promise<void> {
    let pauseMs = this.#wasDisturbed() ? BUSY_PAUSE_MS : PAUSE_MS;
    while (!(await isQuietFor(pauseMs))) pauseMs = BUSY_PAUSE_MS;
    this.#last = useNow();
  }

  #wasDisturbed(): boolean {
    const { at, notes, waitedMs } = useNow();
    if (notes - this.#last.notes > NOTES_OF_A_PIECE) return true;
    return waitedMs - this.#last.waitedMs > (at - this.#last.at) * CROWDED_SHARE;
  }
}

async function isQuietFor(milliseconds: number): Promise<boolean> {
  const before = performance.eventLoopUtilization();
  const notes = workNoted();
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  return workNoted() === notes && performance.eventLoopUtilization(before).utilization < BUSY_SHARE;
}

function useNow(): Use {
  return { at: performance.now(), notes: workNoted(), waitedMs: waitedForProcessorMs() };
}

/** How long this thread was ready to run while others ran; 0 where the kernel does not tell. */
function waitedForProcessorMs(): number {
  try {
    return Number(readFileSync('/proc/self/schedstat', 'latin1').split(' ')[1]) / 1e6;
  } catch {
    return 0;
  }
}
