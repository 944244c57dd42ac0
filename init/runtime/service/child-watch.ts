/**
 * Looks whether child processes still answer, and ends those that do not: a login process that hangs would keep its port
 * open and serve nobody, and a mail worker that turns in a circle would never serve its accounts again.
 *
 * It does not know what the children do. Those that read disks may have to wait for one: they are ended only when they
 * need the processor all the while.
 */
import { performance } from 'node:perf_hooks';
import type { Log } from '../log/log.js';

/** What is watched of a child. */
export interface WatchedChild {
  readonly title: string;
  readonly pid: number;
  /** When it was heard of last, by performance.now(). */
  readonly heardAt: number;
  ping(): void;
  kill(): void;
}

/** A look comes so much later than it should when it was we who hung, or the whole machine. */
const LATE = 2;

/** The children of one kind, looked at every `intervalMs`. */
export class ChildWatch {
  readonly #intervalMs: number;
  readonly #log: Log;
  readonly #now: () => number;
  #lookedAt: number;
  /** Nobody could be heard before. */
  #deafUntil = 0;

  constructor(intervalMs: number, log: Log, now = () => performance.now()) {
    this.#intervalMs = intervalMs;
    this.#log = log;
    this.#now = now;
    this.#lookedAt = now();
  }

  /** Asks all children to answer before the next look, and ends those that did not for two. Does any answer? */
  look(children: Iterable<WatchedChild>): boolean {
    const now = this.#now();
    if (now - this.#lookedAt > LATE * this.#intervalMs) this.#deafUntil = now;
    this.#lookedAt = now;
    let isAnswered = false;
    for (const child of children) {
      const silentMs = now - Math.max(child.heardAt, this.#deafUntil);
      if (silentMs <= 2 * this.#intervalMs) {
        isAnswered = true;
        child.ping();
        continue;
      }
      const seconds = Math.round(silentMs / 1000);
      this.#log.write(
        'alert',
        `${child.title} (pid ${child.pid}) has not answered for ${seconds} seconds: it is ended`,
      );
      child.kill();
    }
    return isAnswered;
  }
}

/** A worker that is busy and says nothing is given up after this: no command of a client takes so long in one piece. */
const SPIN_MS = 300_000;

/** Mail workers that need the processor all the time, looked at again and again. */
export class SpinWatch {
  readonly #log: Log;
  readonly #now: () => number;
  /** When each was asked what it has not answered yet. */
  readonly #askedAt = new Map<WatchedChild, number>();

  constructor(log: Log, now = () => performance.now()) {
    this.#log = log;
    this.#now = now;
  }

  /** Asks those that are busy now; ends those that have been, without a word, for five minutes. */
  look(busy: readonly WatchedChild[]): void {
    const now = this.#now();
    for (const child of this.#askedAt.keys()) if (!busy.includes(child)) this.#askedAt.delete(child);
    for (const child of busy) {
      const askedAt = this.#askedAt.get(child);
      if (askedAt === undefined || child.heardAt >= askedAt) {
        this.#askedAt.set(child, now);
        child.ping();
      } else if (now - askedAt >= SPIN_MS) {
        const minutes = Math.round((now - askedAt) / 60_000);
        const what = `has been busy for ${minutes} minutes without an answer: it is ended`;
        this.#log.write('alert', `${child.title} (pid ${child.pid}) ${what}`);
        this.#askedAt.delete(child);
        child.kill();
      }
    }
  }
}
