/**
 * COMPRESS=DEFLATE over TLS with clients that people use: what they fetch and send is what lies in the maildir (RFC 4978).
 *
 * The same tests run against Dovecot, so that a failure shows whose it is.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ImapFlow } from 'imapflow';
import { MailGenerator } from '../bench/mail.js';
import { openClient } from '../support/imap-client.js';
import { PASSWORD } from '../support/peer-servers.js';
import { run } from '../support/processes.js';
import { TestHome } from '../support/test-home.js';
import { type TlsServer, tlsServers } from './tls-servers.js';

/** One of them has a megabyte. */
const MESSAGES = 300;
/** Text that DEFLATE makes small; it comes in many pieces all the same. */
const LARGE_OCTETS = 3_000_000;

async function withServer(
  start: (typeof tlsServers)[string],
  run: (server: TlsServer, home: TestHome) => Promise<void>,
): Promise<void> {
  const home = new TestHome('compress');
  const mail = new MailGenerator();
  for (let number = 0; number < MESSAGES; number += 1) {
    writeFileSync(join(home.maildir, 'cur', `${1_600_000_000 + number}.M1.mx:2,S`), mail.message(number).octets);
  }
  home.give();
  const server = await start(home.directory('server'), [home.user]);
  try {
    await run(server, home);
  } finally {
    await server.stop();
    home.remove();
  }
}

/** All messages of a maildir with CRLF, without the field in which mbsync marks what it copies. */
function messagesIn(directory: string): string[] {
  return ['cur', 'new'].flatMap((part) =>
    readdirSync(join(directory, part)).map((name) =>
      readFileSync(join(directory, part, name), 'latin1')
        .replaceAll(/\r?\n/g, '\r\n')
        .replace(/^X-TUID: .*\r\n/m, ''),
    ),
  );
}

/** Says how many are the same, and not what megabytes differ. */
function assertSameMessages(one: readonly string[], other: readonly string[]): void {
  const hashes = (messages: readonly string[]): string[] =>
    messages.map((message) => createHash('sha256').update(message, 'latin1').digest('hex')).sort();
  assert.deepEqual(hashes(one), hashes(other));
}

async function imapflow(server: TlsServer, home: TestHome): Promise<void> {
  const lines: string[] = [];
  const keep = (line: { readonly msg?: unknown }): void => void lines.push(String(line.msg));
  const client = new ImapFlow({
    ...{ host: '127.0.0.1', port: server.tlsPort, secure: true, tls: { rejectUnauthorized: false } },
    auth: { user: home.user.name, pass: PASSWORD },
    logger: { debug: keep, info: keep, warn: keep, error: keep },
  });
  await client.connect();
  const lock = await client.getMailboxLock('INBOX');
  const fetched: string[] = [];
  for await (const { source } of client.fetch('1:*', { source: true })) fetched.push(source?.toString('latin1') ?? '');
  assertSameMessages(fetched, messagesIn(home.maildir));

  const large = `Subject: all work\r\n\r\n${'All work and no play. '.repeat(LARGE_OCTETS / 22)}\r\n`;
  assert.notEqual(await client.append('INBOX', large), false);
  assert.deepEqual(await client.search({ subject: 'all work' }), [MESSAGES + 1]);
  const last = await client.fetchOne('*', { source: true });
  assert.ok(last !== false && last?.source?.toString('latin1') === large);
  lock.release();
  await client.logout();

  const asked = lines.findIndex((line) => / COMPRESS DEFLATE$/.test(line));
  assert.ok(asked >= 0, 'the client did not ask for COMPRESS');
  assert.match(lines.slice(asked + 1).find((line) => /^\w+ (OK|NO|BAD) /.test(line)) ?? '', / OK /);
  assert.equal(messagesIn(home.maildir).filter((message) => message === large).length, 1);
}

async function mbsync(server: TlsServer, home: TestHome): Promise<void> {
  const near = home.directory('near');
  const settings = join(near, 'mbsyncrc');
  const account = [`Host localhost`, `Port ${server.tlsPort}`, 'User bob', `Pass ${PASSWORD}`, 'SSLType IMAPS'];
  const stores = ['IMAPStore far', 'Account a', '', 'MaildirStore near', `Path ${near}/`, `Inbox ${near}/INBOX`];
  const channel = ['Channel c', 'Far :far:', 'Near :near:', 'Create Both', 'SyncState *'];
  const lines = [
    'IMAPAccount a',
    'Timeout 120',
    ...account,
    `CertificateFile ${server.certificate}`,
    '',
    ...stores,
    '',
    ...channel,
  ];
  writeFileSync(settings, `${lines.join('\n')}\n`);
  const sync = async (): Promise<string> => {
    const { exitCode, stdout, stderr } = await run(['mbsync', '-Dn', '-c', settings, 'c'], {
      environment: { HOME: near },
    });
    assert.equal(exitCode, 0, stderr);
    return stdout;
  };

  assert.match(await sync(), />>> \d+ COMPRESS DEFLATE\r?\n[\s\S]*?\d+ OK /);
  assertSameMessages(messagesIn(join(near, 'INBOX')), messagesIn(home.maildir));
  const mail = new MailGenerator();
  for (let number = 0; number < 20; number += 1) {
    const { octets } = mail.message(MESSAGES + number);
    writeFileSync(join(near, 'INBOX', 'new', `${1_700_000_000 + number}.1.mine`), octets);
  }
  await sync();
  assert.equal(messagesIn(home.maildir).length, MESSAGES + 20);
  assertSameMessages(messagesIn(join(near, 'INBOX')), messagesIn(home.maildir));
}

for (const [name, start] of Object.entries(tlsServers)) {
  test(`COMPRESS of ${name}: it is announced and taken after login only`, () =>
    withServer(start, async (server) => {
      const client = await openClient(server.tlsPort, true);
      const before = await client.must('CAPABILITY');
      assert.doesNotMatch(before.untagged.join(), /COMPRESS/);
      assert.equal((await client.send('COMPRESS DEFLATE')).status, 'BAD');
      await client.must(`LOGIN bob ${PASSWORD}`);
      const after = await client.must('CAPABILITY');
      assert.match(after.untagged.join(), / COMPRESS=DEFLATE\b/);
      client.close();
    }));

  test(`COMPRESS of ${name}: imapflow over TLS fetches and appends what is there, octet for octet`, () =>
    withServer(start, imapflow));

  test(`COMPRESS of ${name}: mbsync over TLS copies a mailbox both ways`, () => withServer(start, mbsync));
}
