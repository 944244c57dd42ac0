/**
 * M2, G6, attacks 55 and 62: two stores on one maildir, as two processes have it, and a program that delivers, renames
 * and removes in between.
 */
import assert from 'node:assert/strict';
import { readdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { DELETED, FLAGGED, SEEN } from '../../maildir/flags.js';
import type { Folder } from '../../maildir/folder.js';
import { losesPowerAfter } from '../support/faulty-disk.js';
import {
  append,
  assertSound,
  deliver,
  makeMaildir,
  messagesOnDisk,
  OTHER_PROCESS,
  openStore,
  scratchDirectory,
  tell,
} from './scratch.js';

type Step =
  | { readonly kind: 'append' | 'refresh' | 'deliver' }
  | {
      readonly kind: 'flag' | 'keyword' | 'remove' | 'rename outside' | 'remove outside' | 'copy' | 'move';
      readonly which: number;
    };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom('append' as const, 'refresh' as const, 'deliver' as const) }),
  fc.record({
    kind: fc.constantFrom(
      'flag' as const,
      'keyword' as const,
      'remove' as const,
      'rename outside' as const,
      'remove outside' as const,
      'copy' as const,
      'move' as const,
    ),
    which: fc.nat(20),
  }),
);
const steps = fc.array(fc.record({ by: fc.constantFrom(0, 1), step }), { minLength: 1, maxLength: 25 });

/** Checks on every look that a UID means the same message for ever, and that UIDNEXT never falls. */
class UidWatcher {
  readonly #ids = new Map<number, string>();
  #uidNext = 0;

