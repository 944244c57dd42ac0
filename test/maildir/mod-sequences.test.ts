/**
 * Mod-sequences of a folder and their file: what a restart keeps, what makes everything count as changed, disks that are
 * full, and folders that cannot be written. Random sessions on them: test/imap/qresync-model.test.ts.
 */
import assert from 'node:assert/strict';
import {
  copyFileSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type FileSystem, realFileSystem } from '../../maildir/file-system.js';
import { FLAGGED, SEEN } from '../../maildir/flags.js';
import type { Folder } from '../../maildir/folder.js';
import { deliver, makeMaildir, openStore, scratchDirectory } from './scratch.js';

const MESSAGES = 5;

interface Context {
  after(run: () => void): void;
}

function mailbox(t: Context): string {
  const path = makeMaildir(join(scratchDirectory(t), 'Maildir'));
  for (let number = 1; number <= MESSAGES; number += 1) deliver(path, `170000000${number}.M1.mx:2,`, `m${number}`);
  return path;
}

/** The folder as a process sees it that has just begun. */
async function begun(path: string, fileSystem: FileSystem = realFileSystem): Promise<Folder> {
  const folder = openStore({ fileSystem }).open(path).folder('INBOX');
  await folder.open('read-write');
  return folder;
}

const sideFile = (path: string): string => join(path, 'angarium-changes');

async function sequences(folder: Folder): Promise<number[]> {
  const kept = await folder.sequences.keep();
  return Array.from({ length: folder.table.count }, (_, row) => kept.at(row));
}

test('a restart keeps the mod-sequences of what is as it was, and raises those of the rest above all', async (t) => {
  const path = mailbox(t);
  const folder = await begun(path);
  await folder.sequences.keep();
  await folder.changeFlags([2], { operation: 'add', flags: SEEN, keywords: [] });
  await folder.changeFlags([3], { operation: 'add', flags: 0, keywords: ['Work'] });
  const before = await sequences(folder);
  const { highest } = await folder.sequences.keep();
  renameSync(join(path, 'cur', '1700000004.M1.mx:2,'), join(path, 'cur', '1700000004.M1.mx:2,F'));
  rmSync(join(path, 'cur', '1700000005.M1.mx:2,'));

  const again = await begun(path);
  const after = await sequences(again);

  assert.deepEqual(after.slice(0, 3), before.slice(0, 3));
  assert.ok((after[3] ?? 0) > highest, 'what another program changed counts as changed');
  assert.equal(before[2], Math.max(...before));
  const kept = await again.sequences.keep();
  assert.deepEqual(kept.goneAfter(highest), [[5, 5]]);
  assert.equal(kept.goneAfter(1), undefined);
});

test('a file that is damaged, copied or gone makes everything count as changed', async (t) => {
  const harms: Readonly<Record<string, (file: string) => void>> = {
    gone: (file) => rmSync(file),
    cut: (file) => truncateSync(file, statSync(file).size - 1),
    'cut in its head': (file) => truncateSync(file, 20),
    rubbish: (file) => writeFileSync(file, Buffer.alloc(500, 9)),
    'of another version': (file) => {
      const octets = readFileSync(file);
      octets[8] = 99;
      writeFileSync(file, octets);
    },
    'of before a reboot': (file) => {
      const octets = readFileSync(file);
      octets[45] = (octets[45] ?? 0) ^ 1;
      writeFileSync(file, octets);
    },
    'a copy of itself': (file) => {
      copyFileSync(file, `${file}-copy`);
      renameSync(`${file}-copy`, file);
    },
  };
  for (const [name, harm] of Object.entries(harms)) {
    const path = mailbox(t);
    const folder = await begun(path);
    await folder.sequences.keep();
    await folder.changeFlags([1], { operation: 'add', flags: SEEN, keywords: [] });
    const { highest } = await folder.sequences.keep();
    harm(sideFile(path));

    const after = await sequences(await begun(path));

    assert.ok(
      after.every((modSequence) => modSequence > highest),
      name,
    );
  }
});

test('on a full disk mod-sequences are told, and after a restart everything counts as changed', async (t) => {
  const path = mailbox(t);
  let full = false;
  const folder = await begun(path, {
    ...realFileSystem,
    openToAppend(name) {
      if (full && name.endsWith('angarium-changes')) throw Object.assign(new Error('full'), { code: 'ENOSPC' });
      return realFileSystem.openToAppend(name);
    },
  });
  const before = await sequences(folder);
  full = true;
  await folder.changeFlags([2], { operation: 'add', flags: FLAGGED, keywords: [] });
  const told = await sequences(folder);
  const { highest } = await folder.sequences.keep();

  assert.ok((told[1] ?? 0) > Math.max(...before) && (told[1] ?? 0) <= highest);
  assert.equal(existsSync(sideFile(path)), false);
  // No process begins within a millisecond.
  await new Promise((resolve) => setTimeout(resolve, 3));
  const after = await sequences(await begun(path));
  assert.ok(after.every((modSequence) => modSequence > highest));
});

