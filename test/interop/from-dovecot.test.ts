/**
 * A maildir that Debian's Dovecot made is taken over with maildirfromdovecot: clients see the same UIDs, flags, keywords,
 * folders and subscriptions from us.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type AccountView, viewAccount } from '../support/account-view.js';
import type { ImapClient } from '../support/imap-client.js';
import { InstalledPrograms } from '../support/installed-target.js';
import { copyMaildir, scratchDirectory } from '../support/maildir-fixture.js';
import { programs } from '../support/paths.js';
import { dovecotTarget, giveToMailUser } from '../support/peer-targets.js';
import { mustRun, run } from '../support/processes.js';
import { withServer } from '../support/visit.js';

const installed = new InstalledPrograms();
after(() => installed.close());

const tool = join(programs, 'maildirfromdovecot');
const MAILBOXES = ['INBOX', 'INBOX.Entw&APw-rfe', 'INBOX.Work.a b', 'INBOX.Work', 'INBOX.R&-D'];
const FLAGS = ['', '\\Seen', '\\Seen $Forwarded', 'work $Junk', '\\Draft \\Answered', '\\Flagged', 'work'];
const MESSAGES = 60;

/** As a site that has used Dovecot for a while: keywords, gaps in the UIDs, mail that was moved and delivered. */
async function useDovecot(client: ImapClient): Promise<void> {
  for (const name of MAILBOXES.slice(1)) await client.must(`CREATE "${name}"`);
  for (const name of MAILBOXES.slice(0, 3)) await client.must(`SUBSCRIBE "${name}"`);
  for (let number = 0; number < MESSAGES; number += 1) {
    const literal = Buffer.from(`From: a@example.com\r\nSubject: number ${number}\r\n\r\n${'text\r\n'.repeat(number)}`);
    const flags = FLAGS[number % FLAGS.length] ?? '';
    await client.must(`APPEND "${MAILBOXES[number % MAILBOXES.length]}" (${flags})`, literal);
  }
  await client.must('SELECT INBOX');
  await client.must('STORE 2,5 +FLAGS (\\Deleted)');
  await client.must('EXPUNGE');
  await client.must('MOVE 3 "INBOX.Work"');
  await client.must('STORE 1 +FLAGS (later)');
  await client.must('CLOSE');
}

/** Ours says more flags of a mailbox's own than Dovecot does; what it says of mail must be the same. */
function assertSame(taken: AccountView, before: AccountView): void {
  const messages = Object.values(before.mailboxes).flatMap((mailbox) => mailbox.messages);
  assert.equal(messages.length, MESSAGES - 2);
  assert.ok(messages.some((message) => message.includes('$Forwarded')));
  assert.equal(Object.keys(before.mailboxes).length, MAILBOXES.length);
  assert.deepEqual(taken, before);
}

test('a maildir comes from Dovecot with its UIDs, flags, keywords, folders and subscriptions', async () => {
  const home = scratchDirectory('from-dovecot');
  try {
    const maildir = join(home.path, 'Maildir');
    copyMaildir('empty', maildir);
    await withServer(dovecotTarget, maildir, useDovecot);
    const before = await withServer(dovecotTarget, maildir, viewAccount);

    const said = await mustRun([tool, '--dry-run', maildir]);
    assert.match(said, /INBOX: UIDVALIDITY \d+, \d+ UIDs, \d+ messages with keywords/);
    assert.ok(!existsSync(join(maildir, 'courierimapuiddb')), 'a trial changes nothing');

    const uidList = readFileSync(join(maildir, 'dovecot-uidlist'));
    await mustRun([tool, maildir]);
    assert.deepEqual(readFileSync(join(maildir, 'dovecot-uidlist')), uidList);
    assert.ok(existsSync(join(maildir, '.Entwürfe', 'cur')), 'names of folders are in UTF-8');
    assert.match(await mustRun([tool, maildir]), /INBOX has UIDs of ours already/);

    assertSame(await withServer(installed.target, maildir, viewAccount), before);
    const { uidNext } = before.mailboxes['INBOX'] ?? {};
    writeFileSync(join(maildir, 'new', '1700000000.M9P9.mx'), 'From: a@example.com\nSubject: number 99\n\nNew.\n');
    giveToMailUser(home.path);
    const later = await withServer(installed.target, maildir, viewAccount);
    assert.match(later.mailboxes['INBOX']?.messages.at(-1) ?? '', new RegExp(`^${uidNext} .* number 99$`));
  } finally {
    home.remove();
  }
});

test('lists that are none leave the folder with new UIDs, and say so', async () => {
  const home = scratchDirectory('from-dovecot');
  try {
    const maildir = join(home.path, 'Maildir');
    copyMaildir('three-messages', maildir);
    writeFileSync(join(maildir, 'dovecot-uidlist'), 'nothing of the kind\n');
    writeFileSync(join(maildir, 'dovecot-acl'), 'user=bob lr\n');
    giveToMailUser(home.path);
    const said = await mustRun([tool, maildir]);
    assert.match(said, /INBOX: dovecot-uidlist is damaged; its messages get new UIDs/);
    assert.match(said, /INBOX: the access list dovecot-acl is not taken over/);
    assert.match(said, /INBOX\.Archive: no dovecot-uidlist/);
    assert.ok(!existsSync(join(maildir, 'courierimapuiddb')));
    const { exitCode, stderr } = await run([tool, join(home.path, 'nowhere')]);
    assert.equal(exitCode, 1);
    assert.match(stderr, /is no maildir/);
  } finally {
    home.remove();
  }
});
