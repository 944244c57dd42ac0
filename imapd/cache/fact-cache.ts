/**
 * FactCache: what this process knows about messages without opening them, folder by folder; and the files in which that
 * outlives the process.
 *
 * A command asks `ready` for the facts of its folder once; from then on everything is memory. What is learnt is written
 * a moment later, in batches. Nothing that goes wrong with the files is ever an error of a command: the log gets one
 * line, and memory goes on alone.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { cacheDirectoryOf } from '../../init/runtime/service/cache-directory.js';
import type { Clock } from '../../init/runtime/system/clock.js';
import { errorCode } from '../../maildir/errors.js';
import type { FileSystem } from '../../maildir/file-system.js';
import type { Folder } from '../../maildir/folder.js';
import { isSeenFolder } from '../../maildir/seen/seen-folder.js';
import type { SessionSettings } from '../settings/session-settings.js';
import type { CacheCounts } from './cache-counts.js';
import { CacheSize } from './cache-size.js';
import type { Use } from './fact-arenas.js';
import { FactFile } from './fact-file.js';
import { type FactsOwner, FolderFacts } from './folder-facts.js';

/** What a cache is given. */
export interface FactCacheOptions {
  /** Of this Unix user alone. Absent: what is learnt is forgotten with the process. */
  readonly directory?: string;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  /** Bound for all files in the directory; absent: none. */
  readonly maxFileOctets?: number;
  /** Bound for memory. */
  readonly maxHeldOctets?: number;
  /** For the administrator; a rehearsal counts nothing. */
  readonly counts?: CacheCounts;
  /** For the log: what is wrong with the directory. */
  warn(text: string): void;
}

/** What the settings say about the cache of this process, which is of one Unix user. */
export function cacheOptions({
  cacheDirectory,
  cacheFileOctets,
}: SessionSettings): Pick<FactCacheOptions, 'directory' | 'maxFileOctets'> {
  const uid = process.getuid?.();
  if (cacheDirectory === undefined || uid === undefined) return {};
  return { directory: cacheDirectoryOf(cacheDirectory, uid), maxFileOctets: cacheFileOctets };
}

/**
 * Room for what is known, per process: all facts of some 60,000 messages. Folders that were not used for longest leave. Of
 * a larger folder there is room for what SEARCH and SORT look at, up to some 300,000 messages.
 */
const MAX_HELD_OCTETS = 128 * 1024 * 1024;

/**
 * What was learnt is written after this time, when the command that learns it is over most often, or when so much has
 * gathered. Until then it is in memory, where it stays anyway.
 */
const WRITE_AFTER_MS = 1_000;
const WRITE_AT_OCTETS = 32 * 1024 * 1024;

/**
 * A folder that no command asked for in this time leaves memory, and comes back from its file: a worker full of sessions
 * that wait for mail is small.
 */
const UNUSED_MS = 5 * 60_000;
const UNUSED_CHECK_MS = 60_000;

/** Records are copied together at once up to this size, which takes some ten milliseconds. */
const MAX_COMPACTED_OCTETS = 16 * 1024 * 1024;

/** After trouble with its file nothing of a folder is written for this time. */
const PAUSE_MS = 60_000;

/** Somebody took something away, or made it, between two steps of ours: the next time it may work. */
const PASSING_TROUBLE: ReadonlySet<string> = new Set(['ENOENT', 'EEXIST', 'ENOTDIR', 'ESTALE']);
const MAX_PASSING_TROUBLES = 3;

/** Loading works so long before others get their turn. */
const SLICE_MILLISECONDS = 8;

interface Entry {
  readonly facts: FolderFacts;
  readonly file: FactFile | undefined;
  loaded: boolean;
  /** Whether all that the file says of this folder's messages is in memory. Only then may it be written anew. */
  complete: boolean;
  loading: Promise<FolderFacts> | undefined;
  usedAt: number;
  pausedUntil: number;
  passingTroubles: number;
}

/** The facts of all folders that this process uses. */
export class FactCache {
  readonly #options: FactCacheOptions;
  readonly #entries = new WeakMap<Folder, Entry>();
  /** Those that hold something, the longest unused first. */
  readonly #held = new Set<Entry>();
  readonly #unwritten = new Set<Entry>();
  readonly #warned = new Set<string>();
  readonly #size: CacheSize | undefined;
  #cancelWrite: (() => void) | undefined;
  #cancelForgetting: (() => void) | undefined;
  #closed = false;