test('a folder that cannot be written has mod-sequences, and no file', async (t) => {
  const path = mailbox(t);
  await begun(path);
  const folder = await begun(path, { ...realFileSystem, mayWrite: () => false });

  const [first = 0] = await sequences(folder);
  renameSync(join(path, 'cur', '1700000001.M1.mx:2,'), join(path, 'cur', '1700000001.M1.mx:2,S'));
  const [later = 0] = await sequences(folder);

  assert.ok(later > first);
  assert.equal(existsSync(sideFile(path)), false);
});

test('a file that has grown much is written anew, and says the same', async (t) => {
  const path = mailbox(t);
  const folder = await begun(path);
  await folder.sequences.keep();
  let largest = 0;
  for (let round = 0; round < 2_400; round += 1) {
    const operation = round % 2 === 0 ? 'add' : 'remove';
    await folder.changeFlags([1, 2, 3, 4, 5], { operation, flags: SEEN, keywords: [] });
    await folder.sequences.settle();
    largest = Math.max(largest, statSync(sideFile(path)).size);
  }
  const before = await sequences(folder);

  assert.ok(statSync(sideFile(path)).size < largest / 2, `${largest} octets`);
  assert.deepEqual(await sequences(await begun(path)), before);
});

/** A process whose looks at cur all find what the first one found, as on a disk whose clock ticks slowly. */
async function slowToSee(path: string): Promise<Folder> {
  const first = realFileSystem.status(join(path, 'cur'));
  const old = first && { ...first, modifiedAt: 1_700_000_000_000, changedAt: 1_700_000_000_000 };
  const status: FileSystem['status'] = (name) => (name.endsWith('/cur') ? old : realFileSystem.status(name));
  return begun(path, { ...realFileSystem, status });
}

test('what another process wrote down is looked at before anything above it is told', async (t) => {
  const path = mailbox(t);
  const [one, other] = [await begun(path), await slowToSee(path)];
  await one.sequences.keep();
  await other.sequences.keep();
  await one.changeFlags([2], { operation: 'add', flags: FLAGGED, keywords: [] });
  const [, told = 0] = await sequences(one);
  assert.equal(other.flagsAt(1), 0);

  const { highest } = await other.sequences.keep();

  assert.ok(highest >= told);
  assert.equal(other.flagsAt(1), FLAGGED);
});

test('a message that went to another state and back has changed for whoever was told of that state', async (t) => {
  const path = mailbox(t);
  const [one, other] = [await begun(path), await slowToSee(path)];
  await one.sequences.keep();
  await other.sequences.keep();
  await one.changeFlags([2], { operation: 'add', flags: FLAGGED, keywords: [] });
  const [, told = 0] = await sequences(one);
  renameSync(join(path, 'cur', '1700000002.M1.mx:2,F'), join(path, 'cur', '1700000002.M1.mx:2,'));

  const [, back = 0] = await sequences(other);

  assert.equal(other.flagsAt(1), 0);
  assert.ok(back > told);
});

test('a file that another process made in place of one that was removed is known for another one', async (t) => {
  const path = mailbox(t);
  const [one, other] = [await begun(path), await begun(path)];
  await one.sequences.keep();
  await other.sequences.keep();
  for (let round = 0; round < 10; round += 1) {
    rmSync(sideFile(path));
    await one.changeFlags([1 + (round % 5)], { operation: 'replace', flags: round % 2 === 0 ? SEEN : 0, keywords: [] });
    const told = await sequences(one);
    const heard = await sequences(other);

    assert.ok(Math.max(...heard) >= Math.max(...told));
    assert.deepEqual(await sequences(one), heard);
  }
});

test('what another process told before the file was lost does not stay with who was told', async (t) => {
  const path = mailbox(t);
  const [one, other] = [await begun(path), await slowToSee(path)];
  await one.sequences.keep();
  await other.sequences.keep();
  await one.changeFlags([2], { operation: 'add', flags: FLAGGED, keywords: [] });
  const [, told = 0] = await sequences(one);
  rmSync(sideFile(path));
  renameSync(join(path, 'cur', '1700000002.M1.mx:2,F'), join(path, 'cur', '1700000002.M1.mx:2,'));

  const after = await sequences(other);

  assert.ok(after.every((modSequence) => modSequence > told));
});
