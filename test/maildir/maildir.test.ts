/**
 * The tree of a maildir: names, folders, subscriptions, and what must never leave it (C10, C11, N1 to N5, attacks E).
 */
import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { MaildirError } from '../../maildir/errors.js';
import { realFileSystem } from '../../maildir/file-system.js';
import { SEEN } from '../../maildir/flags.js';
import type { Maildir } from '../../maildir/maildir.js';
import {
  append,
  assertSound,
  deliver,
  isKind,
  makeMaildir,
  messagesOnDisk,
  openStore,
  scratchDirectory,
  tell,
} from './scratch.js';

function openMaildir(t: { after(run: () => void): void }): Maildir {
  return openStore().open(makeMaildir(join(scratchDirectory(t), 'Maildir')));
}

test('a directory without cur, new and tmp is not a maildir', (t) => {
  const path = join(scratchDirectory(t), 'Maildir');
  mkdirSync(join(path, 'cur'), { recursive: true });

  assert.throws(() => openStore().open(path), isKind('not a maildir'));
});

test('a maildir is opened once, however its path is spelled', (t) => {
  const store = openStore();
  const path = makeMaildir(join(scratchDirectory(t), 'Maildir'));

  assert.equal(store.open(path), store.open(`${path}/../Maildir/`));
});

test('N1, N2: folders are made in any order and hold mail at every level', async (t) => {
  const maildir = openMaildir(t);
  for (const name of ['INBOX.a.b.c', 'INBOX.a', 'INBOX.a.b', 'INBOX.Résumé', 'INBOX.ümlaut & ~ :']) {
    await maildir.createFolder(name);
  }

  assert.deepEqual(maildir.listFolders(), [
    'INBOX',
    'INBOX.Résumé',
    'INBOX.a',
    'INBOX.a.b',
    'INBOX.a.b.c',
    'INBOX.ümlaut & ~ :',
  ]);
  for (const name of maildir.listFolders()) await append(maildir.folder(name), name.length.toString());
  assert.ok(existsSync(join(maildir.path, '.a', 'maildirfolder')));
  await assert.rejects(maildir.createFolder('INBOX.a'), isKind('folder exists'));
  await assert.rejects(maildir.createFolder('inbox'), isKind('folder exists'));
});

test('N3, attack 48: stray files, directories and links are not folders', (t) => {
  const maildir = openMaildir(t);
  writeFileSync(join(maildir.path, '.file'), '');
  mkdirSync(join(maildir.path, '.directory'));
  makeMaildir(join(maildir.path, '..', 'elsewhere'));
  symlinkSync(join(maildir.path, '..', 'elsewhere'), join(maildir.path, '.link'));
  makeMaildir(join(maildir.path, '..x'));

  assert.deepEqual(maildir.listFolders(), ['INBOX']);
  assert.equal(maildir.hasFolder('INBOX.link'), false);
  assert.throws(() => maildir.folder('INBOX.link'), isKind('no such folder'));
});

test('attack 47: names that lead out of the maildir, or are none, touch nothing', async (t) => {
  const maildir = openMaildir(t);
  makeMaildir(join(maildir.path, '..', 'x'));
  const before = readdirSync(join(maildir.path, '..'), { recursive: true }).sort();
  const names = [
    '../x',
    'INBOX.../x',
    '/etc',
    'INBOX/../../x',
    'INBOX./../x',
    '.',
    '..',
    '',
    'INBOX.',
    'INBOX..a',
    'INBOX.a.',
    'INBOX.a\0b',
    'INBOX.a\nb',
    `INBOX.${'x'.repeat(300)}`,
    `INBOX.${'é'.repeat(130)}`,
    'INBOX.\ud800',
    'Other',
    'INBOXES',
  ];

  for (const name of names) {
    await assert.rejects(maildir.createFolder(name), isKind('invalid folder name'), name);
    await assert.rejects(maildir.deleteFolder(name), isKind('invalid folder name'), name);
    await assert.rejects(maildir.renameFolder('INBOX.a', name), isKind('invalid folder name'), name);
    assert.throws(() => maildir.folder(name), isKind('invalid folder name'));
    assert.equal(maildir.hasFolder(name), false);
  }

  assert.deepEqual(readdirSync(join(maildir.path, '..'), { recursive: true }).sort(), before);
});

