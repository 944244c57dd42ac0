/** Webmail logs in for every click: what was known of a mailbox when the last session ended is not looked for again. */
import assert from 'node:assert/strict';
import { unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ImapServer } from '../../imapd/mail-server.js';
import { type FileSystem, realFileSystem } from '../../maildir/file-system.js';
import { SessionFixture } from '../support/session-fixture.js';

/** Logs in, selects, and logs out; gives what SELECT said. */
async function visit(fixture: SessionFixture, server: ImapServer): Promise<string> {
  const client = fixture.arrive(server);
  await client.until('t OK ');
  await client.until('\n');
  const said = await client.command('a SELECT INBOX');
  assert.match(said, /^a OK /m);
  await client.command('b LOGOUT');
  await client.done;
  return said;
}

test('a user who comes back selects a mailbox that nobody has changed without a look at its directories', async () => {
  let now = Date.now();
  const looks = { visited: 0, opened: 0 };
  const fileSystem: FileSystem = {
    ...realFileSystem,
    visit(directory, visitor) {
      looks.visited += 1;
      return realFileSystem.visit(directory, visitor);
    },
    open(path) {
      looks.opened += 1;
      return realFileSystem.open(path);
    },
  };
  const fixture = new SessionFixture('five-letters', { fileSystem, now: () => now });
  try {
    const server = fixture.server();
    await visit(fixture, server);
    now += 10_000;
    const first = await visit(fixture, server);
    assert.match(first, /^\* 5 EXISTS$/m);
    assert.ok(looks.visited > 0);

    Object.assign(looks, { visited: 0, opened: 0 });
    for (let again = 0; again < 3; again += 1) assert.equal(await visit(fixture, server), first);
    assert.deepEqual(looks, { visited: 0, opened: 0 });

    unlinkSync(join(fixture.maildir, 'cur', '1700000001.M1.mx:2,S'));
    const changed = await visit(fixture, server);
    assert.match(changed, /^\* 4 EXISTS$/m);
    assert.ok(looks.visited > 0);
  } finally {
    await fixture.close();
  }
});

test('SELECT looks at a mailbox once, and what comes after that look is told with the next command', async () => {
  const read: string[] = [];
  const fileSystem: FileSystem = {
    ...realFileSystem,
    visit(directory, visitor) {
      read.push(directory.slice(fixture.maildir.length));
      return realFileSystem.visit(directory, visitor);
    },
  };
  // A minute ahead of the clock, the directory's time can never be trusted, and each look reads it.
  const fixture = new SessionFixture('five-letters', { fileSystem, now: Date.now });
  const soon = Date.now() / 1000 + 60;
  utimesSync(join(fixture.maildir, 'cur'), soon, soon);
  try {
    const client = fixture.client();
    assert.match(await client.command('a SELECT INBOX'), /^\* 5 EXISTS$/m);
    assert.deepEqual(read.toSorted(), ['/cur', '/new']);

    writeFileSync(join(fixture.maildir, 'new', '1700000009.M1.mx'), 'Subject: late\n\nlate\n');
    utimesSync(join(fixture.maildir, 'cur'), soon, soon);
    assert.match(await client.command('b NOOP'), /^\* 6 EXISTS$/m);
  } finally {
    await fixture.close();
  }
});
