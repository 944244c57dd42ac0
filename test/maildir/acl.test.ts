/**
 * Access lists of a maildir: how files are read, whose rights they give, what folders inherit, and what damage does.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { AclList, type Identities } from '../../maildir/acl/acl-list.js';
import { AclRefused } from '../../maildir/acl/maildir-acls.js';
import { ALL_LETTERS, lettersFromRights, rightsFromLetters } from '../../maildir/acl/rights.js';
import { MaildirError } from '../../maildir/errors.js';
import { makeMaildir, openStore, scratchDirectory } from './scratch.js';

const WHOLE = 'owner aceilrstwx\nadministrators aceilrstwx\n';
const bob: Identities = ['user=bob'];
const owner: Identities = ['user=ann', 'owner'];

function read(text: string): AclList {
  const list = AclList.parse(text);
  assert.ok(list !== undefined);
  return list;
}

/** A maildir whose clock the test turns; folders are named without INBOX. */
function site(t: { after(run: () => void): void }, ...folders: string[]) {
  const path = join(scratchDirectory(t), 'Maildir');
  makeMaildir(path);
  for (const folder of folders) makeMaildir(join(path, `.${folder}`));
  const log: string[] = [];
  const clock = { now: Date.now() };
  const store = openStore({ now: () => clock.now, warn: (text) => void log.push(text) });
  t.after(() => store.close());
  const maildir = store.open(path);
  const may = (folder: string, who: Identities): string => lettersFromRights(maildir.acls.rights(folder, who));
  const wait = (): void => {
    clock.now += 1_000;
  };
  return { path, maildir, acls: maildir.acls, may, log, wait };
}

test('a list that is written is read back the same', () => {
  const identifier = fc.stringMatching(/^-?(user=|group=)?[!-~]{1,12}$/);
  const entries = fc.array(fc.record({ identifier, rights: fc.stringMatching(/^[a-z]{0,10}$/) }));
  fc.assert(
    fc.property(entries, (all) => {
      const list = all.reduce((made, { identifier: one, rights }) => made.with(one, rights) ?? made, read(WHOLE));
      const again = read(list.format());
      // What takes rights from administrators is dropped on the way.
      const kept = list.entries().filter((entry) => !/^-(group=)?administrators$/.test(entry.identifier));
      assert.equal(read(again.format()).format(), again.format());
      for (const { identifier: one, letters } of kept) {
        if (/^(group=)?administrators$/.test(one)) continue;
        assert.equal(again.entries().find((entry) => entry.identifier === one)?.letters, letters);
      }
    }),
  );
});

test('a file of any octets is a list or none', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const list = AclList.parse(text);
      const rights = list?.rightsOf(owner) ?? rightsFromLetters('al');
      assert.equal(rights & rightsFromLetters('al'), rightsFromLetters('al'));
    }),
  );
});

// What Debian's maildiracl lists for the same files.
for (const [file, listed] of [
  ['owner aceilrstwx\nuser=bob   lr', 'owner aceilrstwx\nuser=bob lr\nadministrators aceilrstwx\n'],
  [
    'owner lr\nuser=bob\nfoo\n\n lr\nuser=bob lr\nuser=bob s\n',
    'owner lr\nuser=bob s\nfoo \nadministrators aceilrstwx\n',
  ],
  [
    'owner acl\ngroup=administrators lr\nadministrators r\n-administrators alrs\n-group=administrators al\n',
    'owner acl\ngroup=administrators aceilrstwx\nadministrators r\n',
  ],
  ['user=x zz\u0001b\r\nuser=\u0001y lr\nuser=café r l\n', 'administrators aceilrstwx\n'],
  ['', 'administrators aceilrstwx\n'],
  ['garbage', 'garbage \nadministrators aceilrstwx\n'],
  ['owner al\n\tfoo l\nfoo\tl\n', 'owner al\nadministrators aceilrstwx\n'],
  ['owner al\nuser=bob l\0q\n', 'owner al\nuser=bob l\nadministrators aceilrstwx\n'],
  ['owner al\n- l\n', 'owner al\n- l\nadministrators aceilrstwx\n'],
] as const) {
  test(`a file is read as Courier reads it: ${JSON.stringify(file)}`, () => {
    assert.equal(read(file).format(), listed);
  });
}

