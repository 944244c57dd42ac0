/**
 * What authaccounts is in the middle of, on the disk before it begins: `authaccounts.journal` beside userdb, JSON.
 *
 * After a crash the next run sees from it which directories were on their way, and which names are still to be changed in
 * others' mail. It is there only while something is unfinished.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BookFailure, type FieldName } from './account-book.js';
import type { Owner } from './as-owner.js';
import type { Move } from './mail-places.js';

/** A change that moves or removes mail. */
export interface Unfinished {
  readonly kind: 'rename' | 'delete';
  readonly name: string;
  readonly to?: string;
  /** What the book is to say of it. */
  readonly fields: readonly (readonly [FieldName, string])[];
  readonly owner: Owner;
  readonly move?: Move;
  /** What was moved aside is to be removed. */
  readonly remove: boolean;
}

/** A name that is still to be changed where others' mail names it; `to` is absent for one to be forgotten. */
export interface PendingName {
  readonly name: string;
  readonly to?: string;
}

/** All of it. */
export interface JournalState {
  /** The book's name. */
  readonly book: string;
  readonly changes: readonly Unfinished[];
  readonly names: readonly PendingName[];
}

/** The journal's file. */
export class Journal {
  readonly #path: string;

  constructor(configDirectory: string) {
    this.#path = join(configDirectory, 'authaccounts.journal');
  }

  /** What an earlier run left; undefined: nothing. @throws {BookFailure} It cannot be read. */
  read(): JournalState | undefined {
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw new BookFailure(`${this.#path} cannot be read (${(error as NodeJS.ErrnoException).code})`);
    }
    try {
      return JSON.parse(text) as JournalState;
    } catch {
      throw new BookFailure(`${this.#path} is damaged; look at the accounts it names, and remove it`);
    }
  }

  /** Replaces it; durable when this returns. */
  write(state: JournalState): void {
    if (state.changes.length === 0 && state.names.length === 0) {
      rmSync(this.#path, { force: true });
      return;
    }
    const unfinished = `${this.#path}.tmp`;
    const file = openSync(unfinished, 'w', 0o600);
    try {
      const octets = Buffer.from(JSON.stringify(state, undefined, 1));
      for (let done = 0; done < octets.length; ) done += writeSync(file, octets, done);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(unfinished, this.#path);
    const directory = openSync(dirname(this.#path), 'r');
    fsyncSync(directory);
    closeSync(directory);
  }
}
