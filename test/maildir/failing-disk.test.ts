/**
 * M8, M11 and attacks F: the power goes after every possible disk operation, and every operation fails once with each
 * error of a disk. Whatever happens, no message is lost, doubled or half there, no UID is given twice, and what was
 * reported as done is there.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { MaildirError } from '../../maildir/errors.js';
import { FLAGGED, SEEN } from '../../maildir/flags.js';
import type { Maildir } from '../../maildir/maildir.js';
import { failsOnceAt, losesPowerAfter, PowerLoss } from '../support/faulty-disk.js';
import {
  assertSound,
  bodyOf,
  deliver,
  makeMaildir,
  messagesOnDisk,
  openStore,
  scratchDirectory,
  type Told,
  tell,
} from './scratch.js';

type OnDisk = Readonly<Record<string, readonly string[]>>;

interface Scenario {
  readonly name: string;
  readonly act: (maildir: Maildir) => Promise<void>;
  /** Checks what the scenario's own operation may leave; `done` says whether it was reported as done. */
  readonly check: (onDisk: OnDisk, done: boolean, path: string) => void;
}

const start = ['four', 'one', 'three', 'two'];

const inboxUnchanged = (onDisk: OnDisk): void => assert.deepEqual(onDisk['INBOX'], start);

const scenarios: readonly Scenario[] = [
  {
    name: 'adding two messages',
    act: async (maildir) => {
      const inbox = maildir.folder('INBOX');
      const writers = ['new-one', 'new-two'].map((id) => {
        const writer = inbox.beginMessage();
        writer.write(Buffer.from(bodyOf(id)));
        return writer;
      });
      await inbox.addMessages(
        writers.map((writer) => ({ writer, flags: SEEN, keywords: ['Work'], internalDate: 1e12 })),
      );
    },
    check: (onDisk, done) => {
      for (const id of start) assert.ok(onDisk['INBOX']?.includes(id));
      if (done) assert.deepEqual(onDisk['INBOX'], [...start, 'new-one', 'new-two'].sort());
    },
  },
  {
    name: 'copying',
    act: async (maildir) => {
      await maildir.folder('INBOX').copyTo(maildir.folder('INBOX.Sent'), [1, 2]);
    },
    check: (onDisk, done) => {
      inboxUnchanged(onDisk);
      if (done) assert.equal(onDisk['INBOX.Sent']?.length, 3);
    },
  },
  {
    name: 'moving',
    act: async (maildir) => {
      await maildir.folder('INBOX').moveTo(maildir.folder('INBOX.Sent'), [1, 2, 3]);
    },
    check: (onDisk, done) => {
      const together = [...(onDisk['INBOX'] ?? []), ...(onDisk['INBOX.Sent'] ?? [])].sort();
      assert.deepEqual(together, [...start, 'sent'].sort());
      if (done) assert.equal(onDisk['INBOX']?.length, 1);
    },
  },
  {
    name: 'changing flags',
    act: (maildir) =>
      maildir.folder('INBOX').changeFlags([1, 2, 4], { operation: 'add', flags: FLAGGED, keywords: [] }),
    check: (onDisk, done, path) => {
      inboxUnchanged(onDisk);
      if (done) assert.equal(readdirSync(join(path, 'cur')).filter((name) => /:2,.*F/.test(name)).length, 3);
    },
  },
  {
    name: 'changing keywords',
    act: (maildir) => maildir.folder('INBOX').changeFlags([1, 2], { operation: 'add', flags: 0, keywords: ['Work'] }),
    check: inboxUnchanged,
  },
  {
    name: 'expunging',
    act: async (maildir) => {
      await maildir.folder('INBOX').removeMessages([1, 3]);
    },
    check: (onDisk, done) => {
      assert.ok(onDisk['INBOX']?.every((id) => start.includes(id)));
      assert.ok((onDisk['INBOX']?.length ?? 0) >= 2);
      if (done) assert.equal(onDisk['INBOX']?.length, 2);
    },
  },
  {
    name: 'creating a folder',
    act: (maildir) => maildir.createFolder('INBOX.Made'),
    check: (onDisk, done, path) => {
      inboxUnchanged(onDisk);
      if (done) assert.deepEqual(onDisk['INBOX.Made'], []);
      if (existsSync(join(path, '.Made'))) assert.deepEqual(onDisk['INBOX.Made'], [], 'never half a folder');
    },
  },
  {
    name: 'renaming a folder with a subfolder',
    act: (maildir) => maildir.renameFolder('INBOX.Sent', 'INBOX.Out'),
    check: (onDisk, done) => {
      inboxUnchanged(onDisk);
      assert.deepEqual([...(onDisk['INBOX.Sent'] ?? []), ...(onDisk['INBOX.Out'] ?? [])], ['sent']);
      if (done) assert.deepEqual(Object.keys(onDisk).sort(), ['INBOX', 'INBOX.Out', 'INBOX.Out.Deep']);
    },
  },
  {
    name: 'deleting a folder',
    act: (maildir) => maildir.deleteFolder('INBOX.Sent'),
    check: (onDisk, done) => {
      inboxUnchanged(onDisk);
      if (done) assert.equal(onDisk['INBOX.Sent'], undefined);
      else assert.deepEqual(onDisk['INBOX.Sent'] ?? ['sent'], ['sent'], 'all of it or nothing');
    },
  },
  {
    name: 'numbering new mail, in bursts, and folding',
    act: async (maildir) => {
      const folder = maildir.folder('INBOX');
      for (const id of ['burst-1', 'burst-2', 'burst-3']) {
        deliver(maildir.path, `17000001${id.at(-1)}0.M1.mx`, id);
        await folder.refresh();
      }
      await folder.rest({ unload: false });
    },
    check: (onDisk) => {
      for (const id of start) assert.ok(onDisk['INBOX']?.includes(id));
    },
  },
];

