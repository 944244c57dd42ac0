/**
 * What other sessions of a process are told while one of them changes a folder. They run while it waits: for the disk, and
 * in the pauses of long work.
 *
 * - UIDNEXT is above every message that is shown, and no message that is shown later is below it (RFC 9051 section
 *   2.3.1.1).
 * - What is not as it was told before has a mod-sequence above the highest that was told then, and what is not there any
 *   more is said to have left after it (RFC 7162 section 3.2).
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { type FileSystem, realFileSystem } from '../../maildir/file-system.js';
import { DELETED, FLAGGED, SEEN } from '../../maildir/flags.js';
import type { Folder } from '../../maildir/folder.js';
import type { ModSequences } from '../../maildir/modseq/mod-sequences.js';
import { createdWithSync, deliver, makeMaildir, OTHER_PROCESS, openStore, scratchDirectory } from './scratch.js';

/** Messages that come in one go: more than one list of UIDs reserves. */
const MANY = 40;
const ROUNDS = 6;

/** Has somebody asked at each sync, before it and after it. */
function askingDisk(ask: () => void): FileSystem {
  const between = async (sync: Promise<void>): Promise<void> => {
    ask();
    await sync;
    ask();
  };
  return {
    ...realFileSystem,
    create: (name, mode) => createdWithSync(name, mode, (file) => between(file.sync())),
    syncDirectory: (path) => between(realFileSystem.syncDirectory(path)),
  };
}

/** What a client was told of one message. */
interface ToldMessage {
  readonly flags: number;
  readonly keywords: string;
  readonly modSequence: number;
}

/** One session that asks all the time, and keeps what it was told. */
class Asker {
  folder: Folder | undefined;
  asked = 0;
  readonly #shown = new Set<number>();
  #uidNext = 1;
  #highest = 0;
  #told: ReadonlyMap<number, ToldMessage> = new Map();

  ask(): void {
    const { folder } = this;
    if (folder === undefined) return;
    this.asked += 1;
    this.#askNext(folder);
    const { kept } = folder.sequences;
    // Another process may know more: then a session looks again before it tells anything.
    if (kept !== undefined && !kept.settle()) this.#askSequences(folder, kept);
  }

  #askNext({ table, uidNext }: Folder): void {
    const last = table.count === 0 ? 0 : table.uidAt(table.count - 1);
    assert.ok(uidNext > last, `UIDNEXT ${uidNext} was told with a message ${last}`);
    assert.ok(uidNext >= this.#uidNext, `UIDNEXT went back from ${this.#uidNext} to ${uidNext}`);
    for (let row = 0; row < table.count; row += 1) {
      const uid = table.uidAt(row);
      const isLate = uid < this.#uidNext && !this.#shown.has(uid);
      assert.ok(!isLate, `message ${uid} came after UIDNEXT ${this.#uidNext} was told`);
      this.#shown.add(uid);
    }
    this.#uidNext = uidNext;
  }

