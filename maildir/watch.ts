/**
 * Tells when a folder may have changed, and is the home of real timers.
 *
 * The kernel's events are hints only: a full queue drops them silently, and a renamed directory goes on being watched.
 * So an event means "look", nothing more, and a slow timer says "look" as well. Where there are no watches to be had
 * (ENOSPC, EMFILE), the timer does it alone, at Courier's pace.
 */
import { existsSync, type FSWatcher, watch as watchDirectory } from 'node:fs';
import type { FolderPaths } from './folder-name.js';
import type { FolderPlace } from './folder-state.js';
import { POLL_MILLISECONDS, type Polled } from './polls.js';
import type { Surroundings } from './surroundings.js';

/**
 * The first event of a burst calls at once; what follows within this time is one more call at its end. While events go on,
 * the pauses grow, because each call may mean a look at a large folder.
 */
const FIRST_PAUSE_MILLISECONDS = 20;
const LONGEST_PAUSE_MILLISECONDS = 320;
const watchOptions = { persistent: false } as const;

/** Calls once after so many milliseconds, unless the function it gives is called before. */
export function realTimer(milliseconds: number, run: () => void): () => void {
  const timer = setTimeout(run, milliseconds);
  return () => clearTimeout(timer);
}

/** The folder that is watched. */
export interface Watched {
  readonly paths: Pick<FolderPaths, 'cur' | 'new' | 'keywords'>;
  readonly surroundings: Pick<Surroundings, 'after' | 'polls' | 'warnOnce'>;
  readonly place: Pick<FolderPlace, 'linked'>;
  /** It may have changed. */
  notify(): void;
}

/** Watches until close(). */
export class FolderWatch implements Polled {
  readonly #watched: Watched;
  #watchers: readonly FSWatcher[];
  #cancelPause: (() => void) | undefined;
  #calledAgain = false;

  constructor(watched: Watched) {
    this.#watched = watched;
    watched.surroundings.polls.add(this);
    const { cur, new: fresh, keywords } = watched.paths;
    const hint = (): void => this.#hint();
    const giveUp = (error: unknown): void => this.#giveUp(error);
    this.#watchers = [];
    this.#watchers = [cur, fresh, keywords, ...(watched.place.linked?.directories ?? [])]
      .map((directory) => watcherOf(directory, hint, giveUp))
      .filter((watcher) => watcher !== undefined);
  }

  close(): void {
    this.#watched.surroundings.polls.delete(this);
    this.#cancelPause?.();
    this.#endWatches();
  }

  /** For the slow timer. */
  poll(): void {
    this.#watched.notify();
  }

  #giveUp(error: unknown): void {
    const text = `Folders are looked at every ${POLL_MILLISECONDS / 1000} seconds only: ${String(error)}`;
    this.#watched.surroundings.warnOnce(text);
    this.#endWatches();
  }

  #endWatches(): void {
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
  }

  #hint(): void {
    this.#calledAgain = true;
    if (this.#cancelPause === undefined) this.#call(FIRST_PAUSE_MILLISECONDS);
  }

  #call(pause: number): void {
    this.#calledAgain = false;
    this.#cancelPause = this.#watched.surroundings.after(pause, () => {
      this.#cancelPause = undefined;
      if (this.#calledAgain) this.#call(Math.min(pause * 2, LONGEST_PAUSE_MILLISECONDS));
    });
    this.#watched.notify();
  }
}

/** The watch of a folder as long as somebody wants to be told of its changes. */
export function followed(
  folder: Watched & { readonly isWatched: boolean },
  present: FolderWatch | undefined,
): FolderWatch | undefined {
  if (folder.isWatched) return present ?? new FolderWatch(folder);
  present?.close();
  return undefined;
}

/** Tells which names in a directory are written, made, renamed or removed; undefined where it cannot be watched. */
export function watchNames(
  directory: string,
  onName: (name: string) => void,
  giveUp: (error: unknown) => void,
): { close(): void } | undefined {
  return watcherOf(directory, (_event, name) => onName(name ?? ''), giveUp);
}

function watcherOf(
  directory: string,
  hint: (event: string, name: string | null) => void,
  giveUp: (error: unknown) => void,
): FSWatcher | undefined {
  // Where nobody has used a keyword yet, the timer finds the first one of another program.
  if (!existsSync(directory)) return undefined;
  try {
    const watcher = watchDirectory(directory, watchOptions, hint);
    watcher.on('error', giveUp);
    return watcher;
  } catch (error) {
    giveUp(error);
    return undefined;
  }
}
