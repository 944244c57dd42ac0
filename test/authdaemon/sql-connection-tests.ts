/**
 * The connections of authmysql and authpgsql: servers that stop, hang or are not there, bounds, new settings, TLS.
 */
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { freePort, waitUntil } from '../support/processes.js';
import type { TestDatabase } from '../support/sql-servers.js';
import { makeAccounts, type SqlUnderTest, withModule } from './sql-fixture.js';

/** Registers the tests about connections for one kind of database. */
export function testConnections(under: SqlUnderTest, database: () => TestDatabase): void {
  const given = (name: string): string => `${under.prefix}_${name}`;
  test('a server that was away is used again at once when it is back', async () => {
    await withModule(under, database(), {}, async ({ login, module }) => {
      assert.equal((await login('ann', 'secret')).kind, 'account');
      await database().sql(under.killConnections);
      assert.equal((await login('ann', 'secret')).kind, 'account', 'a connection that the server closed');

      await database().stop();
      for (const attempt of [1, 2]) {
        const answer = await login('ann', 'secret');
        assert.equal(answer.kind, 'temporary failure', `attempt ${attempt}`);
      }
      assert.equal((await module.lookup({ service: 'imap', loginName: 'nobody' })).kind, 'temporary failure');
      assert.match((await module.trouble()) ?? '', /ECONNREFUSED/);
      const listed = [];
      for await (const item of module.enumerate()) listed.push(item.kind);
      assert.deepEqual(listed, ['temporary failure']);

      await database().start();
      assert.equal((await login('ann', 'secret')).kind, 'account');
      await database().stop();
      await database().start();
      assert.equal((await login('ann', 'secret')).kind, 'account', 'a restart between two logins');
    });
  });

  test('a table that is changed while the daemon runs is read as it is now', async () => {
    await withModule(under, database(), {}, async ({ login, module }) => {
      assert.equal((await login('ann', 'secret')).kind, 'account');
      await database().sql(`ALTER TABLE passwd ADD COLUMN more int; ALTER TABLE passwd ${under.retype} text`);
      assert.equal((await login('ann', 'secret')).kind, 'account');
      await database().sql('DROP TABLE passwd');
      const answer = await module.lookup({ service: 'imap', loginName: 'ann' });
      assert.ok(answer.kind === 'temporary failure');
      assert.match(answer.reason, /passwd/);
      await makeAccounts(database());
      assert.equal((await login('ann', 'secret')).kind, 'account');
    });
  });

  test('a slow server and one that says nothing are temporary failures, and the next login works', async () => {
    const patience = { connectMs: 1500, queryMs: 1500 };
    const where = `id <> 'bob' OR ${under.sleep}`;
    await withModule(
      under,
      database(),
      { changes: { [given('WHERE_CLAUSE')]: where }, patience },
      async ({ login }) => {
        const answer = await login('bob', 'clear secret');
        assert.ok(answer.kind === 'temporary failure');
        assert.match(answer.reason, /no answer|timeout|max_statement_time/);
        assert.equal((await login('ann', 'secret')).kind, 'account');
      },
    );
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = silent.address();
    assert.ok(address !== null && typeof address !== 'string');
    const changes = under.connection(database(), address.port);
    await withModule(under, database(), { changes, patience }, async ({ login }) => {
      const answers = await Promise.all([1, 2, 3].map(() => login('ann', 'secret')));
      assert.deepEqual(
        answers.map(({ kind }) => kind),
        Array(3).fill('temporary failure'),
      );
    });
    silent.close();
  });

  test('the second server stands in for the first', async () => {
    const dead = await freePort();
    const changes = under.twoServers(database(), dead, database().port);
    await withModule(under, database(), { changes }, async ({ login }) => {
      assert.equal((await login('ann', 'secret')).kind, 'account');
    });
    await withModule(
      under,
      database(),
      { changes: under.twoServers(database(), dead, await freePort()) },
      async (running) => {
        const answer = await running.login('ann', 'secret');
        assert.ok(answer.kind === 'temporary failure');
        assert.equal(answer.reason.match(/ECONNREFUSED/g)?.length, 2, answer.reason);
      },
    );
  });

  test('there are no more connections than lookups at once, and new settings have their own', async () => {
    const changes = { [given('WHERE_CLAUSE')]: under.nap };
    await withModule(under, database(), { changes, lookupsAtOnce: 3 }, async ({ login, module, rewrite }) => {
      const count = async (): Promise<string> => (await database().sql(under.countConnections)).trim();
      const answers = await Promise.all(Array.from({ length: 30 }, () => login('ann', 'secret')));
      assert.ok(answers.every(({ kind }) => kind === 'account'));
      assert.equal(await count(), '3');
      rewrite({ [given('WHERE_CLAUSE')]: "id <> 'ann'" });
      assert.equal((await login('ann', 'secret')).kind, 'rejected');
      await waitUntil('the old connections are closed', async () => (await count()) === '1');
      await module.idle();
      await waitUntil('idle connections are closed', async () => (await count()) === '0');
      rewrite({ [given('USER_TABLE')]: undefined });
      assert.equal((await login('bob', 'clear secret')).kind, 'account', 'wrong settings change nothing');
      rewrite({ [given('USER_TABLE')]: 'nosuch' });
      const answer = await login('bob', 'clear secret');
      assert.ok(answer.kind === 'temporary failure');
      assert.match(answer.reason, /nosuch/);
      assert.match((await module.trouble()) ?? '', /nosuch/);
    });
  });

  test('TLS to the server is insisted on and its certificate checked', async () => {
    const clause = { [given('SELECT_CLAUSE')]: `SELECT 'x', '', 'x', 5, 5, '/h', '', '', ${under.cipher}` };
    const changes = { ...under.tls(database(), database().certificate), ...clause };
    await withModule(under, database(), { changes }, async ({ login }) => {
      const answer = await login('x', 'x');
      assert.match((answer.kind === 'account' && answer.account.fullName) || '', /^TLS_AES/);
    });
    await withModule(
      under,
      database(),
      { changes: under.tls(database(), database().strangeCertificate) },
      async (running) => {
        const answer = await running.login('ann', 'secret');
        assert.ok(answer.kind === 'temporary failure');
        assert.match(answer.reason, /certificate/);
      },
    );
  });
}
