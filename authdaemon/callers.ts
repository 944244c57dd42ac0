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
  /** Those that have not asked yet, the longest silent first. */
  readonly #silent = new Set<Duplex>();

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
  }

  /** Cuts all of them off. */
  destroyAll(): void {
    for (const connection of this.#all) connection.destroy();
  }

  #remove(connection: Duplex): void {
    this.#all.delete(connection);
    this.#silent.delete(connection);
  }
}
