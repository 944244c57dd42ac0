/**
 * Virtual shared mailboxes of another Unix user: what file permissions allow, and the log line where they do not (S1).
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { copyMaildir, giveTo, scratchDirectory } from '../support/maildir-fixture.js';
import { programs, searchPath } from '../support/paths.js';
import { giveToMailUser, mailIds } from '../support/peer-targets.js';

const OTHER = 5001;

interface Told {
  readonly out: string;
  readonly log: string;
}

/** A session of bob's, with all commands at once. */
async function ask(home: string, commands: readonly string[]): Promise<Told> {
  const { uid, gid } = mailIds();
  const env = { PATH: searchPath, TZ: 'UTC', COURIER_CONFDIR: join(home, 'etc'), HOME: home, AUTHENTICATED: 'bob' };
  const child = spawn(join(programs, 'imapd'), [join(home, 'Maildir')], { cwd: home, env, uid, gid });
  const told = { out: '', log: '' };
  child.stdout.setEncoding('latin1').on('data', (text: string) => {
    told.out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    told.log += text;
  });
  const over = new Promise((resolve) => child.once('close', resolve));
  child.stdin.end([...commands, 'LOGOUT'].map((command, index) => `t${index} ${command}\r\n`).join(''));
  await over;
  return told;
}

test('what another user’s permissions allow is there, and what they do not is named in the log', async (t) => {
  assert.equal(process.getuid?.(), 0, 'this test needs root, to be two users');
  const scratch = scratchDirectory('shared-users');
  t.after(() => scratch.remove());
  const [bob, ann] = [join(scratch.path, 'bob'), join(scratch.path, 'ann')];
  for (const [home, fixture] of [
    [bob, 'empty'],
    [ann, 'three-messages'],
  ] as const) {
    mkdirSync(home);
    copyMaildir(fixture, join(home, 'Maildir'));
  }
  mkdirSync(join(bob, 'etc'));
  writeFileSync(join(bob, 'index'), `ann\t${OTHER}\t${OTHER}\t${ann}\n`);
  writeFileSync(join(bob, 'etc', 'imapd'), `IMAP_SHAREDINDEXFILE=${join(bob, 'index')}\nIMAP_CACHEDIR=\n`);
  const list = 'owner aceilrstwx\nadministrators aceilrstwx\nuser=bob lrswi\n';
  writeFileSync(join(ann, 'Maildir', 'courierimapacl'), list);
  giveToMailUser(bob);
  giveTo(ann, OTHER, OTHER);
  const commands = ['LIST "" "#shared.*"', 'SELECT "#shared.ann"', 'FETCH 1 (BODY.PEEK[])', 'STORE 1 +FLAGS (\\Seen)'];
  chmodSync(join(ann, 'Maildir'), 0o700);

  const closed = await ask(bob, [...commands, 'STATUS "#shared.ann" (MESSAGES)']);
  assert.doesNotMatch(closed.out, /\* LIST/);
  assert.match(closed.out, /^t1 NO \[NONEXISTENT\] Mailbox does not exist/m);
  assert.equal(closed.log.split('The shared index names').length, 2, 'told once');
  assert.ok(closed.log.includes(join(ann, 'Maildir')), closed.log);

  for (const place of ['.', 'cur', 'new']) chmodSync(join(ann, 'Maildir', place), 0o755);
  chmodSync(join(ann, 'Maildir', '.Archive'), 0o700);
  const open = await ask(bob, commands);
  assert.match(open.out, /^\* LIST \(\\HasNoChildren\) "\." "#shared\.ann"\r$/m);
  assert.match(open.out, /^\* 3 EXISTS\r$/m);
  assert.match(open.out, /^t1 OK \[READ-ONLY\]/m);
  assert.match(open.out, /Subject: Lunch/);
  assert.match(open.out, /^t3 NO /m);
});