test('C11: a tree of depth 4 is renamed with UIDs, keywords, subscriptions and hierarchy ACLs', async (t) => {
  const maildir = openMaildir(t);
  for (const name of ['INBOX.a', 'INBOX.a.b', 'INBOX.a.b.c', 'INBOX.a.b.c.d', 'INBOX.ab'])
    await maildir.createFolder(name);
  await append(maildir.folder('INBOX.a.b'), 'one', SEEN, ['Work']);
  await append(maildir.folder('INBOX.a.b'), 'two');
  await maildir.folder('INBOX.a.b').removeMessages([1]);
  const told = tell(maildir.folder('INBOX.a.b'));
  for (const name of ['INBOX.a.b', 'INBOX.ab', 'INBOX.a.gone']) await maildir.subscribe(name);
  mkdirSync(join(maildir.path, 'courierimaphieracl'));
  writeFileSync(join(maildir.path, 'courierimaphieracl', 'a.gone'), 'owner alr\n');

  await maildir.renameFolder('INBOX.a', 'INBOX.z.y');

  assert.deepEqual(maildir.listFolders(), [
    'INBOX',
    'INBOX.ab',
    'INBOX.z.y',
    'INBOX.z.y.b',
    'INBOX.z.y.b.c',
    'INBOX.z.y.b.c.d',
  ]);
  const renamed = maildir.folder('INBOX.z.y.b');
  await renamed.open('read-write');
  assert.deepEqual(tell(renamed), told);
  assert.deepEqual(maildir.subscriptions(), ['INBOX.z.y.b', 'INBOX.ab', 'INBOX.z.y.gone']);
  assert.deepEqual(readdirSync(join(maildir.path, 'courierimaphieracl')), ['z.y.gone']);
  await assert.rejects(maildir.renameFolder('INBOX.a', 'INBOX.q'), isKind('no such folder'));
  await assert.rejects(maildir.renameFolder('INBOX.ab', 'INBOX.z.y'), isKind('folder exists'));
  await assert.rejects(maildir.renameFolder('INBOX.z', 'INBOX.z.below'), isKind('invalid folder name'));
});

test('attack 52: 500 children are renamed, or none when one of them cannot be', async (t) => {
  const path = makeMaildir(join(scratchDirectory(t), 'Maildir'));
  for (let index = 0; index < 500; index += 1) makeMaildir(join(path, `.p.c${index}`));
  let left = Number.POSITIVE_INFINITY;
  const rename = (from: string, to: string) => {
    if (to.includes('/.q')) left -= 1;
    if (left < 0) {
      left = Number.POSITIVE_INFINITY;
      throw Object.assign(new Error('made to fail'), { code: 'EIO' });
    }
    realFileSystem.rename(from, to);
  };
  const maildir = openStore({ fileSystem: { ...realFileSystem, rename }, durable: false }).open(path);

  left = 250;
  await assert.rejects(maildir.renameFolder('INBOX.p', 'INBOX.q'), isKind('input/output error'));
  assert.equal(maildir.listFolders().filter((name) => name.startsWith('INBOX.p.')).length, 500);
  await maildir.renameFolder('INBOX.p', 'INBOX.q');
  assert.equal(maildir.listFolders().filter((name) => name.startsWith('INBOX.q.')).length, 500);
});

test('C10: DELETE removes one folder, keeps its subfolders, and tells sessions that use it', async (t) => {
  const maildir = openMaildir(t);
  await maildir.createFolder('INBOX.a');
  await maildir.createFolder('INBOX.a.b');
  const folder = maildir.folder('INBOX.a');
  await append(folder, 'one');
  const use = await folder.open('read-write');
  let told = 0;
  use.watch(() => {
    told += 1;
  });

  await maildir.deleteFolder('INBOX.a');

  assert.deepEqual(maildir.listFolders(), ['INBOX', 'INBOX.a.b']);
  assert.deepEqual(readdirSync(join(maildir.path, 'tmp')), []);
  assert.ok(told > 0);
  await assert.rejects(folder.refresh(), isKind('no such folder'));
  await assert.rejects(
    folder.changeFlags([1], { operation: 'add', flags: SEEN, keywords: [] }),
    isKind('no such folder'),
  );
  assert.throws(() => folder.openMessage(1), isKind('no such folder'));
  assert.throws(() => folder.beginMessage(), isKind('no such folder'));
  await assert.rejects(maildir.deleteFolder('INBOX.a'), isKind('no such folder'));
  await assert.rejects(maildir.deleteFolder('INBOX'), isKind('not permitted'));
  use.close();
});

test('C11: RENAME INBOX moves the messages and leaves the folder', async (t) => {
  const maildir = openMaildir(t);
  await append(maildir.folder('INBOX'), 'one', SEEN, ['Work']);
  deliver(maildir.path, '1.new', 'two');

  await maildir.moveInboxTo('INBOX.Archive');

  assert.deepEqual(messagesOnDisk(maildir.path), { INBOX: [], 'INBOX.Archive': ['one', 'two'] });
  assert.deepEqual([...maildir.folder('INBOX.Archive').keywordsAt(0)], ['Work']);
  await assertSound(maildir.path);
});

