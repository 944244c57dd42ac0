/**
 * authmysql on a real MariaDB.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MYSQL } from '../../authdaemon/sql/mysql-store.js';
import { DATABASE_PASSWORD, startMariadb, type TestDatabase } from '../support/sql-servers.js';
import { testManyLogins } from './slow-database-tests.js';
import { testAgainstCourier } from './sql-courier-tests.js';
import { builderOf, makeAccounts, type SqlUnderTest, withModule } from './sql-fixture.js';
import { testDatabaseModule } from './sql-tests.js';

const connection = (database: TestDatabase, port = database.port): Record<string, string> => ({
  MYSQL_SERVER: '127.0.0.1',
  MYSQL_PORT: String(port),
  MYSQL_USERNAME: 'mail',
  MYSQL_PASSWORD: DATABASE_PASSWORD,
  MYSQL_DATABASE: 'mail',
  MYSQL_OPT: '0',
});

const mysql: SqlUnderTest = {
  prefix: 'MYSQL',
  name: 'authmysql',
  start: startMariadb,
  connection,
  twoServers: (_, first, second) => ({ MYSQL_SERVER: `127.0.0.1:${first}, 127.0.0.1:${second}` }),
  tls: (_, authority) => ({ MYSQL_SSL_CACERT: authority }),
  sleep: 'SLEEP(30)',
  nap: 'SLEEP(0.02) = 0',
  killConnections: 'KILL CONNECTION USER mail',
  countConnections: "SELECT count(*) FROM information_schema.processlist WHERE user = 'mail'",
  cipher: "(SELECT variable_value FROM information_schema.session_status WHERE variable_name = 'Ssl_cipher')",
  retype: 'MODIFY name',
  concat: (...parts) => `CONCAT(${parts.join(', ')})`,
  build: builderOf(MYSQL),
};

const database = testDatabaseModule(mysql);
testAgainstCourier(mysql, database);
testManyLogins(database);

test('names are names in every mode of the server, and inside double quotes', async () => {
  const modes = ['', 'NO_BACKSLASH_ESCAPES', 'ANSI_QUOTES', 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'];
  const names = [`o'neil`, `a\\`, `\\'x`, `"`, `\\"`, `'; DROP TABLE passwd; -- `, `''`, `\\\\'`, '`'];
  const string = (mode: string): string => (mode.includes('ANSI') ? "'$(local_part)'" : '"$(local_part)"');
  for (const mode of modes) {
    await database().sql(`SET GLOBAL sql_mode = '${mode}'`);
    const changes = { MYSQL_SELECT_CLAUSE: `SELECT '$(local_part)', '', ${string(mode)}, 5, 5, '/h' ` };
    await withModule(mysql, database(), { changes }, async ({ login }) => {
      for (const name of names) {
        const answer = await login(name, name);
        assert.deepEqual([mode, answer.kind === 'account' && answer.account.address], [mode, name]);
      }
    });
  }
  await database().sql('SET GLOBAL sql_mode = DEFAULT; SELECT count(*) FROM passwd');
});

test('a name can be a part of a table’s, inside backticks', async () => {
  await database().sql('CREATE TABLE `users_a``b` AS SELECT * FROM passwd');
  const changes = {
    MYSQL_SELECT_CLAUSE: "SELECT id, crypt, clear, uid, gid, home FROM `users_$(domain)` WHERE id = '$(local_part)'",
  };
  await withModule(mysql, database(), { changes }, async ({ login }) => {
    assert.equal((await login('ann@a`b', 'secret')).kind, 'account');
    const answer = await login('ann@passwd` WHERE 1 -- ', 'secret');
    assert.equal(answer.kind, 'temporary failure', 'there is no such table');
  });
});

test('a procedure may find the account', async () => {
  await database().sql(`DELIMITER //
    CREATE PROCEDURE account(IN name VARCHAR(100)) BEGIN
      SELECT id, crypt, clear, uid, gid, home FROM passwd WHERE id = name;
    END //`);
  await withModule(
    mysql,
    database(),
    { changes: { MYSQL_SELECT_CLAUSE: "CALL account('$(local_part)')" } },
    async (on) => {
      assert.equal((await on.login('ann', 'secret')).kind, 'account');
      assert.equal((await on.login('ann', 'wrong')).kind, 'rejected');
      assert.equal((await on.login("ann') -- ", 'secret')).kind, 'rejected');
    },
  );
});

test('the socket is used where it is named, and for "localhost"', async () => {
  const where = `USER() = 'mail@localhost' AND @@skip_networking = 0`;
  for (const server of [undefined, 'localhost']) {
    const changes = {
      MYSQL_SERVER: server,
      MYSQL_PORT: '1',
      MYSQL_SOCKET: database().socket,
      MYSQL_WHERE_CLAUSE: where,
    };
    await withModule(mysql, database(), { changes }, async ({ login }) => {
      assert.equal((await login('ann', 'secret')).kind, 'account');
    });
  }
});

test('what the server sees of a name is a parameter', async () => {
  await makeAccounts(database());
  database().statements();
  await withModule(mysql, database(), {}, async ({ login }) => {
    await login("ann' OR 1=1 -- ", 'x');
  });
  const seen = database().statements();
  assert.match(seen, /Prepare\s+SELECT id, crypt, .* WHERE id = \? AND \(1=1\) LIMIT 2/);
  assert.match(seen, /Execute\s+SELECT id, crypt, .* WHERE id = 'ann\\' OR 1=1 -- ' AND \(1=1\)/);
});

test('a name that the column cannot hold is nobody’s', async () => {
  await database().sql(
    "CREATE TABLE latin (id varchar(100) CHARACTER SET latin1 COLLATE latin1_bin) AS SELECT * FROM passwd; UPDATE latin SET id = 'jörg' WHERE id = 'ann'",
  );
  const clause = "SELECT id, crypt, clear, uid, gid, home FROM latin WHERE id = '$(local_part)'";
  for (const changes of [{ MYSQL_USER_TABLE: 'latin' }, { MYSQL_SELECT_CLAUSE: clause }]) {
    await withModule(mysql, database(), { changes }, async ({ login }) => {
      assert.equal((await login('jörg', 'secret')).kind, 'account');
      for (const name of ['你好', '😀', 'jorg']) {
        assert.deepEqual(await login(name, 'secret'), { kind: 'rejected', reason: 'unknown account' });
      }
    });
  }
});
