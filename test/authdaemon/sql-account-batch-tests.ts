/**
 * authaccounts on a table of a real database, for authmysql and authpgsql.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { searchPath } from '../support/paths.js';
import { freePort, waitUntil } from '../support/processes.js';
import type { TestDatabase } from '../support/sql-servers.js';
import { authaccounts, makeMail, own, results, subjectIn, VMAIL } from './accounts-site.js';
import { type RcChanges, rcText, type SqlUnderTest, withModule } from './sql-fixture.js';
import { program } from './support.js';

/** What makes changes of `people` take half a minute, and not any more. */
const hangingUpdates: Readonly<Record<SqlUnderTest['prefix'], { readonly hang: string; readonly mend: string }>> = {
  MYSQL: {
    // One that is killed goes on with its row: it must fail then.
    hang: "CREATE TRIGGER hang BEFORE UPDATE ON people FOR EACH ROW SET NEW.uid = IF(SLEEP(30) >= 0, 'no number', 0)",
    mend: 'DROP TRIGGER hang',
  },
  PGSQL: {
    hang: `CREATE FUNCTION hang() RETURNS trigger AS 'BEGIN PERFORM pg_sleep(30); RETURN NEW; END' LANGUAGE plpgsql;
      CREATE TRIGGER hang BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION hang()`,
    mend: 'DROP TRIGGER hang ON people; DROP FUNCTION hang',
  },
};

