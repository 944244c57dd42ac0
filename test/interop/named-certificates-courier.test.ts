/**
 * Which certificate a client gets, from Debian's couriertls and from us, of the same files.
 */
import assert from 'node:assert/strict';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Certificates, withTlsServer } from '../runtime/tls/tls-server.js';
import { withCouriertls } from '../support/couriertls.js';
import { run } from '../support/processes.js';

const certificates = new Certificates();
after(() => certificates.remove());

const MAIN = 'main.both';

before(async () => {
  const beside = { main: MAIN, named: `${MAIN}.mail.example.com`, address: `${MAIN}.127.0.0.1`, dotted: `${MAIN}.a.b` };
  for (const [name, file] of Object.entries(beside)) {
    await certificates.selfSigned(name);
    const text = ['pem', 'key'].map((end) => readFileSync(certificates.at(`${name}.${end}`), 'utf8')).join('');
    writeFileSync(certificates.at(file), text);
  }
  await certificates.selfSigned('apart');
  writeFileSync(certificates.at(`${MAIN}.apart.example.com`), readFileSync(certificates.at('apart.pem')));
  writeFileSync(certificates.at('main.key.apart.example.com'), readFileSync(certificates.at('apart.key')));
  // Courier reads them as another user.
  chmodSync(certificates.directory, 0o755);
  for (const file of readdirSync(certificates.directory)) chmodSync(certificates.at(file), 0o644);
});

const NAMES = [undefined, 'mail.example.com', 'other.example.com', 'apart.example.com', 'a.b', 'example.com'];

/** The organization in the certificate for each name. */
async function organizations(port: number): Promise<(string | undefined)[]> {
  const found: (string | undefined)[] = [];
  for (const name of NAMES) {
    const words = name === undefined ? ['-noservername'] : ['-servername', name];
    const { stdout } = await run(['openssl', 's_client', '-connect', `127.0.0.1:${port}`, ...words]);
    found.push(/subject=O = (\w+)/.exec(stdout)?.[1]);
  }
  return found;
}

test('files with names, addresses and keys apart: the certificate is the one that Courier shows', async () => {
  for (const withKeyFile of [false, true]) {
    const settings = {
      TLS_CERTFILE: certificates.at(MAIN),
      ...(withKeyFile ? { TLS_PRIVATE_KEYFILE: certificates.at('main.key') } : {}),
    };
    const courier = await withCouriertls(settings, organizations);
    const text = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
    await withTlsServer(text.join(''), async ({ port }) => {
      const ours = await organizations(port);
      // Without a key file Courier has no key for the one that is apart, and breaks off; here it is the main one's turn.
      const expected = withKeyFile ? courier : courier.map((name, index) => (index === 3 ? 'address' : name));
      assert.deepEqual(ours, expected);
    });
    assert.deepEqual([courier[0], courier[1], courier[2]], ['address', 'named', 'address']);
    assert.equal(courier[3], withKeyFile ? 'apart' : undefined);
  }
});
