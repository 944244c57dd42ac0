/** Receiving messages: what goes to the disk when, and what is left of a message that is given up. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type FileSystem, realFileSystem } from '../../maildir/file-system.js';
import { SEEN } from '../../maildir/flags.js';
import {
  append,
  bodyOf,
  createdWithSync,
  makeMaildir,
  messagesOnDisk,
  openStore,
  scratchDirectory,
} from './scratch.js';

test('a message goes to the disk while the next one is received, and can still be given up', async (t) => {
  const path = makeMaildir(join(scratchDirectory(t), 'Maildir'));
  const waiting: (() => void)[] = [];
  const create: FileSystem['create'] = (name, mode) =>
    createdWithSync(name, mode, (file) =>
      name.includes('/tmp/') ? new Promise((resolve) => waiting.push(resolve)) : file.sync(),
    );
  const folder = openStore({ fileSystem: { ...realFileSystem, create }, useLocks: false })
    .open(path)
    .folder('INBOX');
  const begin = (id: string, internalDate?: number) => {
    const writer = folder.beginMessage();
    writer.write(Buffer.from(bodyOf(id).slice(0, -1)));
    return { writer, turn: writer.end(internalDate) };
  };

  const ids = ['one', 'two', 'three', ...Array.from({ length: 62 }, (_, index) => `given${index}`)];
  const begun = ids.map((id, index) => begin(id, 1e12 + index * 1000));
  assert.deepEqual(
    begun.flatMap(({ turn }, index) => (turn === undefined ? [] : [index])),
    [64],
    'who sends the last one waits until it has its turn',
  );
  const [kept, given] = [begun.slice(0, 3), begun.slice(3)];
  for (const { writer } of given) writer.abort();
  assert.equal(readdirSync(join(path, 'tmp')).length, 3, 'what is given up is gone at once');
  const added = folder.addMessages(
    kept.map(({ writer }, index) => ({ writer, flags: SEEN, keywords: [], internalDate: 1e12 + index * 1000 })),
  );
  while (waiting.length > 0) {
    waiting.shift()?.();
    await new Promise(setImmediate);
  }
  await begun[64]?.turn;
  // What is synced from here on, the UID list, is synced at once.
  const release = setInterval(() => waiting.shift()?.(), 1);
  t.after(() => clearInterval(release));

  assert.deepEqual(await added, [1, 2, 3]);
  assert.deepEqual(messagesOnDisk(path), { INBOX: ['one', 'three', 'two'] });
  assert.deepEqual(readdirSync(join(path, 'tmp')), []);
  await folder.refresh();
  assert.deepEqual(
    [0, 1, 2].map((row) => folder.internalDateAt(row)),
    [1e12, 1e12 + 1000, 1e12 + 2000],
  );
});

test('UIDNEXT counts no message that is still being made safe: whoever hears of it takes lower numbers for seen', async (t) => {
  const path = makeMaildir(join(scratchDirectory(t), 'Maildir'));
  const folder = openStore().open(path).folder('INBOX');
  await append(folder, 'first');
  let over = false;
  const adding = Promise.all(['second', 'third'].map((id) => append(folder, id))).finally(() => {
    over = true;
  });
  const told = new Set<string>();
  while (!over) {
    await nextTurn();
    const { messages, uidNext } = folder.countsAtHand() ?? { messages: folder.table.count, uidNext: folder.uidNext };
    told.add(`${messages} messages, UIDNEXT ${uidNext}`);
    assert.equal(folder.uidNext, folder.table.count + 1);
  }
  assert.deepEqual(await adding, [2, 3]);
  for (const each of told)
    assert.match(each, /^1 messages, UIDNEXT 2$|^2 messages, UIDNEXT 3$|^3 messages, UIDNEXT 4$/);
  assert.ok(told.size > 1);
});
