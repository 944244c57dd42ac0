/**
 * Folding: when a folder has been quiet for a while, its journal goes back into the UID list.
 */
import { errorCode, MaildirError } from './errors.js';
import { scanFolder } from './folder-scan.js';
import type { FolderState } from './folder-state.js';
import { withLock } from './lock.js';
import { QUIET_MILLISECONDS } from './uid-list.js';

/** Writes the exact list, if it is not so already. It must run in the folder's turn. */
export async function foldNow(state: FolderState): Promise<void> {
  if (!state.uidList.needsFolding || !state.writable) return;
  try {
    await withLock(state.surroundings, state.paths.tmp, async () => {
      if (state.uidList.changedOnDisk()) await scanFolder(state, { lockHeld: true });
      if (state.uidList.needsFolding) await state.uidList.fold(state.rows);
    });
  } catch (error) {
    // Nothing is lost: the journal stays, and the next quiet moment tries again.
    if (errorCode(error) === undefined && !(error instanceof MaildirError)) throw error;
    state.surroundings.warnOnce(`The UID list of ${state.paths.directory} is not folded: ${String(error)}`);
  }
}

/** Folds some seconds after the last change. */
export class FoldTimer {
  readonly #state: FolderState;
  #cancel: (() => void) | undefined;

  constructor(state: FolderState) {
    this.#state = state;
  }

  /** To be called after each change; one timer serves many. */
  schedule(): void {
    if (this.#cancel !== undefined || this.#state.removed !== undefined || !this.#state.uidList.needsFolding) return;
    this.#cancel = this.#state.surroundings.after(QUIET_MILLISECONDS, () => {
      this.#cancel = undefined;
      if (!this.#state.uidList.quiet) {
        this.schedule();
        return;
      }
      this.#state.turns
        .take(() => (this.#state.removed !== undefined ? Promise.resolve() : foldNow(this.#state)))
        .catch((error) => {
          this.#state.surroundings.warn(
            `The UID list of ${this.#state.paths.directory} is not folded: ${String(error)}`,
          );
        });
    });
  }

  cancel(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
