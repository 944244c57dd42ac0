/**
 * Tells when a folder may have changed, and is the home of real timers.
 *
 * The kernel's events are hints only: a full queue drops them silently, and a renamed directory goes on being watched.
 * So an event means "look", nothing more, and a slow timer says "look" as well. Where there are no watches to be had
 * (ENOSPC, EMFILE), the timer does it alone, at Courier's pace.
 */
import { existsSync, type FSWatcher, watch as watchDirectory } from 'node:fs';

/**
 * The first event of a burst calls at once; what follows within this time is one more call at its end. While events go on,
 * the pauses grow, because each call may mean a look at a large folder.
 */
const FIRST_PAUSE_MILLISECONDS = 20;
const LONGEST_PAUSE_MILLISECONDS = 320;
/** Courier polls once a minute where it has no inotify. */
const POLL_MILLISECONDS = 60_000;

/** Calls once after so many milliseconds, unless the function it gives is called before. */
export function realTimer(milliseconds: number, run: () => void): () => void {
  const timer = setTimeout(run, milliseconds);
  return () => clearTimeout(timer);
}

interface WatchOptions {
  readonly directories: readonly string[];
  readonly after: (milliseconds: number, run: () => void) => () => void;
  onMayHaveChanged(): void;
  warn(text: string): void;
}

/** Watches until close(). */
export class FolderWatch {
  readonly #options: WatchOptions;
  readonly #watchers: FSWatcher[] = [];
  #cancelPoll: () => void;
  #cancelPause: (() => void) | undefined;
  #calledAgain = false;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#cancelPoll = options.after(POLL_MILLISECONDS, () => this.#poll());
    for (const directory of options.directories) this.#watch(directory);
  }

  close(): void {
    this.#cancelPoll();
    this.#cancelPause?.();
    this.#endWatches();
  }

  #watch(directory: string): void {
    // Where nobody has used a keyword yet, the timer finds the first one of another program.
    if (!existsSync(directory)) return;
    try {
      const watcher = watchDirectory(directory, { persistent: false }, () => this.#hint());
      watcher.on('error', (error) => this.#giveUp(error));
      this.#watchers.push(watcher);
    } catch (error) {
      this.#giveUp(error);
    }
  }

  #giveUp(error: unknown): void {
    this.#options.warn(`Folders are looked at every ${POLL_MILLISECONDS / 1000} seconds only: ${String(error)}`);
    this.#endWatches();
  }

  #endWatches(): void {
    for (const watcher of this.#watchers.splice(0)) watcher.close();
  }

  #hint(): void {
    this.#calledAgain = true;
    if (this.#cancelPause === undefined) this.#call(FIRST_PAUSE_MILLISECONDS);
  }

  #call(pause: number): void {
    this.#calledAgain = false;
    this.#cancelPause = this.#options.after(pause, () => {
      this.#cancelPause = undefined;
      if (this.#calledAgain) this.#call(Math.min(pause * 2, LONGEST_PAUSE_MILLISECONDS));
    });
    this.#options.onMayHaveChanged();
  }

  #poll(): void {
    this.#cancelPoll = this.#options.after(POLL_MILLISECONDS, () => this.#poll());
    this.#options.onMayHaveChanged();
  }
}
