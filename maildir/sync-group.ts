/**
 * Group commit: many changes, one round of syncing.
 *
 * While a round runs, further requests gather for the next one. Rounds run one after the other, so what was asked for
 * earlier is never safe later.
 */
import { unlessMissing } from './files.js';
import type { Surroundings } from './surroundings.js';

interface Round {
  readonly directories: Set<string>;
  readonly files: Set<string>;
  readonly done: Promise<void>;
}

/** What a change wants to have on the disk. */
export interface SyncRequest {
  readonly directories?: readonly string[];
  readonly files?: readonly string[];
}

const nothingBefore: Promise<unknown> = Promise.resolve();

/** The syncing of one folder. */
export class SyncGroup {
  readonly #surroundings: Surroundings;
  #running = nothingBefore;
  #next: Round | undefined;

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  /** Settles when all of it is on the disk; at once if the store is not durable. */
  sync({ directories = [], files = [] }: SyncRequest): Promise<void> {
    if (!this.#surroundings.durable || directories.length + files.length === 0) return Promise.resolve();
    this.#next ??= this.#beginRound();
    for (const directory of directories) this.#next.directories.add(directory);
    for (const file of files) this.#next.files.add(file);
    return this.#next.done;
  }

  /** Settles when nothing that was asked for so far is still to be done. Failures are told to those who asked. */
  async idle(): Promise<void> {
    await (this.#next?.done ?? this.#running).catch(() => undefined);
  }

  #beginRound(): Round {
    const directories = new Set<string>();
    const files = new Set<string>();
    const done = this.#running.then(async () => {
      this.#next = undefined;
      const disk = this.#surroundings.fileSystem;
      await Promise.all([
        ...Array.from(directories, (directory) => disk.syncDirectory(directory)),
        ...Array.from(files, (file) => this.#syncFile(file)),
      ]);
    });
    this.#running = done.catch(() => undefined);
    return { directories, files, done };
  }

  async #syncFile(path: string): Promise<void> {
    // A journal that was folded meanwhile is safe in the list.
    const file = unlessMissing(() => this.#surroundings.fileSystem.open(path));
    if (file === undefined) return;
    try {
      await file.sync();
    } finally {
      file.close();
    }
  }
}

/** Lets some run at once; the others wait, and go in the order in which they came. */
export class Gate {
  readonly #atOnce: number;
  #inside = 0;
  readonly #waiting: (() => void)[] = [];
  /** Those who want to know when nobody waits any more. */
  #watchers: (() => void)[] = [];

  constructor(atOnce: number) {
    this.#atOnce = atOnce;
  }

  async pass<T>(run: () => Promise<T>): Promise<T> {
    if (this.#inside === this.#atOnce) await new Promise<void>((enter) => this.#waiting.push(enter));
    else this.#inside += 1;
    try {
      return await run();
    } finally {
      this.#leave();
    }
  }

  /** A promise to wait for when some have to wait, until none has; else undefined. */
  whenFree(): Promise<void> | undefined {
    return this.#waiting.length === 0 ? undefined : new Promise((resolve) => this.#watchers.push(resolve));
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#inside -= 1;
    else next();
    if (this.#waiting.length > 0) return;
    for (const watcher of this.#watchers.splice(0)) watcher();
  }
}
