/**
 * What others do to a maildir under open sessions: numbers given anew, links and pipes, directories that vanish
 * (attacks 48, 57, 61; M14).
 */
import assert from 'node:assert/strict';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loginClient } from '../support/imap-client.js';
import { PASSWORD } from '../support/peer-servers.js';
import { mustRun, waitUntil } from '../support/processes.js';
import { attacked } from './attacked.js';

/** Gives a folder another UIDVALIDITY, and its messages UIDs from 101 in the opposite order. */
function numberAnew(folder: string): void {
  const list = join(folder, 'courierimapuiddb');
  const [, ...lines] = readFileSync(list, 'utf8').trimEnd().split('\n');
  const names = lines.map((line) => line.slice(line.indexOf(' ') + 1)).reverse();
  const text = ['1 1999999999 200', ...names.map((name, index) => `${101 + index} ${name}`), ''].join('\n');
  writeFileSync(join(folder, 'tmp', 'list'), text);
  renameSync(join(folder, 'tmp', 'list'), list);
}

test('attack 57: sessions whose folder is given another UIDVALIDITY end with BYE, and show no wrong mail before', async () => {
  await attacked({}, async ({ ours, maildir, give }) => {
    const clients = [];
    for (let number = 0; number < 3; number += 1) {
      const client = await loginClient(ours.port, 'bob', PASSWORD, false);
      await client.must('SELECT INBOX');
      clients.push(client);
    }
    const [fetching, storing, idling] = clients;
    assert.ok(fetching !== undefined && storing !== undefined && idling !== undefined);
    const { untagged: before } = await fetching.must('UID FETCH 1:* BODY.PEEK[]');
    idling.raw('i IDLE\r\n');
    await idling.response();

    numberAnew(maildir('bob'));
    give('bob');

    // The first to notice, whoever it is, does so for all; what the others ask then is answered from what they know.
    // The idling one may be it: then this command shows no more from then on, and what it has shown is right.
    const { status, untagged: after } = await fetching.send('UID FETCH 1:* BODY.PEEK[]');
    const told = after.filter((line) => !line.startsWith('* BYE '));
    assert.deepEqual(told, status === 'OK' ? before : before.slice(0, told.length));
    assert.equal(after.length, told.length + 1, 'and it ends with BYE');
    const stored = await storing.send('UID STORE 1 +FLAGS (\\Deleted)');
    assert.equal(stored.status, 'NO');
    assert.match(stored.untagged.join(), /\* BYE /);
    assert.match(await idling.response(), /^\* BYE /);

    const next = await loginClient(ours.port, 'bob', PASSWORD, false);
    const { untagged } = await next.must('SELECT INBOX');
    assert.ok(untagged.includes('* OK [UIDVALIDITY 1999999999] Ok'));
    const { untagged: flags } = await next.must('UID FETCH 101:103 FLAGS');
    assert.equal(flags.length, 3);
    assert.ok(flags.every((line) => !line.includes('Deleted')));
    const { untagged: bodies } = await next.must('UID FETCH 101 BODY.PEEK[]');
    assert.equal(bodies[0]?.split('\r\n').slice(1).join(), before[2]?.split('\r\n').slice(1).join());
    next.close();
  });
});

test('attack 48, M14: links, pipes and directories in a maildir are read by nobody, and spoil nothing else', async () => {
  await attacked({}, async ({ ours, maildir, give, assertAlive }) => {
    const bob = maildir('bob');
    const alice = maildir('alice');
    const mails = readdirSync(join(alice, 'cur'));
    const targets = { 1: '/etc/passwd', 2: join(alice, 'cur', mails[0] ?? ''), 3: '/nonexistent', 4: '/dev/zero' };
    for (const [number, target] of Object.entries(targets)) {
      symlinkSync(target, join(bob, 'cur', `160000000${number}.M1.x:2,`));
      symlinkSync(target, join(bob, 'new', `161000000${number}.M1.x`));
    }
    await mustRun(['mkfifo', join(bob, 'cur', '1620000001.M1.x:2,'), join(bob, 'new', '1620000002.M1.x')]);
    mkdirSync(join(bob, 'cur', '1620000003.M1.x:2,'));
    symlinkSync(alice, join(bob, '.Link'));
    const folder = (name: string): string => {
      for (const directory of ['cur', 'new', 'tmp']) mkdirSync(join(bob, name, directory), { recursive: true });
      return join(bob, name);
    };
    mkdirSync(join(bob, '.Half'));
    symlinkSync(join(alice, 'cur'), join(bob, '.Half', 'cur'));
    mkdirSync(join(folder('.Directory'), 'courierimapuiddb'));
    await mustRun(['mkfifo', join(folder('.Pipe'), 'courierimapuiddb'), join(bob, 'courierimapsubscribed')]);
    symlinkSync('/etc/passwd', join(folder('.List'), 'courierimapuiddb'));
    symlinkSync('/tmp', join(folder('.Keywords'), 'courierimapkeywords'));
    if (process.getuid?.() === 0) await mustRun(['chown', '-Rh', '5000:5000', bob]);

    const client = await loginClient(ours.port, 'bob', PASSWORD, false);
    const { untagged } = await client.must('SELECT INBOX');
    assert.ok(untagged.includes('* 3 EXISTS'), untagged.join());
    const bodies = (await client.must('FETCH 1:* BODY.PEEK[]')).untagged.join();
    assert.doesNotMatch(bodies, /root:/);
    const said: string[] = [];
    for (const name of ['Link', 'Half', 'Directory', 'Pipe', 'List', 'Keywords']) {
      for (const command of [
        'SELECT',
        'EXAMINE',
        'STATUS (MESSAGES)',
        'COPY',
        'RENAME',
        'DELETE',
        'SUBSCRIBE',
        'UNSUBSCRIBE',
      ]) {
        const [verb, items] = command.split(/ (.*)/);
        if (verb === 'COPY') await client.must('SELECT INBOX');
        const set = verb === 'COPY' ? '1 ' : '';
        const rest = verb === 'RENAME' ? ` INBOX.${name}2` : items === undefined ? '' : ` ${items}`;
        const answer = await client.send(`${verb} ${set}INBOX.${name}${rest}`);
        said.push(answer.text, ...answer.untagged);
      }
    }
    for (const command of ['LIST "" "*"', 'LSUB "" "*"']) said.push(...(await client.must(command)).untagged);
    // H12: no path of the file system in any answer, and no octet of /etc/passwd.
    assert.doesNotMatch(said.join('\n'), /\/(tmp|etc|homes|cur)|\bE(NOENT|ACCES|LOOP|INVAL|NOTDIR|ISDIR)|root:/);
    assert.deepEqual(readdirSync(join(alice, 'cur')), mails);
    assert.match(ours.log(), /Not a message, not served/);
    client.close();
    give('alice');
    await assertAlive();
  });
});

