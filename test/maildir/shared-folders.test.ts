/** Folders whose messages are links into another maildir (S2): what becomes of links and files, whoever changes them. */
import assert from 'node:assert/strict';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { SEEN } from '../../maildir/flags.js';
import type { Folder } from '../../maildir/folder.js';
import type { Maildir } from '../../maildir/maildir.js';
import { isShareName, parseSharedMaildirs, type SharedFolderPlace } from '../../maildir/shared-folders.js';
import { makeMaildir, openStore, scratchDirectory } from './scratch.js';

interface Site {
  readonly maildir: Maildir;
  readonly place: SharedFolderPlace;
  readonly real: string;
  folder(): Folder;
  /** Another session's view, with its own memory. */
  again(): Folder;
}

/** bob, and the folder News of a maildir that is called pub. */
function site(t: { after(run: () => void): void }, sharedIn?: string): Site {
  const directory = scratchDirectory(t);
  const shared = makeMaildir(join(sharedIn ?? directory, 'pub'));
  const real = join(shared, '.News');
  for (const name of ['', 'tmp', 'new', 'cur']) mkdirSync(join(real, name), { recursive: true });
  const path = makeMaildir(join(directory, 'Maildir'));
  writeFileSync(join(path, 'shared-maildirs'), `pub\t${shared}\n`);
  const open = () => {
    const maildir = openStore().open(path);
    const place = maildir.sharedFolders.place('pub', shared, 'News');
    if (place === undefined) throw new Error('no place');
    return { maildir, place };
  };
  const { maildir, place } = open();
  const again = (): Folder => {
    const other = open();
    return other.maildir.sharedFolder(other.place);
  };
  return { maildir, place, real, folder: () => maildir.sharedFolder(place), again };
}

function deliver(real: string, name: string): void {
  writeFileSync(join(real, name), `Subject: ${name}\n\nhello\n`);
}

function uidsOf({ table }: Folder): number[] {
  return Array.from({ length: table.count }, (_uid, row) => table.uidAt(row));
}

function textOf(folder: Folder, uid: number): string {
  const message = folder.openMessage(uid);
  const text = message.read(0, message.sizeOctets).toString();
  message.close();
  return text;
}

test('what is delivered gets a link and a UID, what is removed loses both', async (t) => {
  const { real, folder, again } = site(t);
  deliver(real, 'new/1700000001.M1.mx');
  deliver(real, 'cur/1700000002.M2.mx:2,FS');
  const use = await folder().open('read-write');

  assert.deepEqual(uidsOf(use.folder), [1, 2]);
  assert.deepEqual(readdirSync(join(real, 'new')), []);
  assert.equal(use.folder.flagsAt(1), 0, 'flags of others are theirs');
  await use.folder.changeFlags([2], { operation: 'add', flags: SEEN, keywords: [] });
  assert.ok(existsSync(join(real, 'cur/1700000002.M2.mx:2,FS')), 'and those of the reader are his');
  unlinkSync(join(real, 'cur/1700000001.M1.mx:2,'));
  deliver(real, 'cur/1700000003.M3.mx:2,');
  await use.folder.refresh();
  assert.deepEqual(uidsOf(use.folder), [2, 3]);
  const other = await again().open('read-only');
  assert.deepEqual(uidsOf(other.folder), [2, 3]);
  assert.equal(other.folder.flagsAt(0), SEEN);
  use.close();
  other.close();
});

test('a file that gets other flags while a session looks is found again', async (t) => {
  const { real, folder } = site(t);
  deliver(real, 'cur/1700000001.M1.mx:2,');
  const use = await folder().open('read-write');

  renameSync(join(real, 'cur/1700000001.M1.mx:2,'), join(real, 'cur/1700000001.M1.mx:2,S'));
  assert.match(textOf(use.folder, 1), /hello/);
  await use.folder.refresh();
  assert.match(textOf(use.folder, 1), /hello/);
  assert.deepEqual(uidsOf(use.folder), [1]);
  use.close();
});

test('messages are added to the folder itself, and removed from it', async (t) => {
  const { maildir, real, place, folder } = site(t);
  const use = await folder().open('read-write');
  const writer = use.folder.beginMessage();
  writer.write(Buffer.from('Subject: mine\r\n\r\nmine\r\n'));

  const [uid = 0] = await use.folder.addMessages([{ writer, flags: SEEN, keywords: [] }]);
  const [name = ''] = readdirSync(join(real, 'cur'));
  assert.match(name, /:2,S$/);
  assert.ok(lstatSync(join(real, 'cur', name)).isFile());
  assert.equal(readlinkSync(join(place.local, 'cur', name)), join(real, 'cur', name));
  const inbox = await maildir.folder('INBOX').open('read-write');
  const copied = await use.folder.copyTo(inbox.folder, [uid]);
  assert.match(textOf(inbox.folder, copied.to[0] ?? 0), /mine/);
  await use.folder.moveTo(inbox.folder, [uid]);
  assert.deepEqual(readdirSync(join(real, 'cur')), []);
  for (const file of readdirSync(join(maildir.path, 'cur'))) {
    assert.ok(lstatSync(join(maildir.path, 'cur', file)).isFile(), 'what is moved out is a file of its own');
  }
  const back = await inbox.folder.moveTo(use.folder, [copied.to[0] ?? 0]);
  assert.equal(back.to.length, 1);
  assert.deepEqual(await use.folder.removeMessages(back.to), back.to);
  assert.deepEqual(readdirSync(join(real, 'cur')), []);
  assert.deepEqual(readdirSync(join(place.local, 'cur')), []);
  use.close();
  inbox.close();
});

