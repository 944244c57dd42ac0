/**
 * Debian's authdaemond and ours, side by side on the same settings file and the same database.
 */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startCourierAuthdaemond } from '../support/courier-authdaemond.js';
import type { TestDatabase } from '../support/sql-servers.js';
import { type RcChanges, rcText, type SqlUnderTest } from './sql-fixture.js';
import { exchange, login, startDaemon } from './support.js';

type Ask = (request: string) => Promise<string>;

/** Registers the comparison for one kind of database. */
export function testAgainstCourier(under: SqlUnderTest, database: () => TestDatabase): void {
  test('Debian’s authdaemond and ours say the same, octet for octet', async () => {
    // Courier's two modules read it under different names.
    const setting = under.prefix === 'MYSQL' ? 'MYSQL_DEFAULTDELIVERY_FIELD' : 'PGSQL_DEFAULTDELIVERY';
    const changes = { [setting]: 'id' };
    await withBoth(under, database(), changes, async (courier, ours) => {
      const requests = [
        'PRE . imap ann\n',
        `PRE ${under.name} pop3 ann@example.com\n`,
        'PRE . imap nobody\n',
        'PRE . imap locked\n',
        'PRE . courier ann\n',
        'PRE authuserdb imap ann\n',
        login('imap', 'ann', 'secret'),
        login('imap', 'ann', 'wrong'),
        login('imap', 'ann', ''),
        login('pop3', 'ann@example.com', 'secret'),
        login('imap', 'locked', 'secret'),
        login('imap', 'starred', 'secret'),
        login('imap', 'cleo', 'clear secret'),
        login('imap', 'cleo', 'clear secre'),
        cram('cleo', 'clear secret'),
        cram('cleo', 'wrong'),
        cram('nobody', 'x'),
        'ENUMERATE\n',
        'PASSWD imap\tcleo\twrong\tx\n',
        'PASSWD imap\tnobody\tx\ty\n',
      ];
      for (const request of requests)
        assert.deepEqual([request, await ours(request)], [request, await courier(request)]);
    });
  });

  test('without a column for it, Courier’s transport is told no maildir', async () => {
    await withBoth(under, database(), {}, async (courier, ours) => {
      const request = 'PRE . courier ann\n';
      assert.equal(await ours(request), await courier(request));
      assert.doesNotMatch(await ours(request), /MAILDIR/);
    });
  });

  test('a password changed by one is good for the other', async () => {
    await withBoth(under, database(), {}, async (courier, ours) => {
      assert.equal(await courier('PASSWD imap\tcleo\tclear secret\tfirst\n'), 'OK\n');
      const request = login('imap', 'cleo', 'first');
      assert.match(await ours(request), /^UID=/);
      assert.equal(await ours(request), await courier(request));
      assert.equal(await ours('PASSWD imap\tcleo\tfirst\tclear secret\n'), 'OK\n');
      assert.match(await courier(login('imap', 'cleo', 'clear secret')), /^UID=/);
    });
  });

  test('octets of another character set mean the same to both', async () => {
    const changes = { [`${under.prefix}_CHARACTER_SET`]: 'latin1' };
    await withBoth(under, database(), changes, async (courier, ours) => {
      await database().sql(
        "INSERT INTO passwd (id, uid, gid, home, clear, name) VALUES ('jörg', 5, 5, '/h', 'ü', 'ä')",
      );
      // exchange() sends a string as Latin-1.
      const known = ['PRE . imap jörg\n', 'AUTH 18\nimap\nlogin\njörg\nü\n'];
      for (const request of known) {
        const answer = await courier(request);
        assert.match(answer, /^UID=5\n(.*\n)*NAME=ä\n/);
        assert.equal(await ours(request), answer);
      }
      const inUtf8 = Buffer.from('PRE . imap jörg\n').toString('latin1');
      assert.equal(await ours(inUtf8), await courier(inUtf8));
    });
  });

  test('clauses mean the same to both', async () => {
    const prefix = under.prefix;
    const name = under.concat("'$(local_part)'", "'/$(domain)/$(service)/$(nothing)'");
    const changes = {
      DEFAULT_DOMAIN: 'here.example',
      [`${prefix}_SELECT_CLAUSE`]: `SELECT '$(local_part)@$(domain)', crypt, clear, uid, gid, home, '', '', ${name}, 'a=b' FROM passwd WHERE id = '$(local_part)'`,
      [`${prefix}_ENUMERATE_CLAUSE`]: `SELECT id, uid, gid, '$(local_part)', '$(domain)', '$(service)' FROM passwd WHERE id = 'ann'`,
      [`${prefix}_CHPASS_CLAUSE`]: `UPDATE passwd SET crypt = '$(newpass_crypt)', clear = '$(newpass)' WHERE id = '$(local_part)' AND '$(domain)' = 'here.example'`,
    };
    await withBoth(under, database(), changes, async (courier, ours) => {
      const requests = [
        'PRE . imap cleo\n',
        'PRE . imap cleo@x@y\n',
        'PRE . pop3 cleo@\n',
        'PRE . imap nobody@x\n',
        login('imap', 'cleo@b', 'clear secret'),
        login('imap', "cleo'", 'clear secret'),
      ];
      for (const request of requests)
        assert.deepEqual([request, await ours(request)], [request, await courier(request)]);
      assert.equal(await ours('PASSWD imap\tcleo\tclear secret\tfirst\n'), 'OK\n');
      assert.equal(await courier("PASSWD imap\tcleo\tfirst\tclear 'secret\\\n"), 'OK\n');
      assert.equal(await ours("PASSWD imap\tcleo\tclear 'secret\\\tclear secret\n"), 'OK\n');
    });
  });
}