test('O11: loginexec runs once, stays when it fails, is ended when it hangs on, and is not run for a stranger', async () => {
  await attacked({}, async ({ ours, maildir, directory }) => {
    const file = join(maildir('bob'), 'loginexec');
    const login = async (): Promise<void> => (await loginClient(ours.port, 'bob', PASSWORD, false)).close();
    const put = (text: string, uid: number): void => {
      writeFileSync(file, text, { mode: 0o755 });
      if (process.getuid?.() === 0) chownSync(file, uid, uid);
    };
    put('#!/bin/sh\necho ran >>"$MAILDIR/ran"\nid -u >>"$MAILDIR/ran"\n', 5000);
    await login();
    assert.ok(!existsSync(file), 'it has gone after its success');
    const expected = process.getuid?.() === 0 ? 5000 : process.getuid?.();
    assert.equal(readFileSync(join(maildir('bob'), 'ran'), 'utf8'), `ran\n${expected}\n`);
    put('#!/bin/sh\nexit 1\n', 5000);
    await login();
    assert.ok(existsSync(file), 'it stays after its failure');
    assert.equal(process.getuid?.(), 0, 'this test needs root, to give a file to somebody else');
    const outside = join(directory, 'outside');
    writeFileSync(outside, `#!/bin/sh\necho ran >"$MAILDIR/strange"\n`, { mode: 0o755 });
    chownSync(outside, 5001, 5001);
    renameSync(file, `${file}.old`);
    symlinkSync(outside, file);
    await login();
    assert.ok(!existsSync(join(maildir('bob'), 'strange')), 'the program of another user was not run');
    const told = /loginexec: belongs to uid 5001, and is not run/;
    await waitUntil('the log tells of it', () => told.test(ours.log()));
  });
});

test('attack 61: a maildir that is moved away under its sessions ends them, and comes back unchanged', async () => {
  await attacked({}, async ({ ours, maildir }) => {
    const selected = await loginClient(ours.port, 'bob', PASSWORD, false);
    const { untagged: before } = await selected.must('SELECT INBOX');
    const other = await loginClient(ours.port, 'bob', PASSWORD, false);
    renameSync(maildir('bob'), `${maildir('bob')}.away`);
    for (const command of [
      'LIST "" "*"',
      'STATUS INBOX (MESSAGES)',
      'CREATE INBOX.x',
      'SELECT INBOX',
      'SUBSCRIBE INBOX.x',
    ]) {
      const { status, text } = await other.send(command);
      assert.equal(status, 'NO', command);
      assert.doesNotMatch(text, /\/|ENOENT/);
    }
    assert.equal((await other.send('APPEND INBOX', Buffer.from('Subject: x\r\n\r\n'))).status, 'NO');
    const { status, untagged } = await selected.send('FETCH 1 BODY[]');
    assert.equal(status, 'NO');
    assert.match(untagged.join(), /\* BYE /);
    await assert.rejects(loginClient(ours.port, 'bob', PASSWORD, false), /UNAVAILABLE/);
    renameSync(`${maildir('bob')}.away`, maildir('bob'));
    const { untagged: after } = await other.must('SELECT INBOX');
    const numbers = (lines: readonly string[]) => lines.filter((line) => /EXISTS|UIDVALIDITY|UIDNEXT/.test(line));
    assert.deepEqual(numbers(after), numbers(before));
    other.close();
  });
});
