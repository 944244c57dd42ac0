/**
 * Rights that are taken away in the middle of what they are for: FETCH, APPEND and IDLE (attack 77).
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ImapClient } from '../support/imap-client.js';
import { copyMaildir, scratchDirectory } from '../support/maildir-fixture.js';
import { memoryTarget } from '../support/memory-target.js';
import { SessionFixture } from '../support/session-fixture.js';

const WHOLE = 'owner aceilrstwx\nadministrators aceilrstwx\n';

test('FETCH ends with NOPERM behind the message that is on its way, and the next one is as it was', async () => {
  const fixture = new SessionFixture('three-messages');
  const other = fixture.client();
  let turns = 0;
  const meanwhile = (): Promise<void> | undefined => {
    turns += 1;
    return turns === 2 ? other.command('b1 SETACL INBOX owner -r').then(() => undefined) : undefined;
  };
  const client = fixture.client({}, { meanwhile });
  await client.command('a1 SELECT INBOX');
  turns = 0;

  const answer = await client.command('a2 FETCH 1:3 (UID FLAGS BODY.PEEK[])');

  assert.match(answer, /\na2 NO \[NOPERM\] Access denied for FETCH on current mailbox \(ACL "r" required\)\n$/);
  assert.match(answer, /^\* 1 FETCH /);
  assert.ok(!answer.includes('* 3 FETCH'), answer);
  assert.match(await client.command('a3 UID FETCH 1:* FLAGS'), /^a3 NO \[NOPERM\]/m);
  await other.command('b2 SETACL INBOX owner +r');
  assert.match(await client.command('a4 UID FETCH 1:* FLAGS'), /^a4 OK/m);
  await fixture.close();
});

test('a message whose sender lost the right while he sent it is not stored, and nothing of it stays', async () => {
  const fixture = new SessionFixture('empty');
  const other = fixture.client();
  const client = fixture.client();
  client.send('a1 APPEND INBOX {10}\r\n');
  await client.until('+ OK\n');
  client.send('hello');
  await other.command('b1 SETACL INBOX owner -i');
  client.send('world\r\n');

  assert.match(await client.until('required)\n'), /a1 NO \[NOPERM\] Access denied for APPEND on INBOX/);
  for (const directory of ['cur', 'new', 'tmp'])
    assert.deepEqual(readdirSync(join(fixture.maildir, directory)), [], directory);
  await fixture.close();
});

test('IDLE in the mailbox of another account ends when another program takes the right away', async () => {
  const scratch = scratchDirectory('meanwhile');
  const bob = join(scratch.path, 'bob', 'Maildir');
  const ann = join(scratch.path, 'ann', 'Maildir');
  for (const path of [bob, ann]) {
    mkdirSync(path, { recursive: true });
    copyMaildir('three-messages', path);
  }
  const list = join(ann, 'courierimapacl');
  writeFileSync(list, `${WHOLE}user=bob lrs\n`);
  const index = join(scratch.path, 'index');
  writeFileSync(index, `ann\t5000\t5000\t${join(scratch.path, 'ann')}\n`);
  const target = await memoryTarget({ maildir: bob, settings: { IMAP_SHAREDINDEXFILE: index }, options: {} });
  const client = new ImapClient(await target.connect(1, { loggedIn: true, plain: false }));
  await client.must('SELECT "#shared.ann"');

  client.raw('i1 IDLE\r\n');
  assert.match(await client.response(), /^\+ /);
  writeFileSync(list, `${WHOLE}user=bob ls\n`);

  assert.equal(await client.response(), '* OK [MYRIGHTS "ls"] ACL');
  assert.equal(await client.response(), 'i1 NO [NOPERM] You may no longer read this mailbox.');
  client.raw('DONE\r\n');
  assert.equal((await client.send('NOOP')).status, 'OK');
  assert.match((await client.send('STORE 1 +FLAGS (\\Seen)')).text, /^\[NOPERM\]/);
  client.close();
  await target.close();
  scratch.remove();
});
