/**
 * deliverquota beside Debian's deliverquota: the same words, messages and maildirs lead to the same exit codes, texts and
 * figures, and each works on what the other left.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const program = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'maildir', 'bin', 'deliverquota.js');
const OURS = [process.execPath, program];
const DEBIANS = ['deliverquota.courier'];

interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** A directory with a maildir `M` and a text for warnings, `warn`. */
function scratch(t: { after(run: () => void): void }, sizes?: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'angarium-deliverquota-'));
  t.after(() => rmSync(directory, { recursive: true }));
  for (const name of ['M', 'M/tmp', 'M/new', 'M/cur']) mkdirSync(join(directory, name), { mode: 0o700 });
  if (sizes !== undefined) writeFileSync(join(directory, 'M', 'maildirsize'), sizes);
  writeFileSync(join(directory, 'warn'), 'Subject: full\n\nToo much.\n');
  return directory;
}

function deliver(
  by: readonly string[],
  directory: string,
  { words = ['M'], message, from = 'pipe' }: { words?: readonly string[]; message: string; from?: 'pipe' | 'file' },
): Outcome {
  const file = join(directory, 'message');
  writeFileSync(file, message);
  const descriptor = openSync(file, 'r');
  const { NODE_EXTRA_CA_CERTS: _certificates, ...env } = process.env;
  const [command = '', ...before] = by;
  const { status, stdout, stderr } = spawnSync(command, [...before, ...words], {
    cwd: directory,
    encoding: 'utf8',
    env: { ...env, COURIER_CONFDIR: directory },
    ...(from === 'pipe' ? { input: message } : { stdio: [descriptor, 'pipe', 'pipe'] }),
  });
  closeSync(descriptor);
  return { code: status, out: stdout, err: stderr.replaceAll('deliverquota.courier', 'deliverquota') };
}

/** `1000S`, and the sum of the lines below it. */
function figure(directory: string): string {
  const [limits = '', ...lines] = readFileSync(join(directory, 'M', 'maildirsize'), 'latin1')
    .trimEnd()
    .split('\n');
  const sum = (column: number): number =>
    lines.reduce((total, line) => total + Number(line.trim().split(/ +/)[column]), 0);
  return `${limits} ${sum(0)} ${sum(1)}`;
}

const newMail = (directory: string): string[] => readdirSync(join(directory, 'M', 'new'));
const warningsIn = (directory: string): string[] => newMail(directory).filter((name) => name.includes('_warn'));

const cases: readonly (Parameters<typeof deliver>[2] & { readonly about: string; readonly sizes?: string })[] = [
  { about: 'a message', message: 'x'.repeat(100) },
  { about: 'a message within the quota', sizes: '1000S,2C\n           0            0\n', message: 'x'.repeat(1000) },
  {
    about: 'one octet too many, through a pipe',
    sizes: '1000S\n           0            0\n',
    message: 'x'.repeat(1001),
  },
  {
    about: 'one octet too many, in a file',
    sizes: '1000S\n           0            0\n',
    message: 'x'.repeat(1001),
    from: 'file',
  },
  { about: 'a message too many', sizes: '1C\n           0            1\n', message: 'x' },
  {
    about: 'a figure that is too old',
    sizes: '10S\n          90            1\n           1            1\n',
    message: 'x',
  },
  { about: 'a new quota', sizes: '10S\n           0            0\n', words: ['M', '500S,3C'], message: 'xx' },
  { about: 'a quota that is none', sizes: '10S\n           0            0\n', words: ['M', 'junk'], message: 'xx' },
  { about: 'the first quota', words: ['M', '500S'], message: 'xx' },
  { about: 'too much for the first quota', words: ['M', '5S'], message: 'x'.repeat(6), from: 'file' },
  { about: 'no words', words: [], message: 'x' },
  { about: 'no percentage', words: ['-w', 'M'], message: 'x' },
  { about: 'no maildir', words: ['nowhere'], message: 'x' },
  { about: 'no such option', words: ['-x', 'M'], message: 'x' },
  {
    about: 'no text for the warning',
    sizes: '10S\n           0            0\n',
    words: ['-w', '1', 'M'],
    message: 'xxx',
  },
];

for (const { about, sizes, ...delivery } of cases) {
  test(`as Debian's: ${about}`, (t) => {
    const [here, there] = [scratch(t, sizes), scratch(t, sizes)];

    const [ours, theirs] = [deliver(OURS, here, delivery), deliver(DEBIANS, there, delivery)];

    assert.deepEqual(ours, theirs);
    const state = (directory: string): unknown => [
      newMail(directory).map((name) => /,S=\d+$/.exec(name)?.[0]),
      readdirSync(join(directory, 'M', 'tmp')),
      existsSync(join(directory, 'M', 'maildirsize')) ? figure(directory) : 'no quota',
    ];
    assert.deepEqual(state(here), state(there));
  });
}

test('-c makes a maildir', (t) => {
  const directory = scratch(t);
  assert.deepEqual(deliver(OURS, directory, { words: ['-c', 'N', '50S'], message: 'xx' }), {
    code: 0,
    out: '',
    err: '',
  });
  assert.equal(statSync(join(directory, 'N')).mode & 0o777, 0o700);
  assert.equal(readFileSync(join(directory, 'N', 'maildirsize'), 'latin1').split('\n')[0], '50S');
});

