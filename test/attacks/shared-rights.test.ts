/**
 * What somebody learns of mailboxes that he may not read, by any command: nothing but that they are there where he may see
 * them, and not even that where he may not (group H of the attacks).
 */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ImapClient } from '../support/imap-client.js';
import { copyMaildir, type Scratch, scratchDirectory } from '../support/maildir-fixture.js';
import { memoryTarget } from '../support/memory-target.js';
import type { Target } from '../support/transcript-target.js';

const MARK = 'annsecret';
const WHOLE = 'owner aceilrstwx\nadministrators aceilrstwx\n';

/** Every command that takes the name of a mailbox; `$` is the name. */
const naming: readonly string[] = [
  'SELECT $',
  'EXAMINE $',
  'SELECT $ (CONDSTORE)',
  'EXAMINE $ (CONDSTORE)',
  'STATUS $ (MESSAGES UIDNEXT UIDVALIDITY UNSEEN SIZE RECENT HIGHESTMODSEQ)',
  'ESEARCH IN (mailboxes $) RETURN (ALL COUNT) ALL',
  'ESEARCH IN (subtree $) RETURN (COUNT) SUBJECT annsecret',
  'GETACL $',
  'SETACL $ bob lr',
  'DELETEACL $ bob',
  'LISTRIGHTS $ bob',
  'GETQUOTAROOT $',
  'GETMETADATA $ (/shared/comment /private/comment)',
  'SETMETADATA $ (/shared/comment "x")',
  'DELETE $',
  'RENAME $ INBOX.mine',
  'UID COPY 1 $',
  'UID MOVE 1 $',
  'ACL STORE $ user=bob lr',
  'ACL DELETE $ user=ann',
  'LIST "" $ RETURN (STATUS (MESSAGES UNSEEN SIZE) CHILDREN SUBSCRIBED SPECIAL-USE)',
  'LSUB "" $',
  'NOTIFY SET STATUS (MAILBOXES $ (MessageNew MessageExpunge FlagChange MailboxName MailboxMetadataChange))',
  'NOTIFY SET STATUS (SUBTREE $ (MessageNew MessageExpunge SubscriptionChange))',
];

let scratch: Scratch;
let target: Target;

before(async () => {
  scratch = scratchDirectory('rights');
  const [bob = '', ann = ''] = ['bob', 'ann'].map((name) => join(scratch.path, name, 'Maildir'));
  for (const path of [bob, ann]) {
    mkdirSync(path, { recursive: true });
    copyMaildir('three-messages', path);
  }
  for (const [folder, list] of [
    ['.seen', `${WHOLE}user=bob l\n`],
    ['.hidden', WHOLE],
    ['.open', `${WHOLE}anyone lr\n-user=bob lr\n`],
  ] as const) {
    const path = join(ann, folder);
    for (const directory of ['cur', 'new', 'tmp']) mkdirSync(join(path, directory), { recursive: true });
    for (let number = 1; number <= 7; number += 1) {
      const name = `170000000${number}.M${number}.mx:2,`;
      writeFileSync(join(path, 'cur', name), `Subject: ${MARK}\nFrom: ${MARK}@example.com\n\n${MARK}\n`);
    }
    mkdirSync(join(path, 'courierimapkeywords'));
    writeFileSync(join(path, 'courierimapkeywords', ':list'), `${MARK}\n\n1700000001.M1.mx:0\n`);
    writeFileSync(join(path, 'courierimapacl'), list);
  }
  const index = join(scratch.path, 'index');
  writeFileSync(index, `ann\t5000\t5000\t${join(scratch.path, 'ann')}\n`);
  target = await memoryTarget({ maildir: bob, settings: { IMAP_SHAREDINDEXFILE: index }, options: {} });
});

after(async () => {
  await target.close();
  scratch.remove();
});

/** All that is answered to a command about a mailbox, with the name taken out. */
async function ask(command: string, mailbox: string): Promise<string> {
  const client = new ImapClient(await target.connect(1, { loggedIn: true, plain: false }));
  try {
    await client.must('SELECT INBOX');
    const { status, text, untagged } = await client.send(command.replace('$', `"${mailbox}"`));
    const answer = [...untagged, `${status} ${text}`].join('\n');
    assert.equal(status === 'BAD', false, `${command}: ${answer}`);
    return answer.replaceAll(mailbox, 'NAME');
  } finally {
    client.close();
  }
}

test('attack 74: a mailbox that may not be seen is answered by every command as one that is not there', async () => {
  for (const command of naming) {
    const nothing = await ask(command, '#shared.ann.nothing');
    for (const mailbox of ['#shared.ann.hidden', '#shared.ann.open'])
      assert.equal(await ask(command, mailbox), nothing, `${command} of ${mailbox}`);
  }
});

test('attack 74: whoever may only see a mailbox is told no number, name or word of what is in it', async () => {
  for (const command of naming.filter((each) => !/^(LIST|LSUB|ESEARCH|GETMETADATA|ACL|NOTIFY)/.test(each))) {
    const answer = await ask(command, '#shared.ann.seen');
    assert.match(answer, /^NO \[NOPERM\]/m, `${command}: ${answer}`);
  }
  for (const command of naming) {
    const answer = await ask(command, '#shared.ann.seen');
    assert.ok(!answer.includes(MARK) && !/MESSAGES|COUNT|ESEARCH|EXISTS/.test(answer), `${command}: ${answer}`);
  }
});
