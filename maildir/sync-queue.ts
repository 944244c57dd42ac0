/**
 * What waits to be brought to the disk, of all folders of this process.
 *
 * A few files and directories are synced each by a call of its own, at the same time. Where more wait than that, one call
 * brings all that was changed on their file system there, and takes about as long as one of theirs would. So a thousand
 * folders that are numbered, or a hundred messages that come in one command, cost a few waits and not thousands. It knows
 * no calls; the real ones are in sync-calls.ts.
 */

/** The calls of the system. */
export interface SyncCalls {
  /** Brings one file or directory to the disk. */
  one(descriptor: number, done: (error: Error | null) => void): void;
  /** The file system that a file is on; undefined for what is not open. */
  deviceOf(descriptor: number): number | undefined;
  /** Whether all that was changed on the file system of a file can be brought to the disk now, without waiting for long. */
  wholeIsCheap(descriptor: number): boolean;
  /** Brings all of that there. */
  whole(descriptor: number, done: (error: Error | null) => void): void;
  /** Says, after that, whether a file's octets got there: an error that the kernel met on the way is told once only. */
  written(descriptor: number): Written;
}

/** `'unknown'` where the kernel does not say. */
export type Written = 'written' | 'unknown' | Error;

/** The thread pool has four threads. */
const AT_ONCE = 4;
/** So many that wait are more than one round of calls of their own. */
const MANY = 5;
/** So many in so short a time are a burst: further ones are worth waiting for, while the event loop turns once. */
const BURST = 16;
const BURST_MILLISECONDS = 10;
/** More than that do not wait for others. */
const MOST_GATHERED = 256;

interface Waiting {
  readonly descriptor: number;
  readonly settle: (error: Error | null) => void;
  /** Once all together failed, or left open how this one went: its own call says it. */
  alone: boolean;
}

/** Those who wait, in the order in which they came. */
export class SyncQueue {
  readonly #calls: SyncCalls;
  readonly #now: () => number;
  #waiting: Waiting[] = [];
  #running = 0;
  #gathering = false;
  /** Of the present span of time, and of the one before. */
  #span = { since: 0, count: 0, before: 0 };

  /** @param now milliseconds of a clock that never goes back */
  constructor(calls: SyncCalls, now: () => number) {
    this.#calls = calls;
    this.#now = now;
  }

  /** Settles when what an open file or directory holds is on the disk. It must stay open until then. */
  sync(descriptor: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (error: Error | null): void => (error === null ? resolve() : reject(error));
      this.#waiting.push({ descriptor, settle, alone: false });
      if (this.#inBurst()) this.#gather();
      else this.#start();
    });
  }

  #inBurst(): boolean {
    const span = this.#span;
    const now = this.#now();
    const past = now - span.since;
    if (past >= BURST_MILLISECONDS) {
      span.before = past < 2 * BURST_MILLISECONDS ? span.count : 0;
      span.since = now;
      span.count = 0;
    }
    span.count += 1;
    return span.count >= BURST || span.before >= BURST;
  }

  /** Starts when the event loop has turned without that anybody came. */
  #gather(): void {
    if (this.#gathering) return;
    this.#gathering = true;
    const look = (known: number): void => {
      const { length } = this.#waiting;
      if (length > known && length < MOST_GATHERED) {
        setImmediate(look, length);
        return;
      }
      this.#gathering = false;
      this.#start();
    };
    setImmediate(look, this.#waiting.length);
  }

  #start(): void {
    while (this.#running < AT_ONCE && !this.#gathering) {
      const group = this.#waiting.length >= MANY ? this.#takeGroup() : [];
      const next = group.length === 0 ? this.#waiting.shift() : undefined;
      if (next !== undefined) this.#runOne(next);
      else if (group.length > 0) this.#runAll(group);
      else return;
    }
  }

  /** Those on one file system, if they are many and it can be brought to the disk as a whole; otherwise none. */
  #takeGroup(): Waiting[] {
    const first = this.#waiting.find(({ alone }) => !alone);
    if (first === undefined || !this.#calls.wholeIsCheap(first.descriptor)) return [];
    const device = this.#calls.deviceOf(first.descriptor);
    const group: Waiting[] = [];
    const others: Waiting[] = [];
    for (const waiting of this.#waiting) {
      const belongs = !waiting.alone && this.#calls.deviceOf(waiting.descriptor) === device;
      (belongs ? group : others).push(waiting);
    }
    if (group.length < MANY) return [];
    this.#waiting = others;
    return group;
  }

  #runOne({ descriptor, settle }: Waiting): void {
    this.#running += 1;
    this.#calls.one(descriptor, (error) => {
      this.#running -= 1;
      settle(error);
      this.#start();
    });
  }

  #runAll(group: readonly Waiting[]): void {
    this.#running += 1;
    this.#calls.whole(group[0]?.descriptor ?? -1, (error) => {
      this.#running -= 1;
      if (error === null) {
        this.#waiting.unshift(...this.#confirmed(group));
      } else {
        for (const waiting of group) waiting.alone = true;
        this.#waiting.unshift(...group);
      }
      this.#start();
    });
  }

  /** Tells those of whom the kernel says how it went; gives the others. */
  #confirmed(group: readonly Waiting[]): Waiting[] {
    return group.filter((waiting) => {
      const written = this.#calls.written(waiting.descriptor);
      waiting.alone = written === 'unknown';
      if (written !== 'unknown') waiting.settle(written === 'written' ? null : written);
      return waiting.alone;
    });
  }
}
