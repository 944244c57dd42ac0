/**
 * Hundreds of new messages at once: they are told of before their files are moved to cur, and moved a moment later.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { FLAGGED, SEEN } from '../../maildir/flags.js';
import type { Folder } from '../../maildir/folder.js';
import { testStore } from '../support/test-store.js';
import { assertSound, bodyOf, deliver, isKind, makeMaildir, scratchDirectory, tell } from './scratch.js';

const COUNT = 200;

/** A timer that waits until somebody lets the time pass. */
function handTimer() {
  const waiting = new Set<() => void>();
  return {
    after: (_milliseconds: number, run: () => void) => {
      waiting.add(run);
      return () => void waiting.delete(run);
    },
    pass: async (folder: Folder): Promise<void> => {
      for (const run of [...waiting]) {
        waiting.delete(run);
        run();
      }
      // Comes behind what was begun just now.
      await folder.removeMessages([]);
    },
  };
}

/** A maildir with so many new messages, and its INBOX, opened. */
async function openedWithMany(t: { after(run: () => void): void }, access: 'read-write' | 'read-only' = 'read-write') {
  const path = makeMaildir(join(scratchDirectory(t), 'Maildir'));
  for (let number = 1; number <= COUNT; number += 1) deliver(path, `${1000 + number}.a`, `m${number}`);
  const timer = handTimer();
  const store = testStore({ durable: true, useLocks: true, after: timer.after });
  const folder = store.open(path).folder('INBOX');
  const use = await folder.open(access);
  const names = (place: string): string[] => readdirSync(join(path, place)).sort();
  return { path, store, folder, use, timer, names };
}

test('they are told of at once, all recent, and are in cur a moment later', async (t) => {
  const { path, folder, timer, names } = await openedWithMany(t);

  assert.equal(folder.table.count, COUNT);
  assert.equal(folder.claimRecent(), 1);
  assert.equal(names('new').length, COUNT);
  const told = tell(folder);
  const { changeNumber } = folder;
  await timer.pass(folder);

  assert.deepEqual(names('new'), []);
  assert.deepEqual(
    names('cur'),
    Array.from({ length: COUNT }, (_, index) => `${1001 + index}.a:2,`),
  );
  assert.deepEqual(tell(folder), told);
  assert.equal(folder.changeNumber, changeNumber, 'there is nothing to tell anybody');
  await folder.refresh();
  assert.deepEqual(tell(folder), told);
  await assertSound(path);
});

test('who looks without changing anything moves none, and the next one who changes does', async (t) => {
  const { folder, timer, names } = await openedWithMany(t, 'read-only');
  await timer.pass(folder);
  assert.equal(names('new').length, COUNT);

  await folder.open('read-write');
  assert.equal(folder.claimRecent(), 1);
  await timer.pass(folder);

  assert.equal(names('cur').length, COUNT);
});

test('flags, copies and removals before that moment are as always', async (t) => {
  const { path, folder, timer, names } = await openedWithMany(t);
  await folder.changeFlags([1, 2], { operation: 'add', flags: SEEN | FLAGGED, keywords: [] });
  await folder.removeMessages([3]);
  await folder.copyTo(folder, [4]);

  await timer.pass(folder);
  await folder.refresh();

  assert.deepEqual(names('new'), []);
  assert.deepEqual(names('cur').slice(0, 3), ['1001.a:2,FS', '1002.a:2,FS', '1004.a:2,']);
  assert.equal(folder.table.count, COUNT);
  await assertSound(path);
});

test('what another program moves, flags or removes meanwhile is left as it is', async (t) => {
  const { path, folder, timer, names } = await openedWithMany(t);
  renameSync(join(path, 'new', '1001.a'), join(path, 'cur', '1001.a:2,S'));
  rmSync(join(path, 'new', '1002.a'));
  deliver(path, '2000.late', 'late');

  await timer.pass(folder);
  await folder.refresh();

  assert.deepEqual(names('new'), []);
  assert.equal(names('cur')[0], '1001.a:2,S');
  assert.equal(folder.flagsAt(folder.table.rowOf(1)), SEEN);
  assert.throws(() => folder.openMessage(2), isKind('message gone'));
  assert.equal(tell(folder).ids.get(COUNT + 1), 'late');
  await assertSound(path);
});

test('a file of the same name in cur is not written over', async (t) => {
  const { path, folder, timer } = await openedWithMany(t);
  deliver(path, '1001.a:2,', 'another');

  await timer.pass(folder);

  assert.deepEqual(readdirSync(join(path, 'new')), ['1001.a']);
  assert.equal(readdirSync(join(path, 'cur')).length, COUNT);
  assert.equal(readFileSync(join(path, 'cur', '1001.a:2,'), 'utf8'), bodyOf('another'));
});

test('a store that is closed before that moment moves them first', async (t) => {
  const { store, use, names } = await openedWithMany(t);
  use.close();

  await store.close();

  assert.deepEqual(names('new'), []);
  assert.equal(names('cur').length, COUNT);
});
