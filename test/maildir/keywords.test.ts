/**
 * Keywords: courierimapkeywords in both directions, few and many messages, and words that are traps (X12, M6).
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { deliver, isKind, makeMaildir, OTHER_PROCESS, opened, openStore, scratchDirectory } from './scratch.js';

const addFlags = (flags: number, ...keywords: string[]) => ({ operation: 'add', flags, keywords }) as const;

test('X12: keywords survive a restart, go along with COPY and MOVE, and are compared without case', async (t) => {
  const { maildir, folder, store, use, path } = await opened(t, ['1.a:2,', '2.b:2,', '3.c,S=5:2,']);
  await maildir.createFolder('INBOX.Other');
  const other = maildir.folder('INBOX.Other');

  await folder.changeFlags([1, 3], addFlags(0, 'Work', '$Forwarded'));
  await folder.changeFlags([2], addFlags(0, 'WORK'));
  await folder.changeFlags([3], { operation: 'remove', flags: 0, keywords: ['$forwarded'] });
  await folder.copyTo(other, [1]);
  await folder.moveTo(other, [2]);
  await folder.refresh();
  await other.refresh();
  use.close();
  await store.close();

  const again = openStore().open(path);
  for (const [name, expected] of [
    ['INBOX', [['Work', '$Forwarded'], ['Work']]],
    ['INBOX.Other', [['Work', '$Forwarded'], ['Work']]],
  ] as const) {
    const reopened = again.folder(name);
    await reopened.open('read-write');
    const found = Array.from({ length: reopened.table.count }, (_row, row) => [...reopened.keywordsAt(row)].sort());
    assert.deepEqual(
      found,
      expected.map((words) => [...words].sort()),
      name,
    );
  }
});

test('many messages get a keyword by one list, and older update files do not win over it', async (t) => {
  const { folder, store, use, path } = await opened(
    t,
    Array.from({ length: 100 }, (_name, index) => `${index + 1}.x:2,`),
  );
  const uids = Array.from({ length: 100 }, (_uid, index) => index + 1);
  await folder.changeFlags([5], addFlags(0, 'Early'));
  await folder.refresh();

  await folder.changeFlags(uids, { operation: 'replace', flags: 0, keywords: ['All'] });
  use.close();
  await store.close();

  const again = openStore().open(path).folder('INBOX');
  await again.open('read-write');
  assert.deepEqual(again.keywords, ['All']);
  assert.ok(uids.every((uid) => again.keywordsAt(again.table.rowOf(uid)).join() === 'All'));
  assert.equal(readFileSync(join(path, 'courierimapkeywords', ':list'), 'utf8').split('\n').length, 103);
});

test('safe mode changes the keywords that are on the disk at that moment', async (t) => {
  const path = makeMaildir(join(scratchDirectory(t), 'Maildir'));
  deliver(path, '1.a:2,', 'a');
  const [one, two] = [process.pid, OTHER_PROCESS].map((processId) =>
    openStore({ keywords: 'safe', processId }).open(path).folder('INBOX'),
  );
  assert.ok(one !== undefined && two !== undefined);
  await one.open('read-write');
  await two.open('read-write');

  await one.changeFlags([1], addFlags(0, 'One'));
  await two.changeFlags([1], addFlags(0, 'Two'));
  await one.refresh();

  assert.deepEqual([...one.keywordsAt(0)].sort(), ['One', 'Two']);
});

test('keywords named like properties of objects are keywords', async (t) => {
  const { folder } = await opened(t, ['1.a:2,', '__proto__:2,', 'constructor:2,']);

  await folder.changeFlags([1, 2, 3], addFlags(0, '__proto__', 'constructor'));

  for (const row of [0, 1, 2]) assert.deepEqual([...folder.keywordsAt(row)], ['__proto__', 'constructor']);
});

test('X12: too many keywords are refused with an error of their own', async (t) => {
  const { folder } = await opened(t, ['1.a:2,']);
  const words = Array.from({ length: 300 }, (_word, index) => `k${index}`);

  await assert.rejects(folder.changeFlags([1], addFlags(0, ...words)), isKind('too many keywords'));
  await folder.changeFlags([1], addFlags(0, ...words.slice(0, 250)));
  await assert.rejects(folder.changeFlags([1], addFlags(0, 'one-more')), isKind('too many keywords'));
  await folder.changeFlags([1], addFlags(0, 'K7'));

  assert.equal(folder.keywords.length, 250);
});

test('keywords written by Courier are read: list, updates, aged updates', async (t) => {
  const { path, folder, store, use } = await opened(t, ['1.a,S=3:2,', '2.b:2,', '3.c:2,', '4.d:2,']);
  const keywords = join(path, 'courierimapkeywords');
  mkdirSync(keywords);
  writeFileSync(join(keywords, ':list'), 'Alpha\nBe(ta\n\n1.a,S=3:0 1 99\n2.b:0\ngone.x:1\n4.d:7\n');
  writeFileSync(join(keywords, '2.b'), 'Gamma\n');
  writeFileSync(join(keywords, '.5.3.c'), 'Old\n');
  writeFileSync(join(keywords, '.7.3.c'), 'Delta\nAlpha\n');
  utimesSync(join(keywords, '.7.3.c'), 1e9, 1e9);

  await folder.refresh();

  assert.deepEqual(
    [0, 1, 2, 3].map((row) => [...folder.keywordsAt(row)]),
    [['Alpha', 'Be_ta'], ['Gamma'], ['Delta', 'Alpha'], []],
  );
  const list = readFileSync(join(keywords, ':list'), 'utf8');
  assert.ok(!list.includes('gone.x') && list.includes('3.c:'));
  const names = readdirSync(keywords).sort();
  assert.ok(names.some((name) => /^\.\d+\.2\.b$/.test(name)) && !names.includes('2.b'), 'the update is aged');
  assert.ok(!names.includes('.5.3.c') && !names.includes('.7.3.c'), 'old aged updates are gone');
  use.close();
  await store.close();
});
