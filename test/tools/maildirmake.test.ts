/**
 * maildirmake on the command line: M5 and K13, with Courier's texts, modes and exit codes.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const program = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'maildir', 'bin', 'maildirmake.js');

function scratch(t: { after(run: () => void): void }): string {
  const directory = mkdtempSync(join(tmpdir(), 'angarium-maildirmake-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

function maildirmake(directory: string, ...words: string[]): { code: number | null; out: string; err: string } {
  const { NODE_EXTRA_CA_CERTS: _certificates, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...words], {
    cwd: directory,
    encoding: 'utf8',
    env,
  });
  return { code: status, out: stdout, err: stderr };
}

const modeOf = (path: string): string => (statSync(path).mode & 0o7777).toString(8);

test('M5: it makes a maildir that only its owner may enter, and refuses one that exists', (t) => {
  const directory = scratch(t);

  assert.deepEqual(maildirmake(directory, 'Maildir'), { code: 0, out: '', err: '' });
  for (const name of ['.', 'tmp', 'new', 'cur']) assert.equal(modeOf(join(directory, 'Maildir', name)), '700');
  assert.deepEqual(maildirmake(directory, 'Maildir'), { code: 1, out: '', err: 'maildirmake: Maildir: File exists\n' });
});

test('it makes folders with a marker, and refuses names that are none', (t) => {
  const directory = scratch(t);
  maildirmake(directory, 'Maildir');

  assert.equal(maildirmake(directory, '-f', 'Lists.News', 'Maildir').code, 0);
  assert.equal(modeOf(join(directory, 'Maildir', '.Lists.News', 'maildirfolder')), '600');
  assert.deepEqual(maildirmake(directory, '-f', '.x', 'Maildir'), {
    code: 1,
    out: 'Invalid folder name: .x\n',
    err: '',
  });
  for (const name of ['a/b', '../x', 'a..b', 'a.', ''])
    assert.equal(maildirmake(directory, '-f', name, 'Maildir').code, 1);
  assert.equal(
    maildirmake(directory, '-f', 'x', 'nowhere').err,
    'maildirmake: nowhere/.x: No such file or directory\n',
  );
  assert.deepEqual(readdirSync(join(directory, 'Maildir')).sort(), ['.Lists.News', 'cur', 'new', 'tmp']);
});

test('-F takes a name as one component', (t) => {
  const directory = scratch(t);
  maildirmake(directory, 'Maildir');

  assert.equal(maildirmake(directory, '-F', 'x.y:/~\\éü', 'Maildir').code, 0);

  assert.ok(readdirSync(join(directory, 'Maildir')).includes('.x\\056y\\072\\057\\176\\134éü'));
});

test('-S and -s open it to others as Courier does', (t) => {
  const directory = scratch(t);

  maildirmake(directory, '-S', 'Maildir');
  assert.deepEqual([modeOf(join(directory, 'Maildir')), modeOf(join(directory, 'Maildir', 'cur'))], ['755', '700']);
  for (const [share, modes] of [
    ['read', ['755', '755']],
    ['write', ['1755', '1777']],
    ['read,group', ['750', '750']],
    ['write,group', ['1750', '1770']],
  ] as const) {
    const name = share.replace(',', '-');
    assert.equal(maildirmake(directory, '-s', share, '-f', name, 'Maildir').code, 0);
    const folder = join(directory, 'Maildir', `.${name}`);
    assert.deepEqual([modeOf(folder), modeOf(join(folder, 'new'))], modes);
  }
});

test('wrong words on the command line are told', (t) => {
  const directory = scratch(t);
  const usage = 'Usage: maildirmake [ options ] maildir\n';

  assert.deepEqual(maildirmake(directory), { code: 1, out: usage, err: '' });
  assert.deepEqual(maildirmake(directory, '-s', 'read', 'Maildir'), { code: 1, out: usage, err: '' });
  assert.match(maildirmake(directory, '-z', 'Maildir').err, /unknown option: -z/);
  assert.match(maildirmake(directory, '--help').out, /^Usage: maildirmake/);
  assert.match(maildirmake(directory, '--version').out, /^maildirmake .*\d+\.\d+\.\d+/);
  assert.deepEqual(readdirSync(directory), []);
});

test('K13: run by root, everything belongs to the owner of the place', (t) => {
  const directory = scratch(t);
  const home = join(directory, 'home');
  mkdirSync(home);
  // Without root there is only one owner, and the test says the same of that one.
  const [uid, gid] = process.getuid?.() === 0 ? [12_345, 23_456] : [statSync(home).uid, statSync(home).gid];
  chownSync(home, uid, gid);

  maildirmake(home, 'Maildir');
  maildirmake(home, '-f', 'Sent', 'Maildir');

  for (const path of ['Maildir', 'Maildir/cur', 'Maildir/.Sent', 'Maildir/.Sent/new', 'Maildir/.Sent/maildirfolder']) {
    const owner = statSync(join(home, path));
    assert.deepEqual([owner.uid, owner.gid], [uid, gid], path);
  }
});

test('-q sets a quota as Courier does, and makes the maildir if there is none', (t) => {
  const directory = scratch(t);
  const sizes = join(directory, 'Maildir', 'maildirsize');

  assert.deepEqual(maildirmake(directory, '-q', '10C,1000S', 'Maildir'), { code: 0, out: '', err: '' });
  assert.equal(readFileSync(sizes, 'latin1'), '1000S,10C\n           0            0\n');
  writeFileSync(sizes, '1000S,10C\n           5            1\n');
  assert.equal(maildirmake(directory, '-q', '1000S,10C', 'Maildir').code, 0);
  assert.equal(
    readFileSync(sizes, 'latin1'),
    '1000S,10C\n           5            1\n',
    'the same quota changes nothing',
  );
  assert.equal(maildirmake(directory, '-q', '2000S', 'Maildir').code, 0);
  assert.equal(readFileSync(sizes, 'latin1'), '2000S\n           0            0\n');
  assert.deepEqual(maildirmake(directory, '-q', '5', 'Maildir'), {
    code: 0,
    out: '',
    err: "WARN: quota string '5' not parseable\n",
  });
});

test('S2: --add and --del change the list of shared maildirs, and leave what they do not understand', (t) => {
  const directory = scratch(t);
  const list = join(directory, 'Maildir', 'shared-maildirs');
  maildirmake(directory, 'Maildir');
  maildirmake(directory, 'pub');
  const [pub, other] = [join(directory, 'pub'), directory];
  const add = (text: string, maildir = 'Maildir') => maildirmake(directory, '--add', text, maildir);
  const del = (name: string) => maildirmake(directory, '--del', name, 'Maildir');

  assert.deepEqual(add(`pub=${pub}`), { code: 0, out: '', err: '' });
  assert.deepEqual(add(`other=${other}`), { code: 0, out: '', err: '' });
  assert.equal(readFileSync(list, 'utf8'), `pub\t${pub}\nother\t${other}\n`);
  assert.deepEqual(add(`pub=${other}`), { code: 2, out: '', err: 'pub: already defined as a sharable maildir.\n' });
  for (const name of ['a.b', 'a/b', 'a b', ''])
    assert.deepEqual(add(`${name}=${pub}`), { code: 1, out: '', err: `${name}: invalid name\n` });
  const absent = join(directory, 'absent');
  assert.deepEqual(add(`x=${absent}`), { code: 1, out: '', err: `${absent}: No such file or directory\n` });
  assert.deepEqual(add(`x=${pub}`, 'none'), { code: 1, out: '', err: 'none: No such file or directory\n' });
  for (const text of ['x', 'x=', 'x=relative', '='])
    assert.deepEqual(add(text), { code: 1, out: 'Usage: maildirmake [ options ] maildir\n', err: '' });

  writeFileSync(list, `# mine\nrubbish\npub\t${pub}\nother ${other} # too\n`);
  assert.deepEqual(del('other'), { code: 0, out: '', err: '' });
  assert.deepEqual(del('other'), { code: 1, out: '', err: 'other: not found.\n' });
  assert.equal(readFileSync(list, 'utf8'), `# mine\nrubbish\npub\t${pub}\n`);
});

test('--convutf8 makes UTF-8 of the names that Courier kept in modified UTF-7, and --checkutf8 tells what it would do', (t) => {
  const directory = scratch(t);
  maildirmake(directory, 'M');
  const path = join(directory, 'M');
  for (const name of ['Entw&APw-rfe.Sub', 'A&-B', 'Plain', 'Größe']) maildirmake(directory, '-f', name, 'M');
  const subscriptions = join(path, 'courierimapsubscribed');
  writeFileSync(subscriptions, 'INBOX.Plain\n\nINBOX.Gone&AOk-\n#shared.x.&AOk-\n');
  mkdirSync(join(path, 'courierimaphieracl'));
  writeFileSync(join(path, 'courierimaphieracl', 'Entw&APw-rfe'), 'owner aceilrstwx\n');
  const changes = [
    'Checking M:',
    'Subscription to INBOX.Gone&AOk- changed to INBOX.Goneé',
    'Subscription to #shared.x.&AOk- changed to #shared.x.é',
    'Rename INBOX.A&-B to INBOX.A&B',
    'Rename INBOX.Entw&APw-rfe to INBOX.Entwürfe',
    'Rename INBOX.Entw&APw-rfe.Sub to INBOX.Entwürfe.Sub',
  ];
  const told = (out: string): string[] => out.trimEnd().split('\n');
  const sorted = (lines: readonly string[]): string[] => [...lines].sort();
  const before = readdirSync(path).sort();

  const checked = maildirmake(directory, '--checkutf8', 'M');
  assert.deepEqual(sorted(told(checked.out)), sorted([...changes, 'Verified M/courierimapsubscribed']));
  assert.deepEqual([checked.code, checked.err], [0, '']);
  assert.deepEqual(readdirSync(path).sort(), before);

  const converted = maildirmake(directory, '--convutf8', 'M');
  assert.deepEqual(sorted(told(converted.out)), sorted([...changes, 'Updating M/courierimapsubscribed']));
  assert.deepEqual([converted.code, converted.err], [0, '']);
  const folders = readdirSync(path).filter((name) => name.startsWith('.'));
  assert.deepEqual(folders.sort(), ['.A&B', '.Entwürfe.Sub', '.Größe', '.Plain'].sort());
  assert.equal(readFileSync(subscriptions, 'utf8'), 'INBOX.Plain\nINBOX.Goneé\n#shared.x.é\n');
  assert.deepEqual(readdirSync(join(path, 'courierimaphieracl')), ['Entwürfe']);
});

test('--convutf8 changes nothing where one name is none, or would become another one that is there', (t) => {
  const directory = scratch(t);
  maildirmake(directory, 'M');
  const path = join(directory, 'M');
  for (const name of ['a&AOk-', 'bad&x', 'é', '&AOk-', '&AAE-']) mkdirSync(join(path, `.${name}`));
  writeFileSync(join(path, 'courierimapsubscribed'), 'INBOX.worse&\n');
  const before = readdirSync(path).sort();

  const { code, err } = maildirmake(directory, '--convutf8', 'M');

  assert.equal(code, 1);
  assert.deepEqual(err.trimEnd().split('\n').sort(), [
    'Error: INBOX.&AAE-: does not appear to be valid modified-UTF7',
    'Error: INBOX.bad&x: does not appear to be valid modified-UTF7',
    'Error: INBOX.é: File exists',
    'Error: courierimapsubscribed: INBOX.worse&: does not appear to be valid modified-UTF7',
  ]);
  assert.deepEqual(readdirSync(path).sort(), before);
  assert.deepEqual(maildirmake(directory, '--checkutf8', 'nowhere'), {
    code: 1,
    out: 'Checking nowhere:\n',
    err: 'nowhere: No such file or directory\n',
  });
});
