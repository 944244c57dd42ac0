/** What a client of SMAP sends by ADD: what the program gets, what is stored, and what becomes of failures. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { copyMaildir, scratchDirectory } from '../support/maildir-fixture.js';
import { memoryTarget } from '../support/memory-target.js';

interface Scene {
  /** Sends lines; gives the answer up to the last line that is a reply. */
  ask(lines: readonly string[], replies: number): Promise<string[]>;
  readonly maildir: string;
  /** What the program was given; undefined when it did not run. */
  sent(): string | undefined;
}

async function withSendmail(script: string, run: (scene: Scene) => Promise<void>): Promise<void> {
  const home = scratchDirectory('smap-sending');
  const maildir = join(home.path, 'Maildir');
  copyMaildir('three-messages', maildir);
  const program = join(home.path, 'sendmail');
  const kept = join(home.path, 'sent');
  writeFileSync(program, `#!/bin/sh\n${script.replaceAll('SENT', kept)}\n`);
  chmodSync(program, 0o755);
  const settings = { SMAP_CAPABILITY: 'SMAP1', SENDMAIL: program };
  const target = await memoryTarget({ maildir, settings, options: {} });
  const connection = await target.connect(1, { loggedIn: true, plain: false, smap: true });
  const ask = async (lines: readonly string[], replies: number): Promise<string[]> => {
    connection.send(Buffer.from(lines.map((line) => `${line}\n`).join('')));
    const said: string[] = [];
    while (said.filter((line) => /^(\+OK|-ERR) /.test(line)).length < replies) {
      const octets = await connection.receive();
      assert.ok(octets !== undefined, `the session ended after ${said.join(' | ')}`);
      said.push(...octets.toString().split('\n').slice(0, -1));
    }
    return said;
  };
  try {
    await run({ ask, maildir, sent: () => (existsSync(kept) ? readFileSync(kept, 'utf8') : undefined) });
    connection.close();
    assert.deepEqual(readdirSync(join(maildir, 'tmp')), []);
  } finally {
    // A failed sending is an error in the log, which this target tells at its end.
    await target.close().catch(() => undefined);
    home.remove();
  }
}

const KEEPS = '{ echo "$*"; cat; echo end; } >> \'SENT\'';
const TEXT = ['Subject: hi', '', 'hello', '.'];

test('a message with recipients is sent to them and to nobody else, and stored where a folder is named', async () => {
  await withSendmail(KEEPS, async ({ ask, maildir, sent }) => {
    const said = await ask(
      ['ADD FOLDER INBOX.x ""', 'ADD FOLDER INBOX Archive "" "MAILFROM=bob@example.com"', 'ADD "RCPTTO=a@example.com"'],
      3,
    );
    assert.deepEqual(said.slice(1), ['+OK So far, so good...', '+OK RCPT TO set']);
    const end = await ask(['ADD "RCPTTO=b@example.com" "NOTIFY=success,failure" {.20}', ...TEXT], 1);
    assert.match(end.join('\n'), /^> Go ahead\n\* ADD "UID=[^"]+"\n\+OK Message saved$/);
    const order = '-oi -f bob@example.com -N success,failure a@example.com b@example.com';
    assert.equal(sent(), `${order}\nSubject: hi\n\nhello\nend\n`);
    assert.equal(readdirSync(join(maildir, '.Archive', 'cur')).length, 1);
  });
});

test('a message that cannot be sent is not stored, and the client reads why', async () => {
  await withSendmail('cat > /dev/null; echo no such user; exit 67', async ({ ask, maildir }) => {
    const said = await ask(['ADD FOLDER INBOX Archive "" "RCPTTO=a@example.com" {.20}', ...TEXT], 1);
    assert.deepEqual(said, ['> Go ahead', '-ERR no such user/exit 67']);
    assert.deepEqual(readdirSync(join(maildir, '.Archive', 'cur')), []);
  });
});

test('nothing that looks like an option becomes one', async () => {
  await withSendmail(KEEPS, async ({ ask, sent }) => {
    for (const word of ['RCPTTO=-C/etc/passwd', 'MAILFROM=-x" "RCPTTO=a@example.com'])
      assert.match((await ask([`ADD "${word}" {.20}`, ...TEXT], 1)).join('\n'), /^> Go ahead\n-ERR /);
    await ask(['ADD "NOTIFY=-bad" "RCPTTO=a@example.com" {.20}', ...TEXT], 1);
    assert.equal(sent()?.split('\n')[0], '-oi -f bob a@example.com');
  });
});
