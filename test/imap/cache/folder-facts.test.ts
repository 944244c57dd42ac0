/**
 * The facts of a folder in memory: what is shown is what was kept, of the file that is there now.
 */
import assert from 'node:assert/strict';
import { rmSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { emptyView, HEADER_FACTS, SEARCH_FACTS, STRUCTURE_FACTS } from '../../../imapd/cache/folder-facts.js';
import { CachedMaildir, GROUPS, type Worker } from './cached-maildir.js';

/** A worker without files. */
async function inMemory(messages: number, maxHeldOctets?: number) {
  const maildir = new CachedMaildir(messages);
  const worker = maildir.workerWithoutFiles(maxHeldOctets === undefined ? {} : { maxHeldOctets });
  const facts = await worker.open();
  const close = async (): Promise<void> => {
    await worker.close();
    maildir.remove();
  };
  return { maildir, worker, facts, close };
}

test('what was kept of a message is shown, with size and date of its file, and nothing else is', async () => {
  const { worker, facts, close } = await inMemory(3);

  const kept = worker.keep(1, STRUCTURE_FACTS, 'xxx');
  const view = emptyView();

  assert.ok(facts.look(1, STRUCTURE_FACTS, view));
  assert.equal(view.octets.toString('latin1', view.start, view.end), kept);
  const { sizeOctets, modifiedAt } = worker.folder.fingerprintAt(1);
  assert.deepEqual([view.fileOctets, view.internalDate], [sizeOctets, modifiedAt]);
  assert.equal(worker.look(1, HEADER_FACTS), undefined);
  assert.equal(worker.look(0, STRUCTURE_FACTS), undefined);
  assert.equal(worker.shown(), 1);
  await close();
});

test('facts stay with their messages when others leave and arrive', async () => {
  const { maildir, worker, close } = await inMemory(6);
  for (let row = 0; row < 6; row += 1) worker.keep(row, GROUPS[row % 3] ?? HEADER_FACTS);

  await worker.folder.removeMessages([1, 4].map((row) => worker.folder.table.uidAt(row)));
  maildir.deliver();
  await worker.open();

  assert.equal(worker.folder.table.count, 5);
  assert.equal(worker.shown(), 4);
  worker.keep(4, SEARCH_FACTS);
  assert.equal(worker.shown(), 5);
  await close();
});

test('a message whose file another program replaced is not what it was', async () => {
  for (const modifiedSeconds of [undefined, 1_500_000_000]) {
    const { maildir, worker, close } = await inMemory(3);
    for (const group of GROUPS) for (let row = 0; row < 3; row += 1) worker.keep(row, group);
    const before = worker.look(1, HEADER_FACTS);

    maildir.replaceMessage(maildir.messageFiles()[1] ?? '', modifiedSeconds);
    await worker.open();

    assert.equal(worker.look(1, HEADER_FACTS), undefined);
    assert.equal(worker.shown(), 6);
    assert.notEqual(worker.keep(1, HEADER_FACTS), before);
    assert.equal(worker.shown(), 7);
    await close();
  }
});

test('what is learnt of a new file makes all that was known of the old one void', async () => {
  const { worker, facts, close } = await inMemory(1);
  worker.keep(0, HEADER_FACTS);
  const file = { sizeOctets: 99, modifiedAt: 5, inode: 7 };

  facts.keep(0, SEARCH_FACTS, Buffer.from('of another file'), file);

  assert.equal(worker.look(0, HEADER_FACTS), undefined);
  // It was learnt without looking for it first, so it is compared with the file.
  assert.equal(worker.look(0, SEARCH_FACTS), undefined);
  await close();
});

test('forgetting a message leaves the others', async () => {
  const { worker, facts, close } = await inMemory(2);
  for (const group of GROUPS) for (let row = 0; row < 2; row += 1) worker.keep(row, group);

  facts.forget(0);

  assert.equal(worker.look(0, HEADER_FACTS), undefined);
  assert.equal(worker.shown(), 3);
  await close();
});

test('a message that is gone shows nothing', async () => {
  const { maildir, worker, close } = await inMemory(2);
  worker.keep(0, HEADER_FACTS);
  maildir.replaceMessage(maildir.messageFiles()[1] ?? '');
  await worker.open();

  rmSync(maildir.messageFiles()[0] ?? '');

  assert.equal(worker.look(0, HEADER_FACTS), undefined);
  await close();
});

test('memory is bounded, and facts that are learnt again and again take no more of it', async () => {
  const bound = 256 * 1024;
  const { worker, facts, close } = await inMemory(200, bound);

  for (let round = 0; round < 20; round += 1) {
    for (let row = 0; row < 200; row += 1) worker.keep(row, HEADER_FACTS, 'x'.repeat(500));
    assert.ok(worker.cache.heldOctets <= bound + facts.heldOctets - facts.arenas.heldOctets);
  }

  assert.ok(worker.shown() > 50);
  await close();
});

test('what is learnt is known at once, also when room for it is made by letting go of all the rest of its folder', async () => {
  const rows = 80;
  const { worker, close } = await inMemory(rows, 24 * 1024 * 1024);
  for (let round = 0; round < 2; round += 1) {
    for (let row = 0; row < rows; row += 1) {
      const fact = worker.keep(row, SEARCH_FACTS, 'x'.repeat(250_000));
      assert.equal(worker.look(row, SEARCH_FACTS), fact, `row ${row}`);
    }
  }
  assert.ok(worker.shown() < rows, 'all that is known was never let go of');
  await close();
});

test('of a folder that is too large for memory stays what SEARCH looks at', async () => {
  const { worker, close } = await inMemory(400, 320 * 1024);

  for (const group of GROUPS) {
    for (let row = 0; row < 400; row += 1) worker.keep(row, group, 'x'.repeat(400));
  }

  for (let row = 0; row < 400; row += 1) assert.notEqual(worker.look(row, SEARCH_FACTS), undefined, `row ${row}`);
  for (let row = 0; row < 400; row += 1) worker.keep(row, HEADER_FACTS, 'x'.repeat(400));
  worker.shown();
  for (let row = 0; row < 400; row += 1) assert.notEqual(worker.look(row, SEARCH_FACTS), undefined, `row ${row}`);
  assert.ok(worker.cache.heldOctets <= 330 * 1024, `${worker.cache.heldOctets} octets`);
  await close();
});

test('of a file that is too large for memory comes back what SEARCH looks at', async () => {
  const maildir = new CachedMaildir(400);
  const learn = (worker: Worker): void => {
    for (let row = 0; row < 400; row += 1) {
      for (const group of GROUPS) if (worker.look(row, group) === undefined) worker.keep(row, group, 'x'.repeat(4_000));
    }
  };
  const first = maildir.worker();
  await first.open();
  learn(first);
  await first.close();
  const { size } = statSync(maildir.cacheFile() ?? '');

  const worker = maildir.worker({ maxHeldOctets: 3_200_000 });
  await worker.open();
  for (let row = 0; row < 400; row += 1) assert.notEqual(worker.look(row, SEARCH_FACTS), undefined, `row ${row}`);
  assert.ok(worker.shown() < 1200);
  learn(worker);
  await worker.close();

  // What was learnt again is not written again, and nothing of the file is lost.
  assert.equal(statSync(maildir.cacheFile() ?? '').size, size);
  const last = maildir.worker();
  await last.open();
  assert.equal(last.shown(), 1200);
  await last.close();
  maildir.remove();
});
