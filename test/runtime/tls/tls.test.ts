/**
 * TLS: what is sent before it does not count, wrong protocols and versions are refused, names get their certificates.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { writeNewCertificate } from '../../../init/runtime/tls/certificate-file.js';
import { Client, certificateFor, securely, withToy } from '../toy.js';

test('A 1: what came before the handshake is never answered after it', async () => {
  await withToy(async (toy) => {
    const plain = connect(toy.port, '127.0.0.1');
    await new Promise((resolve) => plain.once('data', resolve));
    plain.write('STARTTLS\nECHO injected\nLOGIN bob:1001:1001 secret\n');
    const answer = await new Promise<Buffer>((resolve) => plain.once('data', resolve));
    assert.equal(answer.toString(), 'OK begin\n');

    const client = new Client(connectTls({ socket: plain, rejectUnauthorized: false }));

    assert.equal(await client.ask('ECHO mine'), 'ECHO mine tls=true');
    assert.equal(await client.ask('STARTTLS'), 'NO TLS');
    client.close();
  });
});

test('A 8: ALPN for another protocol is refused, for ours or for none it is welcome', async () => {
  await withToy(async (toy) => {
    await assert.rejects(securely(toy.tlsPort, { ALPNProtocols: ['http/1.1'] }), /no application protocol/);
    const ours = await securely(toy.tlsPort, { ALPNProtocols: ['http/1.1', 'toy'] });
    assert.equal(ours.alpnProtocol, 'toy');
    ours.destroy();
    (await securely(toy.tlsPort)).destroy();
    await toy.logged(/^INFO: ip=\[127\.0\.0\.1\], couriertls: accept: /);
  });
});

test('A 9 and 11: old versions and garbage end in one line of the log, and the next client is served', async () => {
  await withToy(async (toy) => {
    const old = { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' };
    await assert.rejects(securely(toy.tlsPort, old));
    const garbage = connect(toy.tlsPort, '127.0.0.1');
    garbage.on('error', () => {});
    garbage.write('GET / HTTP/1.1\r\n\r\n');
    await new Promise((resolve) => garbage.once('close', resolve));
    const half = connect(toy.tlsPort, '127.0.0.1');
    half.write(Buffer.from([22, 3, 1, 2, 0]));
    half.end();

    assert.equal(await (await toy.tlsClient()).ask('hello'), 'hello tls=true');
    assert.ok(toy.log.filter((line) => line.includes('couriertls')).length >= 2);
  });
});

test('a certificate for a name is used for that name only', async () => {
  await withToy(async (toy) => {
    writeFileSync(`${toy.certificate}.mail.example.com`, certificateFor('named'));
    toy.signal('SIGHUP');
    await toy.logged(/settings read again/);
    const organization = async (servername: string) => {
      const socket = await securely(toy.tlsPort, { servername });
      const { O } = socket.getPeerCertificate().subject as unknown as { O: string };
      socket.destroy();
      return O;
    };

    assert.equal(await organization('mail.example.com'), 'named');
    assert.equal(await organization('Other.example.com'), 'first');
  });
});

test('T3 and T4: a certificate that we make is good for openssl, private, and never overwritten', () => {
  const directory = mkdtempSync(join(tmpdir(), 'certificate-'));
  try {
    const path = join(directory, 'imapd.pem');

    assert.equal(writeNewCertificate(path, ['mail.example.com', '192.0.2.7', '2001:db8::7']), true);
    const text = readFileSync(path, 'utf8');
    assert.equal(writeNewCertificate(path, ['other.example.com']), false);

    assert.equal(readFileSync(path, 'utf8'), text);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const shown = execFileSync('openssl', ['x509', '-in', path, '-noout', '-text'], { encoding: 'utf8' });
    assert.match(shown, /DNS:mail\.example\.com, IP Address:192\.0\.2\.7, IP Address:2001:DB8:0:0:0:0:0:7/);
    assert.match(execFileSync('openssl', ['verify', '-CAfile', path, path], { encoding: 'utf8' }), /: OK/);
    assert.equal(existsSync(`${path}.${process.pid}.tmp`), false);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
