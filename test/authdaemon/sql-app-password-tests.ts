/**
 * App passwords in a table, and passwords learnt from an old server, as tests for both kinds of databases.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildModule } from '../../authdaemon/modules/built-in-modules.js';
import { hashPassword } from '../../authdaemon/passwords/password.js';
import { Secret } from '../../init/runtime/secret.js';
import { waitUntil } from '../support/processes.js';
import type { TestDatabase } from '../support/sql-servers.js';
import { inShort, logIn, moduleContext } from './module-support.js';
import { startOldServer } from './old-imap-server.js';
import { makeAccounts, rcText, type SqlUnderTest, withModule } from './sql-fixture.js';

/** Registers the tests for one kind of database. */
export function testAppPasswords(under: SqlUnderTest, database: () => TestDatabase): void {
  const name = under.concat("'$(local_part)'", "'@'", "'$(domain)'");
  const clauses = {
    [`${under.prefix}_APP_PASSWORD_CLAUSE`]: `SELECT label, hash, services FROM app_passwords WHERE account = ${name}`,
    [`${under.prefix}_APP_PASSWORD_USED_CLAUSE`]: `UPDATE app_passwords SET last_use = CURRENT_TIMESTAMP, last_address = '$(address)' WHERE account = ${name} AND label = '$(label)'`,
  };
  const makeAppPasswords = async (): Promise<void> => {
    const hash = async (password: string): Promise<string> => hashPassword(new Secret(password), '{SSHA256}');
    await database().sql(`
      DROP TABLE IF EXISTS app_passwords;
      CREATE TABLE app_passwords (account varchar(128), label varchar(64), hash varchar(250), services varchar(100),
        last_use timestamp NULL, last_address varchar(64), PRIMARY KEY (account, label));
      INSERT INTO app_passwords (account, label, hash, services) VALUES
        ('ann@example.com', 'phone', '${await hash('one')}', 'imap, POP3'),
        ('ann@example.com', 'it''s a "pad"', '${await hash('two')}', NULL),
        ('ann@example.com', 'damaged', '{FOO}x', ''),
        ('nobody@example.com', 'phone', '${await hash('one')}', '*'),
        ('locked@example.com', 'phone', '${await hash('one')}', '*');
      UPDATE passwd SET id = 'locked@example.com' WHERE id = 'locked'`);
  };

  test('app passwords: each for its services, revoked at once, and the last use is noted once a minute', async () => {
    await makeAccounts(database());
    await makeAppPasswords();
    const context = { renewHash: '$6$' };
    await withModule(under, database(), { changes: clauses, context }, async ({ login, log, module }) => {
      const told = async (password: string, service = 'imap', who = 'ann'): Promise<string | undefined> => {
        const answer = await login(`${who}@example.com`, password, service);
        return answer.kind === 'account' ? answer.appPassword : answer.reason;
      };
      assert.equal(await told('one'), 'phone');
      assert.equal(await told('one', 'pop3'), 'phone');
      assert.equal(await told('one', 'smtp'), 'wrong password');
      assert.equal(await told('two', 'smtp'), `it's a "pad"`);
      assert.equal(await told('three'), 'wrong password');
      assert.equal(await told('one', 'imap', 'nobody'), 'unknown account');
      assert.equal(await told('one', 'imap', 'locked'), 'wrong password');
      const [oldPassword, newPassword] = [new Secret('one'), new Secret('mine')];
      const change = { service: 'imap', loginName: 'ann@example.com', oldPassword, newPassword };
      assert.deepEqual(await module.changePassword(change), { kind: 'rejected', reason: 'wrong password' });
      const used = 'SELECT label FROM app_passwords WHERE last_use IS NOT NULL';
      await waitUntil('both uses are noted', async () => (await database().sql(used)).trim().split('\n').length === 2);
      assert.deepEqual(log.map((line) => line.replace(/.*app password /, '')).sort(), [
        `it's\\x20a\\x20"pad", service=smtp, from=`,
        'phone, service=imap, from=',
      ]);
      await database().sql("DELETE FROM app_passwords WHERE label = 'phone'");
      assert.equal(await told('one'), 'wrong password');
      assert.equal(await told('secret'), undefined);
    });
    await makeAccounts(database());
  });

  test('app passwords that cannot be asked for put off those whose password is not the main one', async () => {
    const changes = { ...clauses, [`${under.prefix}_APP_PASSWORD_CLAUSE`]: 'SELECT label FROM no_such_table' };
    await withModule(under, database(), { changes }, async ({ login }) => {
      assert.equal((await login('ann', 'secret')).kind, 'account');
      assert.equal((await login('ann', 'one')).kind, 'temporary failure');
      assert.deepEqual(await login('nobody', 'one'), { kind: 'rejected', reason: 'unknown account' });
    });
  });

  test('U8: a password is learnt where both columns are empty, and another one is not overwritten', async () => {
    await makeAccounts(database());
    const old = await startOldServer([
      ['', '* OK x\r\n'],
      ['\r\n', 'b OK in\r\n'],
    ]);
    const directory = mkdtempSync(join(tmpdir(), 'learn-'));
    writeFileSync(join(directory, `${under.name}rc`), rcText(under, database()), { mode: 0o600 });
    const learn = `LEARN_IMAP_SERVER 127.0.0.1:${old.port}\nLEARN_IMAP_TLS none\nLEARN_MODULE ${under.name}\n`;
    writeFileSync(join(directory, 'authlearnrc'), `${learn}##NAME: MARKER:0\n`);
    const module = await buildModule('authlearn', moduleContext(directory));
    assert.ok(typeof module === 'object');
    const stored = async (id: string): Promise<string> => database().sql(`SELECT crypt FROM passwd WHERE id = '${id}'`);

    assert.equal(inShort(await logIn(module, ['nothing', 'old secret'])), 'nothing');
    assert.match(await stored('nothing'), /^\$6\$/);
    assert.match(inShort(await logIn(module, ['ann', 'old secret'])), /^rejected: .*checks the password/);
    assert.match(inShort(await logIn(module, ['bob', 'old secret'])), /^rejected: .*checks the password/);
    assert.equal(inShort(await logIn(module, ['nobody', 'old secret'])), 'rejected: unknown account');
    await withModule(under, database(), {}, async ({ login }) => {
      assert.equal((await login('nothing', 'old secret')).kind, 'account');
      assert.deepEqual(await login('nothing', 'secret'), { kind: 'rejected', reason: 'wrong password' });
    });
    assert.deepEqual(old.heard().match(/b LOGIN.*/g), ['b LOGIN "nothing" "old secret"']);
    await module.stop();
    await old.stop();
    rmSync(directory, { recursive: true });
    await makeAccounts(database());
  });

  test('a name of an app password’s account is never more than a name', async () => {
    await withModule(under, database(), { changes: clauses }, async ({ login }) => {
      for (const strange of ["x' OR '1'='1", "'; DROP TABLE app_passwords; -- ", '\\', "ann@example.com' -- "])
        assert.deepEqual(await login(strange, 'one'), { kind: 'rejected', reason: 'unknown account' }, strange);
      assert.match(await database().sql('SELECT count(*) FROM app_passwords'), /^2/);
    });
  });
}
