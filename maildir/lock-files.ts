/**
 * The files that become locks, kept for a moment where many folders of one maildir are locked one after the other.
 *
 * A file made and removed for each lock would be the most of what a first look at a thousand folders costs: ext4 does not
 * use the inode of a removed file for some seconds, and looks at all of those again for each new file. It knows nothing of
 * what a lock means.
 */
import { unlinkIfThere } from './files.js';
import type { Surroundings } from './surroundings.js';

/** A second lock within this time is one of many. */
const BURST_MILLISECONDS = 1_000;
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
  readonly #wantedAt = new Map<string, number>();

  /** Notes that a lock is wanted; gives whether so many are in this maildir that their files are worth keeping. */
  inBurst(tmp: string, now: number): boolean {
    const before = this.#wantedAt.get(tmp) ?? Number.NEGATIVE_INFINITY;
    if (this.#wantedAt.size >= MAX_REMEMBERED) this.#wantedAt.clear();
    this.#wantedAt.set(tmp, now);
    return Math.abs(now - before) < BURST_MILLISECONDS;
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
