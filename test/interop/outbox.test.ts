/**
 * E1: a client saves a message in the outbox of our installed programs, and a real Postfix delivers it to the recipients of
 * its header, without Bcc.
 */
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ImapClient } from '../support/imap-client.js';
import { InstalledPrograms } from '../support/installed-target.js';
import { type MailTransfer, startPostfix } from '../support/mail-transfer.js';
import { copyMaildir, scratchDirectory } from '../support/maildir-fixture.js';
import { giveToMailUser } from '../support/peer-targets.js';
import { freePort, mustRun, waitUntil } from '../support/processes.js';
import { removeWhenQuiet } from '../support/transcript-tests.js';

const installed = new InstalledPrograms();
after(() => installed.close());

/**
 * Postfix refuses settings of a test's own from a program with rights that its caller has not, which postdrop is on a
 * real site. So this one has a copy without such rights, and a queue into which everybody may put mail.
 */
async function postfixForAll(directory: string, mail: string): Promise<MailTransfer> {
  const commands = join(directory, 'sbin');
  mkdirSync(commands);
  for (const name of readdirSync('/usr/sbin').filter((each) => /^(post|sendmail$)/.test(each))) {
    if (name === 'postdrop') copyFileSync(join('/usr/sbin', name), join(commands, name));
    else symlinkSync(join('/usr/sbin', name), join(commands, name));
  }
  chmodSync(join(commands, 'postdrop'), 0o755);
  const port = await freePort();
  const postfix = await startPostfix({ directory, mail, port, more: `command_directory = ${commands}` });
  await mustRun(['chmod', '1733', join(directory, 'queue', 'maildrop')]);
  await mustRun(['chmod', '-R', 'o+rwx', join(directory, 'queue', 'public')]);
  return postfix;
}

test('E1: what is saved in the outbox reaches its recipients through Postfix', async () => {
  const scratch = scratchDirectory('outbox');
  const directory = join(scratch.path, 'postfix');
  mkdirSync(directory);
  chmodSync(scratch.path, 0o755);
  const home = join(scratch.path, 'bob');
  mkdirSync(home);
  copyMaildir('empty', join(home, 'Maildir'));
  giveToMailUser(home);
  const postfix = await postfixForAll(directory, scratch.path);
  try {
    const sendmail = join(scratch.path, 'sendmail');
    writeFileSync(sendmail, `#!/bin/sh\nMAIL_CONFIG=${join(directory, 'etc')} exec /usr/sbin/sendmail "$@"\n`);
    chmodSync(sendmail, 0o755);
    const settings = { OUTBOX: '.Outbox', SENDMAIL: sendmail };
    const target = await installed.target({ maildir: join(home, 'Maildir'), settings, options: {} });
    const client = new ImapClient(await target.connect(1, { loggedIn: true, plain: false }));

    await client.must('CREATE INBOX.Outbox');
    const head =
      'From: bob@example.com\r\nTo: ann@example.com\r\nBcc: carl@example.com\r\nSubject: from the outbox\r\n';
    await client.must('APPEND INBOX.Outbox (\\Seen)', Buffer.from(`${head}\r\nhello\r\n.\r\nmore\r\n`));
    await client.must('STATUS INBOX.Outbox (MESSAGES)');

    // All mail of example.com goes to bob: one copy for each recipient.
    const arrived = (): string[] => readdirSync(join(home, 'Maildir', 'new'));
    await waitUntil('both recipients have it', () => arrived().length === 2, 120);
    for (const name of arrived()) {
      const text = readFileSync(join(home, 'Maildir', 'new', name), 'latin1');
      assert.match(text, /^X-IMAP-Sender: bob$/m);
      assert.match(text, /^Subject: from the outbox$/m);
      assert.doesNotMatch(text, /^Bcc:/m);
      assert.match(text, /\n\nhello\n\.\nmore\n$/);
    }
    assert.deepEqual(
      arrived()
        .map((name) => /^X-Original-To: (.*)$/m.exec(readFileSync(join(home, 'Maildir', 'new', name), 'latin1'))?.[1])
        .sort(),
      ['ann@example.com', 'carl@example.com'],
    );
    assert.equal(readdirSync(join(home, 'Maildir', '.Outbox', 'cur')).length, 1);
    await client.send('LOGOUT');
    client.close();
  } finally {
    await postfix.stop();
    await removeWhenQuiet(scratch);
  }
});