test('-w warns once a day by mail, with a text of the administrator', (t) => {
  const directory = scratch(t, '1000S\n           0            0\n');
  const words = ['-w', '90', '-W', 'warn', 'M'];

  deliver(OURS, directory, { words, message: 'x'.repeat(899) });
  assert.deepEqual(warningsIn(directory), []);

  deliver(OURS, directory, { words, message: 'x' });
  const [name = '', ...more] = warningsIn(directory);
  assert.deepEqual(more, []);
  const text = readFileSync(join(directory, 'M', 'new', name), 'utf8');
  assert.match(
    text,
    /^Date: \w{3}, \d\d \w{3} \d{4} [\d:]{8} [+-]\d{4}\nMessage-Id: <\d+\.overquota@\S+>\nSubject: full\n\nToo much\.\n$/,
  );
  assert.equal(figure(directory), `1000S ${900 + text.length} 3`);

  deliver(OURS, directory, { words, message: 'x' });
  assert.equal(warningsIn(directory).length, 1);

  const yesterday = Date.now() / 1000 - 25 * 3600;
  utimesSync(join(directory, 'M', 'quotawarn'), yesterday, yesterday);
  deliver(OURS, directory, { words, message: 'x'.repeat(900), from: 'file' });
  assert.equal(warningsIn(directory).length, 2, 'who is refused for good is warned, too');
  assert.equal(deliver(DEBIANS, directory, { words, message: 'x' }).code, 75);
  assert.equal(warningsIn(directory).length, 2, "Debian's sees that we have warned");
});

test('-p makes over quota final for a message from a pipe', (t) => {
  const directory = scratch(t, '10S\n           0            0\n');
  const outcome = deliver(OURS, directory, { words: ['-p', 'M'], message: 'x'.repeat(11) });
  assert.deepEqual(outcome, { code: 77, out: 'Mail quota exceeded.\n', err: '' });
});

test('as root it works as the owner of the maildir', (t) => {
  const directory = scratch(t, '1000S\n           0            0\n');
  for (const name of ['', 'tmp', 'new', 'cur', 'maildirsize']) chownSync(join(directory, 'M', name), 5000, 5000);

  assert.equal(
    deliver(OURS, directory, { words: [join(directory, 'M'), '2000S'], message: 'xx' }).code,
    75,
    'M cannot be reached',
  );

  chownSync(directory, 5000, 5000);
  assert.equal(deliver(OURS, directory, { words: ['M', '2000S'], message: 'xx' }).code, 0);
  for (const name of ['maildirsize', join('new', newMail(directory)[0] ?? '')]) {
    assert.equal(statSync(join(directory, 'M', name)).uid, 5000);
  }
});

test('both deliver into one maildir, and the figure is right after each', (t) => {
  const directory = scratch(t, '100000S,100C\n           0            0\n');
  for (let turn = 1; turn <= 10; turn += 1) {
    assert.equal(deliver(turn % 2 === 0 ? OURS : DEBIANS, directory, { message: 'x'.repeat(turn) }).code, 0);
    assert.equal(figure(directory), `100000S,100C ${(turn * (turn + 1)) / 2} ${turn}`);
  }
});

test('S13: mail for name+folder goes into the folder where its access list has p for who sends, else into INBOX', (t) => {
  const directory = scratch(t, '100000S\n');
  const lists: Readonly<Record<string, string>> = {
    Board: 'owner aceilrstwx\nadministrators aceilrstwx\nanyone lp\n',
    'Team.News': 'owner aceilrstwx\nadministrators aceilrstwx\nuser=bob lrp\n',
    'Board.Below': 'owner aceilrstwx\nadministrators aceilrstwx\nanyone lrswi\n',
  };
  for (const [name, list] of Object.entries(lists)) {
    for (const part of ['', '/tmp', '/new', '/cur'])
      mkdirSync(join(directory, 'M', `.${name}${part}`), { mode: 0o700 });
    writeFileSync(join(directory, 'M', `.${name}`, 'courierimapacl'), list);
  }
  const post = (...words: string[]): string => {
    const before = new Map(['', ...Object.keys(lists)].map((name) => [name, countIn(directory, name)]));
    const { code, err } = deliver(OURS, directory, { words: [...words, 'M'], message: 'Subject: a\n\na\n' });
    assert.deepEqual([code, err], [0, '']);
    return [...before]
      .filter(([name, count]) => countIn(directory, name) > count)
      .map(([name]) => name)
      .join();
  };

  assert.equal(post('-f', 'Board'), 'Board');
  assert.equal(post('-f', 'board'), 'Board');
  assert.equal(post('-f', 'INBOX.Board'), 'Board');
  assert.equal(post('-f', 'Board.Below'), '');
  assert.equal(post('-f', 'Team.News'), '');
  assert.equal(post('-f', 'Team.News', '-u', 'user=bob'), 'Team.News');
  assert.equal(post('-f', 'Team.News', '-u', 'user=cat'), '');
  assert.equal(post('-f', 'Nothing'), '');
  assert.equal(post('-f', '../../M'), '');
  assert.equal(post('-f', ''), '');
  assert.equal(post(), '');
});

function countIn(directory: string, folder: string): number {
  return readdirSync(join(directory, 'M', folder === '' ? '' : `.${folder}`, 'new')).length;
}
