/**
 * A disk that is full (attack 53): a small tmpfs of its own. Nothing is lost, nothing gets another number, and everything
 * works when there is room again. Needs root, to mount; for others there is test/maildir/failing-disk.test.ts.
 */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loginClient } from '../support/imap-client.js';
import { copyMaildir, giveTo } from '../support/maildir-fixture.js';
import { PASSWORD } from '../support/peer-servers.js';
import { mustRun } from '../support/processes.js';
import { attacked } from './attacked.js';

const message = Buffer.from(`Subject: more\r\n\r\n${'x'.repeat(3_000)}\r\n`);

/** Leaves no room for anything. */
function fill(directory: string): void {
  for (const octets of [65_536, 4_096]) {
    try {
      for (let number = 0; ; number += 1)
        writeFileSync(join(directory, `fill${octets}.${number}`), Buffer.alloc(octets));
    } catch {
      // That was the last that fits.
    }
  }
}

async function onSmallDisk(run: (home: string) => Promise<void>): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'angarium-full-'));
  await mustRun(['mount', '-t', 'tmpfs', '-o', 'size=1m,mode=755', 'tmpfs', home]);
  try {
    await run(home);
  } finally {
    await mustRun(['umount', home]);
    rmSync(home, { recursive: true });
  }
}

test('attack 53: on a full disk commands say NO and change nothing; afterwards everything is there', async () => {
  assert.equal(process.getuid?.(), 0, 'this test needs root, to make a small disk');
  await onSmallDisk(async (home) => {
    chmodSync(home, 0o755);
    const maildir = join(home, 'Maildir');
    copyMaildir('three-messages', maildir);
    giveTo(home, 5000, 5000);
    await attacked({ users: () => [{ name: 'full', home }] }, async ({ ours }) => {
      const client = await loginClient(ours.port, 'full', PASSWORD, false);
      await client.must('CREATE INBOX.Target');
      await client.must('SUBSCRIBE INBOX.Target');
      await client.must('CREATE INBOX.Target.Child');
      await client.must('SELECT INBOX');
      const before = await client.must('UID FETCH 1:* (INTERNALDATE RFC822.SIZE BODY.PEEK[])');
      const { untagged: numbers } = await client.must('STATUS INBOX (UIDVALIDITY)');
      for (let number = 1; number <= 5; number += 1) {
        writeFileSync(join(maildir, 'new', `180000000${number}.M1.x`), 'Subject: new\n\nnew\n');
      }
      giveTo(home, 5000, 5000);
      fill(home);

      for (const command of ['APPEND INBOX', 'APPEND INBOX.Target (\\Seen word)']) {
        const { status, text } = await client.send(command, message);
        assert.equal(`${command}: ${status} ${text.split(' ')[0]}`, `${command}: NO [OVERQUOTA]`);
      }
      const refused = [
        'COPY 1:3 INBOX.Target',
        'MOVE 1 INBOX.Target',
        'STORE 1 +FLAGS (word)',
        'SUBSCRIBE INBOX.x',
        'RENAME INBOX.Target INBOX.Other',
        'CREATE INBOX.x',
      ];
      for (const command of refused) {
        const { status, text } = await client.send(command);
        assert.equal(`${command}: ${status} ${text.split(' ')[0]}`, `${command}: NO [OVERQUOTA]`);
      }
      assert.match((await client.must('LIST "" "*"')).untagged.join(), /INBOX\.Target".*INBOX\.Target\.Child"/);
      // What is known is served, by this session and by the next.
      await client.must('STORE 1 +FLAGS (\\Flagged)');
      assert.deepEqual(
        (await client.must('UID FETCH 1:3 (INTERNALDATE RFC822.SIZE BODY.PEEK[])')).untagged,
        before.untagged,
      );
      const next = await loginClient(ours.port, 'full', PASSWORD, false);
      assert.ok((await next.must('SELECT INBOX')).untagged.includes('* 3 EXISTS'));
      next.close();
      assert.deepEqual(readdirSync(join(maildir, 'tmp')), []);

      for (const name of readdirSync(home)) if (name.startsWith('fill')) rmSync(join(home, name));
      assert.ok((await client.must('NOOP')).untagged.includes('* 8 EXISTS'));
      const after = await client.must('UID FETCH 1:3 (INTERNALDATE RFC822.SIZE BODY.PEEK[])');
      assert.deepEqual(after.untagged, before.untagged);
      assert.deepEqual((await client.must('STATUS INBOX (UIDVALIDITY)')).untagged, numbers);
      await client.must('APPEND INBOX.Target (word)', message);
      await client.must('COPY 1:8 INBOX.Target');
      assert.match((await client.must('STATUS INBOX.Target (MESSAGES)')).untagged.join(), /MESSAGES 9/);
      assert.match((await client.must('LSUB "" "*"')).untagged.join(), /INBOX\.Target/);
      client.close();
      assert.match(readFileSync(join(maildir, 'courierimapsubscribed'), 'utf8'), /INBOX\.Target/);
    });
  });
});
