/**
 * maildiracl on the command line, where it says more than Courier's, or is run by root for somebody else.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { copyMaildir, giveTo, scratchDirectory } from '../support/maildir-fixture.js';
import { programs } from '../support/paths.js';

const WHOLE = 'owner aceilrstwx\nadministrators aceilrstwx\n';
const OWNER = 5_000;

function maildir(t: { after(run: () => void): void }): string {
  const scratch = scratchDirectory('maildiracl');
  t.after(() => scratch.remove());
  const path = join(scratch.path, 'Maildir');
  mkdirSync(path);
  copyMaildir('three-messages', path);
  return path;
}

function run(...words: string[]): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(join(programs, 'maildiracl'), words, { encoding: 'utf8' });
  return { code: status, out: stdout, err: stderr };
}

test('it takes words for the usual sets of rights', (t) => {
  const path = maildir(t);
  const words = { none: '', read: 'lrs', post: 'lprs', append: 'ilprs', write: 'ceilprstwx', all: 'aceilrstwx' };

  for (const [word, letters] of Object.entries(words)) {
    assert.deepEqual(run('-set', path, 'INBOX', `user=${word}`, word), { code: 0, out: '', err: '' });
    assert.ok(readFileSync(join(path, 'courierimapacl'), 'utf8').endsWith(`user=${word} ${letters}\n`), word);
  }
  assert.deepEqual(run('-set', path, 'INBOX', 'user=bob', '+d'), { code: 0, out: '', err: '' });
  assert.match(readFileSync(join(path, 'courierimapacl'), 'utf8'), /^user=bob etx$/m);
});

test('what is no right, no folder and no maildir is refused, and nothing is written', (t) => {
  const path = maildir(t);

  assert.equal(run('-set', path, 'INBOX', 'user=bob', 'L R').code, 1);
  assert.equal(run('-set', path, 'INBOX.../x', 'user=bob', 'lr').code, 1);
  assert.equal(run('-set', path, '../x', 'user=bob', 'lr').code, 1);
  assert.equal(run('-list', join(path, 'nothing'), 'INBOX').code, 1);
  assert.deepEqual(run('-set', path, 'INBOX', 'owner', 'lr'), {
    code: 1,
    out: '',
    err: 'Trying to set invalid access rights for owner\n',
  });
  assert.ok(!existsSync(join(path, 'courierimapacl')));
});

test('run by root, what it writes belongs to the owner of the maildir, and no link leads it astray', (t) => {
  const path = maildir(t);
  giveTo(path, OWNER, OWNER);
  const outside = join(path, '..', 'outside');
  writeFileSync(outside, 'untouched');
  symlinkSync(outside, join(path, '.Archive', 'courierimapacl'));

  assert.equal(run('-set', path, 'INBOX', 'user=bob', 'lr').code, 0);
  assert.equal(run('-set', path, 'INBOX.below.here', 'user=bob', 'lr').code, 0);
  const refused = run('-set', path, 'INBOX.Archive', 'user=bob', 'lr');

  assert.equal(statSync(join(path, 'courierimapacl')).uid, OWNER);
  assert.equal(statSync(join(path, 'courierimaphieracl', 'below.here')).uid, OWNER);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /access list/);
  assert.equal(readFileSync(outside, 'utf8'), 'untouched');
});

test('-reset forgets old lists of names that have no folders', (t) => {
  const path = maildir(t);
  const hierarchy = join(path, 'courierimaphieracl');
  mkdirSync(hierarchy);
  for (const name of ['old', 'young', 'Archive']) writeFileSync(join(hierarchy, name), WHOLE);
  mkdirSync(join(path, '.old.sub', 'cur'), { recursive: true });
  for (const name of ['old', 'Archive']) utimesSync(join(hierarchy, name), 1_700_000_000, 1_700_000_000);

  assert.deepEqual(run('-reset', path), { code: 0, out: '', err: '' });
  assert.deepEqual(
    ['old', 'young', 'Archive'].filter((name) => existsSync(join(hierarchy, name))),
    ['old', 'young'],
  );
});
