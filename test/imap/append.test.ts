/**
 * APPEND where transcripts do not reach: large messages, clients that leave in the middle of a literal, and what is on
 * the disk meanwhile and afterwards. How much memory it takes: test/interop/large-messages.test.ts.
 */
import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { withMaildir, writeMessages } from '../support/generated-maildir.js';
import type { TargetConnection } from '../support/transcript-target.js';

/** Waits for a text in what a connection receives. */
async function until(connection: TargetConnection, text: string): Promise<string> {
  let received = '';
  while (!received.includes(text)) {
    const octets = await connection.receive();
    assert.ok(octets !== undefined, `closed after ${received}`);
    received += octets.toString('latin1');
  }
  return received;
}

function filesIn(maildir: string): string[] {
  return ['tmp', 'new', 'cur'].flatMap((directory) =>
    readdirSync(join(maildir, directory)).map((filename) => join(maildir, directory, filename)),
  );
}

/** Waits until a condition holds. The end of a connection reaches the session some turns of the event loop later. */
async function eventually(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 10_000; turn += 1) {
    if (holds()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.fail('it did not happen');
}

test('C15: a message of 40 MB is stored whole', async () => {
  const piece = Buffer.from(`${'x'.repeat(62)}\r\n`.repeat(1_000));
  const pieces = 625;
  await withMaildir(
    () => undefined,
    async ({ maildir, connect }) => {
      const connection = await connect();
      connection.send(Buffer.from(`a APPEND INBOX {${piece.length * pieces}}\r\n`));
      await until(connection, '+ ');
      for (let sent = 0; sent < pieces; sent += 1) {
        connection.send(piece);
        await new Promise((resolve) => setImmediate(resolve));
      }
      connection.send(Buffer.from('\r\n'));

      assert.match(await until(connection, 'a '), /a OK \[APPENDUID \d+ 1\]/);
      const sizes = filesIn(maildir).map((path) => statSync(path).size);
      assert.deepEqual(sizes, [63 * 1_000 * pieces]);
    },
  );
});

test('attacks 31: a client that leaves in the middle of a literal leaves nothing behind', async () => {
  await withMaildir(
    () => undefined,
    async ({ maildir, client, connect }) => {
      for (const sent of [0, 1, 500_000]) {
        const connection = await connect();
        connection.send(Buffer.from('a APPEND INBOX (\\Seen) {1000000}\r\n'));
        await until(connection, '+ ');
        connection.send(Buffer.alloc(sent, 'x'));
        connection.close();
      }
      await eventually(() => filesIn(maildir).length === 0);

      assert.deepEqual((await client.must('STATUS INBOX (MESSAGES)')).untagged, ['* STATUS "INBOX" (MESSAGES 0)']);
    },
  );
});

test('G9: the next command is found behind literals that were refused', async () => {
  await withMaildir(
    () => undefined,
    async ({ connect }) => {
      const connection = await connect();
      const literal = 'x LOGOUT\r\n'.repeat(1_000);
      connection.send(Buffer.from(`a APPEND INBOX.None {${literal.length}+}\r\n${literal}\r\nb NOOP\r\n`));
      const received = await until(connection, 'b OK');
      assert.match(received, /^a NO \[TRYCREATE\]/);
      assert.doesNotMatch(received, /BYE/);
    },
  );
});

test('G6: two sessions that append, store and expunge at once agree in the end', async () => {
  await withMaildir(
    (maildir) =>
      writeMessages(
        maildir,
        Array.from({ length: 20 }, () => ({ octets: 'Subject: a\n\nb\n' })),
      ),
    async ({ client, connect }) => {
      const { ImapClient } = await import('../support/imap-client.js');
      const other = new ImapClient(await connect());
      await Promise.all([client.must('SELECT INBOX'), other.must('SELECT INBOX')]);
      const work = async (one: typeof client, keyword: string): Promise<void> => {
        for (let round = 0; round < 10; round += 1) {
          await one.send('APPEND INBOX', Buffer.from(`Subject: ${keyword} ${round}\r\n\r\nb\r\n`));
          await one.send(`UID STORE ${round * 2 + 1}:* +FLAGS (${keyword})`);
          await one.send(`UID STORE ${round * 2 + 1} +FLAGS.SILENT (\\Deleted)`);
          await one.send('EXPUNGE');
        }
      };
      await Promise.all([work(client, 'one'), work(other, 'two')]);
      await Promise.all([client.must('NOOP'), other.must('NOOP')]);

      const answers = await Promise.all([client, other].map((one) => one.must('UID FETCH 1:* (FLAGS)')));
      const [mine, theirs] = answers.map(({ untagged }) => untagged.map((line) => line.replace(/\\Recent ?/, '')));
      assert.deepEqual(mine, theirs);
      assert.equal(mine?.length, 30);
    },
  );
});
