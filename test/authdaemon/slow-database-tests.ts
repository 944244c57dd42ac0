/**
 * The whole daemon with a real MariaDB that takes 200 ms for each account: 1,000 logins at once, while the accounts of
 * userdb before it log in as if nothing were the matter. On the server of the tests of authmysql.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Secret } from '../../init/runtime/secret.js';
import { DATABASE_PASSWORD, type TestDatabase } from '../support/sql-servers.js';
import { SECRET_HASH } from './sql-fixture.js';
import { configuration, type RunningDaemon, startDaemon } from './support.js';

const LOGINS = 1000;
/** So the database alone takes two seconds for all of them. */
const DAEMONS = 100;
const USERDB = `joe\tuid=5000|gid=5001|home=/home/joe|systempw=${SECRET_HASH}\n`;

/** Registers the test, on a server that is running then. */
export function testManyLogins(database: () => TestDatabase): void {
  test('1,000 logins at once: all are let in, over no more connections than daemons, and userdb’s accounts wait for none', async () => {
    const daemon = await startSlowDaemon(database());
    try {
      await logInAtOnce(daemon, database());
    } finally {
      await daemon.stop();
    }
  });
}

async function startSlowDaemon(database: TestDatabase): Promise<RunningDaemon> {
  await database.sql(`FLUSH STATUS;
    CREATE TABLE slow (id VARCHAR(100) PRIMARY KEY, crypt VARCHAR(100), uid INT, gid INT, home VARCHAR(100));
    INSERT INTO slow SELECT CONCAT('user', seq), '${SECRET_HASH}', 5000, 5000, '/home/x' FROM seq_1_to_${LOGINS};`);
  const directory = await configuration(USERDB);
  const rc = readFileSync(join(directory, 'authdaemonrc'), 'utf8');
  const changed = rc.replace('"authuserdb"', '"authuserdb authmysql"').replace('daemons=2', `daemons=${DAEMONS}`);
  writeFileSync(join(directory, 'authdaemonrc'), changed);
  const columns = "id, crypt, '', uid, gid, home, '', '', '', ''";
  const select = `SELECT ${columns} FROM slow WHERE id='$(local_part)' AND SLEEP(0.2)=0`;
  const lines = [
    `MYSQL_SERVER 127.0.0.1`,
    `MYSQL_PORT ${database.port}`,
    'MYSQL_USERNAME mail',
    `MYSQL_PASSWORD ${DATABASE_PASSWORD}`,
    'MYSQL_DATABASE mail',
    'MYSQL_USER_TABLE slow',
    'MYSQL_CRYPT_PWFIELD crypt',
    `MYSQL_SELECT_CLAUSE ${select}`,
    '##NAME: MARKER:0',
  ];
  writeFileSync(join(directory, 'authmysqlrc'), `${lines.join('\n')}\n`, { mode: 0o600 });
  return startDaemon(directory);
}

async function logInAtOnce(daemon: RunningDaemon, database: TestDatabase): Promise<void> {
  let answered = 0;
  const login = (loginName: string, password: string, remoteIp: string) =>
    daemon.client.authenticate({ service: 'imap', loginName, password: new Secret(password), remoteIp });
  // While there is a connection, those that cannot be opened in time on a busy machine are nobody's trouble.
  assert.equal((await login('user1', 'secret', '192.0.2.1')).kind, 'account');
  const logins = Array.from({ length: LOGINS }, async (_, index) => {
    const answer = await login(`user${index + 1}`, index % 10 === 9 ? 'wrong' : 'secret', `192.0.2.${index % 250}`);
    answered += 1;
    return answer.kind === 'temporary failure' ? answer.reason : answer.kind;
  });
  await Promise.race(logins);
  for (let round = 0; round < 20; round += 1) {
    assert.equal((await login('joe', 'secret', '198.51.100.1')).kind, 'account');
  }
  const stillWaiting = LOGINS - answered;
  const kinds = await Promise.all(logins);

  const others = kinds.filter((kind) => kind !== 'account' && kind !== 'rejected');
  assert.deepEqual([kinds.filter((kind) => kind === 'account').length, others], [900, []]);
  assert.ok(stillWaiting > 0, 'accounts of userdb do not wait for the database');
  const most = Number((await database.sql("SHOW STATUS LIKE 'Max_used_connections'")).trim().split('\t')[1]);
  assert.ok(most <= DAEMONS + 2, `${most} connections, the test's own among them`);
}
