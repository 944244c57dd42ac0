/** RFC 9585: a client that waits for long is told that its command goes on, with its tag, and not too often. */
import assert from 'node:assert/strict';
import { unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { SessionFixture } from '../support/session-fixture.js';

test('X21: a search that takes long tells how far it is, at most every ten seconds', async () => {
  const fixture = new SessionFixture('five-letters');
  try {
    let seconds = 0;
    // Each break of the search takes six seconds by the session's clock.
    const meanwhile = (): Promise<void> => {
      fixture.clock.turn(6);
      seconds += 6;
      return Promise.resolve();
    };
    const client = fixture.client({}, { meanwhile });
    await client.command('a1 SELECT INBOX');
    seconds = 0;

    const answer = await client.command('a2 SEARCH TEXT nobody-wrote-this');

    const told = [...answer.matchAll(/^\* OK \[INPROGRESS \("a2" (\d) 5\)\] \S.*$/gm)].map(([, done]) => Number(done));
    assert.ok(told.length > 0 && told.length <= seconds / 10, `${told.length} times in ${seconds} s`);
    assert.deepEqual(told, [...told].sort());
    assert.match(answer, /\n\* SEARCH\na2 OK /);
  } finally {
    await fixture.close();
  }
});

test('X21: COPY and MOVE tell that they go on while they wait for the disk', async () => {
  const fixture = new SessionFixture('five-letters');
  try {
    const client = fixture.client();
    await client.command('a1 SELECT INBOX');
    await client.command('a2 CREATE INBOX.Work');
    // A lock of another process that lives: this one's parent.
    const lock = (folder: string): string => join(fixture.maildir, folder, 'tmp', 'courier.lock');
    const holder = `${process.ppid}:mx.example.com`;
    for (const [command, folder] of [
      ['COPY 1:5 INBOX.Work', '.Work'],
      ['MOVE 1 INBOX.Work', '.Work'],
    ] as const) {
      writeFileSync(lock(folder), holder);
      client.send(`b ${command}\r\n`);
      for (let told = 0; told < 2; told += 1) {
        while (!client.received.includes('\n')) {
          fixture.clock.turn(11);
          await setTimeout(5);
        }
        assert.equal(await client.until('\n'), '* OK [INPROGRESS ("b" NIL NIL)] Still at work.\n');
      }
      unlinkSync(lock(folder));
      await client.until('b OK');
      await client.until('\n');
    }
    assert.match(await client.command('c NOOP'), /c OK/);
  } finally {
    await fixture.close();
  }
});
