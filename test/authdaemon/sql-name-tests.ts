/**
 * Names that clients send to authmysql and authpgsql: no text of theirs is ever read as SQL, and every one is found as it is.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { textFromOctets } from '../../authdaemon/octet-text.js';
import type { TestDatabase } from '../support/sql-servers.js';
import { makeAccounts, type SqlUnderTest, withModule } from './sql-fixture.js';

/** Names that have broken into other people's statements. */
const INJECTIONS = [
  "ann' OR '1'='1",
  "ann'; DROP TABLE passwd; --",
  "ann'; DROP TABLE passwd; #",
  'ann" OR "1"="1',
  'ann\\',
  "\\' OR 1=1 -- ",
  "ann'/*",
  '*/ OR 1=1 --',
  'ann%',
  '%',
  '_nn',
  '$(domain)',
  '$1',
  '?',
  ':name',
  'ann\u02bc OR 1=1',
  '__proto__',
  'constructor',
  '$$ OR 1=1 $$',
  'x'.repeat(10_000),
  "'".repeat(5000),
  '\\'.repeat(5001),
];
/** Octets that are a character and a quote in one character set, and a character that has eaten a backslash in another. */
const MULTI_BYTE = [
  [0xbf, 0x27],
  [0xbf, 0x5c, 0x27],
  [0xe5, 0x5c, 0x27],
  [0x81, 0x5c],
  [0xc0, 0xa7],
  [0xff, 0xfe, 0x27],
].map((octets) => textFromOctets(Buffer.from([...octets, ...Buffer.from(' OR 1=1 -- ')])));

/** Registers the tests about names, however odd, for one kind of database. */
export function testNames(under: SqlUnderTest, database: () => TestDatabase): void {
  const given = (name: string): string => `${under.prefix}_${name}`;
  const selectByMacro = (column: string): string =>
    `SELECT ${column}, crypt, clear, uid, gid, home FROM passwd WHERE id = `;

  test('names that are SQL are names, in default statements and in clauses', async () => {
    const clause = { [given('SELECT_CLAUSE')]: `${selectByMacro('id')}'$(local_part)$(nothing)'` };
    for (const changes of [{}, clause]) {
      await withModule(under, database(), { changes }, async ({ login, module, log }) => {
        for (const name of [...INJECTIONS, ...MULTI_BYTE]) {
          const answer = await login(name, 'secret');
          assert.deepEqual([name, answer], [name, { kind: 'rejected', reason: 'unknown account' }]);
        }
        for (const name of ['ann\0', 'ann\nx', '\x1a', 'ann\t', '']) {
          assert.deepEqual(await module.lookup({ service: 'imap', loginName: name }), {
            kind: 'rejected',
            reason: 'unknown account',
          });
        }
        assert.equal((await login('ann', 'secret', "imap' OR '1'='1")).kind, 'account');
        assert.deepEqual(log, []);
      });
    }
    assert.equal((await database().sql('SELECT count(*) FROM passwd')).trim(), '6');
  });

  test('whatever text a name is, a clause gets exactly that', async () => {
    const changes = { [given('SELECT_CLAUSE')]: `SELECT '$(local_part)', '', 'x', 1, 1, '/x$(service)'` };
    await withModule(under, database(), { changes }, async ({ module }) => {
      const nasty = fc.constantFrom(
        "'",
        '"',
        '\\',
        '`',
        '%',
        '$(',
        ')',
        '--',
        '/*',
        '*/',
        '#',
        ';',
        'é',
        '你',
        '😀',
        'a',
        ' x',
      );
      const names = fc.oneof(
        fc.array(nasty, { minLength: 1, maxLength: 12 }).map((parts) => parts.join('')),
        fc.string(),
      );
      const isName = (name: string): boolean =>
        /^[^\0-\x20\x7f@\p{Surrogate}][^\0-\x1f\x7f@\p{Surrogate}]*$/u.test(name);
      await fc.assert(
        fc.asyncProperty(names.filter(isName), async (loginName) => {
          const answer = await module.lookup({ service: 'imap', loginName });
          assert.equal(answer.kind === 'account' && answer.account.address, loginName);
        }),
        { numRuns: 150, examples: [["\\'"], ["'\\"], ['\\\\'], ["''"], ['\\$(service)'], ["o'neil\\"]] },
      );
    });
  });

  test('odd names that are in the table log in', async () => {
    const names = ["o'neil", 'back\\slash', 'per%cent', 'quo"te', 'grüße', '你好', '😀', 'semi;colon', '$(domain)'];
    const rows = names.map((name) => `('${literal(under, name)}', 1, 1, '/home/x', 'pw')`);
    await database().sql(`INSERT INTO passwd (id, uid, gid, home, clear) VALUES ${rows.join(', ')}`);
    const clause = { [given('SELECT_CLAUSE')]: `${selectByMacro('id')}'$(local_part)'` };
    for (const changes of [{}, clause]) {
      await withModule(under, database(), { changes }, async ({ login }) => {
        for (const name of names) {
          const answer = await login(name, 'pw');
          assert.deepEqual(answer.kind === 'account' && answer.account.address, name);
        }
      });
    }
    await makeAccounts(database());
  });

  test('octets of another character set mean its characters', async () => {
    const charset = under.prefix === 'MYSQL' ? 'gbk' : 'GBK';
    await database().sql(`INSERT INTO passwd (id, uid, gid, home, clear) VALUES ('李雷', 7, 7, '/home/x', '密码')`);
    const octets = (hex: string): string => textFromOctets(Buffer.from(hex, 'hex'));
    await withModule(under, database(), { changes: { [given('CHARACTER_SET')]: charset } }, async ({ login }) => {
      const answer = await login(octets('c0eec0d7'), octets('c3dcc2eb'));
      assert.ok(answer.kind === 'account');
      assert.equal(answer.account.address, octets('c0eec0d7'));
      assert.equal((await login('李雷', '密码')).kind, 'rejected');
      for (const name of MULTI_BYTE) assert.equal((await login(name, 'x')).kind, 'rejected');
    });
    await withModule(under, database(), {}, async ({ login }) => {
      assert.equal((await login('李雷', '密码')).kind, 'account');
    });
    await makeAccounts(database());
  });
}

/** For the inside of a string of the administrator's. */
function literal({ prefix }: SqlUnderTest, text: string): string {
  const quoted = text.replaceAll("'", "''");
  return prefix === 'MYSQL' ? quoted.replaceAll('\\', '\\\\') : quoted;
}
