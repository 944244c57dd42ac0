/**
 * A trial beside the live server (K11): Debian's Courier serves a maildir, and ours, with a directory of settings and ports of
 * its own, serves the same one; it is reloaded, restarted and stopped, and Courier hears nothing of it. Root only.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loginClient } from '../support/imap-client.js';
import { copyMaildir, scratchDirectory } from '../support/maildir-fixture.js';
import { PASSWORD, startCourier } from '../support/peer-servers.js';
import { giveToMailUser } from '../support/peer-targets.js';
import { freePort, processTree } from '../support/processes.js';
import { controlScript, startWithScripts } from '../support/start-scripts.js';

const message = (subject: string): Buffer => Buffer.from(`Subject: ${subject}\r\n\r\nHello.\r\n`);

test('K11: ours is tried beside the live Courier on the same mail, and leaves no trace in it', async () => {
  const scratch = scratchDirectory('trial');
  const home = join(scratch.path, 'bob');
  const [live, trial] = [join(scratch.path, 'live'), join(scratch.path, 'trial')];
  for (const directory of [home, live, trial]) mkdirSync(directory);
  copyMaildir('three-messages', join(home, 'Maildir'));
  giveToMailUser(home);
  const users = [{ name: 'bob', home }];
  const courier = await startCourier({ directory: live, users, port: await freePort() });
  try {
    const old = await loginClient(courier.port, 'bob', PASSWORD, false);
    await old.must('SELECT INBOX');
    const listeners = processTree(courier.roots);
    const files = (): string[] =>
      ['etc', 'run'].flatMap((name) => readdirSync(join(live, name), { recursive: true }).map(String));
    const before = files();

    const ours = await startWithScripts({ directory: trial, users });
    try {
      const client = await loginClient(ours.port, 'bob', PASSWORD, false);
      assert.ok((await client.must('SELECT INBOX')).untagged.includes('* 3 EXISTS'));
      await client.must('APPEND INBOX', message('from ours'));
      assert.ok((await old.must('NOOP')).untagged.includes('* 4 EXISTS'));
      await old.must('APPEND INBOX', message('from Courier'));
      const validity = (lines: readonly string[]) =>
        lines.find((line) => line.includes('UIDVALIDITY'))?.match(/\d+/)?.[0];
      const [here, there] = [await client.must('SELECT INBOX'), await old.must('SELECT INBOX')];
      assert.equal(validity(here.untagged), validity(there.untagged));
      const uids = async (session: typeof client) => (await session.must('UID SEARCH ALL')).untagged.at(-1);
      assert.equal(await uids(client), await uids(old));
      for (const word of ['reload', 'restart']) await controlScript('imapd.rc', word, ours.configuration);
      (await loginClient(ours.port, 'bob', PASSWORD, false)).close();
    } finally {
      await ours.stop();
    }

    await old.must('NOOP');
    const next = await loginClient(courier.port, 'bob', PASSWORD, false);
    assert.ok((await next.must('SELECT INBOX')).untagged.includes('* 5 EXISTS'));
    next.close();
    for (const pid of listeners) assert.ok(processTree(courier.roots).includes(pid), 'a process of Courier has ended');
    assert.deepEqual(files(), before);
  } finally {
    await courier.stop();
    scratch.remove();
  }
});
