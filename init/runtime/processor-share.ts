/**
 * How much of a processor core another process uses, from /proc: to see whether a mail worker can take more.
 *
 * Looked at when somebody asks, and never more than once in its window. It knows nothing of what the process does.
 */
import { readFileSync } from 'node:fs';

/** Who is busy for less than this works something off: a crowd that logs in, one long command. It needs no help. */
const WINDOW_MS = 5_000;

/** The kernel's unit of processor time, in milliseconds; the same on all Linux machines. */
const TICK_MS = 10;

/** The use that one process makes of the processor. */
export class ProcessorShare {
  readonly #pid: number;
  #since: number;
  #usedMs: number;
  #share = 0;

  constructor(pid: number, now: number) {
    this.#pid = pid;
    this.#since = now;
    this.#usedMs = usedMilliseconds(pid);
  }

  /** The part of one core, 0 to 1, used between the last questions that were five seconds or more apart. */
  at(now: number): number {
    const passedMs = now - this.#since;
    if (passedMs < WINDOW_MS) return this.#share;
    const usedMs = usedMilliseconds(this.#pid);
    this.#share = (usedMs - this.#usedMs) / passedMs;
    this.#since = now;
    this.#usedMs = usedMs;
    return this.#share;
  }
}

/** 0 where there is no /proc, and for a process that is gone: nobody looks busy then. */
function usedMilliseconds(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  } catch {
    return 0;
  }
}
