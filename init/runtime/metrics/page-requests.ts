/**
 * A login process's side of the figures: whoever asks it for the page, asks the supervisor, which has all figures.
 */
import type { Server } from 'node:http';

/** The name of the set of ports at which figures are told. */
export const METRICS_SERVICE = 'metrics';

/** Pages that were asked for and are not here yet. */
export class PageRequests {
  readonly #ask: (id: number) => void;
  readonly #open = new Map<number, (page: string | undefined) => void>();
  #last = 0;

  /** `ask` asks the supervisor; its answer comes to heard(). */
  constructor(ask: (id: number) => void) {
    this.#ask = ask;
  }

  /** A server for the page, that does not listen yet. Loaded here: most services tell no figures. */
  async server(): Promise<Server> {
    const { metricsServer } = await import('./http.js');
    return metricsServer(() => this.#page());
  }

  /** The supervisor has answered. */
  heard(id: number, page: string | undefined): void {
    this.#open.get(id)?.(page);
  }

  async #page(): Promise<string> {
    this.#last += 1;
    const id = this.#last;
    const page = await new Promise<string | undefined>((resolve) => {
      this.#open.set(id, resolve);
      this.#ask(id);
    });
    this.#open.delete(id);
    if (page === undefined) throw new Error('there is no page');
    return page;
  }
}