  look(folder: Folder): void {
    const { ids, uidNext } = tell(folder);
    for (const [uid, id] of ids) {
      assert.equal(this.#ids.get(uid) ?? id, id, `UID ${uid} was given twice`);
      this.#ids.set(uid, id);
    }
    this.#uidNext = Math.max(this.#uidNext, uidNext);
    checkCounts(folder);
  }

  newUid(uid: number, id: string): void {
    assert.equal(this.#ids.get(uid) ?? id, id, `UID ${uid} was given twice`);
    this.#ids.set(uid, id);
  }
}

/** What is remembered of the rows is what they say. */
function checkCounts(folder: Folder): void {
  const flags = Array.from({ length: folder.table.count }, (_, row) => folder.flagsAt(row));
  assert.equal(
    folder.firstUnseen(),
    flags.findIndex((bits) => (bits & SEEN) === 0),
  );
  const counts = folder.countsAtHand();
  if (counts === undefined) return;
  assert.equal(counts.messages, flags.length);
  assert.equal(counts.unseen, flags.filter((bits) => (bits & SEEN) === 0).length);
  assert.equal(counts.deleted, flags.filter((bits) => (bits & DELETED) !== 0).length);
}

function filesIn(path: string): string[] {
  return readdirSync(join(path, 'cur')).sort();
}

/**
 * Makes what another program or the other store changed fall into a tick of its own. One within the tick of a scan is seen a moment later,
 * and a test that looks at once would have to wait for that.
 */
function newTick(path: string, count: number): void {
  for (const directory of ['new', 'cur']) {
    const at = statSync(join(path, directory)).mtimeMs / 1000 + count / 1000;
    utimesSync(join(path, directory), at, at);
  }
}

test('two stores and a delivering program agree after every mixture of operations', async (t) => {
  const scratch = scratchDirectory(t);
  let run = 0;
  await fc.assert(
    fc.asyncProperty(steps, async (plan) => {
      run += 1;
      const path = makeMaildir(join(scratch, `run-${run}`));
      makeMaildir(join(path, '.Other'));
      const stores = [openStore({ durable: false }), openStore({ durable: false, processId: OTHER_PROCESS })];
      const maildirs = stores.map((store) => store.open(path));
      const folders = maildirs.map((maildir) => maildir.folder('INBOX'));
      const uses = await Promise.all(folders.map((folder) => folder.open('read-write')));
      const watcher = new UidWatcher();
      const expected = new Set<string>();
      const removable = new Set<string>();
      let count = 0;

      for (const { by, step: todo } of plan) {
        const folder = folders[by];
        const maildir = maildirs[by];
        if (folder === undefined || maildir === undefined) continue;
        const uid = 'which' in todo && folder.table.count > 0 ? folder.table.uidAt(todo.which % folder.table.count) : 0;
        const outside = 'which' in todo ? filesIn(path).at(todo.which % Math.max(1, filesIn(path).length)) : undefined;
        count += 1;
        if (todo.kind === 'append') {
          expected.add(`m${count}`);
          watcher.newUid(await append(folder, `m${count}`, 0, count % 3 === 0 ? ['Work'] : []), `m${count}`);
        } else if (todo.kind === 'deliver') {
          expected.add(`m${count}`);
          deliver(path, `17000000${count}.M1.mx`, `m${count}`);
          newTick(path, count);
        } else if (todo.kind === 'refresh') {
          newTick(path, count);
          await folder.refresh();
          watcher.look(folder);
        } else if (todo.kind === 'rename outside' && outside !== undefined) {
          renameSync(
            join(path, 'cur', outside),
            join(path, 'cur', `${outside.split(':')[0]}:2,${todo.which % 2 ? 'F' : 'S'}`),
          );
          newTick(path, count);
        } else if (todo.kind === 'remove outside' && outside !== undefined) {
          rmSync(join(path, 'cur', outside));
          newTick(path, count);
        } else if (uid > 0 && todo.kind === 'flag') {
          await folder.changeFlags([uid], { operation: 'add', flags: todo.which % 2 ? SEEN : DELETED, keywords: [] });
        } else if (uid > 0 && todo.kind === 'keyword') {
          await folder.changeFlags([uid], {
            operation: todo.which % 3 ? 'add' : 'remove',
            flags: FLAGGED,
            keywords: ['Work'],
          });
        } else if (uid > 0 && todo.kind === 'remove') {
          await folder.removeMessages([uid]);
        } else if (uid > 0 && todo.kind === 'copy') {
          await folder.copyTo(maildir.folder('INBOX.Other'), [uid]);
        } else if (uid > 0 && todo.kind === 'move') {
          await folder.moveTo(maildir.folder('INBOX.Other'), [uid]);
        }
      }

      for (const folder of folders) {
        count += 1;
        newTick(path, count);
        await folder.refresh();
      }
      for (const folder of folders) watcher.look(folder);
      const [one, two] = folders.map((folder) => ({
        ...tell(folder),
        flags: Array.from({ length: folder.table.count }, (_row, row) => [
          folder.flagsAt(row),
          [...folder.keywordsAt(row)],
        ]),
      }));
      assert.deepEqual(one, two, 'both show the same');
      assert.deepEqual([...(one?.ids.values() ?? [])].sort(), messagesOnDisk(path)['INBOX']);
      for (const id of messagesOnDisk(path)['INBOX'] ?? []) assert.ok(expected.has(id) || removable.has(id));
      for (const use of uses) use.close();
      for (const store of stores) await store.close();
      await assertSound(path);
      rmSync(path, { recursive: true });
    }),
    { numRuns: 150 },
  );
});

test('operations of two stores at the same moment lose and double nothing', async (t) => {
  const path = makeMaildir(join(scratchDirectory(t), 'Maildir'));
  const stores = [openStore({ durable: false }), openStore({ durable: false, processId: OTHER_PROCESS })];
  const folders = stores.map((store) => store.open(path).folder('INBOX'));

  const given = await Promise.all(
    folders.flatMap((folder, by) =>
      Array.from({ length: 40 }, (_message, index) => append(folder, `by-${by}-${index}`, index % 2 === 0 ? SEEN : 0)),
    ),
  );
  for (const folder of folders) await folder.refresh();

  assert.equal(new Set(given).size, 80, 'no UID twice');
  assert.equal(messagesOnDisk(path)['INBOX']?.length, 80);
  const [one, two] = folders.map(tell);
  assert.deepEqual(one?.ids, two?.ids);
  for (const store of stores) await store.close();
  await assertSound(path);
});

test('UIDs rise through kills at random points', async (t) => {
  const scratch = scratchDirectory(t);
  const path = makeMaildir(join(scratch, 'Maildir'));
  let uidValidity = 0;
  let lastUid = 0;
  let count = 0;
  for (let round = 0; round < 60; round += 1) {
    const disk = losesPowerAfter((round * 37) % 151, round % 3 === 0 ? 'lost' : 'kept', scratch);
    try {
      const folder = openStore({ fileSystem: disk.fileSystem }).open(path).folder('INBOX');
      for (;;) {
        count += 1;
        if (count % 4 === 0) deliver(path, `17000${count}.M1.mx`, `d${count}`);
        const uid = await append(folder, `m${count}`);
        if (uidValidity !== 0) assert.equal(folder.uidValidity, uidValidity, 'UIDVALIDITY stays');
        uidValidity = folder.uidValidity;
        assert.ok(uid > lastUid, `${uid} after ${lastUid}`);
        lastUid = uid;
        if (count % 5 === 0) await folder.removeMessages([uid]);
      }
    } catch (error) {
      if (!disk.powerIsGone) throw error;
    }
    disk.afterwards();
  }
  await assertSound(path);
});
