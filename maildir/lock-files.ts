/**
 * The files that become locks, kept for a moment where folders of one maildir are locked many times one after the other: for
 * each of a thousand folders that are looked at first, for each message of an import.
 *
 * A file made and removed for each lock would be the most of what that costs: ext4 does not use the inode of a removed file
 * for some seconds, and looks at all of those again for each new file. It knows nothing of what a lock means.
 */
import { unlinkIfThere } from './files.js';
import type { Surroundings } from './surroundings.js';

/** Locks each of which follows the one before within this time are in a row. */
const ROW_MILLISECONDS = 1_000;
/** Files that nobody wanted for so long are removed. */
const SPARES_LAST_MILLISECONDS = 2_000;
/** Maildirs of which is remembered when a lock was last wanted; forgetting costs nothing but a file made anew. */
const MAX_REMEMBERED = 256;

interface Spares {
  readonly paths: string[];
  wanted: boolean;
  cancel: () => void;
}

/** The spare files of one process, by the `tmp` they lie in. */
export class LockFiles {
  readonly #spares = new Map<string, Spares>();
  readonly #wanted = new Map<string, { at: number; inRow: number }>();

  /** Notes that a lock is wanted; gives how many were wanted in a row, this one included. */
  inRow(tmp: string, now: number): number {
    const before = this.#wanted.get(tmp);
    if (this.#wanted.size >= MAX_REMEMBERED) this.#wanted.clear();
    const follows = before !== undefined && Math.abs(now - before.at) < ROW_MILLISECONDS;
    const inRow = follows ? before.inRow + 1 : 1;
    this.#wanted.set(tmp, { at: now, inRow });
    return inRow;
  }

  /** A file that is no lock now. */
  take(tmp: string): string | undefined {
    const spares = this.#spares.get(tmp);
    if (spares !== undefined) spares.wanted = true;
    return spares?.paths.pop();
  }

  /** Keeps a file that is a lock no more. */
  keep(surroundings: Surroundings, tmp: string, path: string): void {
    const known = this.#spares.get(tmp);
    if (known !== undefined) {
      known.paths.push(path);
      return;
    }
    this.#spares.set(tmp, { paths: [path], wanted: false, cancel: this.#expireLater(surroundings, tmp) });
  }

  #expireLater(surroundings: Surroundings, tmp: string): () => void {
    return surroundings.after(SPARES_LAST_MILLISECONDS, () => {
      const spares = this.#spares.get(tmp);
      if (spares?.wanted !== true) {
        this.#remove(surroundings, tmp);
        return;
      }
      spares.wanted = false;
      spares.cancel = this.#expireLater(surroundings, tmp);
    });
  }

  #remove(surroundings: Surroundings, tmp: string): void {
    const { paths = [] } = this.#spares.get(tmp) ?? {};
    this.#spares.delete(tmp);
    try {
      for (const path of paths) unlinkIfThere(surroundings.fileSystem, path);
    } catch (error) {
      surroundings.warn(`${tmp}: lock files are left over: ${String(error)}`);
    }
  }

  /** Removes them all. */
  close(surroundings: Surroundings): void {
    for (const [tmp, { cancel }] of this.#spares) {
      cancel();
      this.#remove(surroundings, tmp);
    }
  }
}
