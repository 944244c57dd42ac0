/**
 * How a service is, as far as others want to know: systemd is told that it is ready, reads its settings, or ends, and
 * gets a line for `systemctl status`; login processes that hang are ended; and while all this goes on, systemd's watchdog
 * is fed.
 */

import type { Log } from '../log/log.js';
import { ChildWatch, SpinWatch, type WatchedChild } from './child-watch.js';
import { reloadingStates, type ServiceManager } from './service-manager.js';

/** How often it is looked after children where systemd wants nothing. */
const LOOK_MS = 30_000;

/** In the time that systemd gives us there must be room for ending a child that hangs, and for the start of the next. */
const LOOKS_PER_WATCHDOG = 4;

/** What is watched. */
export interface WatchedService {
  readonly manager: ServiceManager;
  readonly log: Log;
  /** One line about it. */
  readonly describe: () => string;
  /** Those that must answer: without any of them nobody is served. */
  readonly children: () => Iterable<WatchedChild>;
  /** Others, of which those are wanted that need a processor now. */
  readonly busy: () => readonly WatchedChild[];
}

/** Watches one service. */
export class ServiceWatch {
  readonly #service: WatchedService;
  readonly #intervalMs: number;
  readonly #children: ChildWatch;
  readonly #spinning: SpinWatch;
  #status = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(service: WatchedService) {
    const { manager, log } = service;
    this.#service = service;
    this.#intervalMs = manager.watchdogMs === undefined ? LOOK_MS : manager.watchdogMs / LOOKS_PER_WATCHDOG;
    this.#children = new ChildWatch(this.#intervalMs, log);
    this.#spinning = new SpinWatch(log);
  }

  /** The service is up. */
  ready(): void {
    this.#tell('READY=1');
    this.#timer = setInterval(() => this.#look(), this.#intervalMs).unref();
  }

  /** Says that settings are read while `work` lasts. */
  async whileReloading<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#service.manager.tell(...reloadingStates());
    try {
      return await work();
    } finally {
      this.#tell('READY=1');
    }
  }

  /** The service is on its way out. */
  ending(): void {
    clearInterval(this.#timer);
    this.#service.manager.tell('STOPPING=1', `STATUS=saying goodbye: ${this.#service.describe()}`);
  }

  #look(): void {
    this.#spinning.look(this.#service.busy());
    const isAlive = this.#children.look(this.#service.children());
    if (isAlive && this.#service.manager.watchdogMs !== undefined) this.#tell('WATCHDOG=1');
    else if (this.#service.describe() !== this.#status) this.#tell();
  }

  #tell(...states: readonly string[]): void {
    this.#status = this.#service.describe();
    this.#service.manager.tell(...states, `STATUS=${this.#status}`);
  }
}
