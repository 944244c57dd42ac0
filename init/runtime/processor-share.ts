/**
 * How much of a processor core another process uses, from /proc: to see whether a mail worker can take more.
 *
 * Looked at when somebody asks, and never more than once in its window. It knows nothing of what the process does.
 */
import { readFileSync } from 'node:fs';

/** Shorter times say little: the kernel counts in hundredths of a second. */
const SHORT_WINDOW_MS = 1_000;

/** The kernel's unit of processor time, in milliseconds; the same on all Linux machines. */
const TICK_MS = 10;

/** The use that one process makes of the processor. */
export class ProcessorShare {
  readonly #pid: number;
  readonly #windowMs: number;
  #since: number;
  #usedMs: number;
  #share = 0;

  constructor(pid: number, now: number, windowMs = SHORT_WINDOW_MS) {
    this.#pid = pid;
    this.#windowMs = windowMs;
    this.#since = now;
    this.#usedMs = usedMilliseconds(pid);
  }

  /** The part of one core, 0 to 1, used between the last questions that were at least the window apart. */
  at(now: number): number {
    const passedMs = now - this.#since;
    if (passedMs < this.#windowMs) return this.#share;
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