test('a line that takes rights away and cannot be understood makes the list one that nobody believes', () => {
  assert.equal(AclList.parse('owner al\nanyone lr\n-user=bob l r\n'), undefined);
});

test('rights are what all matching entries give, less what any of them takes away', () => {
  const list = read(`${WHOLE}anyone lrs\n-user=bob s\ngroup=staff wi\n-group=guests l\nuser=bob x\n`);

  assert.equal(list.lettersOf([]), 'lrs');
  assert.equal(list.lettersOf(bob), 'lrx');
  assert.equal(list.lettersOf([...bob, 'group=staff']), 'ilrwx');
  assert.equal(list.lettersOf([...bob, 'group=staff', 'group=guests']), 'irwx');
  assert.equal(list.lettersOf(['group=administrators']), ALL_LETTERS);
  assert.equal(read(`${WHOLE}anonymous l\n-anyone r\n`).lettersOf(bob), 'l');
});

test('an owner always sees and administers what is his', () => {
  const cut = read(`owner aceilrstwx\nadministrators aceilrstwx\n-user=ann aelrx\n`);

  assert.equal(lettersFromRights(cut.rightsOf(owner)), 'acilstw');
  assert.equal(lettersFromRights(read('anyone lr\n').rightsOf(owner)), ALL_LETTERS);
});

test('who must keep what he needs is named when a list would take it', () => {
  const whole = read(WHOLE);

  assert.equal(whole.tooLittleFor('user=ann'), undefined);
  assert.equal(whole.with('owner', '-a')?.tooLittleFor(), 'owner');
  assert.equal(whole.with('-anyone', 'al')?.tooLittleFor(), 'owner');
  assert.equal(whole.with('-anyone', 'r')?.tooLittleFor(), 'administrators');
  assert.equal(whole.with('administrators', 'lr')?.tooLittleFor(), 'administrators');
  assert.deepEqual(whole.with('-user=ann', 'l')?.tooLittleFor('user=ann'), { identifier: 'user=ann' });
});

test('identifiers and letters that would break a line are refused', () => {
  for (const identifier of ['', '-', 'user=a b', 'user=a\nowner', 'x\0'])
    assert.equal(read(WHOLE).with(identifier, 'l'), undefined);
  assert.equal(read(WHOLE).with('anyone', 'l r'), undefined);
});

test('looking at a maildir that nobody shares writes nothing', (t) => {
  const { path, may } = site(t, 'Sent', 'a.b');

  assert.equal(may('INBOX.a.b', owner), ALL_LETTERS);
  assert.equal(may('INBOX.Sent', bob), '');
  assert.deepEqual(readdirSync(path).sort(), ['.Sent', '.a.b', 'cur', 'new', 'tmp']);
});

test('a change is written as Courier writes it, and what is below keeps what it had', async (t) => {
  const { path, acls, may } = site(t, 'a', 'a.b', 'other');

  await acls.change('INBOX.a', (list) => list.with('user=bob', 'rl') ?? list);

  assert.equal(readFileSync(join(path, '.a', 'courierimapacl'), 'utf8'), `${WHOLE}user=bob lr\n`);
  assert.equal(readFileSync(join(path, '.a.b', 'courierimapacl'), 'utf8'), WHOLE);
  assert.ok(!existsSync(join(path, '.other', 'courierimapacl')));
  assert.deepEqual([may('INBOX.a', bob), may('INBOX.a.b', bob)], ['lr', '']);
});

test('a new folder begins with the list of the folder above it and goes its own way', async (t) => {
  const { maildir, acls, may, path } = site(t, 'a');
  await acls.change('INBOX.a', (list) => list.with('user=bob', 'lr') ?? list);

  await maildir.createFolder('INBOX.a.new');
  await maildir.createFolder('INBOX.own');
  await acls.change('INBOX.a', (list) => list.without('user=bob'));

  assert.deepEqual([may('INBOX.a', bob), may('INBOX.a.new', bob), may('INBOX.own', bob)], ['', 'lr', '']);
  assert.ok(!existsSync(join(path, '.own', 'courierimapacl')));
});