/** A maildir with four messages, a folder with one, and a subfolder; gives what a client was told of it. */
async function prepare(path: string): Promise<Map<string, Told>> {
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path);
  makeMaildir(path);
  ['one', 'two', 'three', 'four'].forEach((id, index) => {
    deliver(path, `170000000${index}.M1.mx,S=${bodyOf(id).length}${index < 2 ? ':2,S' : ''}`, id);
  });
  for (const name of ['.Sent', '.Sent.Deep']) makeMaildir(join(path, name));
  deliver(join(path, '.Sent'), '1700000005.M1.mx:2,', 'sent');
  const store = openStore({ durable: false });
  const maildir = store.open(path);
  await maildir.subscribe('INBOX.Sent');
  const told = new Map<string, Told>();
  for (const name of maildir.listFolders()) {
    const folder = maildir.folder(name);
    const use = await folder.open('read-write');
    if (name === 'INBOX') await folder.changeFlags([4], { operation: 'add', flags: 0, keywords: ['Old'] });
    told.set(name, tell(folder));
    use.close();
  }
  await store.close();
  return told;
}

function expectKnownFailure(error: unknown): void {
  assert.ok(error instanceof MaildirError || error instanceof PowerLoss, String((error as Error).stack ?? error));
}

for (const scenario of scenarios) {
  for (const unsynced of ['kept', 'lost'] as const) {
    test(`power cuts while ${scenario.name}: unsynced changes are ${unsynced}`, async (t) => {
      const scratch = scratchDirectory(t);
      const path = join(scratch, 'Maildir');
      for (let operations = 0; ; operations += 1) {
        const told = await prepare(path);
        const disk = losesPowerAfter(operations, unsynced, scratch);
        const maildir = openStore({ fileSystem: disk.fileSystem }).open(path);
        let done = false;
        try {
          const use = await maildir.folder('INBOX').open('read-write');
          await scenario.act(maildir);
          done = true;
          told.set('INBOX', tell(maildir.folder('INBOX')));
          use.close();
        } catch (error) {
          expectKnownFailure(error);
        }
        disk.afterwards();
        scenario.check(messagesOnDisk(path), done, path);
        await assertSound(path, told);
        if (done && !disk.powerIsGone) break;
      }
    });
  }
}

const codes = ['ENOSPC', 'EACCES', 'EIO', 'EDQUOT', 'ESTALE'];

for (const scenario of scenarios) {
  test(`each disk operation fails once while ${scenario.name}`, async (t) => {
    const path = join(scratchDirectory(t), 'Maildir');
    for (const pass of [0, 2]) {
      for (let step = 0; ; step += 1) {
        // Which error it is matters less than where: two of the five at each step.
        const code = codes[(step + pass) % codes.length] ?? 'EIO';
        const told = await prepare(path);
        const disk = failsOnceAt(step, code);
        const store = openStore({ fileSystem: disk.fileSystem });
        let done = false;
        try {
          const maildir = store.open(path);
          const use = await maildir.folder('INBOX').open('read-write');
          await scenario.act(maildir);
          done = true;
          told.set('INBOX', tell(maildir.folder('INBOX')));
          use.close();
          await store.close();
        } catch (error) {
          expectKnownFailure(error);
        }
        scenario.check(messagesOnDisk(path), done, path);
        await assertSound(path, told);
        if (!disk.hasFailed) break;
      }
    }
  });
}
