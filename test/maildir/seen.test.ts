/**
 * A \Seen of each reader's own: what one of them is shown of a folder, and what is in the names of its files.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { FLAGGED, SEEN } from '../../maildir/flags.js';
import type { Folder } from '../../maildir/folder.js';
import { seenPlace } from '../../maildir/seen/seen-marks.js';
import { deliver, makeMaildir, openStore, scratchDirectory } from './scratch.js';

const NAMES = ['1700000001.M1.mx:2,', '1700000002.M2.mx:2,S', '1700000003.M3.mx:2,SF'];

async function site(t: { after(run: () => void): void }) {
  const directory = scratchDirectory(t);
  const [ann = '', bob = ''] = ['ann', 'bob'].map((name) => makeMaildir(join(directory, name)));
  for (const [index, name] of NAMES.entries()) deliver(ann, name, `m${index}`);
  const log: string[] = [];
  const store = openStore({ warn: (text) => void log.push(text) });
  t.after(() => store.close());
  const place = seenPlace(bob, '#shared.ann');
  const folder = store.open(ann).folderSeenBy('INBOX', place);
  const cur = (): string[] => readdirSync(join(ann, 'cur')).sort();
  return { ann, bob, store, log, place, folder, cur };
}

/** Flags as the reader sees them, in the order of UIDs. */
async function flags(folder: Folder): Promise<number[]> {
  const use = await folder.open('read-write');
  const { table } = folder;
  const all = Array.from({ length: table.count }, (_none, row) => folder.flagsAt(row));
  use.close();
  return all;
}

test('the reader sees his marks and everybody else the names, in whatever order their letters are', async (t) => {
  const { folder, cur, place } = await site(t);
  assert.deepEqual(await flags(folder), [0, 0, FLAGGED]);

  const use = await folder.open('read-write');
  await folder.changeFlags([1, 3], { operation: 'add', flags: SEEN, keywords: [] });
  await folder.changeFlags([2], { operation: 'add', flags: FLAGGED, keywords: [] });

  assert.deepEqual(await flags(folder), [SEEN, FLAGGED, SEEN | FLAGGED]);
  assert.deepEqual(cur(), ['1700000001.M1.mx:2,', '1700000002.M2.mx:2,FS', '1700000003.M3.mx:2,FS']);
  assert.equal(readFileSync(place.path, 'utf8'), '+1700000001.M1.mx\n+1700000003.M3.mx\n');
  await folder.changeFlags([3], { operation: 'replace', flags: 0, keywords: [] });
  assert.deepEqual(await flags(folder), [SEEN, FLAGGED, 0]);
  assert.ok(cur().includes('1700000003.M3.mx:2,S'), cur().join(' '));
  use.close();
});

test('what other programs do to the names is seen, but not what they say of \\Seen', async (t) => {
  const { ann, folder } = await site(t);
  const use = await folder.open('read-write');
  await folder.changeFlags([2], { operation: 'add', flags: SEEN, keywords: [] });

  renameSync(join(ann, 'cur', '1700000002.M2.mx:2,S'), join(ann, 'cur', '1700000002.M2.mx:2,F'));
  renameSync(join(ann, 'cur', '1700000001.M1.mx:2,'), join(ann, 'cur', '1700000001.M1.mx:2,S'));
  deliver(ann, '1700000004.M4.mx', 'new one');
  await folder.refresh();

  assert.deepEqual(await flags(folder), [0, SEEN | FLAGGED, FLAGGED, 0]);
  const file = await folder.openMessage(4);
  assert.match(file.read(0, 100).toString(), /new one/);
  file.close();
  use.close();
});

test('messages go into and out of such a folder with the \\Seen that the reader knows', async (t) => {
  const { bob, store, folder, cur } = await site(t);
  const own = store.open(bob).folder('INBOX');
  const [use, ownUse] = [await folder.open('read-write'), await own.open('read-write')];
  await folder.changeFlags([1], { operation: 'add', flags: SEEN, keywords: [] });

  await folder.copyTo(own, [1, 2]);
  await folder.moveTo(own, [3]);
  assert.deepEqual(await flags(own), [SEEN, 0, FLAGGED]);
  assert.equal(cur().length, 2);

  await own.moveTo(folder, [1]);
  assert.deepEqual(await flags(folder), [SEEN, 0, SEEN]);
  assert.ok(!cur().some((name) => /:2,S$/.test(name) && !name.startsWith('1700000002.')), cur().join(' '));
  use.close();
  ownUse.close();
});

test('a file of marks full of anything means that nothing of it is seen', async (t) => {
  const { bob, store, ann, folder, place, log } = await site(t);
  assert.deepEqual(await flags(folder), [0, 0, FLAGGED]);
  await folder.changeFlags([1], { operation: 'add', flags: SEEN, keywords: [] });
  writeFileSync(place.path, Buffer.concat([Buffer.from('+\n-\n../../x\n+170000'), Buffer.alloc(10_000_000, 0xff)]));

  const again = openStore().open(ann).folderSeenBy('INBOX', seenPlace(bob, '#shared.ann'));
  assert.deepEqual(await flags(again), [0, 0, FLAGGED]);
  assert.deepEqual(log, []);
  await store.close();
});

test('a file of marks does not grow for ever', async (t) => {
  const { folder, place } = await site(t);
  const use = await folder.open('read-write');
  for (let turn = 0; turn < 1_200; turn += 1) {
    const operation = turn % 2 === 0 ? 'add' : 'remove';
    await folder.changeFlags([1], { operation, flags: SEEN, keywords: [] });
  }
  const before = statSync(place.path).size;
  await folder.changeFlags([2], { operation: 'add', flags: FLAGGED | SEEN, keywords: [] });
  use.close();
  await folder.rest({ unload: true });
  assert.deepEqual(await flags(folder), [0, FLAGGED | SEEN, FLAGGED]);
  while (statSync(place.path).size >= before) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(readFileSync(place.path, 'utf8'), '+1700000002.M2.mx\n');
});

test('names that are too long for a file have another one, and none leaves the directory', (t) => {
  const directory = scratchDirectory(t);
  const long = seenPlace(directory, `#shared.${'é'.repeat(150)}`);

  assert.match(long.path, /\/angarium-seen\/[0-9a-f]{64}$/);
  assert.ok(!existsSync(long.path));
});