  constructor(options: FactCacheOptions) {
    this.#options = options;
    const { directory, maxFileOctets: maxOctets, fileSystem: disk, clock } = options;
    if (directory === undefined || maxOctets === undefined) return;
    this.#size = new CacheSize({ disk, directory, maxOctets, clock }, (error) => this.#trouble(error));
  }

  /** What is known of a folder's messages, without waiting for what its file says. */
  of(folder: Folder): FolderFacts {
    return this.#entryOf(folder).facts;
  }

  /** The same with all that its file says. It is read once; a folder that is read already costs nothing. */
  ready(folder: Folder): Promise<FolderFacts> | FolderFacts {
    const entry = this.#entryOf(folder);
    this.#held.delete(entry);
    this.#held.add(entry);
    entry.usedAt = this.#options.clock.now();
    if (entry.file !== undefined) this.#forgetLater();
    if (entry.loaded || entry.file === undefined || folder.table.count === 0) return entry.facts;
    if (entry.loading !== undefined) return entry.loading;
    const steps = this.#loadSteps(entry, entry.file);
    // Small files are read at once, and nobody waits.
    if (steps.next().done === true) return entry.facts;
    entry.loading = this.#loadRest(entry, steps);
    return entry.loading;
  }

  /** Memory that all facts take. */
  get heldOctets(): number {
    let sum = 0;
    for (const { facts } of this.#held) sum += facts.heldOctets;
    return sum;
  }

  /** Writes what is not written yet, and ends. What is kept afterwards stays in memory. */
  async close(): Promise<void> {
    this.#cancelWrite?.();
    this.#size?.close();
    this.#cancelForgetting?.();
    for (const entry of this.#unwritten) {
      // One last time, whatever went wrong before.
      entry.pausedUntil = 0;
      while (this.#write(entry)) await nextTurn();
    }
    this.#closed = true;
  }

  #entryOf(folder: Folder): Entry {
    const known = this.#entries.get(folder);
    if (known !== undefined) return known;
    const { counts } = this.#options;
    const owner: FactsOwner = {
      mayGrow: (octets, use) => this.#makeRoom(entry, octets, use),
      learnt: () => {
        if (counts !== undefined) counts.learnt.value += 1;
        this.#learnt(entry);
      },
    };
    const entry: Entry = {
      facts: new FolderFacts(folder, owner),
      file: this.#fileOf(folder),
      loaded: false,
      complete: false,
      loading: undefined,
      usedAt: 0,
      pausedUntil: 0,
      passingTroubles: 0,
    };
    this.#entries.set(folder, entry);
    return entry;
  }

  #fileOf(folder: Folder): FactFile | undefined {
    const { directory: root, fileSystem: disk, clock } = this.#options;
    // What one reader is shown has the same messages as the folder itself, and a file has one writer.
    if (root === undefined || isSeenFolder(folder)) return undefined;
    const name = createHash('sha256').update(`${folder.maildir.path}\0${folder.name}`).digest('hex');
    const path = join(root, name.slice(0, 2), name.slice(2, 34));
    return new FactFile({ disk, root, path, now: () => clock.now() });
  }

  /** Steps of the work; the last one marks the folder as loaded, whatever came of it. */
  *#loadSteps(entry: Entry, file: FactFile): Generator<void> {
    const { clock } = this.#options;
    let sliceStartedAt = clock.now();
    try {
      const load = file.load(entry.facts, (octets) => this.#makeRoom(entry, octets, 'fetch'));
      let step = load.next();
      for (; step.done !== true; step = load.next()) {
        if (clock.now() - sliceStartedAt < SLICE_MILLISECONDS) continue;
        yield;
        sliceStartedAt = clock.now();
      }
      entry.complete = step.value;
      const { counts } = this.#options;
      if (counts !== undefined) counts.files[file.found].value += 1;
      if (entry.complete && file.isWasteful(entry.facts)) file.startAnew();
    } catch (error) {
      this.#trouble(error);
    } finally {
      entry.loaded = true;
      entry.loading = undefined;
    }
  }

