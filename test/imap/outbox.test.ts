/**
 * The folder that sends: what the program gets, what is stored, and what is refused. The program is a script that keeps what
 * it is given.
 */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { withoutFields } from '../../imapd/outbox/sent-header.js';
import type { SessionSettings } from '../../imapd/settings/session-settings.js';
import { SessionFixture } from '../support/session-fixture.js';

const MESSAGE = 'To: ann@example.com\r\nBcc: carl@example.com\r\nX-Note: mine\r\n and more\r\n\r\nhello\r\n';
const STORED = MESSAGE.replaceAll('\r', '');

function scene(t: { after(run: () => Promise<void>): void }) {
  const fixture = new SessionFixture('empty');
  t.after(() => fixture.close());
  const home = dirname(fixture.maildir);
  for (const name of ['', 'cur', 'new', 'tmp']) mkdirSync(join(fixture.maildir, '.Outbox', name), { recursive: true });
  const program = join(home, 'sendmail');
  const sent = join(home, 'sent');
  writeFileSync(program, `#!/bin/sh\n{ echo "$*"; cat; echo end; } >> '${sent}'\n`);
  chmodSync(program, 0o755);
  const outbox = {
    folderName: 'INBOX.Outbox',
    sendmail: program,
    headerFrom: 'X-IMAP-Sender',
    severalAtOnce: false,
    droppedFields: [],
  };
  const whatWasSent = (): string => readFileSync(sent, 'utf8');
  const stored = (): string[] => readdirSync(join(fixture.maildir, '.Outbox', 'cur'));
  const fail = (): void =>
    writeFileSync(program, '#!/bin/sh\ncat > /dev/null\necho no such user\necho sorry >&2\nexit 67\n');
  return { fixture, outbox, whatWasSent, stored, fail, program };
}

/** APPEND of a message; gives the lines of the answer. */
async function append(client: ReturnType<SessionFixture['client']>, tag: string, message = MESSAGE): Promise<string> {
  client.send(`${tag} APPEND INBOX.Outbox (\\Seen) {${message.length}}\r\n`);
  await client.until('+ OK\n');
  client.send(`${message}\r\n`);
  return (await client.until(`${tag} `)) + (await client.until('\n'));
}

const sending = (outbox: SessionSettings['outbox']): Partial<SessionSettings> =>
  outbox === undefined ? {} : { outbox };

test('E1: what is added to the outbox is sent once, and stored', async (t) => {
  const { fixture, outbox, whatWasSent, stored } = scene(t);
  const client = fixture.client(sending(outbox));

  assert.match(await client.command('a CAPABILITY'), / XCOURIEROUTBOX=INBOX\.Outbox( |$)/m);
  assert.match(await append(client, 'b'), /^b OK \[APPENDUID \d+ 1\] APPEND Ok\.$/m);
  assert.equal(whatWasSent(), `-oi -t -f bob\nX-IMAP-Sender: bob\n${STORED}end\n`);
  const [name = ''] = stored();
  assert.equal(readFileSync(join(fixture.maildir, '.Outbox', 'cur', name), 'utf8'), STORED);
  assert.match(name, /:2,S$/);
});

