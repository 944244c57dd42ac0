/**
 * What the ports of imapd and pop3d offer in TLS, as openssl s_client sees it: versions, with STARTTLS and STLS and without,
 * names, and ALPN. The settings one by one are in test/runtime/tls/tls-offer.test.ts.
 */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { scratchDirectory } from '../support/maildir-fixture.js';
import { mustRun, run } from '../support/processes.js';
import { makeCertificate, type OurServers, startOurs } from '../support/start.js';

const scratch = scratchDirectory('tls-ports');
let ours: OurServers;

before(async () => {
  const directory = join(scratch.path, 'server');
  mkdirSync(directory);
  // The first is for the ports in TLS, the second for STARTTLS and STLS.
  const tls = { TLS_PROTOCOL: 'TLSv1.2+', TLS_STARTTLS_PROTOCOL: 'TLSv1.3' };
  ours = await startOurs({ directory, users: [], settings: tls, pop3: tls });
});

after(async () => {
  await ours?.stop();
  scratch.remove();
});

/** How openssl s_client gets to each port. */
function ports(): Readonly<Record<string, readonly string[]>> {
  const { port, tlsPort, pop3 } = ours;
  return {
    imap: ['-starttls', 'imap', '-connect', `127.0.0.1:${port}`],
    imaps: ['-connect', `127.0.0.1:${tlsPort}`],
    pop3: ['-starttls', 'pop3', '-connect', `127.0.0.1:${pop3?.port}`],
    pop3s: ['-connect', `127.0.0.1:${pop3?.tlsPort}`],
  };
}

/** What it says; empty when there was no handshake. */
async function client(port: string, ...words: readonly string[]): Promise<string> {
  const command = ['openssl', 's_client', ...(ports()[port] ?? []), ...words];
  const { stdout } = await run(command);
  return /^New, \S+, Cipher is (?!\(NONE\))/m.test(stdout) ? stdout : '';
}

test('C5, T1: the versions of each port are those of its setting', async () => {
  const found: Record<string, string[]> = {};
  for (const port of Object.keys(ports())) {
    found[port] = [];
    for (const version of ['tls1', 'tls1_1', 'tls1_2', 'tls1_3']) {
      if ((await client(port, `-${version}`, '-cipher', 'ALL:@SECLEVEL=0')) !== '') found[port].push(version);
    }
  }
  const [both, last] = [['tls1_2', 'tls1_3'], ['tls1_3']];
  assert.deepEqual(found, { imap: last, imaps: both, pop3: last, pop3s: both });
});

test('a certificate that is put beside the main one is used for its name on each port, without a reload', async () => {
  const named = join(ours.configuration, 'imapd.pem.mail.example.com');
  await makeCertificate(named);
  const fingerprint = (text: string): Promise<string> =>
    mustRun(['openssl', 'x509', '-noout', '-fingerprint', '-sha256'], { input: text });
  const expected = await mustRun(['openssl', 'x509', '-noout', '-fingerprint', '-sha256', '-in', named]);
  for (const port of Object.keys(ports())) {
    const ask = async (name: string) => await fingerprint(await client(port, '-servername', name));
    for (let tries = 0; (await ask('mail.example.com')) !== expected; tries += 1) assert.ok(tries < 100, port);
    assert.notEqual(await ask('other.example.com'), expected);
  }
});

test('attack 8: each port knows its own protocol by ALPN, and no other', async () => {
  for (const [port, own, other] of [
    ['imaps', 'imap', 'pop3'],
    ['pop3s', 'pop3', 'imap'],
    ['imap', 'imap', 'smtp'],
  ] as const) {
    assert.match(await client(port, '-alpn', own), new RegExp(`^ALPN protocol: ${own}`, 'm'));
    assert.equal(await client(port, '-alpn', other), '', port);
  }
});
