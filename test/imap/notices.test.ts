/**
 * E4, E5, G11: the administrator's notices and the shutdown, as files that come and go.
 */
import assert from 'node:assert/strict';
import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { SMAP_TAG } from '../../imapd/wire/smap-tag.js';
import { waitUntil } from '../support/processes.js';
import { SessionFixture } from '../support/session-fixture.js';

function scene(t: { after(run: () => Promise<void>): void }) {
  const fixture = new SessionFixture('empty');
  t.after(() => fixture.close());
  const home = dirname(fixture.maildir);
  const files = { noticeFile: join(home, 'notice'), shutdownFile: join(home, 'shutdown') };
  const server = fixture.server(files);
  /** What comes before the answer to a login, and the answer. */
  const login = async (): Promise<string> => {
    const client = fixture.arrive(server);
    return (await client.until('t ')) + (await client.until('\n'));
  };
  return { fixture, server, login, ...files };
}

test('E4, G11: each text is shown once to each account', async (t) => {
  const { fixture, login, noticeFile } = scene(t);
  assert.doesNotMatch(await login(), /ALERT/);

  writeFileSync(noticeFile, 'No mail on Sunday\nsecond line\n');
  assert.match(await login(), /^\* OK \[ALERT\] No mail on Sunday\nt OK /);
  assert.doesNotMatch(await login(), /ALERT/);

  writeFileSync(join(fixture.maildir, 'imapnotice'), 'Please call the help desk.');
  assert.match(await login(), /^\* OK \[ALERT\] Please call the help desk\.\nt OK /);
  writeFileSync(noticeFile, 'No mail on Monday\n');
  assert.match(await login(), /^\* OK \[ALERT\] No mail on Monday\nt OK /);
  assert.doesNotMatch(await login(), /ALERT/);

  rmSync(noticeFile);
  assert.doesNotMatch(await login(), /ALERT/);
});

test('a notice that is none keeps nobody out', async (t) => {
  const { fixture, login, noticeFile } = scene(t);
  writeFileSync(noticeFile, '\u0000\u0007\u00ff \n');
  assert.match(await login(), /^t OK /);
  writeFileSync(noticeFile, 'x'.repeat(100_000));
  assert.match(await login(), /^t OK /);
  rmSync(noticeFile);
  symlinkSync('/dev/zero', noticeFile);
  assert.match(await login(), /^t OK /);
  writeFileSync(join(fixture.maildir, 'imapnotice'), 'a\r\n* BYE forged\n');
  assert.match(await login(), /^\* OK \[ALERT\] a\nt OK /);
});

test('E5: while the file is there, sessions end and nobody is let in, and all are told why', async (t) => {
  const { fixture, server, login, shutdownFile } = scene(t);
  const [idling, silent] = [fixture.arrive(server), fixture.arrive(server)];
  for (const client of [idling, silent]) await client.until('LOGIN Ok.\n');
  idling.send('a IDLE\r\n');
  await idling.until('+ ');

  writeFileSync(shutdownFile, "New disks until 6 o'clock.\n");
  fixture.clock.turn(6);
  for (const client of [idling, silent]) {
    assert.match(await client.untilClosed(), /\* BYE \[ALERT\] New disks until 6 o'clock\.\n$/);
  }
  const refused = fixture.arrive(server);
  assert.equal(
    await refused.untilClosed(),
    "* BYE [UNAVAILABLE] New disks until 6 o'clock.\nt NO [UNAVAILABLE] New disks until 6 o'clock.\n",
  );

  rmSync(shutdownFile);
  assert.match(await login(), /^t OK /);
});

test('nothing is looked for when the last session is over', async (t) => {
  const { fixture, server } = scene(t);
  const before = fixture.clock.timers;
  const client = fixture.arrive(server);
  await client.until('LOGIN Ok.\n');
  client.send('a LOGOUT\r\n');
  await client.untilClosed();
  await client.done;
  assert.equal(fixture.clock.timers, before);
});

test('E4, E5: clients of SMAP are shown notices, too, and hear of the shutdown', async (t) => {
  const { fixture, noticeFile, shutdownFile } = scene(t);
  const smap = { capability: 'SMAP1', sendmail: '/usr/sbin/sendmail' };
  const server = fixture.server({ noticeFile, shutdownFile, smap });
  writeFileSync(noticeFile, 'Down on Sunday.\n');
  const client = fixture.arrive(server, { tag: SMAP_TAG });
  await waitUntil('it is logged in', () => client.received.includes('+OK SMAP1 LOGIN Ok.\n'));
  assert.equal(client.received, '* OK [ALERT] Down on Sunday.\n+OK SMAP1 LOGIN Ok.\n');

  writeFileSync(shutdownFile, 'New disks.\n');
  fixture.clock.turn(6);

  assert.match(await client.untilClosed(), /\* BYE \[ALERT\] New disks\.\n$/);
  const refused = fixture.arrive(server, { tag: SMAP_TAG });
  assert.equal(await refused.untilClosed(), '-ERR New disks.\n');
});
