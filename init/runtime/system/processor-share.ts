/**
 * How much of a processor core another process needs, from /proc: to see whether a mail worker can take more.
 *
 * What it stands in line for counts as what it uses. On a machine that has much else to do, a worker that never rests gets
 * a part of a core only, and its sessions hold up one another all the more.
 *
 * Looked at when somebody asks, and never more than once in its window. It knows nothing of what the process does.
 */
import { procText } from './proc-text.js';

/**
 * Who is busy for less than this works something off: a crowd that logs in, one long command. It needs no help, least of all
 * from a process that has to be started first: five hundred clients that come back take longer than five seconds where the
 * machine is slow.
 */
const WINDOW_MS = 10_000;

/** A window that is as young as this may stay: what lies in it is a small part of the whole, and a look costs a login some. */
const YOUNG_MS = 1_000;

/** The kernel's unit of processor time, in milliseconds; the same on all Linux machines. */
const TICK_MS = 10;

const NANOSECONDS_OF_MILLISECOND = 1_000_000;

/** What one process needs of the processor. */
export class ProcessorShare {
  readonly #pid: number;
  #since: number;
  #neededMs: number;
  #share = 0;

  constructor(pid: number, now: number) {
    this.#pid = pid;
    this.#since = now;
    this.#neededMs = neededMilliseconds(pid);
  }

  /** The part of one core, 0 to 1 and a little more, needed between the last questions that were ten seconds or more apart. */
  at(now: number): number {
    const passedMs = now - this.#since;
    if (passedMs < WINDOW_MS) return this.#share;
    const neededMs = neededMilliseconds(this.#pid);
    this.#share = (neededMs - this.#neededMs) / passedMs;
    this.#since = now;
    this.#neededMs = neededMs;
    return this.#share;
  }

  /** What was needed until now says nothing of what is to come: whoever wanted it has gone. */
  beginAnew(now: number): void {
    this.#share = 0;
    if (now - this.#since < YOUNG_MS) return;
    this.#since = now;
    this.#neededMs = neededMilliseconds(this.#pid);
  }
}

/** 0 where there is no /proc, and for a process that is gone: nobody looks busy then. */
function neededMilliseconds(pid: number): number {
  const stat = procText(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const used = (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * TICK_MS;
  // Of the first thread, which has the event loop: nanoseconds on a processor, and in line for one.
  const [, waited = 0] = procText(`/proc/${pid}/schedstat`).split(' ', 2).map(Number);
  return used + waited / NANOSECONDS_OF_MILLISECOND;
}