/** Registers the tests for one kind of database. */
export function testAccountBatches(under: SqlUnderTest, database: () => TestDatabase): void {
  const given = (name: string): string => `${under.prefix}_${name}`;
  const people = { [given('USER_TABLE')]: 'people' };

  async function withSite(changes: RcChanges, use: (config: string, homes: string) => Promise<void>): Promise<void> {
    const config = mkdtempSync(join(tmpdir(), 'sql-accounts-'));
    const homes = join('/var/tmp', `homes-${under.prefix}-${process.pid}`);
    mkdirSync(homes);
    own(homes);
    writeFileSync(join(config, 'imapd'), `IMAP_SHAREDINDEXFILE=${config}/index\n`);
    writeFileSync(join(config, 'authdaemonrc'), `authmodulelist="authpam ${under.name}"\n`);
    writeFileSync(join(config, `${under.name}rc`), rcText(under, database(), { ...people, ...changes }));
    await database().sql(`DROP TABLE IF EXISTS people;
      CREATE TABLE people (id varchar(128) PRIMARY KEY, uid bigint, gid bigint, quota varchar(9),
        ${['crypt', 'clear', 'name', 'home', 'maildir', 'options'].map((each) => `${each} varchar(250)`).join(', ')})`);
    try {
      await use(config, homes);
    } finally {
      rmSync(config, { recursive: true, force: true });
      rmSync(homes, { recursive: true, force: true });
    }
  }

  test('O12: authaccounts creates, renames and deletes rows, and moves the mail with them', async () => {
    await withSite({}, async (config, homes) => {
      const input = `default uid=${VMAIL} gid=${VMAIL} home=${homes}/%n
create ann@a.org password="se'cret" name="Ann O'Other" options=group=staff
create o'neil@a.org hash={SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=
create big@a.org quota=1000000000000000000S
create bob@a.org password=x quota=10S
`;
      const tooLong = /^4: big@a\.org: error: auth\w+: .*\((ER_DATA_TOO_LONG|22001)\)$/;
      const [ann, oneil, big, ...more] = await results(config, input);
      assert.deepEqual(
        [ann, oneil, ...more],
        ['2: ann@a.org: created', "3: o'neil@a.org: created", '5: bob@a.org: created', 'exit 1'],
      );
      assert.match(big ?? '', tooLong);
      await withModule(under, database(), { changes: people }, async ({ login }) => {
        const answer = await login('ann@a.org', "se'cret");
        assert.ok(answer.kind === 'account');
        assert.deepEqual([answer.account.home, answer.account.fullName], [`${homes}/ann`, "Ann O'Other"]);
        assert.equal((await login("o'neil@a.org", 'secret')).kind, 'account');
      });

      makeMail(join(homes, 'bob'), 'his');
      const changes = `default home=${homes}/%n\nrename bob@a.org o'neil@a.org\nrename bob@a.org rob@a.org\ndelete o'neil@a.org\n`;
      assert.deepEqual(await results(config, changes), [
        "2: bob@a.org: error: there is an account o'neil@a.org already",
        `3: bob@a.org: renamed to rob@a.org; moved to ${homes}/rob`,
        "4: o'neil@a.org: deleted; its mail stays",
        'exit 1',
      ]);
      assert.equal(subjectIn(join(homes, 'rob', 'Maildir')), 'Subject: his');
      const rows = await database().sql('SELECT id, home, quota FROM people ORDER BY id');
      assert.equal(
        rows.trim(),
        `ann@a.org\t${homes}/ann\t${under.prefix === 'MYSQL' ? 'NULL' : ''}\nrob@a.org\t${homes}/rob\t10S`,
      );
    });
  });

  test('O12: killed when the home was moved and the row not yet changed, the next run goes on', async () => {
    await withSite({}, async (config, homes) => {
      const account = `uid=${VMAIL} gid=${VMAIL}`;
      const made = await results(config, `create ann@a.org ${account} home=${homes}/ann`);
      assert.deepEqual(made, ['1: ann@a.org: created', 'exit 0']);
      makeMail(join(homes, 'ann'), 'hers');
      const { hang, mend } = hangingUpdates[under.prefix];
      await database().sql(hang);
      const file = join(config, 'batch');
      writeFileSync(file, `rename ann@a.org anna@a.org home=${homes}/anna\n`);
      const child = spawn(process.execPath, [program('authaccounts'), file], {
        env: { PATH: searchPath, COURIER_CONFDIR: config },
        stdio: 'ignore',
      });
      const ended = new Promise((resolve) => child.once('close', resolve));
      await waitUntil('the home is moved', () => existsSync(join(homes, 'anna')), 30);
      child.kill('SIGKILL');
      await ended;
      await database().sql(under.killConnections);
      await database().sql(mend);
      assert.equal((await database().sql('SELECT id FROM people')).trim(), 'ann@a.org');

      assert.deepEqual(await results(config, readFileSync(file, 'utf8')), [
        '1: ann@a.org: is anna@a.org already',
        'exit 0',
      ]);
      assert.equal((await database().sql('SELECT id, home FROM people')).trim(), `anna@a.org\t${homes}/anna`);
      assert.equal(subjectIn(join(homes, 'anna', 'Maildir')), 'Subject: hers');
      assert.equal(existsSync(join(config, 'authaccounts.journal')), false);
    });
  });

  test('settings that say nothing of where a row belongs, and a server that is away, are told with their reason', async () => {
    const line = (homes: string, more = ''): string => `create ann@a.org uid=5 gid=5 home=${homes}/ann ${more}`;
    const clause = {
      [given('SELECT_CLAUSE')]: "SELECT id, crypt, clear, uid, gid, home FROM people WHERE id = '$(local_part)'",
    };
    await withSite(clause, async (config, homes) => {
      const { exitCode, stderr } = await authaccounts(config, line(homes));
      assert.equal(exitCode, 1);
      assert.match(stderr, new RegExp(`${under.name}rc: ${under.prefix}_SELECT_CLAUSE says how accounts are found`));
    });
    await withSite(
      { [given('QUOTA_FIELD')]: undefined, [given('MAILDIR_FIELD')]: "'Maildir'" },
      async (config, homes) => {
        const told = await results(config, `${line(homes, 'quota=5S')}\n${line(homes, 'maildir=x')}`);
        assert.deepEqual(told, [
          '1: ann@a.org: error: the settings name no column for quota',
          "2: ann@a.org: error: the column of maildir is the expression 'Maildir'",
          'exit 1',
        ]);
      },
    );
    await withSite({ [given('WHERE_CLAUSE')]: "quota = '5S'", DEFAULT_DOMAIN: 'a.org' }, async (config, homes) => {
      assert.deepEqual(await results(config, `create ann uid=5 gid=5 home=/x\n${line(homes)}`), [
        '1: ann: error: DEFAULT_DOMAIN is set, so names are looked up with a domain; write one',
        '2: ann@a.org: error: the row was written, but the where clause of the settings hides it',
        'exit 1',
      ]);
    });
    await withSite(under.connection(database(), await freePort()), async (config, homes) => {
      makeMail(join(homes, 'ann'), 'hers');
      const { exitCode, stdout, stderr } = await authaccounts(config, line(homes));
      assert.deepEqual([exitCode, stdout], [1, '']);
      assert.match(stderr, /ECONNREFUSED.*lines that are not named above were not done/);
      assert.equal(existsSync(join(config, 'authaccounts.journal')), false);
    });
  });
}
