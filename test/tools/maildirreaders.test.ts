/** maildirreaders: who has subscribed to what others share, and when they last read there (S18). */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { scratchDirectory } from '../support/maildir-fixture.js';

const program = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'maildir', 'bin', 'maildirreaders.js');

function makeReader(directory: string, name: string, subscriptions: string): string {
  const maildir = join(directory, name, 'Maildir');
  for (const part of ['tmp', 'new', 'cur']) mkdirSync(join(maildir, part), { recursive: true });
  writeFileSync(join(maildir, 'courierimapsubscribed'), subscriptions);
  return maildir;
}

function at(path: string, day: string): void {
  utimesSync(path, new Date(`${day}T12:00:00Z`), new Date(`${day}T12:00:00Z`));
}

test('S18: each reader of a shared mailbox is told, with the day of the last reading, and how many there are', () => {
  const scratch = scratchDirectory('readers');
  try {
    const bob = makeReader(scratch.path, 'bob', 'INBOX\nINBOX.Sent\n#shared.ann.News\n#shared.ann\n');
    makeReader(scratch.path, 'cat', '#shared.ann.News\n');
    mkdirSync(join(bob, 'angarium-seen'));
    writeFileSync(join(bob, 'angarium-seen', '#shared.ann.News'), '+1700000001.M1.mx\n');
    at(join(bob, 'angarium-seen', '#shared.ann.News'), '2026-11-20');
    const links = join(bob, 'shared-folders', 'pub', 'Board');
    for (const part of ['tmp', 'new', 'cur']) mkdirSync(join(links, part), { recursive: true });
    at(join(links, 'cur'), '2026-11-21');
    const accounts = ['bob', 'cat'].map((name) => `${name}\t5000\t5000\t${join(scratch.path, name)}\tMaildir\n`);
    const run = (words: readonly string[], input = accounts.join('')) =>
      spawnSync(process.execPath, [program, ...words], { input, encoding: 'utf8' });

    const lines = '#shared.ann.News\tbob\t2026-11-20\n#shared.ann\tbob\t-\nshared.pub.Board\tbob\t2026-11-21\n';
    assert.equal(run(['-']).stdout, `${lines}#shared.ann.News\tcat\t-\n`);
    assert.equal(run(['--count', '-']).stdout, '#shared.ann\t1\t0\n#shared.ann.News\t2\t1\nshared.pub.Board\t1\t1\n');
    assert.equal(run(['-'], `dave\t5000\t5000\t${join(scratch.path, 'dave')}\n`).status, 1);
    assert.equal(run(['--what']).status, 1);
    assert.equal(run([]).status, 1);
  } finally {
    scratch.remove();
  }
});