test('N8: subscriptions keep dead names and the order, and only INBOX is caseless', async (t) => {
  const maildir = openMaildir(t);
  writeFileSync(
    join(maildir.path, 'courierimapsubscribed'),
    'inbox.Sent\n#shared.group.user.f\nINBOX.dead\n../../etc\nINBOX.x',
  );

  assert.deepEqual(maildir.subscriptions(), ['INBOX.Sent', '#shared.group.user.f', 'INBOX.dead', 'INBOX.x']);
  await maildir.subscribe('INBOX.Sent');
  await maildir.subscribe('INBOX.New');
  assert.equal(await maildir.unsubscribe('INBOX.dead'), true);
  assert.equal(await maildir.unsubscribe('INBOX.dead'), false);

  assert.equal(
    readFileSync(join(maildir.path, 'courierimapsubscribed'), 'utf8'),
    'INBOX.Sent\n#shared.group.user.f\n../../etc\nINBOX.x\nINBOX.New\n',
  );
});

test('attack 51: a huge list of subscriptions is bounded, reported, and not thrown away', async (t) => {
  const warnings: string[] = [];
  const path = makeMaildir(join(scratchDirectory(t), 'Maildir'));
  writeFileSync(join(path, 'courierimapsubscribed'), 'INBOX.x\n'.repeat(2_000_000));
  const maildir = openStore({ warn: (text) => warnings.push(text) }).open(path);

  assert.deepEqual(maildir.subscriptions(), []);
  assert.equal(warnings.length, 1);
  await assert.rejects(maildir.subscribe('INBOX.y'), MaildirError);
});

test('M16: purgeTmp removes what nobody touched for 36 hours, and nothing else', (t) => {
  const path = makeMaildir(join(scratchDirectory(t), 'Maildir'));
  writeFileSync(join(path, 'tmp', 'stale'), '');
  mkdirSync(join(path, 'tmp', 'not-ours'));
  makeMaildir(join(path, 'tmp', '1.M1P1_angarium-folder.mx'));

  openStore().open(path).purgeTmp();
  assert.equal(readdirSync(join(path, 'tmp')).length, 3);
  openStore({ now: () => Date.now() + 37 * 3_600_000 })
    .open(path)
    .purgeTmp();

  assert.ok(!existsSync(join(path, 'tmp', 'stale')));
  assert.ok(existsSync(join(path, 'tmp', 'not-ours')));
});

test('clock, owner and news of a maildir', (t) => {
  const path = makeMaildir(join(scratchDirectory(t), 'Maildir'));
  const maildir = openStore({ now: () => Date.now() - 60_000 }).open(path);

  assert.ok(Math.abs(maildir.clockSkewSeconds() - 60) < 5);
  assert.deepEqual(readdirSync(join(path, 'tmp')), []);
  assert.equal(maildir.ownedBy(process.getuid?.() ?? 0, process.getgid?.() ?? 0), true);
  assert.equal(maildir.ownedBy(4711, 4711), false);
  assert.equal(maildir.hasNewOrUnseen('INBOX'), false);
  deliver(path, '1.a:2,S', 'a');
  assert.equal(maildir.hasNewOrUnseen('INBOX'), false);
  deliver(path, '2.b:2,F', 'b');
  assert.equal(maildir.hasNewOrUnseen('INBOX'), true);
});

test('a folder that may not be written to is served, and nothing in it changes', async (t) => {
  const path = makeMaildir(join(scratchDirectory(t), 'Maildir'));
  deliver(path, '1.a', 'a');
  // Root may write everywhere, so the disk says no instead.
  const refuse = (): never => {
    throw Object.assign(new Error('made to fail'), { code: 'EACCES' });
  };
  chmodSync(path, 0o500);
  utimesSync(join(path, 'new'), 1e9, 1e9);
  const fileSystem = {
    ...realFileSystem,
    mayWrite: () => false,
    create: refuse,
    rename: refuse,
    link: refuse,
    unlink: refuse,
  };
  const folder = openStore({ fileSystem }).open(path).folder('INBOX');

  await folder.open('read-write');

  assert.equal(folder.writable, false);
  assert.deepEqual([...tell(folder).ids.values()], ['a']);
  assert.deepEqual(readdirSync(path).sort(), ['cur', 'new', 'tmp']);
  await assert.rejects(append(folder, 'b'), isKind('not permitted'));
});
