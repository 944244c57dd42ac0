/**
 * The view of a maildrop that a worker keeps for the next session: it costs no scan while nothing changed, and whatever
 * others do meanwhile is found, also within one tick of the clock.
 */
import assert from 'node:assert/strict';
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import fc from 'fast-check';
import { type FileStatus, type FileSystem, realFileSystem } from '../../maildir/file-system.js';
import type { Maildir } from '../../maildir/maildir.js';
import type { Maildrop } from '../../maildir/maildrop.js';
import { copyMaildir, type Scratch, scratchDirectory } from '../support/maildir-fixture.js';
import { testStore } from '../support/test-store.js';

const LIST = 'courierpop3dsizelist';
let scratch: Scratch;
let maildir: string;

beforeEach(() => {
  scratch = scratchDirectory('kept-maildrop');
  maildir = join(scratch.path, 'Maildir');
  copyMaildir('empty', maildir);
});

afterEach(() => scratch.remove());

function deliver(number: number, place: 'cur' | 'new' = 'cur'): void {
  const name = `${1_700_000_000 + number}.M${number}.mx${place === 'cur' ? ':2,' : ''}`;
  writeFileSync(join(maildir, 'tmp', name), `Subject: ${number}\n\n${'x'.repeat(number % 50)}\n`);
  renameSync(join(maildir, 'tmp', name), join(maildir, place, name));
}

/** How the disk is asked, and what its clocks say. */
interface Watched {
  readonly disk: FileSystem;
  visited: string[];
  opened: string[];
  /** All times are cut down to so many milliseconds. */
  granularity: number;
  /** Milliseconds that the store's clock is ahead of the disk's. */
  ahead: number;
}

function watchedDisk(): Watched {
  const coarse = (status: FileStatus): FileStatus => ({
    ...status,
    modifiedAt: cut(status.modifiedAt, watched),
    changedAt: cut(status.changedAt, watched),
  });
  const watched: Watched = {
    ...{ visited: [], opened: [], granularity: 0, ahead: 0 },
    disk: {
      ...realFileSystem,
      visit(directory, visitor) {
        watched.visited.push(directory.slice(maildir.length));
        return realFileSystem.visit(directory, visitor);
      },
      open(path) {
        watched.opened.push(path.slice(maildir.length));
        const file = realFileSystem.open(path);
        return { ...bound(file), status: () => coarse(file.status()) };
      },
      status(path) {
        const status = realFileSystem.status(path);
        return status && coarse(status);
      },
    },
  };
  return watched;
}

function cut(at: number, { granularity }: Pick<Watched, 'granularity'>): number {
  return granularity === 0 ? at : Math.floor(at / granularity) * granularity;
}

function bound(file: ReturnType<FileSystem['open']>) {
  return {
    read: (octets: Uint8Array, position: number) => file.read(octets, position),
    write: (octets: Uint8Array) => file.write(octets),
    sync: () => file.sync(),
    close: () => file.close(),
  };
}

function opened(watched: Watched): Maildir {
  const now = (): number => cut(Date.now(), watched) + watched.ahead;
  return testStore({ fileSystem: watched.disk, useLocks: true, now }).open(maildir);
}

const idsOf = (maildrop: Maildrop): string[] =>
  Array.from({ length: maildrop.count }, (_, index) => maildrop.uniqueIdAt(index));

const filesOf = (maildrop: Maildrop): string[] =>
  Array.from({ length: maildrop.count }, (_, index) => maildrop.fileAt(index));

/** What a process says that keeps nothing. */
const fresh = (): Promise<Maildrop> => testStore({ useLocks: true }).open(maildir).maildrop();

async function agrees(maildrop: Maildrop): Promise<void> {
  const other = await fresh();
  assert.deepEqual(idsOf(maildrop), idsOf(other));
  assert.deepEqual(filesOf(maildrop), filesOf(other));
  assert.equal(maildrop.totalOctets, other.totalOctets);
}

/** Past the time in which a second change would not show. */
const LATER = 5_000;

