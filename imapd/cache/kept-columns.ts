/**
 * KeptColumns: numbers, one for each message of a folder, that were made of the records of all of them together, such as
 * their order by subject. They are true as long as the files are what they were.
 */
import type { MessageTable } from '../../maildir/message-table.js';

/** Numbers by row, for the first rows of a table. */
export interface KeptColumn {
  readonly table: MessageTable;
  readonly numbers: Uint32Array;
  /** All numbers are below this. */
  readonly below: number;
}

/** The columns of one folder, by name. */
export class KeptColumns {
  readonly #columns = new Map<string, KeptColumn>();
  /** What the files were when the columns were made. */
  #files = 0;

  /** Memory in use, the tables of the folder aside. */
  get heldOctets(): number {
    let sum = 0;
    for (const { numbers } of this.#columns.values()) sum += numbers.byteLength;
    return sum;
  }

  /** @param files what the files are now */
  get(name: string, files: number): KeptColumn | undefined {
    if (files !== this.#files) this.#columns.clear();
    return this.#columns.get(name);
  }

  set(name: string, column: KeptColumn, files: number): void {
    if (files !== this.#files) this.#columns.clear();
    this.#files = files;
    this.#columns.set(name, column);
  }

  clear(): void {
    this.#columns.clear();
  }
}