test('a name without a folder has a list, too, and the folder made there later does not get it', async (t) => {
  const { maildir, acls, may, path } = site(t, 'a.b');
  await acls.change('INBOX.a', (list) => list.with('user=bob', 'l') ?? list);
  assert.equal(readFileSync(join(path, 'courierimaphieracl', 'a'), 'utf8'), `${WHOLE}user=bob l\n`);
  assert.equal(may('INBOX.a', bob), 'l');

  await maildir.createFolder('INBOX.a');

  assert.equal(may('INBOX.a', bob), '');
  assert.ok(!existsSync(join(path, 'courierimaphieracl', 'a')));
});

test('folders keep their lists when they move, and get nothing by the new place', async (t) => {
  const { maildir, acls, may } = site(t, 'open', 'mine', 'mine.sub', 'shown');
  await acls.change('INBOX.open', (list) => list.with('anyone', 'lr') ?? list);
  await acls.change('INBOX.shown', (list) => list.with('user=bob', 'l') ?? list);

  await maildir.renameFolder('INBOX.mine', 'INBOX.open.mine');
  await maildir.renameFolder('INBOX.shown', 'INBOX.open.shown');

  assert.deepEqual([may('INBOX.open.mine', bob), may('INBOX.open.mine.sub', bob)], ['', '']);
  assert.equal(may('INBOX.open.shown', bob), 'l');
});

test('a folder that goes leaves those below it what they inherited from it', async (t) => {
  const { maildir, acls, may, path } = site(t, 'a');
  await acls.change('INBOX.a', (list) => list.with('user=bob', 'lr') ?? list);
  makeMaildir(join(path, '.a.b'));

  await maildir.deleteFolder('INBOX.a');

  assert.deepEqual([may('INBOX.a.b', bob), may('INBOX.a', bob)], ['lr', '']);
});

test('what another program writes is known within a second', (t) => {
  const { path, may, wait } = site(t, 'a');
  assert.equal(may('INBOX.a', bob), '');

  writeFileSync(join(path, '.a', 'courierimapacl'), `${WHOLE}user=bob lr\n`);
  wait();
  assert.equal(may('INBOX.a', bob), 'lr');
  writeFileSync(join(path, '.a', 'courierimapacl'), `${WHOLE}user=bob l\n`);
  wait();
  assert.equal(may('INBOX.a', bob), 'l');
});

test('a list that takes from the owner what he needs is not stored', async (t) => {
  const { acls, path } = site(t, 'a');

  await assert.rejects(
    acls.change('INBOX.a', (list) => list.with('-user=ann', 'a') ?? list, 'user=ann'),
    AclRefused,
  );
  assert.ok(!existsSync(join(path, '.a', 'courierimapacl')));
});

const damages: readonly (readonly [string, (path: string) => void])[] = [
  ['ten megabytes in one line', (path) => writeFileSync(path, `anyone ${'l'.repeat(10_000_000)}\n`)],
  ['a link out of the maildir', (path) => symlinkSync('/etc/passwd', path)],
  ['a directory', (path) => void mkdirSync(path)],
  ['a negative line that is damaged', (path) => writeFileSync(path, 'owner aceilrstwx\nanyone lrs\n-user=bob l r\n')],
];
for (const [what, damage] of damages) {
  test(`${what} in place of a list gives nobody anything but its owner, and is told once`, async (t) => {
    const { path, acls, may, log, wait } = site(t, 'a');
    damage(join(path, '.a', 'courierimapacl'));

    for (let look = 0; look < 3; look += 1) {
      assert.equal(may('INBOX.a', bob), '');
      assert.equal(may('INBOX.a.below', bob), '');
      assert.equal(may('INBOX.a', owner), ALL_LETTERS);
      wait();
    }
    assert.equal(log.length, 1, log.join('\n'));
    await assert.rejects(
      acls.change('INBOX.a', (list) => list.with('anyone', 'l') ?? list),
      (error) => error instanceof MaildirError && error.kind === 'corrupt',
    );
  });
}

test('a hundred thousand lines are read in no time that anybody notices, or not at all', (t) => {
  const { path, may } = site(t, 'a');
  const lines = Array.from({ length: 10_000 }, (_, at) => `user=u${at} lr\n`).join('');
  writeFileSync(join(path, '.a', 'courierimapacl'), `${WHOLE}${lines}-user=u7 r\n`);

  assert.deepEqual([may('INBOX.a', ['user=u7']), may('INBOX.a', ['user=u9999'])], ['l', 'lr']);
});