/** A maildrop whose view is kept and trusted. */
async function kept(count: number): Promise<{ readonly watched: Watched; readonly store: Maildir }> {
  for (let number = 0; number < count; number += 1) deliver(number);
  const watched = watchedDisk();
  const store = opened(watched);
  await store.maildrop();
  watched.ahead = LATER;
  await store.maildrop();
  watched.visited = [];
  watched.opened = [];
  return { watched, store };
}

test('a session of a maildrop in which nothing changed reads no directory and no list', async () => {
  const { watched, store } = await kept(300);

  const again = await store.maildrop();

  assert.deepEqual(watched.visited, []);
  assert.deepEqual(watched.opened, []);
  assert.equal(again.count, 300);
  await agrees(again);
});

test('where only cur changed, the list is not read again', async () => {
  const { watched, store } = await kept(300);
  const [first = ''] = readdirSync(join(maildir, 'cur')).sort();
  renameSync(join(maildir, 'cur', first), join(maildir, 'cur', `${first}S`));

  const again = await store.maildrop();

  assert.deepEqual(watched.opened, []);
  assert.equal(again.fileAt(0), `cur/${first}S`);
  await agrees(again);
});

test('what came, went, was renamed, or moved between sessions is found', async () => {
  const { store } = await kept(5);
  const path = (name: string): string => join(maildir, 'cur', name);
  const changes: readonly (() => void)[] = [
    () => deliver(100, 'new'),
    () => deliver(101),
    () => rmSync(path('1700000001.M1.mx:2,')),
    () => renameSync(path('1700000002.M2.mx:2,'), path('1700000002.M2.mx,S=17:2,FS')),
    () => renameSync(path('1700000003.M3.mx:2,'), join(maildir, 'new', '1700000003.M3.mx')),
  ];
  const before = new Map<string, string>();
  for (const change of changes) {
    change();
    const maildrop = await store.maildrop();
    for (const [index, id] of idsOf(maildrop).entries()) {
      const unique = maildrop.fileAt(index).replace(/(,S=\d+)?:.*/, '');
      assert.equal(before.get(unique) ?? id, id);
      before.set(unique, id);
    }
    await agrees(maildrop);
  }
  assert.deepEqual(readdirSync(join(maildir, 'new')), []);
  assert.equal(before.size, 7);
});

test('a change within the same tick of the clock is found', async () => {
  const changes: Readonly<Record<string, () => void>> = {
    delivered: () => deliver(77, 'new'),
    removed: () => rmSync(join(maildir, 'cur', '1700000001.M1.mx:2,')),
    renamed: () => {
      renameSync(join(maildir, 'cur', '1700000002.M2.mx:2,'), join(maildir, 'cur', '1700000002.M2.mx:2,S'));
    },
    'list changed': () => replaceList((text) => text.replaceAll(':0\n', ':1\n')),
    'list deleted': () => unlinkSync(join(maildir, LIST)),
  };
  for (const [what, change] of Object.entries(changes)) {
    for (let number = 0; number < 4; number += 1) deliver(number);
    const watched = watchedDisk();
    // All that happens in this test happens in one tick, as far as the disk tells.
    watched.granularity = 10_000_000;
    const store = opened(watched);
    await store.maildrop();
    await store.maildrop();
    change();
    const maildrop = await store.maildrop();
    if (what === 'list changed') assert.ok(maildrop.isUtf8At(0), what);
    await agrees(maildrop);
    for (const name of readdirSync(join(maildir, 'cur'))) rmSync(join(maildir, 'cur', name));
    rmSync(join(maildir, LIST));
  }
});

/** As Courier does it: another file takes the place of the list. */
function replaceList(change: (text: string) => string): void {
  const text = readFileSync(join(maildir, LIST), 'utf8');
  writeFileSync(join(maildir, 'tmp', 'list'), change(text));
  renameSync(join(maildir, 'tmp', 'list'), join(maildir, LIST));
}

test('a list that another program wrote is believed, though the directories did not change', async () => {
  const { store } = await kept(3);
  const before = idsOf(await store.maildrop());
  replaceList((text) => text.replace(/^\/3 \d+/, '/3 40').replace(' 2:', ' 39:'));

  const ids = idsOf(await store.maildrop());

  assert.deepEqual(ids, [before[0], before[1]?.replace('UID2-', 'UID39-'), before[2]]);
});

