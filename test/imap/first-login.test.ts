/**
 * O1, O10, O13: the first login of an account whose mail has no place yet, where the settings allow that one is made.
 */
import assert from 'node:assert/strict';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { SessionSettings } from '../../imapd/settings/session-settings.js';
import { SessionFixture, type TestClient } from '../support/session-fixture.js';

/** Logs a new account in: its home is `home` below the fixture's directory. */
function arrive(fixture: SessionFixture, settings: Partial<SessionSettings>, home = 'new/ann'): TestClient {
  const path = join(fixture.account.home, home);
  const account = { ...fixture.account, address: 'ann', home: path, maildir: join(path, 'Maildir') };
  return fixture.arrive(fixture.server(settings), { account });
}

test('without the setting nothing is made: the login is put off, and the log names the maildir', async () => {
  const fixture = new SessionFixture();
  const answer = await arrive(fixture, {}).until('t NO ');

  assert.match(answer, /^\* BYE \[UNAVAILABLE\] Mailbox is not available at this time\.\n/);
  assert.match(fixture.log.join('\n'), /^error: LOGIN REFUSED, user=ann, .*: not a maildir: \S+\/new\/ann\/Maildir$/m);
  assert.deepEqual(readdirSync(fixture.account.home), ['Maildir']);
  await fixture.close();
});

test('with it there is an empty maildir of its owner’s alone, with folders that are subscribed and have roles', async () => {
  const fixture = new SessionFixture();
  const settings = { makeMaildirs: true, makeFolders: ['Drafts', 'Sent', 'Archive.2026', 'Entwürfe'] };
  const client = arrive(fixture, settings);
  await client.until('t OK ');

  const list = await client.command('a LIST (SUBSCRIBED) "" "*" RETURN (SPECIAL-USE)');
  assert.match(list, /\* LIST \([^)]*\\Subscribed \\Drafts\) "\." "INBOX\.Drafts"\n/);
  assert.match(list, /\* LIST \([^)]*\\Sent\) "\." "INBOX\.Sent"\n/);
  assert.match(list, /"INBOX\.Archive\.2026"\n/);
  assert.match(list, /"INBOX\.Entw&APw-rfe"\n/);
  assert.match(await client.command('b SELECT INBOX'), /\* 0 EXISTS\n[\s\S]*b OK /);
  const maildir = join(fixture.account.home, 'new', 'ann', 'Maildir');
  for (const path of [maildir, join(maildir, 'new'), join(maildir, '..'), join(maildir, '..', '..')]) {
    assert.equal(statSync(path).mode & 0o7777, 0o700, path);
  }
  assert.deepEqual(readdirSync(join(maildir, '..')), ['Maildir'], 'nothing unfinished is left');
  assert.match(
    fixture.log.join('\n'),
    /^info: MAILDIR MADE, user=ann, ip=\[192\.0\.2\.7\], port=\[40112\], maildir=\S+\/new\/ann\/Maildir$/m,
  );

  await client.command('c DELETE INBOX.Sent');
  const again = arrive(fixture, settings);
  await again.until('t OK ');
  assert.doesNotMatch(await again.command('a LIST "" "*"'), /INBOX\.Sent/, 'only a new maildir gets folders');
  await fixture.close();
});

test('many first logins at once find one whole maildir', async () => {
  const fixture = new SessionFixture();
  const server = fixture.server({ makeMaildirs: true, makeFolders: ['Sent'] });
  const home = join(fixture.account.home, 'ann');
  const account = { ...fixture.account, address: 'ann', home, maildir: join(home, 'Maildir') };
  const clients = Array.from({ length: 20 }, () => fixture.arrive(server, { account }));

  for (const client of clients) await client.until('t OK ');
  assert.deepEqual(readdirSync(home), ['Maildir']);
  assert.equal(fixture.log.filter((line) => line.includes('MAILDIR MADE')).length, 1);
  await fixture.close();
});

test('AUTH_MKHOMEDIR_SKEL: a missing home is a copy of the skeleton, with its modes; one that is there stays', async () => {
  const fixture = new SessionFixture();
  const skeleton = join(fixture.account.home, 'skel');
  for (const part of ['tmp', 'new', 'cur']) mkdirSync(join(skeleton, 'Maildir', part), { recursive: true });
  writeFileSync(join(skeleton, '.profile'), 'hello\n');
  chmodSync(join(skeleton, '.profile'), 0o640);
  chmodSync(skeleton, 0o750);
  symlinkSync('.profile', join(skeleton, 'link'));
  writeFileSync(join(skeleton, 'Maildir', 'new', '1700000001.M1.mx'), 'Subject: Welcome\n\n');

  const client = arrive(fixture, { makeHomesFrom: skeleton }, 'ann');
  await client.until('t OK ');
  assert.match(await client.command('a SELECT INBOX'), /\* 1 EXISTS\n/);
  const home = join(fixture.account.home, 'ann');
  assert.deepEqual([statSync(home).mode & 0o7777, statSync(join(home, '.profile')).mode & 0o7777], [0o750, 0o640]);
  assert.equal(readFileSync(join(home, '.profile'), 'utf8'), 'hello\n');
  assert.equal(readlinkSync(join(home, 'link')), '.profile');
  assert.ok(lstatSync(join(home, 'link')).isSymbolicLink());

  mkdirSync(join(fixture.account.home, 'zoe'));
  await arrive(fixture, { makeHomesFrom: skeleton }, 'zoe').until('t NO ');
  assert.deepEqual(readdirSync(join(fixture.account.home, 'zoe')), []);
  await fixture.close();
});

test('a skeleton that is not there and a place that is none are told in the log, and leave nothing', async () => {
  const fixture = new SessionFixture();
  await arrive(fixture, { makeHomesFrom: join(fixture.account.home, 'none') }, 'ann').until('t NO ');
  assert.match(
    fixture.log.join('\n'),
    /error: LOGIN REFUSED, user=ann, .*: not permitted: \S+\/ann cannot be made from \S+\/none: Error: ENOENT/,
  );
  writeFileSync(join(fixture.account.home, 'file'), '');
  await arrive(fixture, { makeMaildirs: true }, 'file/ann').until('t NO ');

  assert.deepEqual(readdirSync(fixture.account.home).sort(), ['Maildir', 'file']);
  await fixture.close();
});
