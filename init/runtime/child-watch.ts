/**
 * Looks whether child processes still answer, and ends those that do not: a login process that hangs would keep its port
 * open and serve nobody.
 *
 * It does not know what the children do. Those that read disks are not watched: they may have to wait for one.
 */
import { performance } from 'node:perf_hooks';
import type { Log } from './log.js';

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
  #lookedAt = performance.now();
  /** Nobody could be heard before. */
  #deafUntil = 0;

  constructor(intervalMs: number, log: Log) {
    this.#intervalMs = intervalMs;
    this.#log = log;
  }

  /** Asks all children to answer before the next look, and ends those that did not for two. Does any answer? */
  look(children: Iterable<WatchedChild>): boolean {
    const now = performance.now();
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
