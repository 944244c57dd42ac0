/**
 * Hashes that are renewed, and those that SCRAM uses, as tests for both kinds of databases.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashPassword } from '../../authdaemon/passwords/password.js';
import { Secret } from '../../init/runtime/secret.js';
import { waitUntil } from '../support/processes.js';
import type { TestDatabase } from '../support/sql-servers.js';
import { scramOutcome } from './scram-at-module.js';
import { makeAccounts, SECRET_HASH, type SqlUnderTest, withModule } from './sql-fixture.js';

/** Registers the tests for one kind of database. */
export function testSecrets(under: SqlUnderTest, database: () => TestDatabase): void {
  const hashOf = async (id: string): Promise<string> =>
    (await database().sql(`SELECT COALESCE(crypt, '') FROM passwd WHERE id = '${id}'`)).trim();

  test('A12: a weak hash is renewed after a login with the password, and only then', async () => {
    await makeAccounts(database());
    await withModule(under, database(), { context: { renewHash: '$6$' } }, async ({ login, log }) => {
      for (const [name, password] of [
        ['ann', 'wrong'],
        ['locked', 'secret'],
        ['bob', 'clear secret'],
      ] as const)
        await login(name, password);
      assert.equal((await login('ann', 'secret')).kind, 'account');
      await waitUntil('the hash is renewed', async () => (await hashOf('ann')).startsWith('$6$'));
      assert.equal((await login('ann', 'secret')).kind, 'account');
      assert.deepEqual(await login('ann', 'wrong'), { kind: 'rejected', reason: 'wrong password' });
      assert.deepEqual([await hashOf('ann@example.com'), await hashOf('bob')], [SECRET_HASH, '']);
      assert.deepEqual(log, [`info: ${under.name}: ann: the hash was renewed`]);
    });
    await withModule(under, database(), { context: { renewHash: '{SHA512}' } }, async ({ login, module }) => {
      await login('ann', 'secret');
      await module.stop();
      assert.match(await hashOf('ann'), /^\$6\$/, 'a stronger hash stays');
    });
    await makeAccounts(database());
  });

  test('A13: SCRAM works with a verifier in the column of hashes, and with a password in the clear', async () => {
    const verifier = await hashPassword(new Secret('secret'), '{SCRAM-SHA-256}');
    await database().sql(`UPDATE passwd SET crypt = '${verifier}' WHERE id = 'ann'`);
    await withModule(under, database(), {}, async ({ module, login }) => {
      assert.equal(await scramOutcome(module, 'ann', 'secret'), 'account');
      assert.equal(await scramOutcome(module, 'ann', 'wrong'), 'wrong password');
      assert.equal((await login('ann', 'secret')).kind, 'account');
      assert.equal((await login('ann', 'wrong')).kind, 'rejected');
      assert.equal(await scramOutcome(module, 'bob', 'clear secret'), 'account');
      assert.equal(await scramOutcome(module, 'bob', 'clear secre'), 'wrong password');
      assert.equal(await scramOutcome(module, 'nobody', 'secret'), 'unknown account');
    });
    await makeAccounts(database());
  });

  test('A12: a database that takes no changes lets in all the same, and the log says why nothing is renewed', async () => {
    const changes = { [`${under.prefix}_CHPASS_CLAUSE`]: 'UPDATE nothing SET x = 1' };
    await withModule(under, database(), { changes, context: { renewHash: '$6$' } }, async ({ login, log }) => {
      for (let time = 0; time < 3; time += 1) assert.equal((await login('ann', 'secret')).kind, 'account');
      await waitUntil('the log says so', () => log.length > 0);
      assert.equal((await login('ann', 'secret')).kind, 'account');
      assert.match(
        log.join('\n'),
        /^warning: \w+: ann: the hash was not renewed: the password was not changed: .*refused/,
      );
      assert.equal(log.length, 1);
    });
  });
}
