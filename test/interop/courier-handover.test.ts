/**
 * A maildir that Debian's Courier made is taken over by our installed programs, worked on over the network, and given
 * back. Both see the same mail. Our mail worker stays from one turn to the next, while Courier works in its maildir.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type AccountView, viewAccount } from '../support/account-view.js';
import type { ImapClient } from '../support/imap-client.js';
import { InstalledPrograms } from '../support/installed-target.js';
import { copyMaildir, scratchDirectory } from '../support/maildir-fixture.js';
import { courierTarget } from '../support/peer-targets.js';
import { withServer } from '../support/visit.js';

const installed = new InstalledPrograms();
after(() => installed.close());

const FOLDERS = 50;
const MESSAGES = 2000;

function message(number: number): Buffer {
  const body = 'A line of text that is there to have a length.\r\n'.repeat(1 + (number % 40));
  return Buffer.from(`From: a@example.com\r\nTo: bob@example.com\r\nSubject: number ${number}\r\n\r\n${body}`);
}

const flagsOf = [
  '',
  '\\Seen',
  '\\Seen \\Answered',
  '\\Flagged',
  '\\Seen $Forwarded',
  'work',
  'work \\Draft',
  '\\Deleted',
];

function folderName(number: number): string {
  const depth = ['Work', 'Work.Projects', 'Listen', 'Entw&APw-rfe', 'Old stuff'];
  return number === 0 ? 'INBOX' : `INBOX.${depth[number % depth.length]}.f${number}`;
}

/** As a site that has used Courier for years: folders at all depths, keywords, gaps in the UIDs. */
async function useCourier(client: ImapClient): Promise<void> {
  for (let folder = 1; folder < FOLDERS; folder += 1) {
    await client.must(`CREATE "${folderName(folder)}"`);
    if (folder % 3 === 0) await client.must(`SUBSCRIBE "${folderName(folder)}"`);
  }
  for (let number = 0; number < MESSAGES; number += 1) {
    const flags = flagsOf[number % flagsOf.length] ?? '';
    const day = String(1 + (number % 28)).padStart(2, '0');
    const date = `"${day}-Mar-2021 10:11:${String(number % 60).padStart(2, '0')} +0000"`;
    await client.must(`APPEND "${folderName(number % FOLDERS)}" (${flags}) ${date}`, message(number));
  }
  for (const folder of [0, 7, 13]) {
    await client.must(`SELECT "${folderName(folder)}"`);
    await client.must('UID STORE 3,5,9 +FLAGS (\\Deleted)');
    await client.must('EXPUNGE');
    await client.must('UID STORE 1:4 +FLAGS (later)');
  }
  await client.must('CLOSE');
}

/** Everything that changes files. */
async function useOurs(client: ImapClient): Promise<void> {
  await client.must(`SELECT "${folderName(0)}"`);
  await client.must('UID STORE 1:10 +FLAGS (\\Answered ours)');
  await client.must('UID STORE 2 -FLAGS (\\Seen)');
  await client.must('UID STORE 11,12 +FLAGS (\\Deleted)');
  await client.must('UID EXPUNGE 11:12');
  await client.must('CREATE "INBOX.New one"');
  await client.must('SUBSCRIBE "INBOX.New one"');
  await client.must('UID MOVE 13:15 "INBOX.New one"');
  await client.must(`UID COPY 16:17 "${folderName(4)}"`);
  for (let number = 0; number < 20; number += 1) {
    await client.must(`APPEND "${folderName(number % 5)}" (\\Seen ours)`, message(5000 + number));
  }
  await client.must(`RENAME "${folderName(6)}" "INBOX.Renamed"`);
  await client.must(`DELETE "${folderName(8)}"`);
  await client.must('CLOSE');
}

/** The maildir is what this test is about: comparing two empty accounts would prove nothing. */
function assertAsPlanned({ mailboxes, subscribed }: AccountView): void {
  const messages = Object.values(mailboxes).flatMap((mailbox) => mailbox.messages);
  // Three mailboxes have been expunged.
  assert.equal(Object.keys(mailboxes).length, FOLDERS);
  assert.ok(messages.length > MESSAGES - 40 && messages.length < MESSAGES, `${messages.length} messages`);
  assert.equal(subscribed.length, Math.floor((FOLDERS - 1) / 3));
  for (const word of ['work', 'later', '$Forwarded', '\\Answered', '\\Deleted']) {
    assert.ok(messages.filter((message) => message.includes(word)).length >= 5, `hardly any message is ${word}`);
  }
}

test('M10: a maildir goes from Courier to us and back, and nothing changes on the way', async () => {
  const home = scratchDirectory('handover');
  try {
    const maildir = join(home.path, 'Maildir');
    copyMaildir('empty', maildir);
    await withServer(courierTarget, maildir, useCourier);

    const before = await withServer(courierTarget, maildir, viewAccount);
    const taken = await withServer(installed.target, maildir, viewAccount);
    assert.deepEqual(taken, before);
    assertAsPlanned(taken);

    const worked = await withServer(installed.target, maildir, async (client) => {
      await useOurs(client);
      return viewAccount(client);
    });
    assert.equal(worked.mailboxes['INBOX.New one']?.messages.length, 3);
    const returned = await withServer(courierTarget, maildir, viewAccount);
    assert.deepEqual(returned, worked);

    await withServer(courierTarget, maildir, async (client) => {
      for (const name of ['INBOX', 'INBOX.New one']) await client.must(`APPEND "${name}" (work)`, message(9000));
    });
    const again = await withServer(courierTarget, maildir, viewAccount);
    assert.deepEqual(await withServer(installed.target, maildir, viewAccount), again);
  } finally {
    home.remove();
  }
});