test('a folder on another disk is written to by copying', async (t) => {
  const elsewhere = mkdtempSync(join(tmpdir(), 'angarium-shared-'));
  t.after(() => rmSync(elsewhere, { recursive: true }));
  const { maildir, real, folder } = site(t, elsewhere);
  assert.notEqual(lstatSync(maildir.path).dev, lstatSync(real).dev, 'this test needs two file systems');
  const use = await folder().open('read-write');
  const writer = use.folder.beginMessage();
  writer.write(Buffer.from('Subject: far\r\n\r\nfar\r\n'));

  const uids = await use.folder.addMessages([{ writer, flags: 0, keywords: [], internalDate: 1_600_000_000_000 }]);
  assert.equal(readdirSync(join(real, 'cur')).length, 1);
  assert.deepEqual(readdirSync(join(real, 'tmp')), []);
  assert.match(textOf(use.folder, uids[0] ?? 0), /far/);
  assert.equal(use.folder.internalDateAt(0), 1_600_000_000_000);
  await use.folder.removeMessages(uids);
  assert.deepEqual(readdirSync(join(real, 'cur')), []);
  use.close();
});

test('links that lead elsewhere are no messages, and are not followed', async (t) => {
  const { real, place, folder } = site(t);
  deliver(real, 'cur/1700000001.M1.mx:2,');
  const secret = join(real, '..', 'secret');
  writeFileSync(secret, 'secret');
  symlinkSync(secret, join(real, 'cur', '1700000002.M2.mx:2,'));
  const first = await folder().open('read-write');
  assert.deepEqual(uidsOf(first.folder), [1]);
  first.close();
  for (const target of [secret, `${real}/cur/../../secret`, `${real}/cur/.`, '1700000001.M1.mx:2,'])
    symlinkSync(target, join(place.local, 'cur', `17000000${10 + target.length}.M9.mx:2,`));

  const use = await folder().open('read-write');
  assert.deepEqual(uidsOf(use.folder), [1]);
  use.close();
});

test('a session that waits hears of what others deliver', async (t) => {
  const { real, folder } = site(t);
  const use = await folder().open('read-only');
  let told = 0;
  use.watch(() => {
    told += 1;
  });

  deliver(real, 'cur/1700000001.M1.mx:2,');
  for (let waited = 0; told === 0 && waited < 500; waited += 1) await delay(20);
  await use.folder.refresh();
  assert.deepEqual(uidsOf(use.folder), [1]);
  use.close();
});

test('who gives a folder up loses the links, and nobody else anything', async (t) => {
  const { maildir, real, place, folder } = site(t);
  deliver(real, 'cur/1700000001.M1.mx:2,');
  const use = await folder().open('read-write');
  assert.deepEqual(maildir.sharedFolders.subscriptions(), ['shared.pub.News']);

  assert.equal(await maildir.unsubscribeShared(place), true);
  assert.equal(await maildir.unsubscribeShared(place), false);
  assert.ok(!existsSync(join(place.local, '..')));
  assert.equal(readdirSync(join(real, 'cur')).length, 1);
  assert.deepEqual(maildir.sharedFolders.subscriptions(), []);
  await assert.rejects(use.folder.refresh(), { kind: 'no such folder' });
  use.close();
  const anew = await folder().open('read-write');
  assert.deepEqual(uidsOf(anew.folder), [1]);
  anew.close();
});

test('a folder whose owner removes it is gone', async (t) => {
  const { real, folder } = site(t);
  const use = await folder().open('read-write');

  rmSync(real, { recursive: true });
  await assert.rejects(use.folder.refresh(), { kind: 'no such folder' });
  use.close();
});

test('maildirs that all accounts share come first, and an own list adds to them', (t) => {
  const { maildir } = site(t);
  const machineFile = join(maildir.path, '..', 'maildirshared');
  const own = [...maildir.sharedFolders.maildirs(machineFile)];
  assert.deepEqual(
    own.map(([name]) => name),
    ['pub'],
  );

  writeFileSync(machineFile, '# all\nnews /srv/news\npub /srv/pub\n');
  const all = maildir.sharedFolders.maildirs(machineFile);
  assert.equal(all.get('pub'), '/srv/pub');
  assert.equal(all.get('news'), '/srv/news');
  rmSync(machineFile);
  assert.deepEqual([...maildir.sharedFolders.maildirs(machineFile)], own);
});

const lists: Readonly<Record<string, string>> = {
  'no path': 'pub\n',
  'a path that hangs in the air': 'pub Maildir\n',
  'a name that is two levels': 'a.b /x\n',
  'a name that is a path': '../x /x\n',
  'a path that climbs': 'pub /x/../etc\n',
  'a control character': 'pub /x\u0007\n',
  rubbish: '\u0000\u0001\u0002',
};

for (const [what, text] of Object.entries(lists)) {
  test(`attack 51: a line of shared-maildirs with ${what} is passed over`, () => {
    const { maildirs, passedOver } = parseSharedMaildirs(`one /one\n${text}two\t/two/ # too\n`);

    assert.deepEqual([...maildirs].slice(0, 1), [['one', '/one']]);
    assert.ok(passedOver > 0);
    assert.equal(maildirs.has('pub'), false);
  });
}

test('names of shared maildirs are one level of a path and of a mailbox name', () => {
  assert.ok(isShareName('pub') && isShareName('__proto__'));
  for (const name of ['', '.', '..', 'a.b', 'a/b', 'a b', 'a\tb', '\u0000'])
    assert.equal(isShareName(name), false, name);
});
