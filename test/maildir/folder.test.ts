/**
 * Folders as sessions see them: arrival, flags, keywords, copies, moves, removals, and other programs in between.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type FileSystem, realFileSystem } from '../../maildir/file-system.js';
import { ANSWERED, DELETED, DRAFT, FLAGGED, SEEN } from '../../maildir/flags.js';
import { usedMilliseconds } from '../support/processor-line.js';
import {
  append,
  assertSound,
  bodyOf,
  createdWithSync,
  deliver,
  isKind,
  makeMaildir,
  messagesOnDisk,
  opened,
  openStore,
  scratchDirectory,
  tell,
} from './scratch.js';

const addFlags = (flags: number, ...keywords: string[]) => ({ operation: 'add', flags, keywords }) as const;

test('M16: names of every shape are served, with the flags they tell', async (t) => {
  const { folder } = await opened(t, [
    '1.Q.mx,S=5,W=6:2,FRSTDPabc',
    '2.plain',
    '3.old:1,S',
    '4.x:2,',
    'odd name é:2,S',
  ]);

  const flags = Array.from({ length: folder.table.count }, (_flags, row) => [
    folder.uniqueNameAt(row),
    folder.flagsAt(row),
  ]);

  assert.deepEqual(
    new Map(flags as [string, number][]),
    new Map([
      ['1.Q.mx,W=6', FLAGGED | ANSWERED | SEEN | DELETED | DRAFT],
      ['2.plain', 0],
      ['3.old', 0],
      ['4.x', 0],
      ['odd name é', SEEN],
    ]),
  );
});

test('names that are not UTF-8 are served', async (t) => {
  const { path, folder } = await opened(t, []);
  writeFileSync(Buffer.from(`${path}/cur/17\xff\xfe.mx:2,S`, 'latin1'), bodyOf('latin'));

  await folder.refresh();
  await folder.changeFlags([1], addFlags(FLAGGED));

  assert.deepEqual([...tell(folder).ids.values()], ['latin']);
  assert.equal(readdirSync(join(path, 'cur'), { encoding: 'latin1' })[0], '17\xff\xfe.mx:2,FS');
});

test('M1: letters are written in order, and those of other programs are kept', async (t) => {
  const { path, folder } = await opened(t, ['1.a:2,Pab', '2.new-one']);

  await folder.changeFlags([1, 2], addFlags(SEEN | DRAFT | DELETED));
  await folder.changeFlags([1], { operation: 'remove', flags: DELETED, keywords: [] });
  await folder.changeFlags([2], { operation: 'replace', flags: ANSWERED, keywords: [] });

  assert.deepEqual(readdirSync(join(path, 'cur')).sort(), ['1.a:2,DPSab', '2.new-one:2,R']);
});

test('C7: a read-only use serves messages in new where they are, and claims none as recent', async (t) => {
  const path = makeMaildir(join(scratchDirectory(t), 'Maildir'));
  deliver(path, '1.a', 'a');
  const folder = openStore().open(path).folder('INBOX');

  const use = await folder.open('read-only');
  assert.deepEqual([...tell(folder).ids], [[1, 'a']]);
  assert.equal(folder.firstUnclaimedUid, 1);
  assert.deepEqual(readdirSync(join(path, 'new')), ['1.a']);
  assert.match(readFileSync(join(path, 'courierimapuiddb'), 'utf8'), /^1 \d+ 2\n1 1\.a\n$/);
  use.close();

  const again = openStore().open(path).folder('INBOX');
  await again.open('read-write');
  assert.equal(again.claimRecent(), 1, 'after a restart it is still recent, because it is still in new');
  assert.deepEqual(readdirSync(join(path, 'cur')), ['1.a:2,']);
  assert.equal(again.claimRecent(), 2, 'C8: only the first session is told');
});

test('a message that another program renames or removes is found, or gone', async (t) => {
  const { path, folder } = await opened(t, ['1.a:2,', '2.b:2,', '3.c:2,']);
  renameSync(join(path, 'cur', '1.a:2,'), join(path, 'cur', '1.a:2,FS'));
  rmSync(join(path, 'cur', '2.b:2,'));

  const file = folder.openMessage(1);
  assert.equal(file.read(0, 100).toString(), bodyOf('m0'));
  file.close();
  assert.throws(() => folder.openMessage(2), isKind('message gone'));
  await folder.changeFlags([1, 2, 3], addFlags(ANSWERED));
  await folder.refresh();

  assert.deepEqual(readdirSync(join(path, 'cur')).sort(), ['1.a:2,FRS', '3.c:2,R']);
  assert.equal(folder.table.count, 2);
});

test('those who hold an old table keep it when messages leave, and see arrivals at its end', async (t) => {
  const { folder } = await opened(t, ['1.a:2,', '2.b:2,']);
  const { table } = folder;

  await append(folder, 'c');
  assert.equal(folder.table, table);
  assert.equal(table.count, 3);
  await folder.removeMessages([2]);

  assert.notEqual(folder.table, table);
  assert.deepEqual(
    [0, 1, 2].map((row) => table.uidAt(row)),
    [1, 2, 3],
  );
  assert.equal(folder.table.rowOf(2), -1);
  assert.equal(folder.table.rowOf(3), 1);
});

test('M14: links, directories and devices in cur are not served', async (t) => {
  const warnings: string[] = [];
  const { path, folder } = await opened(t, ['1.a:2,'], (text) => warnings.push(text));
  writeFileSync(join(path, '..', 'secret'), 'secret');
  symlinkSync(join(path, '..', 'secret'), join(path, 'cur', '2.link:2,'));
  mkdirSync(join(path, 'cur', '3.directory:2,'));
  writeFileSync(join(path, 'cur', '.hidden'), 'x');

  await folder.refresh();
  await folder.refresh();
  assert.equal(folder.table.count, 1);
  assert.equal(warnings.length, 2, 'each is told of once');

  rmSync(join(path, 'cur', '1.a:2,'));
  symlinkSync(join(path, '..', 'secret'), join(path, 'cur', '1.a:2,'));
  assert.throws(() => folder.openMessage(1), isKind('message gone'));
});

test('two files of one message are one message, and none is lost', async (t) => {
  const { path, folder } = await opened(t, ['1.a:2,S', '2.b:2,']);
  writeFileSync(join(path, 'cur', '1.a:2,F'), bodyOf('m0'));

  await folder.refresh();
  assert.equal(folder.table.count, 2);
  await folder.changeFlags([1], { operation: 'replace', flags: FLAGGED, keywords: [] });
  assert.equal(readdirSync(join(path, 'cur')).length, 3, 'the other file is not written over');
  await folder.removeMessages([1]);
  await folder.refresh();

  assert.equal(folder.table.count, 2);
  assert.deepEqual([...tell(folder).ids.keys()], [2, 3], 'with a UID of its own');
});

test('a received message has LF, a final LF, its date, its flags and a name like Courier gives', async (t) => {
  const { path, folder } = await opened(t, []);
  const writer = folder.beginMessage();
  writer.write(Buffer.from('Subject: x\r'));
  writer.write(Buffer.from('\n\r\nline\rwith CR'));
  const date = Date.UTC(2001, 1, 3, 4, 5, 6);

  const uids = await folder.addMessages([{ writer, flags: SEEN | FLAGGED, keywords: [], internalDate: date }]);

  const [name = ''] = readdirSync(join(path, 'cur'));
  assert.match(name, /^\d{10}\.M\d{1,6}P\d+V[0-9A-F]{16}I[0-9A-F]{16}_\d+\.mx\.example,S=24:2,FS$/);
  assert.equal(readFileSync(join(path, 'cur', name), 'utf8'), 'Subject: x\n\nlinewith CR\n');
  assert.equal(statSync(join(path, 'cur', name)).mtimeMs, date);
  const row = folder.table.rowOf(uids[0] ?? 0);
  assert.equal(folder.internalDateAt(row), date);
  assert.equal(folder.sizeOctetsAt(row), 24);
  assert.deepEqual(readdirSync(join(path, 'tmp')), []);
});

test('a message that is given up leaves nothing, one that is broken off leaves a file in tmp', async (t) => {
  const { path, folder } = await opened(t, []);
  const writer = folder.beginMessage();
  writer.write(Buffer.from('half'));
  assert.deepEqual(readdirSync(join(path, 'tmp')).length, 1);
  assert.deepEqual(messagesOnDisk(path), { INBOX: [] });

  writer.abort();
  writer.abort();

  assert.deepEqual(readdirSync(join(path, 'tmp')), []);
});

test('attack 58: contents are synced before the message appears, directory and UID before it is reported', async (t) => {
  const path = makeMaildir(join(scratchDirectory(t), 'Maildir'));
  const calls: string[] = [];
  const note = (what: string, at: string) =>
    calls.push(`${what} ${at.replace(/\d{10}\.\S*?([,:]|$)/, '*$1').replace(path, '')}`);
  const folder = openStore({
    fileSystem: {
      ...realFileSystem,
      create: (name, mode) => createdWithSync(name, mode, async () => void note('sync', name)),
      rename: (from, to) => {
        note('rename', to);
        realFileSystem.rename(from, to);
      },
      syncDirectory: async (directory) => void note('sync directory', directory),
    },
  })
    .open(path)
    .folder('INBOX');
  await folder.open('read-write');
  calls.length = 0;

  await append(folder, 'one');

  const messageSynced = calls.findIndex((call) => /^sync \/tmp/.test(call));
  const visible = calls.findIndex((call) => call.startsWith('rename /cur'));
  assert.ok(messageSynced >= 0 && messageSynced < visible);
  assert.ok(calls.indexOf('sync directory /cur') > visible);
  assert.ok(calls.includes('sync directory '), 'the directory of the UID list');
});

test('additions at the same time share rounds of syncing', async (t) => {
  const path = makeMaildir(join(scratchDirectory(t), 'Maildir'));
  let rounds = 0;
  const syncDirectory = async (directory: string) => {
    if (directory.endsWith('/cur')) rounds += 1;
    await new Promise((resolve) => setTimeout(resolve, 5));
  };
  const folder = openStore({ fileSystem: { ...realFileSystem, syncDirectory } })
    .open(path)
    .folder('INBOX');
  await folder.open('read-write');

  await Promise.all(Array.from({ length: 30 }, (_message, index) => append(folder, `m${index}`)));

  assert.ok(rounds < 15, `${rounds} rounds for 30 messages`);
  assert.equal(folder.table.count, 30);
});

test('refresh looks at nothing when nothing changed, and sees a change in the same tick', async (t) => {
  const path = makeMaildir(join(scratchDirectory(t), 'Maildir'));
  deliver(path, '1.a:2,', 'a');
  let [lists, now] = [0, Date.now() + 60_000];
  const visit: FileSystem['visit'] = (directory, visitor) => {
    lists += 1;
    return realFileSystem.visit(directory, visitor);
  };
  const folder = openStore({ fileSystem: { ...realFileSystem, visit }, now: () => now })
    .open(path)
    .folder('INBOX');
  await folder.open('read-write');
  now += 10_000;
  await folder.refresh();
  lists = 0;
  for (let round = 0; round < 100; round += 1) await folder.refresh();
  assert.equal(lists, 0);

  deliver(path, '2.b:2,', 'b');
  const cur = statSync(join(path, 'cur'));
  now = cur.mtimeMs;
  await folder.refresh();
  rmSync(join(path, 'cur', '1.a:2,'));
  utimesSync(join(path, 'cur'), cur.atime, cur.mtime);
  now += 1;
  await folder.refresh();
  assert.deepEqual([...tell(folder).ids.values()], ['b']);
});

for (const { times, fine, changedAt, looks } of [
  { times: 'are fine', fine: true, changedAt: 1_700_000_000_123, looks: 0 },
  { times: 'are not known to be fine', fine: false, changedAt: 1_700_000_000_123, looks: 1 },
  { times: 'seem to be rounded', fine: true, changedAt: 1_700_000_000_000, looks: 1 },
]) {
  test(`a fifth of a second after a change, directories whose times ${times} ${looks ? 'are' : 'need not be'} read again`, async (t) => {
    const path = makeMaildir(join(scratchDirectory(t), 'Maildir'));
    deliver(path, '1.a:2,', 'a');
    for (const name of ['new', 'cur']) utimesSync(join(path, name), changedAt / 1000, changedAt / 1000);
    let lists = 0;
    const visit: FileSystem['visit'] = (directory, visitor) => {
      if (directory.endsWith('cur')) lists += 1;
      return realFileSystem.visit(directory, visitor);
    };
    const fileSystem = { ...realFileSystem, visit, keepsFineTimes: () => fine };
    const folder = openStore({ fileSystem, now: () => changedAt + 200 })
      .open(path)
      .folder('INBOX');
    await folder.open('read-only');
    lists = 0;
    await folder.refresh();
    assert.equal(lists, looks);
  });
}

test('a watching session hears of deliveries, and of what another session of this process does', async (t) => {
  const { path, folder, use } = await opened(t, ['1.a:2,']);
  const heard = () => new Promise<void>((resolve) => use.watch(resolve));
  // Watches do not keep a process alive; in a server, sockets do.
  const alive = setInterval(() => undefined, 1_000);
  t.after(() => clearInterval(alive));

  let called = heard();
  deliver(path, '2.b', 'b');
  await called;
  called = heard();
  await folder.changeFlags([1], addFlags(SEEN));
  await called;

  use.unwatch();
  use.close();
});

test('a stale lock of a dead process is taken away, one of a living process is waited for', async (t) => {
  const { path, folder } = await opened(t, []);
  const lock = join(path, 'tmp', 'courier.lock');
  writeFileSync(lock, '999999999:mx.example');
  await append(folder, 'one');
  assert.ok(!existsSync(lock));

  writeFileSync(lock, '1:mx.example');
  const adding = append(folder, 'two');
  setTimeout(() => rmSync(lock), 100);
  await adding;
  assert.ok(!existsSync(lock));
  assert.deepEqual(readdirSync(join(path, 'tmp')), []);
});

test('the lock of a process that died unnoticed, which nobody has waited for, is taken away', async (t) => {
  const { path, folder } = await opened(t, []);
  // It ends when its parent has become a program that knows nothing of it: the shell might take note of its end.
  const child = 'while [ "$(cat /proc/$$/comm)" != sleep ]; do :; done';
  const parent = spawn('sh', ['-c', `(${child}) & echo $!; exec sleep 30`], { stdio: ['ignore', 'pipe', 'ignore'] });
  t.after(() => parent.kill());
  const [pid] = (await once(parent.stdout, 'data')) as [Buffer];
  const dead = Number(pid.toString());
  while (!/\) Z /.test(readFileSync(`/proc/${dead}/stat`, 'latin1'))) await new Promise(setImmediate);
  const lock = join(path, 'tmp', 'courier.lock');
  writeFileSync(lock, `${dead}:mx.example`);

  await append(folder, 'one');

  assert.ok(!existsSync(lock));
});

test('a copy is a link where it can be, and written anew where not', async (t) => {
  const path = makeMaildir(join(scratchDirectory(t), 'Maildir'));
  deliver(path, '1.a,S=32:2,S', 'a');
  for (const refuse of [false, true]) {
    const link = (from: string, to: string) => {
      if (refuse && from.includes('/cur/')) throw Object.assign(new Error('made to fail'), { code: 'EXDEV' });
      realFileSystem.link(from, to);
    };
    const maildir = openStore({ fileSystem: { ...realFileSystem, link } }).open(path);
    const inbox = maildir.folder('INBOX');
    await inbox.open('read-write');
    const target = `INBOX.Copy-${refuse}`;
    await maildir.createFolder(target);

    assert.deepEqual(await inbox.copyTo(maildir.folder(target), [1, 77]), { from: [1], to: [1] });

    const directory = join(path, `.Copy-${refuse}`, 'cur');
    const [name = ''] = readdirSync(directory);
    assert.equal(statSync(join(directory, name)).ino === statSync(join(path, 'cur', '1.a,S=32:2,S')).ino, !refuse);
    assert.match(name, /:2,S$/);
  }
  await assertSound(path);
});

test('a move to another file system is a copy and then a removal', async (t) => {
  const path = makeMaildir(join(scratchDirectory(t), 'Maildir'));
  deliver(path, '1.a:2,S', 'a');
  deliver(path, '2.b:2,', 'b');
  makeMaildir(join(path, '.Other'));
  const rename = (from: string, to: string) => {
    if (!from.includes('/.Other/') && to.includes('/.Other/'))
      throw Object.assign(new Error('made to fail'), { code: 'EXDEV' });
    realFileSystem.rename(from, to);
  };
  const maildir = openStore({ fileSystem: { ...realFileSystem, rename } }).open(path);
  const inbox = maildir.folder('INBOX');
  await inbox.open('read-write');

  assert.deepEqual(await inbox.moveTo(maildir.folder('INBOX.Other'), [2, 1]), { from: [1, 2], to: [1, 2] });

  assert.deepEqual(messagesOnDisk(path), { INBOX: [], 'INBOX.Other': ['a', 'b'] });
  assert.equal(inbox.table.count, 0);
});

test('a message may be copied and moved within its folder', async (t) => {
  const { folder, path } = await opened(t, ['1.a:2,S', '2.b:2,']);

  assert.deepEqual(await folder.copyTo(folder, [1]), { from: [1], to: [3] });
  assert.deepEqual(await folder.moveTo(folder, [1, 2]), { from: [1, 2], to: [4, 5] });
  await folder.refresh();

  assert.deepEqual(
    [...tell(folder).ids],
    [
      [3, 'm0'],
      [4, 'm0'],
      [5, 'm1'],
    ],
  );
  assert.deepEqual(messagesOnDisk(path), { INBOX: ['m0', 'm0', 'm1'] });
});

test('10,000 messages load, change and answer in bounded time', async (t) => {
  const path = makeMaildir(join(scratchDirectory(t), 'Maildir'));
  const body = join(path, 'tmp', 'body');
  writeFileSync(body, bodyOf('x'));
  for (let index = 0; index < 10_000; index += 1) {
    // One file with many names: making ten thousand would take longer than the test.
    linkSync(body, join(path, 'cur', `17000${String(index).padStart(5, '0')}.M1P${index}.mx,S=34:2,`));
  }
  const folder = openStore({ durable: false }).open(path).folder('INBOX');
  await folder.open('read-write');
  const uids = Array.from({ length: 10_000 }, (_uid, index) => index + 1);

  await folder.changeFlags(uids, addFlags(SEEN));
  const used = await usedMilliseconds(async () => {
    const { messages, unseen, recent, sizeOctets } = await folder.counts();
    assert.deepEqual([messages, unseen, recent, sizeOctets], [10_000, 0, 10_000, 340_000]);
  });
  assert.ok(used < 2_000, `${used} ms`);
});
