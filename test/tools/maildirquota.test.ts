/**
 * maildirquota: figures of one maildir and of many, counting anew, setting and removing.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const program = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'maildir', 'bin', 'maildirquota.js');

function scratch(t: { after(run: () => void): void }, accounts: Readonly<Record<string, string | undefined>>): string {
  const directory = mkdtempSync(join(tmpdir(), 'angarium-maildirquota-'));
  t.after(() => rmSync(directory, { recursive: true }));
  for (const [name, sizes] of Object.entries(accounts)) {
    for (const place of ['', 'tmp', 'new', 'cur'])
      mkdirSync(join(directory, name, 'Maildir', place), { recursive: true });
    writeFileSync(join(directory, name, 'Maildir', 'cur', '1.a,S=300:2,'), 'x'.repeat(300));
    if (sizes !== undefined) writeFileSync(join(directory, name, 'Maildir', 'maildirsize'), sizes);
  }
  return directory;
}

function maildirquota(
  directory: string,
  words: readonly string[],
  input = '',
): { code: number | null; out: string; err: string } {
  const { NODE_EXTRA_CA_CERTS: _certificates, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...words], {
    cwd: directory,
    encoding: 'utf8',
    env,
    input,
  });
  return { code: status, out: stdout, err: stderr };
}

test('Q4, Q13: it shows what is used, as lines and as JSON', (t) => {
  const directory = scratch(t, { ann: '1000S,10C\n         300            1\n', bob: undefined });

  assert.deepEqual(maildirquota(directory, ['ann/Maildir', 'bob/Maildir']), {
    code: 0,
    out: 'ann/Maildir\t30\t300\t1000\t1\t10\nbob/Maildir\t-\t-\t-\t-\t-\n',
    err: '',
  });
  const { out } = maildirquota(directory, ['--json', 'ann/Maildir', 'bob/Maildir']);
  const [ann, bob] = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const maildir = join(directory, 'ann', 'Maildir');
  const figures = { percent: 30, octets: 300, messages: 1, octetsLimit: 1000, messagesLimit: 10 };
  assert.deepEqual(ann, { name: 'ann/Maildir', maildir, ...figures });
  assert.equal(bob.percent, null);
});

test('Q4: accounts come from authenumerate, and those that are nearly full are found', (t) => {
  const sizes = (octets: number): string => `1000S\n${String(octets).padStart(12)}            1\n`;
  const directory = scratch(t, { ann: sizes(950), bob: sizes(20), carl: sizes(900) });
  const lines = [
    'ann\t5000\t5000\tHOME/ann\tMaildir',
    'bob\t5000\t5000\tHOME/bob\t',
    'carl\t5000\t5000\tHOME/carl\t./Maildir\topt=1',
  ];
  const input = `${lines.join('\n').replaceAll('HOME', directory)}\n`;

  assert.equal(
    maildirquota(directory, ['--over', '90', '-'], input).out,
    'ann\t95\t950\t1000\t1\t-\ncarl\t90\t900\t1000\t1\t-\n',
  );
  assert.equal(maildirquota(directory, ['-'], input).out.split('\n').length, 4);
  assert.equal(maildirquota(directory, ['-'], 'garbage\n').code, 1);
});

test('Q9, Q10: it counts anew, sets and removes', (t) => {
  const directory = scratch(t, { ann: '1000S\n         900            7\n' });
  const sizes = join(directory, 'ann', 'Maildir', 'maildirsize');

  const counted = maildirquota(directory, ['--recount', 'ann/Maildir']);
  assert.equal(counted.out, 'ann/Maildir\t30\t300\t1000\t1\t-\n');
  assert.equal(counted.err, 'ann/Maildir: 900 octets in 7 messages were noted, 300 octets in 1 messages are there\n');
  assert.equal(maildirquota(directory, ['--recount', 'ann/Maildir']).err, '');

  assert.equal(maildirquota(directory, ['--set', '600S,2C', 'ann/Maildir']).out, 'ann/Maildir\t50\t300\t600\t1\t2\n');
  assert.equal(readFileSync(sizes, 'latin1'), '600S,2C\n         300            1\n');
  assert.equal(maildirquota(directory, ['--remove', 'ann/Maildir']).out, 'ann/Maildir\t-\t-\t-\t-\t-\n');
  assert.equal(existsSync(sizes), false);
});

test('as root it works on each maildir as its owner, and goes on when one cannot be read', (t) => {
  const directory = scratch(t, { ann: undefined, bob: undefined });
  chownSync(directory, 5000, 5000);
  for (const place of ['', 'tmp', 'new', 'cur']) chownSync(join(directory, 'bob', 'Maildir', place), 5000, 5000);

  const { code, out, err } = maildirquota(directory, ['--set', '600S', 'nowhere', 'bob/Maildir', 'ann/Maildir']);

  assert.equal(code, 1);
  assert.equal(out, 'bob/Maildir\t50\t300\t600\t1\t-\nann/Maildir\t50\t300\t600\t1\t-\n');
  assert.match(err, /^maildirquota: nowhere: /);
  assert.equal(statSync(join(directory, 'bob', 'Maildir', 'maildirsize')).uid, 5000);
  assert.equal(statSync(join(directory, 'ann', 'Maildir', 'maildirsize')).uid, 0);
});

test('wrong words are told', (t) => {
  const directory = scratch(t, {});
  for (const words of [[], ['--what', 'x'], ['--set', '5', 'x'], ['--over', 'much', 'x']]) {
    assert.equal(maildirquota(directory, words).code, 1, words.join(' '));
  }
});
