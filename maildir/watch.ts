/**
 * Tells when a folder may have changed, and is the home of real timers.
 *
 * The kernel's events are hints only: a full queue drops them silently, and a renamed directory goes on being watched.
 * So an event means "look", nothing more, and a slow timer says "look" as well. Where there are no watches to be had
 * (ENOSPC, EMFILE), the timer does it alone, at Courier's pace.
 */
import { type FSWatcher, watch as watchDirectory } from 'node:fs';

/** The pause between an event and the call: deliveries come in bursts, and one look serves them all. */
const COALESCE_MILLISECONDS = 20;
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
  #cancelCall: (() => void) | undefined;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#cancelPoll = options.after(POLL_MILLISECONDS, () => this.#poll());
    for (const directory of options.directories) this.#watch(directory);
  }

  close(): void {
    this.#cancelPoll();
    this.#cancelCall?.();
    this.#endWatches();
  }

  #watch(directory: string): void {
    try {
      const watcher = watchDirectory(directory, { persistent: false }, () => this.#hint());
      watcher.on('error', (error) => this.#giveUp(error));
      this.#watchers.push(watcher);
    } catch (error) {
      // courierimapkeywords may not exist yet; the mtime rule finds it when it does.
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
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
    this.#cancelCall ??= this.#options.after(COALESCE_MILLISECONDS, () => {
      this.#cancelCall = undefined;
      this.#options.onMayHaveChanged();
    });
  }

  #poll(): void {
    this.#cancelPoll = this.#options.after(POLL_MILLISECONDS, () => this.#poll());
    this.#options.onMayHaveChanged();
  }
}