  #askSequences(folder: Folder, kept: ModSequences): void {
    const { table } = folder;
    const now = new Map<number, ToldMessage>();
    for (let row = 0; row < table.count; row += 1) {
      const [flags, keywords] = [folder.flagsAt(row), folder.keywordsAt(row).join(' ')];
      now.set(table.uidAt(row), { flags, keywords, modSequence: kept.at(row) });
    }
    // Where that is forgotten, a client is told of all that are not there.
    const gone = kept.goneAfter(this.#highest) ?? [[1, Number.POSITIVE_INFINITY]];
    for (const [uid, { flags, keywords, modSequence }] of now) {
      const before = this.#told.get(uid);
      assert.ok(modSequence <= kept.highest, `message ${uid} has ${modSequence}, above the highest ${kept.highest}`);
      assert.ok(modSequence >= (before?.modSequence ?? 0), `the mod-sequence of message ${uid} went back`);
      if (before?.flags === flags && before.keywords === keywords) continue;
      const change = `${before?.flags ?? 'nothing'} to ${flags}, ${modSequence}`;
      assert.ok(modSequence > this.#highest, `message ${uid}: ${change}, and ${this.#highest} was told before`);
    }
    for (const uid of this.#told.keys()) {
      assert.ok(
        now.has(uid) || gone.some(([first, last]) => uid >= first && uid <= last),
        `message ${uid} has left, and ${this.#highest} was told before`,
      );
    }
    this.#highest = kept.highest;
    this.#told = now;
  }
}

interface Scene {
  readonly path: string;
  readonly folder: Folder;
  readonly asker: Asker;
}

async function scene(t: { after(run: () => void): void }, now: () => number = Date.now): Promise<Scene> {
  const path = makeMaildir(join(scratchDirectory(t), 'Maildir'));
  const asker = new Asker();
  const folder = openStore({ fileSystem: askingDisk(() => asker.ask()), now })
    .open(path)
    .folder('INBOX');
  await folder.open('read-write');
  await folder.sequences.keep();
  asker.folder = folder;
  return { path, folder, asker };
}

async function add(folder: Folder): Promise<void> {
  const writer = folder.beginMessage();
  writer.write(Buffer.from('Subject: x\n\nx\n'));
  await folder.addMessages([{ writer, flags: 0, keywords: [] }]);
}

test('all is right while messages that were delivered are numbered, few or many', async (t) => {
  const { path, folder, asker } = await scene(t);

  for (let round = 0; round < ROUNDS; round += 1) {
    const count = round % 2 === 0 ? 1 : MANY;
    for (let number = 0; number < count; number += 1) deliver(path, `17000${round}0${number}.M1.mx`, 'm');
    await folder.refresh();
    asker.ask();
  }

  assert.equal(folder.table.count, (ROUNDS / 2) * (1 + MANY));
  assert.ok(asker.asked > ROUNDS * 2);
});

test('all is right while clients add messages, at once and one after the other', async (t) => {
  const { folder, asker } = await scene(t);

  for (let round = 0; round < ROUNDS; round += 1) {
    await add(folder);
    asker.ask();
    await Promise.all(Array.from({ length: MANY }, () => add(folder)));
    asker.ask();
  }

  assert.equal(folder.table.count, ROUNDS * (1 + MANY));
  assert.ok(asker.asked > ROUNDS * MANY);
});

test('all is right while messages are taken over that another process has numbered', async (t) => {
  const { path, folder, asker } = await scene(t);
  const other = openStore({ processId: OTHER_PROCESS }).open(path).folder('INBOX');

  for (let round = 0; round < ROUNDS; round += 1) {
    for (let number = 0; number < MANY; number += 1) deliver(path, `17000${round}0${number}.M1.mx`, 'm');
    await other.refresh();
    deliver(path, `17000${round}9.M1.mx`, 'm');
    await folder.refresh();
    asker.ask();
  }

  assert.equal(folder.table.count, ROUNDS * (1 + MANY));
});

test('all is right while many messages are shown, changed and removed piece by piece', async (t) => {
  // Each look at this clock says that others have waited for long enough.
  let passed = 0;
  const { path, folder, asker } = await scene(t, () => {
    passed += 3;
    return Date.now() + passed;
  });
  const other = openStore({ processId: OTHER_PROCESS }).open(path).folder('INBOX');
  let failure: unknown;
  let over = false;
  const ask = (): void => {
    try {
      asker.ask();
    } catch (error) {
      failure ??= error;
    }
    if (!over) setImmediate(ask);
  };
  t.after(() => {
    over = true;
  });
  ask();

  for (let round = 0; round < ROUNDS; round += 1) {
    for (let number = 100; number < 100 + MANY; number += 1) deliver(path, `17000${round}0${number}.M1.mx`, 'm');
    if (round % 2 === 0) await other.refresh();
    await folder.refresh();
    const uids = Array.from({ length: folder.table.count }, (_, row) => folder.table.uidAt(row));
    await other.changeFlags(uids.slice(MANY / 2), { operation: 'add', flags: FLAGGED, keywords: [`Round${round}`] });
    await folder.changeFlags(uids.slice(-MANY), { operation: 'add', flags: SEEN, keywords: [] });
    await folder.removeMessages(uids.slice(0, MANY / 2));
  }

  assert.equal(folder.table.count, (ROUNDS * MANY) / 2);
  assert.equal(failure, undefined);
});

test('all is right while messages come, change and leave at the same time, here and by other hands', async (t) => {
  const { path, folder, asker } = await scene(t);
  const other = openStore({ processId: OTHER_PROCESS }).open(path).folder('INBOX');
  for (let round = 0; round < ROUNDS; round += 1) {
    const uids = Array.from({ length: folder.table.count }, (_, row) => folder.table.uidAt(row));
    const some = (part: number): number[] => uids.filter((uid) => uid % 5 === part);
    for (let number = 0; number < MANY; number += 1) deliver(path, `17000${round}0${number}.M1.mx`, 'm');
    await Promise.all([
      add(folder),
      folder.changeFlags(some(0), { operation: 'add', flags: SEEN, keywords: [`Round${round}`] }),
      folder.refresh(),
      folder.changeFlags(some(1), { operation: 'replace', flags: FLAGGED, keywords: [] }),
      folder.removeMessages(some(2)),
      other.changeFlags(some(3), { operation: 'add', flags: DELETED, keywords: [] }),
      add(folder),
      other.removeMessages(some(4).slice(0, 3)),
      add(other),
    ]);
    await folder.refresh();
    asker.ask();
  }

  await other.refresh();
  assert.equal(other.table.count, folder.table.count);
  assert.ok(asker.asked > ROUNDS * 10);
});