test('a list that was written over in its place, and got its old time back, is believed', async () => {
  const { store } = await kept(3);
  const text = readFileSync(join(maildir, LIST), 'utf8');
  const { mtimeMs } = statSync(join(maildir, LIST));
  writeFileSync(join(maildir, LIST), text.replaceAll(':0\n', ':1\n'));
  utimesSync(join(maildir, LIST), mtimeMs / 1000, mtimeMs / 1000);

  assert.ok((await store.maildrop()).isUtf8At(2));
});

test('sessions that share a view each have what they removed and found gone', async () => {
  const { store } = await kept(4);
  const [one, other] = [await store.maildrop(), await store.maildrop()];

  assert.deepEqual(await one.remove([1], () => undefined), { failed: 0 });
  one.markSeen(2);

  assert.equal(await one.open(1), undefined);
  assert.equal(await other.open(1), undefined);
  for (const maildrop of [one, other]) {
    assert.equal(maildrop.count, 4);
    const file = await maildrop.open(2);
    assert.notEqual(file, undefined);
    file?.close();
    assert.equal(maildrop.fileAt(2), 'cur/1700000002.M2.mx:2,S');
  }
  await agrees(await store.maildrop());
});

test('what is no message yet may become one although no directory changes', async () => {
  for (let number = 0; number < 3; number += 1) deliver(number);
  mkdirSync(join(scratch.path, 'elsewhere'));
  const name = '1700000009.M9.mx:2,';
  symlinkSync(join(scratch.path, 'elsewhere'), join(maildir, 'cur', name));
  const watched = watchedDisk();
  const store = opened(watched);
  await store.maildrop();
  watched.ahead = LATER;
  assert.equal((await store.maildrop()).count, 3);
  const list = readFileSync(join(maildir, LIST));
  assert.equal((await store.maildrop()).count, 3);
  assert.deepEqual(readFileSync(join(maildir, LIST)), list);

  rmSync(join(maildir, 'cur', name));
  copyFileSync(join(maildir, 'cur', '1700000000.M0.mx:2,'), join(maildir, 'cur', name));
  assert.equal((await store.maildrop()).count, 4);
});

test('whatever others do between the sessions of a worker, it shows what a new process shows', async () => {
  const step = fc.record({
    kind: fc.constantFrom('deliver', 'arrive', 'remove', 'flag', 'size', 'read', 'delete', 'list', 'wait'),
    number: fc.nat(60),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      for (const place of ['cur', 'new']) {
        for (const name of readdirSync(join(maildir, place))) rmSync(join(maildir, place, name));
      }
      rmSync(join(maildir, LIST), { force: true });
      const watched = watchedDisk();
      const store = opened(watched);
      let delivered = 0;
      for (const { kind, number } of steps) {
        delivered += 1;
        const names = readdirSync(join(maildir, 'cur')).sort();
        const name = names[number % Math.max(1, names.length)];
        const path = (file: string): string => join(maildir, 'cur', file);
        if (kind === 'deliver' || kind === 'arrive')
          deliver(((number * 37) % 60) + 100 * delivered, kind === 'deliver' ? 'cur' : 'new');
        else if (kind === 'list' && delivered > 2) rmSync(join(maildir, LIST), { force: true });
        else if (kind === 'wait') watched.ahead += LATER;
        else if (name !== undefined) await changed(store, kind, { name, path });
        await agrees(await store.maildrop());
      }
    }),
    { numRuns: 30 },
  );
});

async function changed(
  store: Maildir,
  kind: string,
  { name, path }: { readonly name: string; readonly path: (file: string) => string },
): Promise<void> {
  if (kind === 'remove') rmSync(path(name));
  else if (kind === 'flag') renameSync(path(name), path(`${name.replace(/:.*/, '')}:2,FS`));
  else if (kind === 'size') renameSync(path(name), path(name.replace(/(,S=\d+)?:/, ',S=44:')));
  else {
    const maildrop = await store.maildrop();
    const index = filesOf(maildrop).indexOf(`cur/${name}`);
    if (kind === 'read') maildrop.markSeen(index);
    else await maildrop.remove([index], () => undefined);
  }
}
