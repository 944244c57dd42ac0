/**
 * Login by a client certificate with openssl s_client and curl, on imapd and pop3d: the e-mail address in it is the account
 * (T6). What mechanisms do besides is in mechanisms.test.ts.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { copyMaildir, scratchDirectory } from '../support/maildir-fixture.js';
import { giveToMailUser } from '../support/peer-targets.js';
import { mustRun, run, waitUntil } from '../support/processes.js';
import { type OurServers, startOurs } from '../support/start.js';

const scratch = scratchDirectory('client-certificates');
const at = (name: string): string => join(scratch.path, name);
let ours: OurServers;

const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

async function authority(name: string): Promise<void> {
  const files = ['-keyout', at(`${name}.key`), '-out', at(`${name}.pem`)];
  await mustRun(['openssl', 'req', '-x509', ...CURVE, '-days', '30', '-subj', `/CN=${name}`, ...files]);
}

async function certificate(name: string, subject: string, by: string): Promise<void> {
  const [key, request, signed] = ['key', 'csr', 'pem'].map((end) => at(`${name}.${end}`)) as [string, string, string];
  await mustRun(['openssl', 'req', ...CURVE, '-subj', subject, '-keyout', key, '-out', request]);
  const signing = ['-CA', at(`${by}.pem`), '-CAkey', at(`${by}.key`), '-CAcreateserial', '-days', '30'];
  await mustRun(['openssl', 'x509', '-req', '-in', request, ...signing, '-out', signed]);
}

before(async () => {
  for (const name of ['own', 'foreign']) await authority(name);
  await certificate('ann', '/O=x/CN=Ann Example/emailAddress=ann@example.com', 'own');
  await certificate('nameless', '/O=x/CN=ann@example.com', 'own');
  await certificate('closed', '/CN=c/emailAddress=closed@example.com', 'own');
  await certificate('stranger', '/CN=s/emailAddress=ann@example.com', 'foreign');
  const hashed = at('hashed');
  mkdirSync(hashed);
  writeFileSync(join(hashed, 'own.pem'), readFileSync(at('own.pem')));
  await mustRun(['openssl', 'rehash', hashed]);
  const users = ['ann@example.com', 'closed@example.com'].map((name) => {
    const home = join(at('homes'), name);
    mkdirSync(home, { recursive: true });
    copyMaildir('three-messages', join(home, 'Maildir'));
    giveToMailUser(home);
    return name.startsWith('closed') ? { name, home, options: 'disableimap=1,disablepop3=1' } : { name, home };
  });
  const directory = at('server');
  mkdirSync(directory);
  const tls = { TLS_VERIFYPEER: 'PEER', TLS_TRUSTCERTS: hashed, TLS_EXTERNAL: 'emailaddress' };
  ours = await startOurs({ directory, users, settings: tls, pop3: tls });
});

after(async () => {
  await ours?.stop();
  scratch.remove();
});

const shown = (name: string): string[] => ['-cert', at(`${name}.pem`), '-key', at(`${name}.key`)];

/** What the server says to these lines in openssl s_client, until it closes. */
async function say(protocol: 'imap' | 'pop3', how: readonly string[], lines: readonly string[]): Promise<string> {
  const port = protocol === 'imap' ? ours.tlsPort : ours.pop3?.tlsPort;
  const command = ['openssl', 's_client', '-quiet', '-ign_eof', '-connect', `127.0.0.1:${port}`, ...how];
  const { stdout } = await run(command, { input: lines.map((line) => `${line}\r\n`).join('') });
  return stdout;
}

test('T6: the certificate of an authority of ours lets its owner in, with openssl s_client', async () => {
  const name = Buffer.from('ann@example.com').toString('base64');
  const imap = await say('imap', shown('ann'), [
    'a CAPABILITY',
    `b AUTHENTICATE EXTERNAL ${name}`,
    'c STATUS INBOX (MESSAGES)',
    'd LOGOUT',
  ]);
  assert.match(imap, /AUTH=EXTERNAL[\s\S]*^b OK [\s\S]*^\* STATUS "?INBOX"? \(MESSAGES 3\)\r\n/m);
  const pop3 = await say('pop3', shown('ann'), ['CAPA', `AUTH EXTERNAL ${name}`, 'STAT', 'QUIT']);
  assert.match(pop3, /^SASL .*EXTERNAL[\s\S]*^\+OK 3 \d+\r\n/m);
});

test('T6: curl, over STARTTLS and STLS and over the ports for TLS', async () => {
  const files = ['--cert', at('ann.pem'), '--key', at('ann.key'), '--insecure', '--user', 'ann@example.com:'];
  const common = ['/usr/bin/curl', '--silent', '--show-error', ...files, '--login-options', 'AUTH=EXTERNAL'];
  const { port, tlsPort, pop3 } = ours;
  for (const url of [`imaps://127.0.0.1:${tlsPort}`, `imap://127.0.0.1:${port}`]) {
    const answer = await mustRun([...common, '--ssl-reqd', `${url}/`, '--request', 'STATUS INBOX (MESSAGES)']);
    assert.match(answer, /MESSAGES 3/, url);
  }
  for (const url of [`pop3s://127.0.0.1:${pop3?.tlsPort}`, `pop3://127.0.0.1:${pop3?.port}`]) {
    const list = await mustRun([...common, '--ssl-reqd', `${url}/`]);
    assert.equal(list.trim().split('\n').length, 3, url);
  }
});

test('T6: a certificate without the field offers no EXTERNAL, and a closed account is refused', async () => {
  const capabilities = await say('imap', shown('nameless'), ['a CAPABILITY', 'b AUTHENTICATE EXTERNAL =', 'c LOGOUT']);
  assert.match(capabilities, /^b NO /m);
  assert.doesNotMatch(capabilities, /AUTH=EXTERNAL/);
  assert.match(await say('imap', shown('closed'), ['b AUTHENTICATE EXTERNAL =', 'c LOGOUT']), /^b NO /m);
  assert.match(await say('pop3', shown('closed'), ['AUTH EXTERNAL =', 'QUIT']), /^-ERR /m);
  const other = Buffer.from('closed@example.com').toString('base64');
  assert.match(await say('imap', shown('ann'), [`b AUTHENTICATE EXTERNAL ${other}`, 'c LOGOUT']), /^b NO /m);
});

test('T6: a certificate of a foreign authority ends the handshake', async () => {
  for (const protocol of ['imap', 'pop3'] as const) {
    for (const version of ['-tls1_2', '-tls1_3']) {
      assert.equal(
        await say(protocol, [...shown('stranger'), version], ['a CAPABILITY', 'CAPA', 'c LOGOUT', 'QUIT']),
        '',
      );
    }
  }
  const told = /couriertls: accept: Peer certificate verification failed/;
  await waitUntil('the log tells it', () => told.test(ours.log()));
});
