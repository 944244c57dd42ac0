/**
 * FolderUse: one session's use of a folder. Thousands of sessions have one each, so it is an object without functions of
 * its own.
 */
import type { Folder } from './folder.js';
import type { FolderState } from './folder-state.js';

/** One session's use of a folder. */
export interface FolderUse {
  readonly folder: Folder;
  /** Calls back when the folder may have changed, by whomever, until unwatch() or close(). */
  watch(onMayHaveChanged: () => void): void;
  unwatch(): void;
  close(): void;
}

/** Who is told of what uses do. */
export interface UseListener {
  /** The first listener has come, or the last has gone. */
  listenersChanged(): void;
  /** Nobody uses the folder any more. */
  unused(): void;
}

/** Made by Folder when it is opened. */
export class OpenFolder implements FolderUse {
  readonly folder: Folder;
  readonly #state: FolderState;
  readonly #told: UseListener;
  readonly #readWrite: boolean;
  #listener: (() => void) | undefined;
  #closed = false;

  constructor(
    folder: Folder,
    { state, told, readWrite }: { state: FolderState; told: UseListener; readWrite: boolean },
  ) {
    this.folder = folder;
    this.#state = state;
    this.#told = told;
    this.#readWrite = readWrite;
    state.views += 1;
  }

  watch(onMayHaveChanged: () => void): void {
    this.unwatch();
    this.#listener = onMayHaveChanged;
    this.#state.listen(onMayHaveChanged);
    this.#told.listenersChanged();
  }

  unwatch(): void {
    if (this.#listener === undefined) return;
    this.#state.unlisten(this.#listener);
    this.#listener = undefined;
    this.#told.listenersChanged();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.unwatch();
    const state = this.#state;
    if (this.#readWrite) state.readWriteUses -= 1;
    state.uses -= 1;
    state.views -= 1;
    if (state.uses === 0) this.#told.unused();
  }
}

/** Has somebody told of a folder that he has not opened; gives what ends it. */
export function listening(
  state: Pick<FolderState, 'listen' | 'unlisten'>,
  told: UseListener,
  onMayHaveChanged: () => void,
): () => void {
  state.listen(onMayHaveChanged);
  told.listenersChanged();
  return () => {
    state.unlisten(onMayHaveChanged);
    told.listenersChanged();
  };
}
