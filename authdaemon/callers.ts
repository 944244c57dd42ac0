/**
 * The connections to authdaemond: how many there may be, and who must go when there are too many.
 *
 * A caller that has connected and said nothing yet makes room for a new one, the longest silent first, so that a program
 * which opens connections by the thousand keeps nobody out. Knows nothing of requests.
 */
import type { Duplex } from 'node:stream';

/** Connections, each a login that waits or a caller that has not asked yet. */
export class Callers {
  readonly #max: number;
  readonly #all = new Set<Duplex>();
  /** Those that have not asked yet, or not again, the longest silent first. */
  readonly #silent = new Set<Duplex>();
  /** Those of them that were answered. */
  readonly #kept = new Set<Duplex>();
  #ending = false;

  constructor(max: number) {
    this.#max = max;
  }

  /** Lets a connection in; false, and it is closed, when all others are being answered. */
  admit(connection: Duplex): boolean {
    if (this.#all.size >= this.#max) {
      const [silent] = this.#silent;
      (silent ?? connection).destroy();
      if (silent === undefined) return false;
      this.#remove(silent);
    }
    this.#all.add(connection);
    this.#silent.add(connection);
    connection.on('close', () => this.#remove(connection));
    return true;
  }

  /** Its request is there: it stays until it is answered. */
  heard(connection: Duplex): void {
    this.#silent.delete(connection);
    this.#kept.delete(connection);
  }

  /** It was answered and may ask again: until then it makes room for others. */
  keep(connection: Duplex): void {
    if (connection.destroyed) return;
    this.#silent.add(connection);
    this.#kept.add(connection);
    if (this.#ending) connection.destroy();
  }

  /** Keeps none any longer. Those that have asked, or are about to for the first time, get their answers. */
  end(): void {
    this.#ending = true;
    for (const connection of this.#kept) connection.destroy();
  }

  /** Cuts all of them off. */
  destroyAll(): void {
    for (const connection of this.#all) connection.destroy();
  }

  #remove(connection: Duplex): void {
    this.#all.delete(connection);
    this.#silent.delete(connection);
    this.#kept.delete(connection);
  }
}
