/**
 * TLS_PRIORITY: Debian's couriertls, which has GnuTLS, and we offer the same suites of TLS 1.2 for the same string.
 */
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Certificates, withTlsServer } from '../runtime/tls/tls-server.js';
import { withCouriertls } from '../support/couriertls.js';
import { run } from '../support/processes.js';

const certificates = new Certificates();
after(() => certificates.remove());
const file = certificates.at('both');
before(async () => {
  await certificates.selfSigned('rsa', [], 'rsa');
  writeFileSync(file, ['pem', 'key'].map((end) => readFileSync(certificates.at(`rsa.${end}`), 'utf8')).join(''));
  // Courier reads it as another user.
  chmodSync(certificates.directory, 0o755);
  chmodSync(file, 0o644);
});

/** Found by taking away the suite that the server chose until it chooses none. */
async function suites(port: number): Promise<string[]> {
  const found: string[] = [];
  for (;;) {
    const wanted = `ALL:COMPLEMENTOFALL:!aNULL${found.map((suite) => `:!${suite}`).join('')}:@SECLEVEL=0`;
    const command = ['openssl', 's_client', '-connect', `127.0.0.1:${port}`, '-tls1_2', '-cipher', wanted];
    const { stdout } = await run(command);
    const [, suite] = /^New, \S+, Cipher is (\S+)$/m.exec(stdout) ?? [];
    if (suite === undefined || suite === '(NONE)') return found.sort();
    found.push(suite);
  }
}

for (const priority of [
  'SECURE256',
  'PFS',
  'NORMAL:-SHA1',
  'NORMAL:-RSA:-AES-128-CBC:-AES-256-CBC',
  'SECURE128:-CIPHER-ALL:+AES-256-CBC:+AES-256-GCM:-MAC-ALL:+SHA1:+AEAD',
  'NORMAL:-KX-ALL:+RSA:-AES-256-GCM:-CHACHA20-POLY1305:+SHA256',
  'NONE:+VERS-TLS1.2:+ECDHE-RSA:+AES-128-GCM:+AES-128-CBC:+AEAD:+SIGN-ALL:+GROUP-SECP256R1',
]) {
  test(`the suites of TLS_PRIORITY=${priority}`, async () => {
    const expected = await withCouriertls({ TLS_CERTFILE: file, TLS_PRIORITY: priority }, suites);
    assert.ok(expected.length > 0);
    await withTlsServer(`TLS_CERTFILE=${file}\nTLS_PRIORITY=${priority}\n`, async ({ port }) => {
      assert.deepEqual(await suites(port), expected);
    });
  });
}
