/**
 * mkimapdcert, mkpop3dcert and mkdhparams: what they make, and what they leave alone.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { programs } from '../support/paths.js';
import { mustRun, run } from '../support/processes.js';

const DAY_SECONDS = 86_400;
const directory = mkdtempSync(join(tmpdir(), 'certificate-tools-'));
after(() => rmSync(directory, { recursive: true, force: true }));

const at = (name: string): string => join(directory, name);
const environment = { COURIER_CONFDIR: directory };
const tool = (name: string, words: readonly string[] = [], more: Record<string, string> = {}) =>
  run([join(programs, name), ...words], { environment: { ...environment, ...more } });
const shown = (file: string): Promise<string> =>
  mustRun(['openssl', 'x509', '-in', file, '-noout', '-text', '-nameopt', 'rfc2253']);

for (const daemon of ['imapd', 'pop3d']) {
  writeFileSync(at(daemon), '');
  writeFileSync(at(`${daemon}-ssl`), `TLS_CERTFILE=${at(daemon)}.pem\nTLS_DHPARAMS=${at('dhparams.pem')}\n`);
}

for (const daemon of ['imapd', 'pop3d']) {
  test(`T3, T4: mk${daemon}cert makes a certificate for these names, for its owner only, and no second one`, async () => {
    const file = at(`${daemon}.pem`);
    const names = ['mail.example.com', '*.example.net', '192.0.2.7', '2001:db8::7'];

    assert.deepEqual(await tool(`mk${daemon}cert`, names), { exitCode: 0, stdout: '', stderr: '' });

    const text = readFileSync(file, 'utf8');
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const alternatives =
      /DNS:mail\.example\.com, DNS:\*\.example\.net, IP Address:192\.0\.2\.7, IP Address:2001:DB8:0:0:0:0:0:7/;
    assert.match(await shown(file), alternatives);
    await mustRun(['openssl', 'verify', '-CAfile', file, file]);
    assert.deepEqual(await tool(`mk${daemon}cert`), { exitCode: 1, stdout: `${file} already exists.\n`, stderr: '' });
    assert.equal(readFileSync(file, 'utf8'), text);
    rmSync(file);
  });
}

test('words that are no names are refused before a file is made', async () => {
  for (const word of ['--force', 'two words', 'a/b', '.']) {
    const { exitCode, stderr } = await tool('mkimapdcert', [word]);
    assert.equal(exitCode, 64);
    assert.match(stderr, /Usage: mkimapdcert|is no host name and no address/);
  }
  assert.equal(statSync(at('imapd.pem'), { throwIfNoEntry: false }), undefined);
});

test("imapd.cnf as Debian ships it, a template of certtool: the site's words, this machine's names", async () => {
  writeFileSync(at('imapd.cnf'), readFileSync('/etc/courier/imapd.cnf'));

  await tool('mkimapdcert');

  const text = await shown(at('imapd.pem'));
  assert.match(
    text,
    /Subject: .*CN=[^,]+,OU=Automatically-generated IMAP SSL key,O=Courier Mail Server,L=New York,ST=NY,C=US$/m,
  );
  assert.match(text, /emailAddress=postmaster@example\.com/);
  assert.match(text, /DNS:localhost/);
  rmSync(at('imapd.pem'));
  rmSync(at('imapd.cnf'));
});

test('pop3d.cnf in the words of openssl req, which names the server', async () => {
  const lines = [
    'RANDFILE = /etc/courier/pop3d.rand',
    '[ req ]\ndefault_bits = 4096\nencrypt_key = yes\ndistinguished_name = req_dn\nx509_extensions = cert_type',
    '[ req_dn ]\nC=DE\nST=Hessen\n0.O=Würmer & Söhne # a comment\n#OU=nobody\nCN=pop.example.org',
    '[ cert_type ]\nnsCertType = server\nsubjectAltName=DNS:mail.example.org,IP:192.0.2.9,email:a@example.org',
  ];
  writeFileSync(at('pop3d.cnf'), `${lines.join('\n')}\n`);

  await tool('mkpop3dcert');

  const text = await shown(at('pop3d.pem'));
  assert.match(text, /Subject: CN=pop\.example\.org,O=W\\C3\\BCrmer & S\\C3\\B6hne,ST=Hessen,C=DE$/m);
  assert.match(text, /DNS:pop\.example\.org, DNS:mail\.example\.org, IP Address:192\.0\.2\.9$/m);
  await mustRun([
    'openssl',
    'verify',
    '-CAfile',
    at('pop3d.pem'),
    '-verify_hostname',
    'mail.example.org',
    at('pop3d.pem'),
  ]);
  rmSync(at('pop3d.pem'));
});

test('T5: mkdhparams writes parameters that openssl knows, again after 25 days, and not before', async () => {
  const file = at('dhparams.pem');
  const made = async (): Promise<number> => {
    assert.deepEqual(await tool('mkdhparams'), { exitCode: 0, stdout: '', stderr: '' });
    return statSync(file).mtimeMs;
  };
  await made();
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.match(await mustRun(['openssl', 'dhparam', '-in', file, '-noout', '-text']), /2048 bit\)\s+GROUP: ffdhe2048/);
  const daysAgo = (days: number): number => Date.now() / 1000 - days * DAY_SECONDS;

  utimesSync(file, daysAgo(24), daysAgo(24));
  const young = statSync(file).mtimeMs;
  assert.equal(await made(), young);
  utimesSync(file, daysAgo(26), daysAgo(26));
  const old = statSync(file).mtimeMs;
  assert.notEqual(await made(), old);

  const other = { TLS_DHPARAMS: at('other.pem'), DH_BITS: '4096' };
  assert.equal((await tool('mkdhparams', [], other)).exitCode, 0);
  assert.match(await mustRun(['openssl', 'dhparam', '-in', at('other.pem'), '-noout', '-text']), /GROUP: ffdhe4096/);
  const { exitCode, stderr } = await tool('mkdhparams', [], { TLS_DHPARAMS: at('third.pem'), DH_BITS: '1024' });
  assert.equal(exitCode, 1);
  assert.match(stderr, /DH_BITS=1024: write one of 2048, 3072, 4096/);
});