async function withBoth(
  under: SqlUnderTest,
  database: TestDatabase,
  changes: RcChanges,
  use: (courier: Ask, ours: Ask) => Promise<void>,
): Promise<void> {
  await database.sql(`
    DELETE FROM passwd WHERE id IN ('cleo', 'bob');
    INSERT INTO passwd (id, uid, gid, home, crypt, clear, name, maildir, quota, options)
      VALUES ('cleo', 5003, 5004, '/home/cleo', '', 'clear secret', 'Cleo', './Maildir', '10C', 'a=1');
    UPDATE passwd SET name = id WHERE name IS NULL OR name = ''`);
  const directory = mkdtempSync(join(tmpdir(), 'sql-courier-'));
  chmodSync(directory, 0o755);
  const [theirs, own] = [join(directory, 'theirs'), join(directory, 'own')];
  for (const path of [theirs, own, join(directory, 'state'), join(own, 'run')]) mkdirSync(path, { mode: 0o755 });
  for (const path of [theirs, own]) {
    writeFileSync(join(path, `${under.name}rc`), rcText(under, database, changes));
    const lines = [`authmodulelist="${under.name}"`, 'daemons=2', `authdaemonvar=${join(own, 'run')}`];
    writeFileSync(join(path, 'authdaemonrc'), `${lines.join('\n')}\n`);
  }
  const courier = await startCourierAuthdaemond({ etc: theirs, state: join(directory, 'state') });
  const ours = await startDaemon(own);
  try {
    await use(
      (request) => exchange(courier.socketPath, request),
      (request) => exchange(ours.socketPath, request),
    );
  } finally {
    await ours.stop();
    await courier.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

function cram(name: string, password: string): string {
  const challenge = '<1@host>';
  const digest = createHmac('md5', password).update(challenge).digest('hex');
  const lines = [challenge, `${name} ${digest}`].map((line) => Buffer.from(line).toString('base64'));
  const body = `imap\ncram-md5\n${lines.join('\n')}\n`;
  return `AUTH ${body.length}\n${body}`;
}