test('COPY and MOVE send, too, one message at a time unless the site says otherwise', async (t) => {
  const { fixture, outbox, whatWasSent, stored } = scene(t);
  for (const name of ['1.a', '2.b', '3.c'])
    writeFileSync(join(fixture.maildir, 'cur', `${name}:2,`), `To: ${name}\n\n${name}\n`);
  const client = fixture.client(sending(outbox));
  await client.command('a SELECT INBOX');

  assert.match(
    await client.command('b COPY 1:2 INBOX.Outbox'),
    /^b NO \[ALERT\] Only one message may be sent at a time\.$/m,
  );
  assert.deepEqual(stored(), []);
  assert.match(await client.command('c COPY 2 INBOX.Outbox'), /^c OK \[COPYUID /m);
  assert.match(await client.command('d MOVE 3 INBOX.Outbox'), /^d OK /m);
  assert.deepEqual(whatWasSent().match(/^To: .*/gm), ['To: 2.b', 'To: 3.c']);

  const other = fixture.client(sending({ ...outbox, severalAtOnce: true, headerFrom: '' }));
  await other.command('a SELECT INBOX');
  assert.match(await other.command('b COPY 1:2 INBOX.Outbox'), /^b OK /m);
  assert.equal(stored().length, 4);
  assert.equal(whatWasSent().match(/^X-IMAP-Sender/gm)?.length, 2);
});

test('what cannot be sent is not stored, and the log says why', async (t) => {
  const { fixture, outbox, stored, fail, program } = scene(t);
  fail();
  const client = fixture.client(sending(outbox));

  assert.match(await append(client, 'a'), /^a NO \[ALERT\] Unable to send E-mail message\.$/m);
  rmSync(program);
  assert.match(await append(client, 'b'), /^b NO \[ALERT\] Unable to send E-mail message\.$/m);
  assert.match(await append(client, 'c', `To: x\r\n\r\n${'x'.repeat(500_000)}\r\n`), /^c NO \[ALERT\]/m);

  assert.deepEqual(stored(), []);
  assert.deepEqual(readdirSync(join(fixture.maildir, '.Outbox', 'tmp')), []);
  const [first = '', second = ''] = fixture.log;
  assert.equal(
    first,
    'error: error sending a message, user=bob, ip=[192.0.2.7], port=[40112]: no such user/sorry/exit 67',
  );
  assert.match(second, /ENOENT/);
});

test('what was sent and cannot be stored is not refused, so that it is not sent again', async (t) => {
  const { fixture, outbox, whatWasSent } = scene(t);
  writeFileSync(join(fixture.maildir, 'maildirsize'), '1000S\n           0            0\n');
  const client = fixture.client(sending(outbox));
  // The program takes the room while it sends.
  const program = outbox.sendmail;
  const sizes = join(fixture.maildir, 'maildirsize');
  writeFileSync(program, `${readFileSync(program, 'utf8')}printf '10S\\n           0            0\\n' > '${sizes}'\n`);

  const answer = await append(client, 'a');

  assert.match(answer, /^\* NO \[ALERT\] The message was sent, but could not be stored\.$/m);
  assert.match(answer, /^a OK The message was sent\.$/m);
  assert.match(whatWasSent(), /^To: ann/m);
});

test('E2: fields that mail programs keep for themselves can be left out of what is sent', async (t) => {
  const { fixture, outbox, whatWasSent, stored } = scene(t);
  const client = fixture.client(sending({ ...outbox, droppedFields: ['x-note', 'x-none'] }));
  await append(client, 'a');
  assert.equal(
    whatWasSent(),
    '-oi -t -f bob\nX-IMAP-Sender: bob\nTo: ann@example.com\nBcc: carl@example.com\n\nhello\nend\n',
  );
  const [name = ''] = stored();
  assert.match(readFileSync(join(fixture.maildir, '.Outbox', 'cur', name), 'utf8'), /^X-Note: mine$/m);
});

test('fields are left out wherever the octets are cut', () => {
  const text = 'A: 1\nX-Drop: 2\n\tgoes on\nx-drop : 3\nB: 4\n\nX-Drop: body\n\nmore\n';
  for (let cut = 0; cut <= text.length; cut += 1) {
    const pieces = [text.slice(0, cut), text.slice(cut)].map((piece) => Buffer.from(piece));
    const left = Buffer.concat([...withoutFields(pieces, ['x-drop'])]).toString();
    assert.equal(left, 'A: 1\nB: 4\n\nX-Drop: body\n\nmore\n');
  }
  assert.equal(Buffer.concat([...withoutFields([Buffer.from('X-Drop: 1\n')], ['x-drop'])]).toString(), '');
  assert.equal(Buffer.concat([...withoutFields([Buffer.from(text)], [])]).toString(), text);
});

test('a folder that only looks like the outbox sends nothing', async (t) => {
  const { fixture, outbox, whatWasSent } = scene(t);
  const client = fixture.client(sending(outbox));
  await client.command('a CREATE INBOX.Outbox.Old');
  client.send('b APPEND INBOX.Outbox.Old {9+}\r\nTo: x\r\n\r\n\r\n');
  assert.match(await client.until('b OK'), /b OK/);
  assert.throws(whatWasSent, /ENOENT/);
});
