/**
 * How long threads stood in line for a processor that others kept busy, from /proc. When a client waits, that is no fault
 * of the server: what is left of its wait is, and that is the same on a busy machine as on one that has nothing else to do.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { setTimeout as passed } from 'node:timers/promises';

const NANOSECONDS_OF_MILLISECOND = 1_000_000;

/** What the kernel counts of a thread, in milliseconds. */
interface Times {
  readonly ran: number;
  readonly stoodInLine: number;
}

/** Undefined for a thread that has ended. */
function timesOf(thread: string): Times | undefined {
  try {
    const [ran = 0, stoodInLine = 0] = readFileSync(`${thread}/schedstat`, 'latin1').split(' ', 2).map(Number);
    return { ran: ran / NANOSECONDS_OF_MILLISECOND, stoodInLine: stoodInLine / NANOSECONDS_OF_MILLISECOND };
  } catch {
    return undefined;
  }
}

/** The directories of all threads of a process. */
function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}`);
  } catch {
    return [];
  }
}

/** The thread that asks. */
export const ownThread = (): string[] => ['/proc/thread-self'];

/** The threads of several processes. */
export const threadsOfAll = (pids: readonly number[]): string[] => pids.flatMap(threadsOf);

/** Adds up what some threads stood in line since they were first looked at. */
export class ProcessorLine {
  readonly #threads: () => readonly string[];
  readonly #known = new Map<string, number>();
  #sumMs = 0;

  /** @param threads says which there are now; one that comes later counts from its beginning */
  constructor(threads: () => readonly string[]) {
    this.#threads = threads;
    this.look();
    this.#sumMs = 0;
  }

  /** Milliseconds, of all threads together. */
  look(): number {
    for (const thread of this.#threads()) {
      const stoodInLine = timesOf(thread)?.stoodInLine ?? 0;
      this.#sumMs += Math.max(0, stoodInLine - (this.#known.get(thread) ?? 0));
      this.#known.set(thread, stoodInLine);
    }
    return this.#sumMs;
  }
}

/** Processes may end meanwhile: what is looked at so often is not lost with them. */
const LOOK_AGAIN_MILLISECONDS = 100;

/** Milliseconds that something took, less those in which one of these processes or this thread stood in line. */
export async function blamedMilliseconds(pids: () => readonly number[], work: () => Promise<unknown>): Promise<number> {
  const line = new ProcessorLine(() => [...ownThread(), ...threadsOfAll(pids())]);
  const begin = performance.now();
  const timer = setInterval(() => line.look(), LOOK_AGAIN_MILLISECONDS);
  try {
    await work();
    return performance.now() - begin - line.look();
  } finally {
    clearInterval(timer);
  }
}

/** Milliseconds of a processor that this process used for something. */
export async function usedMilliseconds(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** Processes that have something to do need more than this of a second, the processor or a place in line for it. */
const RESTING_SHARE = 0.05;
const LOOK_MILLISECONDS = 300;

/** Waits until processes have nothing more to do, however long it takes them. @throws {Error} after a minute. */
export async function untilAtRest(pids: () => readonly number[]): Promise<void> {
  const needed = (): number => {
    const times = threadsOfAll(pids()).flatMap((thread) => timesOf(thread) ?? []);
    return times.reduce((sum, { ran, stoodInLine }) => sum + ran + stoodInLine, 0);
  };
  for (let looks = 0; looks < 200; looks += 1) {
    const [before, begin] = [needed(), performance.now()];
    await passed(LOOK_MILLISECONDS);
    if (needed() - before < (performance.now() - begin) * RESTING_SHARE) return;
  }
  throw new Error('the processes do not come to rest');
}
