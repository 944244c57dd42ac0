/**
 * POP3 and IMAP in one mailbox at the same time, over the installed programs: both see the same mail, and neither is led
 * astray by the other (P5, P7, attacks 80, 82). And a server that dies in the middle has removed nothing (P1).
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { loginClient } from '../support/imap-client.js';
import { copyMaildir, scratchDirectory } from '../support/maildir-fixture.js';
import { PASSWORD } from '../support/peer-servers.js';
import { giveToMailUser } from '../support/peer-targets.js';
import { loginPop3, type Pop3Client } from '../support/pop3-client.js';
import { processTree, waitUntil } from '../support/processes.js';
import { type OurServers, startOurs } from '../support/start.js';

const scratch = scratchDirectory('pop3-imap');
const names = ['ann', 'bob', 'cat', 'dan', 'eve'] as const;
let ours: OurServers;

const homeOf = (name: string): string => join(scratch.path, 'mail', name);
const pop3 = (name: string): Promise<Pop3Client> => loginPop3(ours.pop3?.tlsPort ?? 0, name, PASSWORD);
const imap = (name: string) => loginClient(ours.tlsPort, name, PASSWORD);
const ids = async (client: Pop3Client): Promise<string[]> =>
  (await client.must('UIDL')).lines.map((line) => line.split(' ')[1] ?? '');

async function start(): Promise<void> {
  const directory = join(scratch.path, `ours-${Math.random().toString(36).slice(2)}`);
  mkdirSync(directory);
  const users = names.map((name) => ({ name, home: homeOf(name) }));
  ours = await startOurs({ directory, users, pop3: {} });
}

describe('POP3 beside IMAP', () => {
  before(async () => {
    for (const name of names) {
      mkdirSync(homeOf(name), { recursive: true });
      copyMaildir('five-letters', join(homeOf(name), 'Maildir'));
    }
    giveToMailUser(join(scratch.path, 'mail'));
    await start();
  });

  after(async () => {
    await ours.stop();
    scratch.remove();
  });

  test('P7: what IMAP expunges during a POP3 session is gone, and the rest is served under its numbers', async () => {
    const [reader, editor] = [await pop3('ann'), await imap('ann')];
    await editor.must('SELECT INBOX');
    await editor.must('STORE 2 +FLAGS (\\Deleted)');
    await editor.must('UID EXPUNGE 2');
    await editor.must('STORE 1:4 +FLAGS (\\Flagged)');

    assert.match((await reader.ask('RETR 2')).status, /^-ERR /);
    assert.match((await reader.must('RETR 3')).lines.join('\n'), /^Subject: =\?utf-8/m);
    assert.equal((await reader.must('STAT')).status, '+OK 5 984');
    await reader.must('DELE 2');
    await reader.must('DELE 4');
    await reader.must('QUIT');

    const { untagged } = await editor.must('NOOP');
    assert.ok(untagged.includes('* 3 EXPUNGE'), untagged.join('\n'));
    assert.ok(
      untagged.some((line) => /^\* 2 FETCH \(.*\\Seen/.test(line)),
      untagged.join('\n'),
    );
    await editor.must('LOGOUT');
    assert.equal((await ids(await pop3('ann'))).length, 3);
  });

  test('P5: what POP3 reads and leaves is seen and there for IMAP; what IMAP adds, the next session has', async () => {
    const reader = await pop3('bob');
    const before = await ids(reader);
    await reader.must('RETR 4');
    const editor = await imap('bob');
    await editor.must('SELECT INBOX');
    const { untagged } = await editor.must('FETCH 4 (FLAGS)');
    assert.match(untagged.join('\n'), /\\Seen/);

    await editor.must('APPEND INBOX (\\Flagged)', Buffer.from('Subject: added\r\n\r\nHello.\r\n'));
    assert.equal((await reader.must('STAT')).status, '+OK 5 984');
    await reader.must('QUIT');
    await editor.must('LOGOUT');
    const later = await pop3('bob');
    assert.deepEqual((await ids(later)).slice(0, 5), before);
    assert.match((await later.must('RETR 6')).lines.join('\n'), /^Subject: added$/m);
    assert.equal((await later.must('STAT')).status, `+OK 6 ${984 + 'Subject: added\r\n\r\nHello.\r\n'.length}`);
  });

  test('attacks 80: unique ids outlive flags, a move there and back, and a restart; nobody inherits one', async () => {
    const first = await ids(await pop3('cat'));
    const editor = await imap('cat');
    await editor.must('CREATE INBOX.Aside');
    await editor.must('SELECT INBOX');
    await editor.must('STORE 1:5 +FLAGS (\\Answered)');
    await editor.must('UID MOVE 5 INBOX.Aside');
    await editor.must('SELECT INBOX.Aside');
    await editor.must('UID MOVE 1 INBOX');
    await editor.must('LOGOUT');
    const moved = await ids(await pop3('cat'));
    assert.deepEqual(moved.slice(0, 4), first.slice(0, 4));
    assert.equal(new Set(moved).size, 5);

    await ours.stop();
    await start();
    assert.deepEqual(await ids(await pop3('cat')), moved);
  });

  test('P4: mail in folders is never told', async () => {
    const editor = await imap('dan');
    await editor.must('CREATE INBOX.Sent');
    await editor.must('APPEND INBOX.Sent', Buffer.from('Subject: sent\r\n\r\nHello.\r\n'));
    await editor.must('LOGOUT');

    assert.equal((await pop3('dan').then((client) => client.must('STAT'))).status, '+OK 5 984');
  });

  test('P1: a server that dies before QUIT has removed nothing, and serves again', async () => {
    const cur = join(homeOf('eve'), 'Maildir', 'cur');
    for (let number = 0; number < 200; number += 1)
      writeFileSync(join(cur, `18000000${String(number).padStart(2, '0')}.M.mx:2,`), 'Subject: many\n\n');
    giveToMailUser(homeOf('eve'));
    const client = await pop3('eve');
    const before = await ids(client);
    for (let number = 1; number <= before.length; number += 1) await client.must(`DELE ${number}`);

    const { pid = 0 } = ours.pop3?.pop3d ?? {};
    const family = processTree([pid]).filter((one) => one !== pid);
    for (const one of family) process.kill(one, 'SIGKILL');
    await assert.rejects(client.line());
    assert.equal(readdirSync(cur).length, before.length);

    let again: Pop3Client | undefined;
    await waitUntil('pop3d serves again', async () => {
      again = await pop3('eve').catch(() => undefined);
      return again !== undefined;
    });
    assert.deepEqual(again && (await ids(again)), before);
  });
});
