/** NOTIFY where transcripts do not reach: many mailboxes, several sessions that share what is watched, and its end. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { FLAGGED } from '../../maildir/flags.js';
import { folderPaths } from '../../maildir/folder-name.js';
import { SessionFixture } from '../support/session-fixture.js';
import { testStore } from '../support/test-store.js';

const FOLDERS = 200;

function withFixture(run: (fixture: SessionFixture) => Promise<void>): () => Promise<void> {
  return async () => {
    const fixture = new SessionFixture('three-messages');
    try {
      await run(fixture);
    } finally {
      await fixture.close();
    }
  };
}

function makeFolder(maildir: string, name: string): string {
  const { directory, tmp, cur, new: fresh } = folderPaths(join(maildir, `.${name}`));
  for (const path of [directory, tmp, cur, fresh]) mkdirSync(path);
  return fresh;
}

const watchesOf = ({ store, maildir }: SessionFixture): number => store.open(maildir).watchesOfProcess;

describe('NOTIFY', () => {
  test(
    'hundreds of mailboxes are described and watched, and each delivery is told',
    withFixture(async (fixture) => {
      const names = Array.from({ length: FOLDERS }, (_name, at) => `f${at}`);
      const places = names.map((name) => makeFolder(fixture.maildir, name));
      const client = fixture.client();

      const described = await client.command(
        'a NOTIFY SET STATUS (PERSONAL (MessageNew MessageExpunge MailboxName MailboxMetadataChange))',
      );

      assert.equal(described.match(/^\* STATUS /gm)?.length, FOLDERS + 2);
      for (const [at, place] of places.entries()) {
        if (at % 10 === 0) writeFileSync(join(place, '1700000009.M9.mx'), 'Subject: a\n\na\n');
      }
      let told = '';
      while ((told.match(/^\* STATUS "[^"]+" \(MESSAGES 1 UIDNEXT 2\)$/gm) ?? []).length < FOLDERS / 10) {
        told += await client.until('\n');
      }
      assert.equal(new Set(told.split('\n')).size, told.split('\n').length);
    }),
  );

  test(
    'sessions share what is watched, and nothing is left of it when they have ended',
    withFixture(async (fixture) => {
      makeFolder(fixture.maildir, 'Lists');
      const idle = fixture.client();
      await idle.command('a SELECT INBOX');
      assert.equal(watchesOf(fixture), 0);
      const clients = Array.from({ length: 20 }, () => fixture.client());
      for (const client of clients) {
        await client.command('a NOTIFY SET (PERSONAL (MessageNew MessageExpunge MailboxName))');
      }

      const watched = watchesOf(fixture);
      makeFolder(fixture.maildir, 'New');

      // INBOX, Archive, Lists, and the maildir itself.
      assert.equal(watched, 4);
      for (const client of clients) await client.until('* LIST (\\HasNoChildren) "." "INBOX.New"\n');
      for (const client of clients.slice(1)) client.vanish();
      await clients[0]?.command('b NOTIFY NONE');
      await Promise.all(clients.slice(1).map(({ done }) => done));
      assert.equal(watchesOf(fixture), 0);
      assert.equal(await idle.command('b NOOP'), 'b OK NOOP completed\n');
    }),
  );

  test(
    'a mailbox that others take away, replace and fill meanwhile does not end the session',
    withFixture(async (fixture) => {
      const client = fixture.client();
      await client.command('a NOTIFY SET (SUBTREE INBOX.Lists (MessageNew MessageExpunge MailboxName FlagChange))');
      for (let round = 0; round < 5; round += 1) {
        const fresh = makeFolder(fixture.maildir, 'Lists');
        await client.until('* LIST (\\HasNoChildren) "." "INBOX.Lists"\n');
        writeFileSync(join(fresh, `170000000${round}.M9.mx`), 'Subject: a\n\na\n');
        await client.until('* STATUS "INBOX.Lists" (MESSAGES 1 ');
        rmSync(join(fixture.maildir, '.Lists'), { recursive: true });
        await client.until('* LIST (\\NonExistent \\HasNoChildren) "." "INBOX.Lists"\n');
      }
      assert.match(await client.command('b NOOP'), /^b OK/m);
      assert.deepEqual(
        fixture.log.filter((line) => line.startsWith('error')),
        [],
      );
    }),
  );

  test(
    'what happened while a mailbox was selected is not told again afterwards, and what happens then is',
    withFixture(async (fixture) => {
      const fresh = makeFolder(fixture.maildir, 'Lists');
      const client = fixture.client();
      await client.command(
        'a NOTIFY SET (SELECTED (MessageNew MessageExpunge)) (PERSONAL (MessageNew MessageExpunge FlagChange))',
      );
      await client.command('b SELECT INBOX.Lists');
      writeFileSync(join(fresh, '1700000001.M9.mx'), 'Subject: a\n\na\n');
      await client.until('* 1 EXISTS\n* 1 RECENT\n');
      assert.equal(await client.command('c UNSELECT'), 'c OK UNSELECT completed\n');
      writeFileSync(join(fresh, '1700000002.M9.mx'), 'Subject: a\n\na\n');

      assert.equal(await client.until(')\n'), '* STATUS "INBOX.Lists" (MESSAGES 2 UIDNEXT 3 UNSEEN 2)\n');

      const cur = folderPaths(join(fixture.maildir, '.Lists')).cur;
      const [name = ''] = readdirSync(cur);
      renameSync(join(cur, name), join(cur, `${name.replace(/:2,.*/, '')}:2,S`));
      assert.match(await client.until(')\n'), /^\* STATUS "INBOX.Lists" \(UIDVALIDITY \d+ UNSEEN 1\)\n$/);
    }),
  );

  test(
    'a maildir that is taken away altogether ends no process, and one that comes back is served',
    withFixture(async (fixture) => {
      const client = fixture.client();
      await client.command('a NOTIFY SET (PERSONAL (MessageNew MessageExpunge MailboxName MailboxMetadataChange))');
      const away = `${fixture.maildir}-away`;
      renameSync(fixture.maildir, away);
      mkdirSync(fixture.maildir);
      rmSync(fixture.maildir, { recursive: true });
      await client.command('b NOOP');
      renameSync(away, fixture.maildir);
      assert.match(await client.command('c SELECT INBOX'), /^c OK/m);
    }),
  );

  test(
    'what another process does with the same maildir is told as well',
    withFixture(async (fixture) => {
      makeFolder(fixture.maildir, 'Lists');
      const client = fixture.client();
      await client.command('s SELECT INBOX');
      await client.command(
        'a NOTIFY SET (SELECTED (MessageNew (UID) MessageExpunge FlagChange)) (PERSONAL (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange MailboxMetadataChange))',
      );
      const store = testStore({ useLocks: true, processId: process.pid + 1 });
      const other = store.open(fixture.maildir);
      try {
        await other.subscribe('INBOX.Lists');
        await client.until('* LIST (\\HasNoChildren \\Subscribed) "." "INBOX.Lists"\n');
        await other.renameFolder('INBOX.Lists', 'INBOX.Old');
        await client.until('"INBOX.Old" ("OLDNAME" ("INBOX.Lists"))\n');
        const value = Buffer.from('x');
        await other.metadata('INBOX').change([{ owner: 'shared', name: '/shared/comment', value }]);
        await client.until('* METADATA "INBOX" /shared/comment\n');
        await other.folder('INBOX').changeFlags([2], { operation: 'add', flags: FLAGGED, keywords: [] });
        await client.until('* 2 FETCH (UID 2 FLAGS (\\Flagged');
        await other.folder('INBOX').copyTo(other.folder('INBOX.Old'), [1]);
        await client.until('* STATUS "INBOX.Old" (MESSAGES 1 ');
        await other.folder('INBOX').removeMessages([1]);
        await client.until('* 1 EXPUNGE\n');
        await other.deleteFolder('INBOX.Old');
        await client.until('"INBOX.Old"\n');
      } finally {
        await store.close();
      }
    }),
  );
});
