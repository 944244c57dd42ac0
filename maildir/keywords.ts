/**
 * The keywords of a folder on the disk: `courierimapkeywords/`.
 *
 * `:list` tells the keywords of all messages. A change of one message is a file of its own beside it, named like the
 * message, with one keyword in a line; it wins over the list. Who loads the folder takes such files into a new list and
 * renames them to `.N.NAME` (N is the time, in five minutes); there they go on winning for a quarter of an hour. So a
 * list that another process made from an older state and renames over ours at that moment does no harm: the aged file
 * still tells the truth, and the next load takes it into the list again. No lock is needed for that.
 *
 * When very many messages change at once, a file for each would be slow: then the list is rewritten under the folder's
 * lock, and the aged files of those messages are removed after it.
 */
import { join } from 'node:path';
import { errorCode } from './errors.js';
import { namesIn, octetsFromText } from './file-system.js';
import { uniqueNameOf } from './filename.js';
import { createUnique, readText, replaceFile, unlessMissing, unlinkIfThere } from './files.js';
import type { FolderPaths } from './folder-name.js';
import {
  formatKeywordList,
  type KeywordEntries,
  type KeywordEntry,
  parseKeywordLines,
  parseKeywordList,
} from './keyword-text.js';
import { Pace } from './pace.js';
import type { Surroundings } from './surroundings.js';

/** Courier's unit of the N in `.N.NAME`. */
const AGE_UNIT_SECONDS = 300;
/** How long an aged update goes on winning over the list. */
const AGED_FOR_MILLISECONDS = 15 * 60_000;
/** Courier's bound on starting again because files were moved away while they were read. */
const MAX_RESTARTS = 1_000;
/** An update file holds some words. */
const MAX_UPDATE_OCTETS = 1024 * 1024;

/** What a directory listing says of one message. */
interface Update {
  /** Whether `NAME` is there. */
  newest: boolean;
  /** The largest N of `.N.NAME`, or 0. */
  aged: number;
}

/** The files of one folder's keywords. */
export class KeywordFiles {
  readonly #surroundings: Surroundings;
  readonly #paths: FolderPaths;

  constructor(surroundings: Surroundings, paths: FolderPaths) {
    this.#surroundings = surroundings;
    this.#paths = paths;
  }

  get #list(): string {
    return join(this.#paths.keywords, ':list');
  }

