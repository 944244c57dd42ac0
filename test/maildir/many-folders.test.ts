/**
 * Many folders at once, as LIST with STATUS asks for them: UID lists for the first time, the locks of one maildir, and
 * folders that are forgotten.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, renameSync, rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type FileSystem, realFileSystem } from '../../maildir/file-system.js';
import type { CurStatuses } from '../../maildir/maildir.js';
import { losesPowerAfter, PowerLoss } from '../support/faulty-disk.js';
import {
  append,
  assertSound,
  deliver,
  makeMaildir,
  OTHER_PROCESS,
  openStore,
  scratchDirectory,
  tell,
} from './scratch.js';

/** A maildir with folders `INBOX.f0`, `INBOX.f1`, …, a message in each, and no UID lists. */
function unnumbered(path: string, folders: number): string {
  makeMaildir(path);
  for (let number = 0; number < folders; number += 1) {
    deliver(makeMaildir(join(path, `.f${number}`)), '1700000001.M1.mx:2,S', `m${number}`);
  }
  return path;
}

const names = (folders: number): string[] => Array.from({ length: folders }, (_, number) => `INBOX.f${number}`);

test('folders that are numbered together get UIDVALIDITYs that differ, also from those of another process', async (t) => {
  const path = unnumbered(join(scratchDirectory(t), 'Maildir'), 120);
  const stores = [openStore(), openStore({ processId: OTHER_PROCESS })];
  const maildirs = stores.map((store) => store.open(path));

  const counts = await Promise.all(names(120).map((name, at) => maildirs[at % 2]?.folder(name).counts()));

  assert.equal(new Set(counts.map((found) => found?.uidValidity)).size, 120);
  const highest = Math.max(...counts.map((found) => found?.uidValidity ?? 0));
  for (const maildir of maildirs) {
    await maildir.createFolder('INBOX.later');
    const { uidValidity } = await maildir.folder('INBOX.later').counts();
    assert.ok(uidValidity > highest);
    await maildir.deleteFolder('INBOX.later');
  }
  for (const store of stores) await store.close();
  await assertSound(path);
});

/** A disk that counts the files that are made to become locks. */
function countingLocks(): { readonly fileSystem: FileSystem; readonly made: { locks: number } } {
  const made = { locks: 0 };
  const create: FileSystem['create'] = (file, mode) => {
    if (file.includes('courierlock')) made.locks += 1;
    return realFileSystem.create(file, mode);
  };
  return { fileSystem: { ...realFileSystem, create }, made };
}

test('the locks of many folders are one file, which does not stay', async (t) => {
  const path = unnumbered(join(scratchDirectory(t), 'Maildir'), 50);
  const { fileSystem, made } = countingLocks();
  const store = openStore({ fileSystem });
  const maildir = store.open(path);

  for (const name of names(50)) await maildir.folder(name).counts();
  await store.close();

  assert.ok(made.locks < 5, `${made.locks} files`);
  for (const folder of ['', ...names(50).map((name) => name.slice(5))]) {
    assert.deepEqual(readdirSync(join(path, folder, 'tmp')), []);
  }
});

test('an import of messages one by one has one lock file from some point on, which does not stay', async (t) => {
  const path = unnumbered(join(scratchDirectory(t), 'Maildir'), 1);
  const { fileSystem, made } = countingLocks();
  const store = openStore({ fileSystem });
  const folder = store.open(path).folder('INBOX.f0');

  const uids: number[] = [];
  for (let number = 0; number < 60; number += 1) uids.push(await append(folder, `import${number}`));
  await store.close();

  assert.equal(new Set(uids).size, 60);
  assert.ok(made.locks < 20, `${made.locks} files`);
  for (const tmp of ['tmp', '.f0/tmp']) assert.deepEqual(readdirSync(join(path, tmp)), []);
  await assertSound(path);
});

test('a lock that cannot be removed keeps nobody from other folders, and later nobody from its own', async (t) => {
  const path = unnumbered(join(scratchDirectory(t), 'Maildir'), 20);
  let unlinked = 0;
  const fileSystem: FileSystem = {
    ...realFileSystem,
    unlink: (file) => {
      if (file.endsWith('courier.lock')) unlinked += 1;
      if (file.endsWith('courier.lock') && unlinked === 10) throw Object.assign(new Error('broken'), { code: 'EIO' });
      realFileSystem.unlink(file);
    },
  };
  const store = openStore({ fileSystem });
  const maildir = store.open(path);

  for (const name of names(20)) await maildir.folder(name).counts();

  const locked = names(20).filter((name) => existsSync(join(path, name.slice(5), 'tmp/courier.lock')));
  for (const name of names(20)) await append(maildir.folder(name), 'new');
  await store.close();
  assert.ok(unlinked > 20);
  assert.ok(locked.length <= 1);
  await assertSound(path);
});

