/**
 * AUTHENTICATE ANONYMOUS (X17, S14): refused unless the site has an account for it; then whoever comes reads what anyone may
 * read, and changes nothing, whatever lists say. Through the installed programs.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type ImapClient, openClient } from '../support/imap-client.js';
import { copyMaildir, scratchDirectory } from '../support/maildir-fixture.js';
import { PASSWORD } from '../support/peer-servers.js';
import { giveToMailUser } from '../support/peer-targets.js';
import { type OurServers, startOurs } from '../support/start.js';

const scratch = scratchDirectory('anonymous');
const home = (name: string): string => join(scratch.path, 'homes', name);
let ours: OurServers | undefined;

async function begin(settings: Readonly<Record<string, string>>, directory: string): Promise<OurServers> {
  const path = join(scratch.path, directory);
  mkdirSync(path);
  const users = [
    { name: 'ann', home: home('ann') },
    { name: 'guest', home: home('guest'), options: 'anonymous=1' },
  ];
  return startOurs({ directory: path, users, settings });
}

before(async () => {
  for (const name of ['ann', 'guest']) {
    mkdirSync(home(name), { recursive: true });
    copyMaildir('three-messages', join(home(name), 'Maildir'));
  }
  const list = 'owner aceilrstwx\nadministrators aceilrstwx\nanyone aceilrstwx\n';
  for (const name of ['ann', 'guest']) writeFileSync(join(home(name), 'Maildir', '.Archive', 'courierimapacl'), list);
  writeFileSync(join(home('ann'), 'Maildir', '.Archive', 'cur', '1700000001.M1.mx:2,'), 'Subject: a\n\na\n');
  giveToMailUser(join(scratch.path, 'homes'));
  const index = join(scratch.path, 'index');
  writeFileSync(index, `ann\t5000\t5000\t${home('ann')}\n`);
  ours = await begin({ IMAP_ANONYMOUS: `guest ${PASSWORD}`, IMAP_SHAREDINDEXFILE: index }, 'with');
});

after(async () => {
  await ours?.stop();
  scratch.remove();
});

async function anonymous(port: number, mechanism = 'ANONYMOUS'): Promise<ImapClient> {
  const client = await openClient(port, true);
  const { untagged } = await client.must('CAPABILITY');
  assert.match(untagged[0] ?? '', / AUTH=ANONYMOUS( |$)/);
  // "sirhc", as RFC 4505 has it.
  await client.must(`AUTHENTICATE ${mechanism} c2lyaGM=`);
  return client;
}

test('anonymous clients read what anyone may read', async () => {
  const client = await anonymous(ours?.tlsPort ?? 0);
  const { untagged } = await client.must('LIST "" "#shared.*"');
  assert.deepEqual(untagged, [
    '* LIST (\\Noselect \\HasChildren) "." "#shared.ann"',
    '* LIST (\\HasNoChildren) "." "#shared.ann.Archive"',
  ]);
  assert.match((await client.must('SELECT #shared.ann.Archive')).text, /^\[READ-ONLY\]/);
  assert.equal(
    (await client.must('MYRIGHTS #shared.ann.Archive')).untagged[0],
    '* MYRIGHTS "#shared.ann.Archive" "lr"',
  );
  client.close();
});

test('they change nothing, and the account is not theirs', async () => {
  const client = await anonymous(ours?.tlsPort ?? 0);
  const filesOf = (name: string): string =>
    readdirSync(join(home(name), 'Maildir'), { recursive: true })
      .sort()
      .join();
  // Looking at mail gives it UIDs.
  for (const mailbox of ['INBOX.Archive', '#shared.ann.Archive']) await client.must(`SELECT ${mailbox}`);
  const before = [filesOf('ann'), filesOf('guest')];
  for (const command of [
    'STORE 1 +FLAGS (\\Seen)',
    'EXPUNGE',
    'COPY 1 #shared.ann.Archive',
    'CREATE #shared.ann.Archive.mine',
    'DELETE #shared.ann.Archive',
    'RENAME #shared.ann.Archive #shared.ann.mine',
    'SETACL #shared.ann.Archive bob lr',
    'SETMETADATA #shared.ann.Archive (/private/comment "x")',
    'SETMETADATA "" (/private/comment "x")',
    'SUBSCRIBE #shared.ann.Archive',
    'UNSUBSCRIBE INBOX',
    'CREATE INBOX.mine',
    'DELETE INBOX.Archive',
    'RESETKEY',
    'SETQUOTA ROOT (STORAGE 1)',
  ]) {
    const { status, text } = await client.send(command);
    assert.equal(status, 'NO', `${command}: ${text}`);
  }
  assert.equal((await client.send('APPEND INBOX', Buffer.from('a'))).status, 'NO');
  assert.equal((await client.send('SELECT INBOX')).status, 'NO');
  assert.match((await client.must('SELECT INBOX.Archive')).text, /^\[READ-ONLY\]/);
  client.close();
  assert.deepEqual([filesOf('ann'), filesOf('guest')], before);
});

test('without the setting nobody comes in', async () => {
  const others = await begin({}, 'without');
  try {
    const client = await openClient(others.tlsPort, true);
    const { untagged } = await client.must('CAPABILITY');
    assert.doesNotMatch(untagged[0] ?? '', /ANONYMOUS/);
    assert.equal((await client.send('AUTHENTICATE ANONYMOUS c2lyaGM=')).status, 'NO');
    client.close();
  } finally {
    await others.stop();
  }
});