  /**
   * Reads the keywords of all messages.
   *
   * @param exists whether a message of this unique name is in the folder; what is not, is dropped from the list
   * @param tidyUp whether the list may be rewritten and updates be aged
   */
  async load(exists: (uniqueName: string) => boolean, tidyUp: boolean): Promise<KeywordEntries> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#loadOnce(exists, tidyUp);
      } catch (error) {
        // Somebody aged or replaced a file between listing and reading.
        if (errorCode(error) !== 'ENOENT' || attempt >= MAX_RESTARTS) throw error;
      }
    }
  }

  async #loadOnce(exists: (uniqueName: string) => boolean, tidyUp: boolean): Promise<KeywordEntries> {
    const disk = this.#surroundings.fileSystem;
    const updates = unlessMissing(() => this.#listUpdates(tidyUp));
    if (updates === undefined) return new Map();
    let rewrite = false;
    const updated: KeywordEntries = new Map();
    const pace = new Pace(this.#surroundings.now);
    for (const [baseName, update] of updates) {
      const path = join(this.#paths.keywords, update.newest ? baseName : `.${update.aged}.${baseName}`);
      const text = readText(disk, path, MAX_UPDATE_OCTETS);
      if (text === undefined) throw Object.assign(new Error(`moved away: ${path}`), { code: 'ENOENT' });
      const uniqueName = uniqueNameOf(baseName);
      rewrite ||= update.newest || !exists(uniqueName);
      updated.set(uniqueName, { baseName, keywords: parseKeywordLines(text) });
      const pause = pace.step();
      if (pause !== undefined) await pause;
    }
    const { entries, tidy } = parseKeywordList(readText(disk, this.#list) ?? '');
    for (const [uniqueName, entry] of updated) entries.set(uniqueName, entry);
    for (const [uniqueName, { keywords }] of entries) {
      const there = exists(uniqueName);
      rewrite ||= !there && !updated.has(uniqueName);
      if (!there || keywords.length === 0) entries.delete(uniqueName);
    }
    if (tidyUp) {
      if (rewrite || !tidy) await this.#writeList(entries.values());
      this.#age(updates);
    }
    return entries;
  }

  #listUpdates(tidyUp: boolean): Map<string, Update> {
    const disk = this.#surroundings.fileSystem;
    const updates = new Map<string, Update>();
    for (const name of namesIn(disk, this.#paths.keywords)) {
      const aged = /^\.([1-9]\d{0,15})\.(.+)$/.exec(name);
      if (name.startsWith(':') || (name.startsWith('.') && aged === null)) {
        if (tidyUp && name !== ':list') this.#removeIfOld(name);
        continue;
      }
      const baseName = aged?.[2] ?? name;
      const update = updates.get(baseName) ?? { newest: false, aged: 0 };
      updates.set(baseName, update);
      if (aged === null) update.newest = true;
      else if (tidyUp) update.aged = this.#newerAged(baseName, update.aged, Number(aged[1]));
      else update.aged = Math.max(update.aged, Number(aged[1]));
    }
    return updates;
  }

  /** Of two aged updates of a message only the newer one stays. */
  #newerAged(baseName: string, one: number, other: number): number {
    const [older, newer] = one < other ? [one, other] : [other, one];
    if (older > 0) unlinkIfThere(this.#surroundings.fileSystem, join(this.#paths.keywords, `.${older}.${baseName}`));
    return newer;
  }

  #removeIfOld(name: string): void {
    const { fileSystem, now } = this.#surroundings;
    const path = join(this.#paths.keywords, name);
    const status = fileSystem.status(path);
    if (status?.kind !== 'file' || now() - status.modifiedAt < AGED_FOR_MILLISECONDS) return;
    unlinkIfThere(fileSystem, path);
  }

  #age(updates: ReadonlyMap<string, Update>): void {
    const { fileSystem, now } = this.#surroundings;
    const unit = Math.floor(now() / 1000 / AGE_UNIT_SECONDS);
    for (const [baseName, { newest, aged }] of updates) {
      if (!newest) {
        this.#removeIfOld(`.${aged}.${baseName}`);
        continue;
      }
      const path = join(this.#paths.keywords, baseName);
      unlessMissing(() => {
        fileSystem.setModified(path, now());
        fileSystem.rename(path, join(this.#paths.keywords, `.${Math.max(unit + 1, aged)}.${baseName}`));
      });
    }
  }

  async #writeList(entries: Iterable<KeywordEntry>): Promise<void> {
    const contents = formatKeywordList(entries);
    await replaceFile(this.#surroundings, { tmp: this.#paths.tmp, path: this.#list, purpose: 'keywords', contents });
  }

  /**
   * Writes the keywords of one message.
   *
   * @returns false if there is an update already; the folder must be loaded (which ages it) before trying again
   */
  async writeUpdate({ baseName, keywords }: KeywordEntry): Promise<boolean> {
    const disk = this.#surroundings.fileSystem;
    const waiting = await this.#writeWaiting(keywords);
    try {
      disk.link(waiting, join(this.#paths.keywords, baseName));
    } catch (error) {
      // Over NFS, link() may say that it failed although it did not: the link count decides.
      if (errorCode(error) !== 'EEXIST') throw error;
    }
    try {
      return disk.status(waiting)?.links === 2;
    } finally {
      unlinkIfThere(disk, waiting);
    }
  }

  /** Gives the path of a complete update that has no message's name yet. */
  async #writeWaiting(keywords: readonly string[]): Promise<string> {
    const { fileSystem: disk, names, now } = this.#surroundings;
    const name = (): string => names.forPurpose('keywords');
    const { name: tmpName, path: tmpPath, file } = createUnique(disk, this.#paths.tmp, { name, mode: 0o666 });
    const waiting = join(this.#paths.keywords, `.tmp.${Math.floor(now() / 1000)}${tmpName}`);
    try {
      file.write(octetsFromText(keywords.map((word) => `${word}\n`).join('')));
      if (this.#surroundings.durable) await file.sync();
    } catch (error) {
      unlinkIfThere(disk, tmpPath);
      throw error;
    } finally {
      file.close();
    }
    if (unlessMissing(() => this.#renamed(tmpPath, waiting)) !== true) {
      this.makeDirectory();
      disk.rename(tmpPath, waiting);
    }
    return waiting;
  }

  #renamed(from: string, to: string): true {
    this.#surroundings.fileSystem.rename(from, to);
    return true;
  }

  /** Makes the directory with the folder's own mode. */
  makeDirectory(): void {
    const disk = this.#surroundings.fileSystem;
    const mode = disk.status(this.#paths.directory)?.mode ?? 0o700;
    try {
      disk.makeDirectory(this.#paths.keywords, mode & 0o777);
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error;
    }
  }

  /** Writes all keywords as one list. The folder's lock must be held and `entries` be what load() gave, changed. */
  async writeAll(entries: KeywordEntries, changed: ReadonlySet<string>): Promise<void> {
    this.makeDirectory();
    await this.#writeList(entries.values());
    if (this.#surroundings.durable) await this.#surroundings.fileSystem.syncDirectory(this.#paths.keywords);
    for (const [baseName, { newest, aged }] of this.#listUpdates(false)) {
      if (newest || !changed.has(uniqueNameOf(baseName))) continue;
      unlinkIfThere(this.#surroundings.fileSystem, join(this.#paths.keywords, `.${aged}.${baseName}`));
    }
  }
}
