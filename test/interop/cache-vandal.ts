/**
 * Deletes, replaces and damages the files of a cache at random, while servers use them.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as passed } from 'node:timers/promises';
import { damage, KINDS_OF_DAMAGE } from '../imap/cache/cached-maildir.js';

/** Longest time between two deeds. */
const MAX_PAUSE_MS = 250;

/** Kinds of damage that leave most of a file readable: a bit, a piece twice, garbage in between. */
const GENTLE_DAMAGE = [0, 2, 3, 0] as const;

/** What is done to a file of the cache in place of damaging its octets. */
const replacements: readonly ((file: string) => void)[] = [
  (file) => rmSync(join(file, '..'), { recursive: true }),
  (file) => {
    rmSync(file);
    symlinkSync('/etc/passwd', file);
  },
  (file) => {
    rmSync(file);
    // The server may have made a file there again: then this does nothing.
    spawnSync('mkfifo', [file], { stdio: 'ignore' });
  },
  (file) => {
    rmSync(join(file, '..'), { recursive: true });
    writeFileSync(join(file, '..'), 'no directory');
  },
];

/** Whoever spoils a cache. */
export class CacheVandal {
  readonly #cache: string;
  deeds = 0;

  constructor(cache: string) {
    this.#cache = cache;
  }

  /** Works until the time is over. */
  async work(until: number): Promise<void> {
    while (performance.now() < until) {
      await passed(Math.random() * MAX_PAUSE_MS);
      const deed = Math.floor(Math.random() * (KINDS_OF_DAMAGE + replacements.length));
      this.#spoilSome((file) => {
        const replace = replacements[deed - KINDS_OF_DAMAGE];
        if (replace === undefined) damage(file, { kind: deed, at: Math.random() });
        else replace(file);
      });
    }
  }

  /** Damages a few places of a file and leaves the rest as it is. */
  scratch(places: number): void {
    for (let place = 0; place < places; place += 1) {
      const kind = GENTLE_DAMAGE[place % GENTLE_DAMAGE.length] ?? 0;
      this.#spoilSome((file) => damage(file, { kind, at: Math.random() }));
    }
  }

  /** Regular files of the cache: `<uid>/<two digits>/<name>`. */
  files(): string[] {
    return entriesOf(this.#cache)
      .filter((user) => user.isDirectory())
      .flatMap((user) => entriesOf(join(this.#cache, user.name)).map(({ name }) => join(this.#cache, user.name, name)))
      .flatMap((directory) =>
        entriesOf(directory)
          .filter((entry) => entry.isFile())
          .map(({ name }) => join(directory, name)),
      );
  }

  #spoilSome(spoil: (file: string) => void): void {
    const files = this.files();
    const file = files[Math.floor(Math.random() * files.length)];
    if (file === undefined) return;
    // The servers work on the same files: what is not there any more was spoilt by them.
    try {
      spoil(file);
      this.deeds += 1;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error;
    }
  }
}

function entriesOf(directory: string) {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch {
    return [];
  }
}
