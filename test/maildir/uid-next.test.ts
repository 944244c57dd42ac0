/**
 * What clients are told of UIDs while messages are being numbered: UIDNEXT is above every message that is shown, and no
 * message that is shown later is below it (RFC 9051 section 2.3.1.1); and none of those is said to have left (RFC 7162).
 *
 * The disk asks at each of its syncs, because that is when other sessions of the process run.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { type FileSystem, realFileSystem } from '../../maildir/file-system.js';
import type { Folder } from '../../maildir/folder.js';
import { createdWithSync, deliver, makeMaildir, openStore, scratchDirectory } from './scratch.js';

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

/** One session that asks all the time. */
class Asker {
  folder: Folder | undefined;
  asked = 0;
  #toldNext = 1;
  #highestShown = 0;
  readonly #saidGone = new Set<number>();

  ask(): void {
    const { folder } = this;
    if (folder === undefined) return;
    this.asked += 1;
    const { table, uidNext } = folder;
    const last = table.count === 0 ? 0 : table.uidAt(table.count - 1);
    for (let row = table.count - 1; row >= 0 && table.uidAt(row) > this.#highestShown; row -= 1) {
      const uid = table.uidAt(row);
      assert.ok(uid >= this.#toldNext, `message ${uid} came after UIDNEXT ${this.#toldNext} was told`);
      assert.ok(!this.#saidGone.has(uid), `message ${uid} was said to have left before it came`);
    }
    assert.ok(uidNext > last, `UIDNEXT ${uidNext} was told with a message ${last}`);
    assert.ok(uidNext >= this.#toldNext, `UIDNEXT went back from ${this.#toldNext} to ${uidNext}`);
    this.#toldNext = uidNext;
    this.#highestShown = Math.max(this.#highestShown, last);
    folder.sequences.kept?.settle();
    for (const [first, end] of folder.sequences.kept?.goneAfter(folder.sequences.kept.highest - 1) ?? []) {
      for (let uid = first; uid <= end; uid += 1) this.#saidGone.add(uid);
    }
  }
}

async function asked(t: { after(run: () => void): void }): Promise<{ path: string; folder: Folder; asker: Asker }> {
  const path = makeMaildir(join(scratchDirectory(t), 'Maildir'));
  const asker = new Asker();
  const folder = openStore({ fileSystem: askingDisk(() => asker.ask()) })
    .open(path)
    .folder('INBOX');
  await folder.open('read-write');
  await folder.sequences.keep();
  asker.folder = folder;
  return { path, folder, asker };
}

test('UIDNEXT is right while messages that were delivered are numbered, few or many', async (t) => {
  const { path, folder, asker } = await asked(t);

  for (let round = 0; round < ROUNDS; round += 1) {
    const count = round % 2 === 0 ? 1 : MANY;
    for (let number = 0; number < count; number += 1) deliver(path, `17000${round}0${number}.M1.mx`, 'm');
    await folder.refresh();
    asker.ask();
  }

  assert.equal(folder.table.count, (ROUNDS / 2) * (1 + MANY));
  assert.ok(asker.asked > ROUNDS * 2);
});

test('UIDNEXT is right while clients add messages, at once and one after the other', async (t) => {
  const { folder, asker } = await asked(t);
  const add = async (): Promise<void> => {
    const writer = folder.beginMessage();
    writer.write(Buffer.from('Subject: x\n\nx\n'));
    await folder.addMessages([{ writer, flags: 0, keywords: [] }]);
    asker.ask();
  };

  for (let round = 0; round < ROUNDS; round += 1) {
    await add();
    await Promise.all(Array.from({ length: MANY }, add));
  }

  assert.equal(folder.table.count, ROUNDS * (1 + MANY));
  assert.ok(asker.asked > ROUNDS * MANY);
});

test('UIDNEXT is right while messages are taken over that another process has numbered', async (t) => {
  const { path, folder, asker } = await asked(t);
  const other = openStore().open(path).folder('INBOX');

  for (let round = 0; round < ROUNDS; round += 1) {
    for (let number = 0; number < MANY; number += 1) deliver(path, `17000${round}0${number}.M1.mx`, 'm');
    await other.refresh();
    deliver(path, `17000${round}9.M1.mx`, 'm');
    await folder.refresh();
    asker.ask();
  }

  assert.equal(folder.table.count, ROUNDS * (1 + MANY));
});
