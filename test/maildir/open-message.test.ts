/** Reading a message at once, and knowing whether anybody else may have replaced it. */
import assert from 'node:assert/strict';
import { renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SEEN } from '../../maildir/flags.js';
import { append, bodyOf, deliver, isKind, opened } from './scratch.js';

const addSeen = { operation: 'add', flags: SEEN, keywords: [] } as const;

test('a message that fits is read whole when it is opened, and its file is closed', async (t) => {
  const { path, folder } = await opened(t, ['1.a:2,']);
  const status = statSync(join(path, 'cur', '1.a:2,'));
  const into = Buffer.alloc(64);

  const file = folder.openMessage(1, into);
  assert.equal(file.whole?.toString(), bodyOf('m0'));
  assert.equal(file.whole?.buffer, into.buffer, 'nothing is copied');
  assert.equal(file.read(9, 2).toString(), 'm0');
  file.close();
  const part = folder.openMessage(1, into.subarray(0, 4));
  assert.equal(part.whole, undefined);
  assert.equal(part.read(9, 2).toString(), 'm0');
  part.close();

  const expected = { sizeOctets: status.size, modifiedAt: Math.floor(status.mtimeMs), inode: status.ino };
  assert.deepEqual(folder.fingerprintAt(0), expected);
  assert.equal(file.inode, status.ino);
  rmSync(join(path, 'cur', '1.a:2,'));
  assert.throws(() => folder.fingerprintAt(0), isKind('message gone'));
});

test('changes of others in cur are counted, deliveries and our own are not', async (t) => {
  const { path, folder } = await opened(t, ['1.a:2,', '2.b:2,']);
  const before = folder.foreignChanges;

  await folder.changeFlags([1], addSeen);
  await append(folder, 'c');
  await folder.removeMessages([2]);
  deliver(path, '4.d', 'd');
  await folder.refresh();
  assert.equal(folder.table.count, 3);
  assert.equal(folder.foreignChanges, before);

  const first = folder.table.rowOf(1);
  assert.equal(folder.sizeOctetsAt(first), bodyOf('m0').length);
  assert.ok(folder.internalDateAt(first) > 1_000_000);
  writeFileSync(join(path, 'tmp', 'x'), 'another');
  utimesSync(join(path, 'tmp', 'x'), 1_000, 1_000);
  renameSync(join(path, 'tmp', 'x'), join(path, 'cur', '1.a:2,S'));
  await folder.refresh();
  assert.ok(folder.foreignChanges > before);
  assert.equal(folder.sizeOctetsAt(first), 'another'.length);
  assert.equal(folder.internalDateAt(first), 1_000_000);
});
