/**
 * authpgsql on a real PostgreSQL.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PGSQL } from '../../authdaemon/sql/pgsql-store.js';
import { waitUntil } from '../support/processes.js';
import { DATABASE_PASSWORD, startPostgresql } from '../support/sql-servers.js';
import { testAgainstCourier } from './sql-courier-tests.js';
import { builderOf, type SqlUnderTest, withModule } from './sql-fixture.js';
import { testDatabaseModule } from './sql-tests.js';

const PASSWORD = `'${DATABASE_PASSWORD.replace(/['\\]/g, '\\$&')}'`;

const conninfo = (place: string, more = ''): Record<string, string> => ({
  PGSQL_CONNECTION: `${place} dbname=mail user=mail password=${PASSWORD} ${more}`,
});

const pgsql: SqlUnderTest = {
  prefix: 'PGSQL',
  name: 'authpgsql',
  start: async () => {
    const database = await startPostgresql();
    await database.sql('ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO mail');
    return database;
  },
  connection: (database, port = database.port) => conninfo(`host=127.0.0.1 port=${port}`),
  twoServers: (_, first, second) => conninfo(`host=127.0.0.1,127.0.0.1 port=${first},${second}`),
  tls: (database, authority) =>
    conninfo(`host=127.0.0.1 port=${database.port}`, `sslmode=verify-full sslrootcert=${authority}`),
  sleep: 'pg_sleep(30) IS NULL',
  nap: 'pg_sleep(0.05) IS NOT NULL',
  killConnections: "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'mail'",
  countConnections: "SELECT count(*) FROM pg_stat_activity WHERE usename = 'mail'",
  cipher: '(SELECT cipher FROM pg_stat_ssl WHERE pid = pg_backend_pid())',
  retype: 'ALTER COLUMN name TYPE',
  concat: (...parts) => parts.join(' || '),
  build: builderOf(PGSQL),
};

const database = testDatabaseModule(pgsql);
testAgainstCourier(pgsql, database);

test('names are names in every mode of the server, and in every kind of string', async () => {
  const names = [`o'neil`, `a\\`, `\\'x`, `"`, `\\"`, `'; DROP TABLE passwd; -- `, `''`, `\\\\'`, '`', '$$'];
  for (const mode of ['on', 'off']) {
    await database().sql(`ALTER ROLE mail SET standard_conforming_strings = ${mode}`);
    const clause = `SELECT '$(local_part)', '', E'$(local_part)', 5, 5, '/h', '', '', N'$(local_part)'`;
    await withModule(pgsql, database(), { changes: { PGSQL_SELECT_CLAUSE: clause } }, async ({ login }) => {
      for (const name of names) {
        const answer = await login(name, name);
        assert.ok(answer.kind === 'account', `${mode} ${name}`);
        assert.deepEqual([answer.account.address, answer.account.fullName], [name, name], mode);
      }
    });
  }
  await database().sql('ALTER ROLE mail RESET standard_conforming_strings');
});

test('a name can be a part of a table’s, inside double quotes', async () => {
  await database().sql('CREATE TABLE "users_a""b" AS SELECT * FROM passwd');
  const clause = `SELECT id, crypt, clear, uid, gid, home FROM "users_$(domain)" WHERE id = '$(local_part)'`;
  await withModule(pgsql, database(), { changes: { PGSQL_SELECT_CLAUSE: clause } }, async ({ login }) => {
    assert.equal((await login('ann@a"b', 'secret')).kind, 'account');
    assert.equal((await login('ann@passwd" WHERE true -- ', 'secret')).kind, 'temporary failure', 'no such table');
  });
});

test('every way to name the server in PGSQL_CONNECTION leads there', async () => {
  const { port, socket, directory } = database();
  const uri = `postgresql://mail:${encodeURIComponent(DATABASE_PASSWORD)}@127.0.0.1:${port}/mail?sslmode=require`;
  const places = [
    conninfo(`host=${socket} port=${port}`),
    conninfo(`hostaddr=127.0.0.1 port=${port}`),
    conninfo(`hostaddr=127.0.0.1 host=db.example port=${port}`, 'sslmode=prefer connect_timeout=3 keepalives=1'),
    conninfo(`host=127.0.0.1 port=${port}`, "sslmode=disable options='-c search_path=public' application_name=x"),
    conninfo(`host=127.0.0.1 port=${port}`, `sslmode=verify-ca sslrootcert=${database().certificate}`),
    conninfo(`host=127.0.0.1 port=1 host=${directory} port=${port}`),
    { PGSQL_CONNECTION: uri },
  ];
  for (const changes of places) {
    await withModule(pgsql, database(), { changes }, async ({ login }) => {
      const answer = await login('ann', 'secret');
      assert.deepEqual(
        [changes, answer.kind === 'temporary failure' ? answer.reason : answer.kind],
        [changes, 'account'],
      );
    });
  }
  const byAnotherName = conninfo(
    `host=db.example hostaddr=127.0.0.1 port=${port}`,
    `sslmode=verify-full sslrootcert=${database().certificate}`,
  );
  await withModule(pgsql, database(), { changes: byAnotherName }, async ({ login }) => {
    const answer = await login('ann', 'secret');
    assert.ok(answer.kind === 'temporary failure');
    assert.match(answer.reason, /altnames|altname/);
  });
});

test('a wrong password for the database is told as what it is', async () => {
  const { port } = database();
  const changes = { PGSQL_CONNECTION: `host=127.0.0.1 port=${port} dbname=mail user=mail password=wrong` };
  await withModule(pgsql, database(), { changes }, async ({ login }) => {
    const answer = await login('ann', 'secret');
    assert.ok(answer.kind === 'temporary failure');
    assert.match(answer.reason, /password authentication failed for user "mail"/);
  });
});

test('"prefer" takes what the server has, "require" insists', async () => {
  const { port } = database();
  const withMode = (mode: string) => ({ changes: conninfo(`host=127.0.0.1 port=${port}`, `sslmode=${mode}`) });
  await database().sql('ALTER SYSTEM SET ssl = off');
  await database().sql('SELECT pg_reload_conf()');
  await waitUntil('TLS is off', async () => (await database().sql('SHOW ssl')).trim() === 'off');

  for (const mode of ['prefer', 'allow', 'disable']) {
    await withModule(pgsql, database(), withMode(mode), async ({ login }) => {
      assert.equal((await login('ann', 'secret')).kind, 'account', mode);
    });
  }
  await withModule(pgsql, database(), withMode('require'), async ({ login }) => {
    const answer = await login('ann', 'secret');
    assert.ok(answer.kind === 'temporary failure');
    assert.match(answer.reason, /does not support SSL/);
  });
});

test('a name that the database cannot hold is nobody’s', async () => {
  await database().sql("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'");
  const { port } = database();
  const changes = {
    PGSQL_CONNECTION: `host=127.0.0.1 port=${port} dbname=latin user=mail password=${PASSWORD}`,
    PGSQL_USER_TABLE: `(SELECT 'j' || chr(246) || 'rg' AS id, '' AS crypt, 'x' AS clear, 5 AS uid, 5 AS gid, '/h' AS home) AS one`,
    PGSQL_NAME_FIELD: undefined,
    PGSQL_MAILDIR_FIELD: undefined,
    PGSQL_QUOTA_FIELD: undefined,
    PGSQL_AUXOPTIONS_FIELD: undefined,
  };
  await withModule(pgsql, database(), { changes }, async ({ login }) => {
    assert.equal((await login('jörg', 'x')).kind, 'account');
    for (const name of ['你好', '😀', 'jorg']) {
      assert.deepEqual(await login(name, 'x'), { kind: 'rejected', reason: 'unknown account' });
    }
  });
});
