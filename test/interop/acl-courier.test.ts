/**
 * Access lists beside Debian's Courier: the same changes to two copies of a maildir, one by Courier's maildiracl or its
 * imapd and one by ours, leave the same octets, and each reads what the other has written.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { AclList } from '../../maildir/acl/acl-list.js';
import { AclRefused } from '../../maildir/acl/maildir-acls.js';
import { ImapClient } from '../support/imap-client.js';
import { copyMaildir, type Scratch, scratchDirectory } from '../support/maildir-fixture.js';
import { memoryTarget } from '../support/memory-target.js';
import { programs } from '../support/paths.js';
import { courierTarget, giveToMailUser } from '../support/peer-targets.js';
import { testStore } from '../support/test-store.js';
import type { MakeTarget } from '../support/transcript-target.js';

const COURIER_MAILDIRACL = '/usr/bin/maildiracl';

interface Twins {
  readonly scratch: Scratch;
  readonly courier: string;
  readonly ours: string;
}

function twins(t: { after(run: () => void): void }): Twins {
  const scratch = scratchDirectory('acl');
  t.after(() => scratch.remove());
  const [courier, ours] = ['courier', 'ours'].map((name) => join(scratch.path, name, 'Maildir'));
  assert.ok(courier !== undefined && ours !== undefined);
  mkdirSync(courier, { recursive: true });
  copyMaildir('three-messages', courier);
  for (const folder of ['.a', '.a.b.c']) cpSync(join(courier, '.Archive'), join(courier, folder), { recursive: true });
  cpSync(courier, ours, { recursive: true });
  return { scratch, courier, ours };
}

function run(program: string, words: readonly string[]): { status: number | null; stdout: string } {
  const { status, stdout } = spawnSync(program, words, { encoding: 'utf8' });
  return { status, stdout };
}

/** Courier writes down what a folder inherits when it is first looked at; here it is done before it matters. */
function lookAtAll(maildir: string): void {
  const folders = ['INBOX', 'INBOX.Archive', 'INBOX.a', 'INBOX.a.b', 'INBOX.a.b.c'];
  for (const folder of folders) run(COURIER_MAILDIRACL, ['-list', maildir, folder]);
}

/** Every access list of a maildir, by its path. */
function lists(maildir: string): Record<string, string> {
  const paths = readdirSync(maildir)
    .filter((name) => name.startsWith('.'))
    .map((name) => join(name, 'courierimapacl'));
  const hierarchy = join(maildir, 'courierimaphieracl');
  const nodes = existsSync(hierarchy) ? readdirSync(hierarchy).map((name) => join('courierimaphieracl', name)) : [];
  const there = ['courierimapacl', ...paths, ...nodes].filter((path) => existsSync(join(maildir, path)));
  return Object.fromEntries(there.map((path) => [path, readFileSync(join(maildir, path), 'latin1')]));
}

const changes: readonly (readonly string[])[] = [
  ['INBOX', 'user=bob', 'lr'],
  ['INBOX', 'user=bob', '+ws'],
  ['INBOX', 'anyone', 'slr'],
  ['INBOX', '-user=cat', 'r'],
  ['INBOX', 'owner', '-a'],
  ['INBOX', 'owner', '-rx'],
  ['INBOX', '-anyone', 'r'],
  ['INBOX', 'administrators', 'lr'],
  ['INBOX', 'group=administrators', 'lr'],
  ['INBOX', 'administrators', '-a'],
  ['INBOX', 'group=staff', 'aceilrstwx'],
  ['INBOX', 'user=bob', ''],
  ['INBOX', 'user=jürgen@example.com', 'rl'],
  ['INBOX', 'anonymous', 'l'],
  ['INBOX.a', 'user=dora', 'lrp'],
  ['INBOX.a', 'user=dora', '-r'],
  ['INBOX.a.b.c', 'anyone', 'l'],
  ['INBOX.a.b', 'user=eve', 'lr'],
  ['INBOX', 'two words', 'l'],
];

test('the same changes leave the same octets', async (t) => {
  const { courier, ours } = twins(t);
  const store = testStore();
  t.after(() => store.close());
  const { acls } = store.open(ours);
  lookAtAll(courier);
  for (const [folder = '', identifier = '', rights = ''] of changes) {
    const theirs = run(COURIER_MAILDIRACL, ['-set', courier, folder, identifier, rights]).status;
    const changed = (list: AclList): AclList => {
      const result = list.with(identifier, rights);
      if (result === undefined) throw new AclRefused({ identifier });
      return result;
    };
    const mine = await acls.change(folder, changed).then(
      () => 0,
      (error: unknown) => (error instanceof AclRefused ? 1 : error),
    );
    assert.equal(mine, theirs, `${folder} ${identifier} ${rights}`);
  }

  const mine = lists(ours);
  const theirs = lists(courier);
  assert.deepEqual(Object.fromEntries(Object.keys(mine).map((path) => [path, theirs[path]])), mine);
  assert.ok(Object.keys(mine).length >= 4, Object.keys(mine).join(' '));
});

