/**
 * The loop of the control scripts (init/keeper) that started this process, as the service sees it: without that loop nobody
 * could stop the service, so that it must end, too.
 */

/** How often it is looked whether the keeper is still there. */
const KEEPER_CHECK_MS = 1_000;

/** Watches one keeper; none is never gone. */
export class KeeperWatch {
  readonly #keeper: number | undefined;
  readonly #gone: () => void;

  constructor(keeper: number | undefined, gone: () => void) {
    this.#keeper = keeper;
    this.#gone = gone;
  }

  /** Begins to look now and then. */
  start(): void {
    if (this.#keeper !== undefined) setInterval(() => this.look(), KEEPER_CHECK_MS).unref();
  }

  /** Looks now: whoever asks how the service is must not hear of one that has lost its keeper a moment ago. */
  look(): void {
    if (this.#keeper !== undefined && process.ppid !== this.#keeper) this.#gone();
  }
}