for (const unsynced of ['kept', 'lost'] as const) {
  test(`what STATUS told of a folder's first UID list outlives a power cut: unsynced changes are ${unsynced}`, async (t) => {
    const scratch = scratchDirectory(t);
    const path = join(scratch, 'Maildir');
    for (let operations = 0, done = false; !done; operations += 1) {
      rmSync(path, { recursive: true, force: true });
      unnumbered(path, 3);
      const disk = losesPowerAfter(operations, unsynced, scratch);
      const maildir = openStore({ fileSystem: disk.fileSystem }).open(path);
      const told = await Promise.allSettled(names(3).map((name) => Promise.resolve(maildir.folder(name).counts())));
      done = !disk.powerIsGone;
      disk.afterwards();

      const after = openStore({ durable: false }).open(path);
      for (const [number, outcome] of told.entries()) {
        if (outcome.status === 'rejected') assert.ok(outcome.reason instanceof PowerLoss, String(outcome.reason));
        if (outcome.status !== 'fulfilled') continue;
        const { uidValidity, uidNext } = await after.folder(`INBOX.f${number}`).counts();
        assert.deepEqual([uidValidity, uidNext], [outcome.value.uidValidity, outcome.value.uidNext]);
      }
      await assertSound(path);
    }
  });
}

test('a folder that is let go while somebody adds to it goes on, beside the one that comes after it', async (t) => {
  const path = unnumbered(join(scratchDirectory(t), 'Maildir'), 1);
  const store = openStore();
  const maildir = store.open(path);
  const former = maildir.folder('INBOX.f0');
  await former.counts();

  const use = await former.open('read-only');
  await maildir.letGo(former);
  assert.equal(maildir.folder('INBOX.f0'), former, 'who has it open keeps it');
  use.close();
  await maildir.letGo(former);
  const latter = maildir.folder('INBOX.f0');
  assert.notEqual(latter, former);

  const added = [former, latter].flatMap((folder, which) =>
    Array.from({ length: 10 }, (_, number) => append(folder, `added-${which}-${number}`)),
  );
  const uids = await Promise.all(added);
  await latter.refresh();

  assert.equal(new Set(uids).size, 20);
  assert.equal(tell(latter).ids.size, 21);
  await store.close();
  await assertSound(path);
});

test('what is counted at hand is what counting anew gives, and a folder that is gone is not at hand', async (t) => {
  const path = unnumbered(join(scratchDirectory(t), 'Maildir'), 1);
  const maildir = openStore().open(path);
  const folder = maildir.folder('INBOX.f0');
  assert.equal(folder.countsAtHand(), undefined, 'nobody has looked yet');
  await folder.counts();

  deliver(join(path, '.f0'), '1700000002.M1.mx', 'fresh');
  assert.equal(folder.countsAtHand(), undefined, 'another program added a message');
  const { messages, unseen, recent } = await folder.counts();
  assert.deepEqual([messages, unseen, recent], [2, 1, 2], 'nobody has been told of either');

  rmSync(join(path, '.f0'), { recursive: true });
  assert.equal(folder.countsAtHand(), undefined);
  await assert.rejects(folder.counts(), { kind: 'no such folder' });
});

test('counts need three looks at a folder that was listed, and no change escapes them', async (t) => {
  const path = unnumbered(join(scratchDirectory(t), 'Maildir'), 1);
  for (const place of ['cur', 'new']) utimesSync(join(path, '.f0', place), 1e9 + 0.25, 1e9 + 0.25);
  const asked: string[] = [];
  const fileSystem: FileSystem = {
    ...realFileSystem,
    status: (of) => {
      asked.push(of.slice(path.length));
      return realFileSystem.status(of);
    },
  };
  const maildir = openStore({ fileSystem }).open(path);
  const folder = maildir.folder('INBOX.f0');
  const { messages } = await folder.counts();
  const counts = () => {
    asked.length = 0;
    const seen: CurStatuses = new Map();
    maildir.listFolders(seen);
    return folder.countsAtHand(seen.get('INBOX.f0'));
  };

  assert.equal(counts()?.messages, messages);
  assert.deepEqual(asked, ['/.', '/.f0/cur', '/.f0/courierimapuiddb', '/.f0/new'], 'and one at the maildir');

  const [name = ''] = readdirSync(join(path, '.f0', 'cur'));
  renameSync(join(path, '.f0', 'cur', name), join(path, '.f0', 'cur', `${name}F`));
  assert.equal(counts(), undefined, 'flags changed');
  await folder.counts();
  utimesSync(join(path, '.f0', 'courierimapuiddb'), 1e9, 1e9);
  assert.equal(counts(), undefined, 'another list');
});