test('our maildiracl lists, computes and deletes what the other one does', (t) => {
  const { courier, ours } = twins(t);
  const own = join(programs, 'maildiracl');
  lookAtAll(courier);
  const both = (action: string, ...words: string[]): void => {
    const theirs = run(COURIER_MAILDIRACL, [action, courier, ...words]);
    assert.deepEqual(run(own, [action, ours, ...words]), theirs, [action, ...words].join(' '));
  };
  both('-list', 'INBOX');
  both('-set', 'INBOX', 'user=bob', 'lrswi');
  both('-set', 'INBOX', '-user=bob', 's');
  both('-set', 'INBOX', 'owner', 'lr');
  both('-set', 'INBOX', 'group=staff', 'c');
  both('-list', 'INBOX');
  both('-compute', 'INBOX', 'user=bob');
  both('-compute', 'INBOX', 'user=bob', 'group=staff');
  both('-compute', 'INBOX', 'owner');
  both('-compute', 'INBOX', 'administrators');
  both('-delete', 'INBOX', 'user=bob');
  both('-delete', 'INBOX', 'user=nobody');
  both('-delete', 'INBOX', 'owner');
  both('-list', 'INBOX');
  both('-list', 'INBOX.a');
  both('-list', 'nothing');
  both('-list', 'INBOX./x');
  both('-reset');
});

test('a file of any kind is read as the other one reads it', (t) => {
  const { courier } = twins(t);
  const file = join(courier, 'courierimapacl');
  const pieces = [
    'owner aceilrstwx\n',
    'owner al',
    '\n',
    ' ',
    'user=bob',
    'lr',
    '-anyone r\n',
    'group=administrators l\n',
  ];
  const more = [
    'administrators r\n',
    '-administrators alr\n',
    'x\ty l\n',
    'anyone  sl\n',
    'user=bob w\n',
    '\r',
    '- l\n',
  ];
  const all = [...pieces, ...more];
  for (let seed = 1; seed <= 60; seed += 1) {
    const text = Array.from({ length: 6 }, (_none, at) => all[(seed * (at + 7) * (at + 3)) % all.length]).join('');
    writeFileSync(file, text);
    const theirs = run(COURIER_MAILDIRACL, ['-list', courier, 'INBOX']).stdout;
    const list = AclList.parse(text);
    // A line that takes rights away and cannot be read makes all of the list void here.
    if (list === undefined) continue;
    const mine = list.entries().map(({ identifier, letters }) => `${identifier}\t${letters}\n`);
    assert.equal(mine.join(''), theirs, JSON.stringify(text));
  }
});

const commands = [
  'SETACL INBOX eve lr',
  'SETACL INBOX eve +sd',
  'SETACL INBOX -cat r',
  'SETACL INBOX anyone l',
  'SETACL INBOX owner lr',
  'SETACL INBOX -bob al',
  'SETACL INBOX administrators lr',
  'DELETEACL INBOX cat',
  'SETACL INBOX.a eve lrc',
  'SETACL INBOX.a.b.c eve ""',
  'DELETEACL INBOX.a owner',
  'CREATE INBOX.a.new',
  // Of several entries in one ACL STORE, Debian's Courier takes the first.
  'ACL STORE INBOX.a group=staff lr',
  'ACL STORE INBOX.a user=x +w',
  'ACL DELETE INBOX.a user=eve',
  'ACL STORE INBOX.a.new owner +a anyone ""',
];

async function play(make: MakeTarget, maildir: string): Promise<string[]> {
  const target = await make({ maildir, settings: {}, options: {} });
  try {
    const client = new ImapClient(await target.connect(1, { loggedIn: true, plain: false }));
    const answers: string[] = [];
    for (const command of ['LIST "" "*"', ...commands])
      answers.push(`${command} ${(await client.send(command)).status}`);
    client.close();
    return answers;
  } finally {
    await target.close();
  }
}

test('SETACL, DELETEACL and ACL STORE leave the same octets as those of Courier', async (t) => {
  const { scratch, courier, ours } = twins(t);
  giveToMailUser(scratch.path);

  const theirs = await play(courierTarget, courier);
  const mine = await play(memoryTarget, ours);

  assert.deepEqual(mine, theirs);
  const written = lists(ours);
  const other = lists(courier);
  assert.deepEqual(Object.fromEntries(Object.keys(written).map((path) => [path, other[path]])), written);
  assert.ok(Object.keys(written).length >= 4, Object.keys(written).join(' '));
});
