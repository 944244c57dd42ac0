/**
 * Keeps the cache directory of a Unix user within its bound: the files of folders that were not used for longest go.
 *
 * Several processes may do it at once, and files may vanish meanwhile. It touches nothing whose name is not one of ours.
 */
import { join } from 'node:path';
import type { Clock } from '../../init/runtime/system/clock.js';
import { errorCode } from '../../maildir/errors.js';
import { type FileSystem, namesIn } from '../../maildir/file-system.js';
import { Pace } from '../../maildir/pace.js';

/** `ab/0123…`: 256 directories, and files named after the folder in hexadecimal digits. */
const DIRECTORY_NAME = /^[0-9a-f]{2}$/;
const FILE_NAME = /^[0-9a-f]{32}$/;

/** After removing, so much of the bound is in use, so that it is not done again at once. */
const SHARE_KEPT = 0.9;

/** The size is looked at after this time, and each time this part of it was written anew. */
const CHECK_AFTER_MS = 10_000;
const CHECK_SHARE = 16;

/** What is bounded, and by how much. */
export interface BoundedDirectory {
  readonly disk: FileSystem;
  readonly directory: string;
  readonly maxOctets: number;
  readonly clock: Clock;
}

/** Looks at the size now and then, as long as something is written. */
export class CacheSize {
  readonly #bounded: BoundedDirectory;
  readonly #trouble: (error: unknown) => void;
  #written = 0;
  #cancel: (() => void) | undefined;
  #closed = false;

  /** @param trouble is told of errors of the operating system */
  constructor(bounded: BoundedDirectory, trouble: (error: unknown) => void) {
    this.#bounded = bounded;
    this.#trouble = trouble;
  }

  /** So many octets were written. */
  wrote(octets: number): void {
    if (this.#closed) return;
    this.#written += octets;
    const soon = this.#written > this.#bounded.maxOctets / CHECK_SHARE;
    if (this.#cancel !== undefined && !soon) return;
    this.#cancel?.();
    this.#cancel = this.#bounded.clock.after(soon ? 0 : CHECK_AFTER_MS, () => void this.#check());
  }

  /** Nothing is removed any more. */
  close(): void {
    this.#closed = true;
    this.#cancel?.();
  }

  async #check(): Promise<void> {
    this.#written = 0;
    this.#cancel = undefined;
    await removeLeastRecentlyUsed(this.#bounded).catch(this.#trouble);
  }
}

interface CacheFile {
  readonly path: string;
  readonly sizeOctets: number;
  readonly modifiedAt: number;
}

/** Removes files until the rest is small enough. Rejects with errors of the operating system. */
async function removeLeastRecentlyUsed({ disk, directory, maxOctets, clock }: BoundedDirectory): Promise<void> {
  const pace = new Pace(() => clock.now());
  const files: CacheFile[] = [];
  for (const name of wantedNamesIn(disk, directory, DIRECTORY_NAME)) {
    const inside = join(directory, name);
    for (const file of wantedNamesIn(disk, inside, FILE_NAME)) {
      const path = join(inside, file);
      const status = disk.status(path);
      if (status?.kind === 'file') files.push({ path, ...status });
      const pause = pace.step();
      if (pause !== undefined) await pause;
    }
  }
  let sum = files.reduce((octets, { sizeOctets }) => octets + sizeOctets, 0);
  if (sum <= maxOctets) return;
  files.sort((one, other) => one.modifiedAt - other.modifiedAt);
  for (const { path, sizeOctets } of files) {
    if (sum <= maxOctets * SHARE_KEPT) return;
    unlessGone(() => disk.unlink(path));
    sum -= sizeOctets;
    const pause = pace.step();
    if (pause !== undefined) await pause;
  }
}

function wantedNamesIn(disk: FileSystem, directory: string, wanted: RegExp): string[] {
  const names: string[] = [];
  unlessGone(() => names.push(...namesIn(disk, directory).filter((name) => wanted.test(name))));
  return names;
}

function unlessGone(run: () => void): void {
  try {
    run();
  } catch (error) {
    const code = errorCode(error);
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
  }
}
