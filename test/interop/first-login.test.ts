/**
 * O1, O13: the first login to running servers: the maildir is made by the account's own user, and where that user may
 * not write, the login is put off and nothing is made.
 */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loginClient, openClient } from '../support/imap-client.js';
import { PASSWORD } from '../support/peer-servers.js';
import { giveToMailUser, mailIds } from '../support/peer-targets.js';
import { waitUntil } from '../support/processes.js';
import { startOurs } from '../support/start.js';

/** What depends on which process is quicker shows in some of so many. */
const REFUSALS = 20;

/** A client that goes on talking behind its LOGIN reads the refusal all the same. */
async function refusedWhileTalking(port: number, tls: boolean): Promise<void> {
  for (let time = 0; time < REFUSALS; time += 1) {
    const client = await openClient(port, tls);
    client.raw(`a LOGIN eve ${PASSWORD}\r\n${'n NOOP\r\n'.repeat(200)}`);
    const talking = setInterval(() => client.raw('n NOOP\r\n'.repeat(50)), 1);
    const answers: string[] = [];
    try {
      for (const _ of ['BYE', 'NO']) answers.push((await client.response()).split(']')[0] ?? '');
    } finally {
      clearInterval(talking);
      client.close();
    }
    assert.deepEqual(answers, ['* BYE [UNAVAILABLE', 'a NO [UNAVAILABLE'], `port ${port}, time ${time}`);
  }
}

test('a new account logs in, gets its maildir and folders as its own user, and mail goes there', async (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'first-login-'));
  chmodSync(directory, 0o755);
  const mail = join(directory, 'mail');
  const closed = join(directory, 'closed');
  for (const path of [mail, closed, join(directory, 'server')]) mkdirSync(path);
  giveToMailUser(mail);
  chmodSync(closed, 0o555);
  const users = [
    { name: 'ann', home: join(mail, 'example.com', 'ann') },
    { name: 'eve', home: join(closed, 'eve') },
  ];
  const settings = { IMAP_CREATE_MAILDIR: '1', IMAP_CREATE_FOLDERS: 'Drafts, Sent, Junk, Trash' };
  const ours = await startOurs({ directory: join(directory, 'server'), users, settings });
  context.after(async () => {
    await ours.stop();
    chmodSync(closed, 0o755);
    rmSync(directory, { recursive: true });
  });

  const client = await loginClient(ours.tlsPort, 'ann', PASSWORD);
  const { untagged } = await client.must('LIST (SUBSCRIBED) "" "*" RETURN (SPECIAL-USE)');
  const roles = untagged.map(
    (line) => `${/\\(Drafts|Sent|Junk|Trash)/.exec(line)?.[1]} ${/"([^"]*)"$/.exec(line)?.[1]}`,
  );
  assert.deepEqual(roles.sort(), ['Drafts INBOX.Drafts', 'Junk INBOX.Junk', 'Sent INBOX.Sent', 'Trash INBOX.Trash']);
  await client.must('APPEND INBOX.Sent', Buffer.from('Subject: first\r\n\r\nHello\r\n'));
  const maildir = join(mail, 'example.com', 'ann', 'Maildir');
  for (const path of [join(mail, 'example.com'), maildir, join(maildir, '.Sent', 'cur')]) {
    assert.equal(statSync(path).uid, mailIds().uid, path);
  }
  await client.must('LOGOUT');

  // Without root there is one user, who may write wherever the test may.
  if (process.getuid?.() === 0) {
    const eve = await openClient(ours.tlsPort, true);
    const answer = await eve.send(`LOGIN eve ${PASSWORD}`);
    assert.deepEqual([answer.status, answer.text.split(' ')[0]], ['NO', '[UNAVAILABLE]']);
    for (const [port, tls] of [
      [ours.tlsPort, true],
      [ours.port, false],
    ] as const)
      await refusedWhileTalking(port, tls);
    assert.deepEqual(readdirSync(closed), []);
    const told = /LOGIN REFUSED, user=eve, .*: not permitted: \S+\/closed\/eve\/Maildir: .*EACCES/;
    await waitUntil('the log names the maildir', () => told.test(ours.log()));
  }
});
