/**
 * OCSP stapling: a response of the authority is shown to those who ask, for the right certificate, and as long as it holds.
 */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { readOcspResponse } from '../../../init/runtime/tls/ocsp-response.js';
import { ServiceCertificates } from '../../../init/runtime/tls/service-certificates.js';
import { readTlsFiles, type TlsMaterial } from '../../../init/runtime/tls/tls-files.js';
import { waitUntil } from '../../support/processes.js';
import { Certificates, settingsOf, withTlsServer } from './tls-server.js';

const certificates = new Certificates();
after(() => certificates.remove());

/** What the authority says about a certificate, from now on for some days. */
async function respond(name: string, state: 'V' | 'R', days: number): Promise<string> {
  const { serialNumber } = new X509Certificate(readFileSync(certificates.at(`${name}.pem`)));
  const revoked = state === 'R' ? '261101000000Z' : '';
  writeFileSync(
    certificates.at('index'),
    `${state}\t361231000000Z\t${revoked}\t${serialNumber}\tunknown\t/O=${name}\n`,
  );
  const response = certificates.at(`${name}-${state}-${days}.ocsp`);
  const authority = ['-CA', 'authority.pem', '-rsigner', 'authority.pem', '-rkey', 'authority.key', '-index', 'index'];
  const question = ['-issuer', 'authority.pem', '-cert', `${name}.pem`, '-no_nonce'];
  await certificates.openssl('ocsp', ...authority, ...question, '-ndays', String(days), '-respout', response);
  return response;
}

before(async () => {
  await certificates.selfSigned('authority');
  for (const name of ['server', 'named']) await certificates.signed(name, 'authority');
});

const settings = (): string => {
  const [file, key, ocsp] = ['server.pem', 'server.key', 'server.ocsp'].map((name) => certificates.at(name));
  return `TLS_CERTFILE=${file}\nTLS_PRIVATE_KEYFILE=${key}\nTLS_OCSPFILE=${ocsp}\n`;
};

test('a response is shown with its certificate, by name, too, and only to those who ask', async () => {
  copyFileSync(await respond('server', 'V', 3), certificates.at('server.ocsp'));
  copyFileSync(await respond('named', 'V', 3), certificates.at('server.ocsp.mail.example.com'));
  copyFileSync(certificates.at('named.pem'), certificates.at('server.pem.mail.example.com'));
  copyFileSync(certificates.at('named.key'), certificates.at('server.key.mail.example.com'));
  copyFileSync(certificates.at('server.pem'), certificates.at('server.pem.plain.example.com'));

  await withTlsServer(settings(), async (server) => {
    const serial = async (...words: string[]) => /Serial Number: (\w+)/.exec(await server.client(...words))?.[1];
    const serialOf = (name: string) => new X509Certificate(readFileSync(certificates.at(`${name}.pem`))).serialNumber;
    assert.equal(await serial('-status'), serialOf('server'));
    assert.equal(await serial('-status', '-noservername', '-tls1_2'), serialOf('server'));
    assert.equal(await serial('-status', '-servername', 'mail.example.com'), serialOf('named'));
    assert.match(await server.client('-status', '-servername', 'mail.example.com'), /Cert Status: good/);
    assert.doesNotMatch(await server.client(), /OCSP Response/);
    const authority = ['-status', '-verify_return_error', '-CAfile', certificates.at('authority.pem')];
    assert.match(await server.client(...authority), /OCSP Response Status: successful/);
  });
});

test('one that is over is not shown, and the log says so; nor one that is revoked, of another, or no response', async () => {
  const good = await respond('server', 'V', 3);
  const now = Date.now();
  const warning = (file: string, at = now): string => {
    copyFileSync(file, certificates.at('server.ocsp'));
    const { material, warnings } = readTlsFiles(settingsOf(settings()).settings, at);
    const isShown = material.certificates[0]?.ocsp !== undefined;
    return isShown ? 'shown' : warnings.filter((text) => text.includes('server.ocsp (')).join();
  };
  const DAY_MS = 86_400_000;

  assert.equal(warning(good), 'shown');
  assert.match(
    warning(good, now + 4 * DAY_MS),
    /server\.ocsp \(TLS_OCSPFILE\) is not shown to clients: it was good until 20/,
  );
  assert.match(warning(await respond('server', 'R', 3)), /: it says that the certificate is revoked; fetch a new one/);
  assert.match(warning(await respond('named', 'V', 3)), /: it is about another certificate;/);
  assert.match(warning(certificates.at('server.pem')), /: it is no successful OCSP response in DER;/);
  writeFileSync(certificates.at('empty'), '');
  assert.match(warning(certificates.at('empty')), /: it is no successful OCSP response in DER;/);
});

test('octets that are no response, or end too early, are refused and nothing else happens', async () => {
  const response = readFileSync(await respond('server', 'V', 1));
  const { serialNumber } = new X509Certificate(readFileSync(certificates.at('server.pem')));
  assert.ok(readOcspResponse(response, serialNumber).until > Date.now());
  for (let length = 0; length < response.length; length += 1) {
    assert.throws(() => readOcspResponse(response.subarray(0, length), serialNumber), /^Error: it /);
  }
  for (let at = 0; at < 200; at += 1) {
    const changed = Buffer.from(response);
    changed[at] = (changed[at] ?? 0) ^ 0x55;
    try {
      readOcspResponse(changed, serialNumber);
    } catch (error) {
      assert.match(String(error), /^Error: it/);
    }
  }
});

test('a new response is used when its file changes, without a reload', async () => {
  const file = certificates.at('server.ocsp');
  copyFileSync(await respond('server', 'R', 3), file);
  let material: TlsMaterial | undefined;
  const lines: string[] = [];
  const log = { write: (_level: string, text: string) => void lines.push(text), bug: () => undefined };
  const service = new ServiceCertificates(log, (next) => {
    material = next;
  });
  try {
    service.readIfPossible({ tls: settingsOf(settings()).settings, startTls: true });
    assert.equal(material?.certificates[0]?.ocsp, undefined);
    assert.match(lines.join('\n'), /it says that the certificate is revoked/);

    copyFileSync(await respond('server', 'V', 3), file);

    await waitUntil('it is used', () => material?.certificates[0]?.ocsp !== undefined);
  } finally {
    service.stop();
  }
});