  async #loadRest(entry: Entry, steps: Generator<void>): Promise<FolderFacts> {
    do await nextTurn();
    while (steps.next().done !== true);
    return entry.facts;
  }

  /** Lets folders go that were not used for longest, until there is room for so many octets more. */
  #makeRoom(wanting: Entry, octets: number, use: Use): boolean {
    this.#held.add(wanting);
    const room = (this.#options.maxHeldOctets ?? MAX_HELD_OCTETS) - octets;
    let held = this.heldOctets;
    for (const entry of this.#held) {
      if (held <= room) return true;
      if (entry === wanting || entry.loading !== undefined) continue;
      held -= entry.facts.heldOctets;
      this.#letGo(entry);
    }
    if (held > room && wanting.facts.deadOctets > held - room) {
      held -= wanting.facts.heldOctets;
      this.#compact(wanting);
      held += wanting.facts.heldOctets;
    }
    // Of a folder that is too large for memory stays what every SEARCH and SORT goes over from end to end.
    if (held > room && use === 'search') {
      held -= wanting.facts.heldOctets;
      wanting.complete = false;
      this.#write(wanting);
      wanting.facts.dropFetched();
      held += wanting.facts.heldOctets;
    }
    return held <= room;
  }

  /** Leaves behind what nobody can see any more, in memory and in the file. What is large is loaded again in slices. */
  #compact(entry: Entry): void {
    if (entry.facts.liveOctets > MAX_COMPACTED_OCTETS) {
      this.#letGo(entry);
      return;
    }
    entry.facts.compact();
    if (entry.complete) entry.file?.startAnew();
  }

  #forgetLater(): void {
    if (this.#closed) return;
    this.#cancelForgetting ??= this.#options.clock.after(UNUSED_CHECK_MS, () => {
      this.#cancelForgetting = undefined;
      const unusedSince = this.#options.clock.now() - UNUSED_MS;
      for (const entry of this.#held) {
        if (entry.usedAt > unusedSince || entry.loading !== undefined) continue;
        // What cannot be written stays.
        if (!this.#write(entry) && entry.facts.arenas.unwrittenOctets === 0) this.#letGo(entry);
      }
      if (this.#held.size > 0) this.#forgetLater();
    });
  }

  #letGo(entry: Entry): void {
    this.#write(entry);
    this.#unwritten.delete(entry);
    this.#held.delete(entry);
    entry.facts.clear();
    entry.loaded = false;
    entry.complete = false;
  }

  #learnt(entry: Entry): void {
    if (entry.facts.wasteful) this.#compact(entry);
    if (entry.file === undefined || this.#closed) return;
    this.#unwritten.add(entry);
    if (entry.facts.arenas.unwrittenOctets >= WRITE_AT_OCTETS) this.#write(entry);
    this.#writeLater(WRITE_AFTER_MS);
  }

  #writeLater(milliseconds: number): void {
    if (this.#unwritten.size === 0 || this.#closed) return;
    this.#cancelWrite ??= this.#options.clock.after(milliseconds, () => {
      this.#cancelWrite = undefined;
      let more = false;
      for (const entry of this.#unwritten) more = this.#write(entry) || more;
      this.#writeLater(more ? 0 : WRITE_AFTER_MS);
    });
  }

  /** Writes a part of what a folder's file lacks; gives whether that was done and there is more. */
  #write(entry: Entry): boolean {
    const { facts, file } = entry;
    const before = facts.arenas.unwrittenOctets;
    if (before === 0 || file === undefined) this.#unwritten.delete(entry);
    // Before it is loaded, what is in memory is not all that the file should have.
    if (!this.#unwritten.has(entry) || file === undefined || entry.loading !== undefined) return false;
    if (this.#options.clock.now() < entry.pausedUntil) return false;
    try {
      file.write(facts);
    } catch (error) {
      if (this.#isLasting(entry, error)) this.#trouble(error);
      return false;
    }
    entry.passingTroubles = 0;
    if (entry.complete && file.isWasteful(facts)) file.startAnew();
    this.#size?.wrote(before);
    if (facts.arenas.unwrittenOctets > 0) return true;
    this.#unwritten.delete(entry);
    return false;
  }

  /** Whether there is no use in trying again at once; then it is tried again in a while. */
  #isLasting(entry: Entry, error: unknown): boolean {
    entry.passingTroubles += 1;
    if (PASSING_TROUBLE.has(errorCode(error) ?? '') && entry.passingTroubles < MAX_PASSING_TROUBLES) return false;
    entry.pausedUntil = this.#options.clock.now() + PAUSE_MS;
    return true;
  }

  /** Nothing of the cache is worth an error; bugs are. */
  #trouble(error: unknown): void {
    const code = errorCode(error);
    if (code === undefined || !(error instanceof Error)) throw error;
    if (this.#warned.has(code)) return;
    this.#warned.add(code);
    const what = `The cache in ${this.#options.directory ?? ''} is of no use at present, and slower without it`;
    this.#options.warn(`${what}: ${error.message}`);
  }
}
