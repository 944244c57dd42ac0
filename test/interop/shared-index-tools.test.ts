/** sharedindexsplit and sharedindexinstall beside those of Debian's Courier: the same files from the same accounts. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { inCourierPlaces } from '../support/courier-authdaemond.js';
import { programs, searchPath } from '../support/paths.js';

const COURIER_SPLIT = '/usr/sbin/sharedindexsplit';
const OUR_SPLIT = join(programs, 'sharedindexsplit');

const accounts = [
  'ann\t5000\t5000\t/home/ann\t',
  'bob\t5000\t5000\t/home/bob\tMail\tgroup=staff,x=2',
  'cat\t0\t5000\t/home/cat\tMaildir',
  'x\t5000\t5000\t/home/x\tMaildir',
  '\u00e9va\t5000\t5000\t/h/\u00e9va\tM',
  'abe\t5000\t5000\t/home/abe',
  'short\t5000',
  '',
  '# c',
  'A.b@example.com\t5000\t5000\t/home/A b\t/abs',
  '_u\t1\t1\t/h\tM',
  '1a\t1\t1\t/h\tM',
  'name\tgrp\t*',
  'star\t*\tindexfoo',
  '\t1\t1\t/h\tM',
  'zz\t1\t1\t\tM',
  'zz\t1\t1',
  '"q\t1\t1\t/h\tM',
  'last\t1\t1\t/h\tM',
].join('\n');

function scratch(t: { after(run: () => void): void }): string {
  const directory = mkdtempSync(join(tmpdir(), 'angarium-shared-index-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

interface Ended {
  readonly code: number | null;
  readonly out: string;
}

function run(program: string, words: readonly string[], { input = '', etc = '' } = {}): Ended {
  const env = { PATH: searchPath, COURIER_CONFDIR: etc, LC_ALL: 'C.UTF-8' };
  const { status, stdout } = spawnSync(program, words, { input, encoding: 'utf8', env });
  return { code: status, out: stdout };
}

/** Courier writes groups in no order. */
function filesIn(directory: string): Record<string, string[]> {
  const read = (name: string): string[] => {
    const lines = readFileSync(join(directory, name), 'latin1').split('\n');
    return lines.some((line) => line.includes('\t*\t')) ? lines.sort() : lines;
  };
  const files = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(files.map(({ name }) => [name, read(name)]));
}

for (const letters of ['', '0', '1', '2', '3']) {
  test(`sharedindexsplit writes the files that Courier's writes, with ${letters || 'no'} letters`, (t) => {
    const directory = scratch(t);
    const made: Record<string, string[]>[] = [];
    for (const [name, program] of Object.entries({ theirs: COURIER_SPLIT, ours: OUR_SPLIT })) {
      const place = join(directory, name);
      mkdirSync(place);
      assert.equal(
        run(
          program,
          [place, letters].filter((word) => word !== ''),
          { input: accounts },
        ).code,
        0,
      );
      made.push(filesIn(place));
    }

    assert.deepEqual(made[1], made[0]);
  });
}

test('sharedindexsplit wants a directory, and leaves an index alone when nobody is listed', (t) => {
  const directory = scratch(t);
  writeFileSync(join(directory, 'index'), 'old\n');

  for (const words of [[], [join(directory, 'none')]]) {
    assert.equal(run(OUR_SPLIT, words).code, run(COURIER_SPLIT, words).code);
  }
  for (const program of [COURIER_SPLIT, OUR_SPLIT]) assert.equal(run(program, [directory]).code, 0);
  assert.equal(readFileSync(join(directory, 'index'), 'utf8'), 'old\n');
});

test('an account whose name has a slash at its beginning goes into no other directory', (t) => {
  const directory = scratch(t);
  const input = '../x\t1\t1\t/h\tM\n/etc\t1\t1\t/h\tM\n';

  assert.equal(run(OUR_SPLIT, [directory, '3'], { input }).code, 0);
  assert.deepEqual(readdirSync(directory).sort(), [
    'index',
    'index.',
    'index..',
    'index.._',
    'index_',
    'index_e',
    'index_et',
  ]);
});

test('sharedindexinstall moves what Courier moves, and says what it says', (t) => {
  const directory = scratch(t);
  const ended: unknown[] = [];
  for (const whose of ['theirs', 'ours']) {
    const [etc, state] = [join(directory, whose), join(directory, `${whose}-run`)];
    mkdirSync(etc);
    mkdirSync(state);
    const told: unknown[] = [];
    const install = (): void => {
      const [program = '', ...words] = inCourierPlaces({ etc, state }, '/usr/sbin/sharedindexinstall');
      const { code, out } =
        whose === 'ours' ? run(join(programs, 'sharedindexinstall'), [], { etc }) : run(program, words);
      const left = readdirSync(etc).map((name) => [name, filesIn(join(etc, name))]);
      told.push({ code, out: out.replaceAll(etc, '/etc/courier'), left });
    };
    install();
    mkdirSync(join(etc, 'shared'));
    install();
    mkdirSync(join(etc, 'shared.tmp'));
    install();
    for (const name of ['index', 'indexold']) writeFileSync(join(etc, 'shared', name), `old ${name}\n`);
    for (const name of ['index', 'indexnew']) writeFileSync(join(etc, 'shared.tmp', name), `new ${name}\n`);
    install();
    install();
    ended.push(told);
  }

  assert.deepEqual(ended[1], ended[0]);
});
