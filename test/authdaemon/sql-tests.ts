/**
 * What authmysql and authpgsql have in common, as tests on a real server.
 */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { EnumerateItem } from '../../authdaemon/modules/module.js';
import { Secret } from '../../init/runtime/secret.js';
import type { TestDatabase } from '../support/sql-servers.js';
import { testAccountBatches } from './sql-account-batch-tests.js';
import { testAppPasswords } from './sql-app-password-tests.js';
import { testConnections } from './sql-connection-tests.js';
import { makeAccounts, SECRET_HASH, type SqlUnderTest, withModule } from './sql-fixture.js';
import { testNames } from './sql-name-tests.js';
import { testSecrets } from './sql-secret-tests.js';

/** Registers the tests for one kind of database; gives the server, once it runs. */
export function testDatabaseModule(under: SqlUnderTest): () => TestDatabase {
  let database: TestDatabase;
  const given = (name: string): string => `${under.prefix}_${name}`;
  before(async () => {
    database = await under.start();
    await makeAccounts(database);
  });
  after(() => database.remove());

  test('an account logs in with its password and nobody else does', async () => {
    await withModule(under, database, {}, async ({ login, module }) => {
      const answer = await login('ann', 'secret');
      assert.ok(answer.kind === 'account');
      const { clearPassword, ...account } = answer.account;
      assert.deepEqual(account, {
        address: 'ann',
        uid: 5000,
        gid: 5001,
        home: '/home/ann',
        fullName: 'Ann Other',
        maildir: '/mail/ann',
        quota: '1000S',
        options: [
          { name: 'disableimap', value: '1' },
          { name: 'group', value: 'staff' },
        ],
        encryptedPassword: SECRET_HASH,
      });
      assert.equal(clearPassword?.reveal(), 'secret');
      assert.deepEqual(await login('ann', 'wrong'), { kind: 'rejected', reason: 'wrong password' });
      assert.deepEqual(await login('nobody', 'secret'), { kind: 'rejected', reason: 'unknown account' });
      assert.deepEqual(await login('nothing', ''), { kind: 'rejected', reason: 'no password is stored' });
      for (const name of ['locked', 'starred'])
        assert.deepEqual(await login(name, 'secret'), { kind: 'rejected', reason: 'wrong password' });
      assert.equal((await login('bob', 'clear secret')).kind, 'account');
      assert.equal((await login('bob', 'clear secre')).kind, 'rejected');
      const known = await module.lookup({ service: 'imap', loginName: 'bob' });
      assert.ok(known.kind === 'account');
      assert.deepEqual([known.account.uid, known.account.maildir, known.account.options], [5000, undefined, []]);
      assert.equal(await module.trouble(), undefined);
    });
  });

  test('CRAM works where the password is kept in the clear', async () => {
    await withModule(under, database, {}, async ({ module }) => {
      const cram = (name: string, password: string) => {
        const challenge = '<1@host>';
        const digest = createHmac('md5', password).update(challenge).digest('hex');
        const lines = [challenge, `${name} ${digest}`].map((line) => Buffer.from(line).toString('base64'));
        return module.authenticate({
          service: 'imap',
          authType: 'cram-md5',
          authData: Buffer.from(`${lines.join('\n')}\n`),
        });
      };

      assert.equal((await cram('bob', 'clear secret')).kind, 'account');
      assert.equal((await cram('bob', 'secret')).kind, 'rejected');
      assert.equal((await cram('ann', 'secret')).kind, 'rejected');
    });
  });

  test('DEFAULT_DOMAIN is for names without a domain, a where clause for all', async () => {
    const changes = { DEFAULT_DOMAIN: 'example.com', [given('WHERE_CLAUSE')]: "home <> '/home/bob' OR 1=0" };
    await withModule(under, database, { changes }, async ({ login, module }) => {
      const answer = await login('ann', 'secret');
      assert.ok(answer.kind === 'account');
      assert.equal(answer.account.address, 'ann@example.com');
      assert.equal((await login('ann@example.com', 'secret')).kind, 'account');
      assert.equal((await login('ann@', 'secret')).kind, 'rejected');
      assert.equal((await login('bob', 'clear secret')).kind, 'rejected');
      const listed = await collect(module.enumerate());
      assert.deepEqual(listed.includes('bob'), false);
    });
  });

  test('clauses of the administrator’s are filled in, unknown macros with nothing', async () => {
    const place = under.concat("'/home/'", "'$(local_part)'", "'-$(domain)-$(service)-$(nothing)'");
    const changes = {
      DEFAULT_DOMAIN: 'here.example',
      [given('SELECT_CLAUSE')]:
        `SELECT '$(local_part)@$(domain)', crypt, clear, uid, gid, ${place}, '', '', '', 'group=$(service)' FROM passwd WHERE id = '$(local_part)' AND '$(domain)' <> 'elsewhere' AND uid_$(service) > 0;`,
      [given('ENUMERATE_CLAUSE')]: `SELECT id, uid, gid, home, '$(local_part)', 'x=$(service)$(domain)' FROM passwd`,
      [given('USER_TABLE')]: 'passwd',
    };
    await database.sql('ALTER TABLE passwd ADD COLUMN uid_imap int DEFAULT 1');
    await withModule(under, database, { changes }, async ({ login, module }) => {
      const answer = await login('ann@x@y', 'secret');
      assert.ok(answer.kind === 'account');
      assert.equal(answer.account.address, 'ann@x@y');
      assert.equal(answer.account.home, '/home/ann-x@y-imap-');
      assert.deepEqual(answer.account.options, [{ name: 'group', value: 'imap' }]);
      const own = await login('ann', 'secret');
      assert.equal(own.kind === 'account' && own.account.address, 'ann@here.example');
      assert.equal((await login('ann@elsewhere', 'secret')).kind, 'rejected');
      // A column that is not there, and a service that is no word: the clause cannot be run for it.
      assert.equal((await login('ann', 'secret', 'pop3')).kind, 'temporary failure');
      assert.equal((await login('ann', 'secret', '= 1 OR uid')).kind, 'temporary failure');
      for await (const item of module.enumerate()) {
        assert.ok(item.kind === 'account');
        assert.equal(item.account.maildir, '*');
        assert.deepEqual(item.account.options, [{ name: 'x', value: 'enumeratehere.example' }]);
      }
    });
  });

  test('a row that makes no account is a temporary failure that names the account and the column', async () => {
    const broken: readonly (readonly [name: string, values: string, told: RegExp])[] = [
      ['no-uid', "NULL, 5, '/h'", /no-uid: column 'uid' is empty/],
      ['root-uid', "0, 5, '/h'", /root-uid: column 'uid' is 0/],
      ['minus', "-1, 5, '/h'", /minus: column 'uid' is no number/],
      ['huge', "4294967295, 5, '/h'", /huge: column 'uid' is no number/],
      ['no-gid', "5, NULL, '/h'", /no-gid: column 'gid' is empty/],
      ['root-gid', "5, 0, '/h'", /root-gid: column 'gid' is 0/],
      ['no-home', '5, 5, NULL', /no-home: column 'home' is empty/],
      ['empty-home', "5, 5, ''", /empty-home: column 'home' is empty/],
      ['relative', "5, 5, 'home/x'", /relative: column 'home' is no absolute path/],
      ['two-lines', `5, 5, '/h\nADDRESS=ann'`, /two-lines: column 'home' holds control characters/],
    ];
    for (const [name, values] of broken) {
      await database.sql(
        `INSERT INTO passwd (id, uid, gid, home, clear) VALUES ('${name}', ${values.split(', ').join(', ')}, 'x')`,
      );
    }
    await database.sql(`INSERT INTO passwd (id, uid, gid, home, crypt) VALUES ('odd-hash', 5, 5, '/h', '{WHAT}x')`);
    await database.sql(
      `INSERT INTO passwd (id, uid, gid, home, clear) VALUES ('two', 5, 5, '/h', 'x'), ('two', 6, 6, '/h', 'x')`,
    );

    await withModule(under, database, {}, async ({ login, module, log }) => {
      for (const [name, , told] of broken) {
        const answer = await login(name, 'x');
        assert.ok(answer.kind === 'temporary failure', name);
        assert.match(answer.reason, told);
      }
      const odd = await login('odd-hash', 'x');
      assert.equal(odd.kind, 'temporary failure');
      const two = await login('two', 'x');
      assert.ok(two.kind === 'temporary failure');
      assert.match(two.reason, /two: the database has more than one row for this name/);
      log.splice(0);
      const listed = await collect(module.enumerate());
      assert.deepEqual(
        listed.filter((name) => broken.some(([each]) => each === name)),
        [],
      );
      assert.match(log.join('\n'), new RegExp(`${broken.length} accounts were left out of the list`));
      assert.equal((await login('ann', 'secret')).kind, 'account', 'others are unhurt');
    });
    const short = { [given('SELECT_CLAUSE')]: "SELECT 'x', '', 'x', 5, 5" };
    await withModule(under, database, { changes: short }, async ({ login }) => {
      const answer = await login('x', 'x');
      assert.ok(answer.kind === 'temporary failure');
      assert.match(answer.reason, /x: the row has 5 columns, and needs at least 6/);
    });
    const everybody = {
      [given('SELECT_CLAUSE')]: `SELECT a.id, '', 'x', 5, 5, '/h' FROM passwd a, passwd b, passwd c`,
    };
    await withModule(under, database, { changes: everybody }, async ({ login }) => {
      const answer = await login('x', 'x');
      assert.ok(answer.kind === 'temporary failure');
      assert.match(answer.reason, /more than one row/);
    });
    await makeAccounts(database);
  });

  test('a password is changed in both columns, with a hash of the old one’s kind', async () => {
    await database.sql(`UPDATE passwd SET clear = 'secret' WHERE id = 'ann'`);
    await withModule(under, database, {}, async ({ login, module }) => {
      const change = (loginName: string, oldPassword: string, newPassword: string) =>
        module.changePassword({
          service: 'imap',
          loginName,
          oldPassword: new Secret(oldPassword),
          newPassword: new Secret(newPassword),
        });

      assert.deepEqual(await change('ann', 'wrong', 'x'), { kind: 'rejected', reason: 'wrong password' });
      assert.deepEqual(await change('nobody', 'x', 'x'), { kind: 'rejected', reason: 'unknown account' });
      assert.deepEqual(await change('ann', 'secret', `n'e\\w "1"`), { kind: 'changed' });
      assert.equal((await login('ann', 'secret')).kind, 'rejected');
      assert.equal((await login('ann', `n'e\\w "1"`)).kind, 'account');
      assert.equal((await change('ann', `n'e\\w "1"`, 'a\nb')).kind, 'rejected');
      const [hash, clear] = (await database.sql(`SELECT crypt, clear FROM passwd WHERE id = 'ann'`)).trim().split('\t');
      assert.match(hash ?? '', /^\{SHA256\}/);
      assert.equal(clear?.replaceAll('\\\\', '\\'), `n'e\\w "1"`);
      assert.equal((await login('ann@example.com', 'secret')).kind, 'account', 'others are unhurt');
    });
    const clause = {
      [given('CHPASS_CLAUSE')]:
        `UPDATE passwd SET crypt = '$(newpass_crypt)', name = '$(newpass)' WHERE id = '$(local_part)' AND '$(domain)' = ''`,
    };
    await withModule(under, database, { changes: clause }, async ({ login, module }) => {
      const words = { oldPassword: new Secret(`n'e\\w "1"`), newPassword: new Secret(`'; DROP TABLE passwd; --\\`) };
      assert.deepEqual(await module.changePassword({ service: 'imap', loginName: 'ann', ...words }), {
        kind: 'changed',
      });
      assert.equal((await login('ann', `'; DROP TABLE passwd; --\\`)).kind, 'account');
    });
    const refused = { [given('CHPASS_CLAUSE')]: `UPDATE nosuch SET x = '$(newpass)'` };
    await withModule(under, database, { changes: refused }, async ({ module, log }) => {
      const words = { oldPassword: new Secret('secret'), newPassword: new Secret('hidden words') };
      const answer = await module.changePassword({ service: 'imap', loginName: 'ann@example.com', ...words });
      assert.equal(answer.kind, 'temporary failure');
      assert.match(log.join('\n'), /the database refused the change \((ER_NO_SUCH_TABLE|42P01)\)/);
      assert.doesNotMatch(log.join('\n'), /hidden/);
    });
    await makeAccounts(database);
  });

  test('20,000 accounts are listed piece by piece, and a list that nobody reads to its end leaves nothing open', async () => {
    const numbers = Array.from({ length: 20_000 }, (_, index) => index);
    for (let start = 0; start < numbers.length; start += 5000) {
      const rows = numbers.slice(start, start + 5000).map((n) => `('user${n}', ${n + 1}, 5, '/home/user${n}', 'x')`);
      await database.sql(`INSERT INTO passwd (id, uid, gid, home, clear) VALUES ${rows.join(', ')}`);
    }
    await withModule(under, database, { lookupsAtOnce: 1 }, async ({ module, login }) => {
      const names = new Set(await collect(module.enumerate()));
      assert.equal(names.size, 20_006);
      assert.ok(names.has('user19999'));
      for await (const item of module.enumerate()) {
        assert.equal(item.kind, 'account');
        break;
      }
      assert.equal((await login('user19999', 'x')).kind, 'account', 'the one connection is free again');
    });
    await makeAccounts(database);
  });

  testNames(under, () => database);
  testSecrets(under, () => database);
  testAccountBatches(under, () => database);
  testAppPasswords(under, () => database);
  testConnections(under, () => database);
  return () => database;
}

async function collect(items: AsyncIterable<EnumerateItem>): Promise<string[]> {
  const names: string[] = [];
  for await (const item of items) {
    assert.ok(item.kind === 'account', JSON.stringify(item));
    names.push(item.account.name);
  }
  return names;
}
