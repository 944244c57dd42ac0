/**
 * maildirkw beside Debian's maildirkw: each reads what the other wrote, and a session is told.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SessionFixture } from '../support/session-fixture.js';

const program = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'maildir', 'bin', 'maildirkw.js');
const OURS = [process.execPath, program];
const DEBIANS = ['maildirkw'];

function run(by: readonly string[], words: readonly string[]): { code: number | null; out: string } {
  const { NODE_EXTRA_CA_CERTS: _certificates, ...env } = process.env;
  const [command = '', ...before] = by;
  const { status, stdout } = spawnSync(command, [...before, ...words], { encoding: 'utf8', env });
  return { code: status, out: stdout };
}

function scene(t: { after(run: () => Promise<void>): void }) {
  const fixture = new SessionFixture('empty');
  t.after(() => fixture.close());
  for (const name of ['1700000000.a', '1700000001.b']) {
    writeFileSync(join(fixture.maildir, 'cur', `${name}:2,S`), 'Subject: x\n\nx\n');
  }
  return { fixture, maildir: fixture.maildir };
}

test('each lists what the other wrote', (t) => {
  const { maildir } = scene(t);
  const steps: readonly (readonly [readonly string[], readonly string[], string])[] = [
    [[], ['1700000000.a', 'work', 'Home'], '1700000000.a Home work\n'],
    [['-a'], ['1700000000.a', 'more'], '1700000000.a Home more work\n'],
    [['-l', '-a'], ['1700000001.b', 'more'], '1700000000.a Home more work\n1700000001.b more\n'],
    [['-r'], ['1700000000.a', 'work', 'never'], '1700000000.a Home more\n1700000001.b more\n'],
    [[], ['1700000000.a', 'last'], '1700000000.a last\n1700000001.b more\n'],
  ];
  for (const [options, words, listed] of steps) {
    for (const [writer, reader] of [[OURS, DEBIANS] as const, [DEBIANS, OURS] as const]) {
      assert.deepEqual(run(writer, [...options, maildir, ...words]), { code: 0, out: '' });
      assert.deepEqual(run(reader, ['-L', maildir]), { code: 0, out: listed }, words.join(' '));
      assert.equal(run(writer, ['-L', maildir]).out, listed);
    }
  }
});

test('a session that looks at the folder is told', async (t) => {
  const { fixture, maildir } = scene(t);
  const client = fixture.client();
  await client.command('a SELECT INBOX');

  run(OURS, [maildir, '1700000001.b', 'urgent']);

  assert.match(await client.command('b NOOP'), /^\* 2 FETCH \(FLAGS \(\\Seen \\Recent urgent\)\)$/m);
});

test('wrong words are told', (t) => {
  const { maildir } = scene(t);
  for (const words of [[], ['-x', maildir, 'a', 'b'], [maildir]]) {
    assert.deepEqual(run(OURS, words), { code: 1, out: run(DEBIANS, words).out }, words.join(' '));
  }
  assert.equal(run(OURS, ['-L', join(maildir, '.Nowhere')]).code, 1);
  assert.equal(run(OURS, [maildir, '../1700000000.a', 'x']).code, 1);
});
