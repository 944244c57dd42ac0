/**
 * The installed imapd says before it starts what is wrong with its certificate, and does not start where it could serve
 * nobody in TLS (T9).
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeCertificate as certificateText } from '../../../init/runtime/tls/certificate.js';
import { programs } from '../../support/paths.js';
import { freePort, run } from '../../support/processes.js';
import { makeConfiguration } from '../../support/start.js';

const DAY_MS = 86_400_000;
const EXIT_SETTINGS = 78;

const directory = mkdtempSync(join(tmpdir(), 'certificates-at-start-'));
after(() => rmSync(directory, { recursive: true, force: true }));
let configuration = '';
before(async () => {
  const ports = { port: await freePort(), tlsPort: await freePort() };
  configuration = await makeConfiguration({ directory, users: [], ...ports });
});

const imapd = (...words: readonly string[]) =>
  run([join(programs, 'imapd'), ...words], { environment: { COURIER_CONFDIR: configuration }, seconds: 20 });

test('T9: imapd --check names a certificate that is nearly over, and one whose key is another', async () => {
  const file = join(configuration, 'imapd.pem');
  const whole = readFileSync(file, 'utf8');
  assert.deepEqual(await imapd('--check'), { exitCode: 0, stdout: 'No errors found.\n', stderr: '' });

  const now = Date.now();
  const request = { names: ['localhost'], organization: 'x', notBefore: now - DAY_MS };
  const old = certificateText({ ...request, notAfter: now + 3.5 * DAY_MS });
  writeFileSync(file, old);
  const warned = await imapd('--check');
  assert.equal(warned.exitCode, 0);
  assert.match(warned.stderr, /^warning: \S+imapd\.pem expires on \S+, in 3 days; renew the certificate$/m);

  const begin = '-----BEGIN CERTIFICATE-----';
  writeFileSync(
    file,
    old.slice(0, old.indexOf(begin)) + whole.slice(whole.indexOf(begin)).replace(/-----BEGIN PRIV[\s\S]*/, ''),
  );
  const expected = /imapd\.pem cannot be used: .*; the key in \S+imapd\.pem belongs to another certificate/;
  const checked = await imapd('--check');
  assert.equal(checked.exitCode, EXIT_SETTINGS);
  assert.match(checked.stderr, expected);
  const started = await imapd();
  assert.equal(started.exitCode, EXIT_SETTINGS);
  assert.match(started.stderr, expected);
  writeFileSync(file, whole);
});

test('IMAP_TLS_REQUIRED without STARTTLS is a warning: nobody could log in on PORT', async () => {
  const file = join(configuration, 'imapd');
  writeFileSync(file, `${readFileSync(file, 'utf8')}\nIMAP_TLS_REQUIRED=1\nIMAPDSTARTTLS=NO\n`);
  const { exitCode, stderr } = await imapd('--check');
  assert.equal(exitCode, 0);
  assert.match(stderr, /^warning: \S+imapd:\d+: IMAP_TLS_REQUIRED lets nobody log in on PORT; set IMAPDSTARTTLS=YES/m);
});
