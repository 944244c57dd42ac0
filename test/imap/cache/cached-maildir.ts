/**
 * A maildir, and caches of facts about its messages as worker processes have them, one after the other or side by side.
 *
 * What is kept tells of itself: message, version of its file, group. So whatever a cache shows can be judged alone.
 */
import assert from 'node:assert/strict';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { FactCache, type FactCacheOptions } from '../../../imapd/cache/fact-cache.js';
import {
  emptyView,
  type FactGroup,
  type FolderFacts,
  HEADER_FACTS,
  SEARCH_FACTS,
  STRUCTURE_FACTS,
} from '../../../imapd/cache/folder-facts.js';
import { realFileSystem } from '../../../maildir/file-system.js';
import type { Folder, FolderUse } from '../../../maildir/folder.js';
import type { MaildirStore } from '../../../maildir/maildir-store.js';
import { type Scratch, scratchDirectory } from '../../support/maildir-fixture.js';
import { HandClock } from '../../support/session-fixture.js';
import { testStore } from '../../support/test-store.js';

/** All groups of facts. */
export const GROUPS: readonly FactGroup[] = [HEADER_FACTS, STRUCTURE_FACTS, SEARCH_FACTS];

/** A worker process: a store, an open folder, a cache. */
export class Worker {
  readonly clock = new HandClock();
  readonly warnings: string[] = [];
  readonly store: MaildirStore;
  readonly cache: FactCache;
  readonly #path: string;
  #use: FolderUse | undefined;
  #view = emptyView();

  constructor(maildir: string, options: Partial<FactCacheOptions>) {
    this.#path = maildir;
    this.store = testStore();
    this.cache = new FactCache({
      fileSystem: realFileSystem,
      clock: this.clock,
      warn: (text) => void this.warnings.push(text),
      ...options,
    });
  }

  get folder(): Folder {
    assert.ok(this.#use !== undefined);
    return this.#use.folder;
  }

  async open(): Promise<FolderFacts> {
    this.#use ??= await this.store.open(this.#path).folder('INBOX').open('read-write');
    await this.folder.refresh();
    return this.cache.ready(this.folder);
  }

  /** What is shown of a message, undefined for nothing. */
  look(row: number, group: FactGroup): string | undefined {
    const facts = this.cache.of(this.folder);
    if (!facts.look(row, group, this.#view)) return undefined;
    const { octets, start, end } = this.#view;
    return octets.toString('latin1', start, end);
  }

  /** Learns a fact as commands do: looks for it first, then opens the file. */
  keep(row: number, group: FactGroup, filler = ''): string {
    this.look(row, group);
    const payload = this.truth(row, group) + filler;
    this.cache.of(this.folder).keep(row, group, Buffer.from(payload, 'latin1'), this.folder.fingerprintAt(row));
    return payload;
  }

  /** What every fact of a group about the file as it is now begins with. */
  truth(row: number, group: FactGroup): string {
    const { sizeOctets, modifiedAt, inode } = this.folder.fingerprintAt(row);
    return `${this.folder.uniqueNameAt(row)} ${sizeOctets} ${modifiedAt} ${inode} ${group};`;
  }

  /** Fails if anything that is shown is not true; gives how much is shown. */
  shown(): number {
    let count = 0;
    for (let row = 0; row < this.folder.table.count; row += 1) {
      for (const group of GROUPS) {
        const fact = this.look(row, group);
        if (fact === undefined) continue;
        assert.ok(fact.startsWith(this.truth(row, group)), `${fact} is not of ${this.truth(row, group)}`);
        assert.ok(/^x*$/.test(fact.slice(this.truth(row, group).length)), `garbage in ${fact}`);
        count += 1;
      }
    }
    return count;
  }

  async close(): Promise<void> {
    await this.cache.close();
    this.#use?.close();
    this.#use = undefined;
    await this.store.close();
  }
}

/** A maildir with messages, and a cache directory. */
export class CachedMaildir {
  readonly maildir: string;
  readonly directory: string;
  readonly #scratch: Scratch;
  #nextMessage = 1;

  constructor(messages = 0) {
    this.#scratch = scratchDirectory('cache');
    this.maildir = join(this.#scratch.path, 'Maildir');
    this.directory = join(this.#scratch.path, 'cache', '1000');
    for (const name of ['cur', 'new', 'tmp']) mkdirSync(join(this.maildir, name), { recursive: true });
    for (let count = 0; count < messages; count += 1) this.deliver();
  }

  worker(options: Partial<FactCacheOptions> = {}): Worker {
    return new Worker(this.maildir, { directory: this.directory, ...options });
  }

  workerWithoutFiles(options: Partial<FactCacheOptions> = {}): Worker {
    return new Worker(this.maildir, options);
  }

  deliver(): void {
    const name = `${1_700_000_000 + this.#nextMessage}.M${this.#nextMessage}.mx`;
    writeFileSync(join(this.maildir, 'cur', `${name}:2,`), `Subject: ${this.#nextMessage}\n\nA message.\n`);
    this.#nextMessage += 1;
  }

  /** The files of the messages, in the order of their names. */
  messageFiles(): string[] {
    const cur = join(this.maildir, 'cur');
    return readdirSync(cur)
      .sort()
      .map((name) => join(cur, name));
  }

  /** Another program puts another file under the name of a message; its mtime may lie in the past. */
  replaceMessage(path: string, modifiedSeconds?: number): void {
    const other = join(this.maildir, 'tmp', 'other');
    writeFileSync(other, `${readFileSync(path, 'latin1')}More.\n`);
    if (modifiedSeconds !== undefined) utimesSync(other, modifiedSeconds, modifiedSeconds);
    renameSync(other, path);
    this.#ageCur();
  }

  /** The one file of the cache, if it is there. */
  cacheFile(): string | undefined {
    for (const directory of existsSync(this.directory) ? readdirSync(this.directory) : []) {
      const inside = join(this.directory, directory);
      if (!statSync(inside).isDirectory()) continue;
      for (const name of readdirSync(inside)) return join(inside, name);
    }
    return undefined;
  }

  remove(): void {
    this.#scratch.remove();
  }

  /** So that no scan has to wait for the clock of the file system. */
  #ageCur(): void {
    const seconds = 1_600_000_000 + this.#nextMessage++;
    utimesSync(join(this.maildir, 'cur'), seconds, seconds);
  }
}

/** Changes a file as a broken disk, or a finger, would. */
export function damage(path: string, how: { readonly kind: number; readonly at: number }): void {
  const octets = readFileSync(path);
  const at = Math.floor(how.at * octets.length);
  const flipped = Buffer.from(octets);
  if (flipped.length > 0) flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
  const half = octets.subarray(0, at);
  const kinds: readonly (() => void)[] = [
    () => writeFileSync(path, flipped),
    () => writeFileSync(path, half),
    () => writeFileSync(path, Buffer.concat([octets, octets.subarray(at)])),
    () => writeFileSync(path, Buffer.concat([half, Buffer.from('garbage'), octets.subarray(at)])),
    () => writeFileSync(path, Buffer.concat([octets.subarray(at), half])),
    () => rmSync(path),
    () => closeSync(openSync(path, 'w')),
    () => {
      rmSync(path);
      mkdirSync(path);
    },
  ];
  kinds[how.kind % kinds.length]?.();
}

/** How many kinds of damage there are. */
export const KINDS_OF_DAMAGE = 8;
