/**
 * Certificates are renewed while the server runs: new files are used within seconds, without a reload, however they are
 * put in place; and one that cannot be used costs nothing (attack 12).
 */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { askControl } from '../../../init/runtime/service/control.js';
import { makeCertificate } from '../../../init/runtime/tls/certificate.js';
import { readTlsFiles } from '../../../init/runtime/tls/tls-files.js';
import { waitUntil } from '../../support/processes.js';
import { certificateFor, securely, type Toy, withToy } from '../toy.js';
import { Certificates, settingsOf } from './tls-server.js';

const DAY_MS = 86_400_000;

const certificates = new Certificates();
after(() => certificates.remove());
before(() => certificates.selfSigned('other'));

async function organization(toy: Toy, servername?: string): Promise<string> {
  const socket = await securely(toy.tlsPort, servername === undefined ? {} : { servername });
  const { O } = socket.getPeerCertificate().subject as unknown as { O: string };
  socket.destroy();
  return O;
}

const becomes = (toy: Toy, expected: string, servername?: string): Promise<void> =>
  waitUntil(`${expected} is used`, async () => (await organization(toy, servername)) === expected);

const status = (toy: Toy): Promise<string> => askControl(join(toy.directory, 'state', 'toy.control'), 'status');

const complaints = (toy: Toy): string[] => toy.log.filter((line) => line.startsWith('ERR: TLS:'));

/** A key and its certificate, apart. */
function keyAndChain(name: string): readonly [string, string] {
  const text = certificateFor(name);
  const end = text.indexOf('-----BEGIN CERTIFICATE-----');
  return [text.slice(0, end), text.slice(end)];
}

// Most of the time is spent waiting for the server to look.
describe('while the server runs', { concurrency: true }, () => {
  test('attack 12: a certificate is renewed by rename, in place, and behind a link; each time new connections have it', async () => {
    await withToy(async (toy) => {
      const file = toy.certificate;
      const session = await toy.tlsClient();

      writeFileSync(`${file}.next`, certificateFor('renamed'));
      renameSync(`${file}.next`, file);
      await becomes(toy, 'renamed');
      writeFileSync(file, certificateFor('in place'));
      await becomes(toy, 'in place');
      const live = join(toy.directory, 'live');
      mkdirSync(live);
      writeFileSync(join(live, 'one.pem'), certificateFor('linked'));
      rmSync(file);
      symlinkSync(join(live, 'one.pem'), file);
      await becomes(toy, 'linked');
      writeFileSync(join(live, 'two.pem'), certificateFor('behind the link'));
      renameSync(join(live, 'two.pem'), join(live, 'one.pem'));
      await becomes(toy, 'behind the link');

      assert.equal(await session.ask('hello'), 'hello tls=true', 'a session lives on');
      session.close();
      assert.deepEqual(complaints(toy), []);
      assert.equal(toy.log.filter((line) => /^INFO: TLS: new certificate: .*cert\.pem, until /.test(line)).length, 4);
    });
  });

  test('attack 12: while a file is broken or half there the earlier certificate stays; one line, and the status, say so', async () => {
    await withToy(async (toy) => {
      const file = toy.certificate;
      assert.match(await status(toy), /^certificate file=\S+cert\.pem until=\S+Z in use$/m);
      const broken = [certificateFor('half').slice(0, -300), 'nonsense', keyAndChain('no key')[1]];
      for (const [number, text] of broken.entries()) {
        writeFileSync(file, text);
        await waitUntil('the log says so', () => complaints(toy).length === number + 1);
        assert.equal(await organization(toy), 'first');
      }
      assert.match(
        complaints(toy)[2] ?? '',
        /cert\.pem holds no private key; .* \(the certificate read before stays in use\)$/,
      );
      assert.match(
        await status(toy),
        /^certificate file=\S+ until=\S+ an earlier one is in use: .* holds no private key/m,
      );
      rmSync(file);
      await waitUntil('the log says so', () => complaints(toy).length === 4);
      assert.equal(await organization(toy), 'first');

      writeFileSync(file, certificateFor('whole again'));
      await becomes(toy, 'whole again');
      assert.match(await status(toy), /^certificate file=\S+cert\.pem until=\S+Z in use$/m);
      assert.equal(complaints(toy).length, 4, 'each is told once');
    });
  });

  test('certificates with a name and keys apart come, change and go in the same way', async () => {
    await withToy(async (toy) => {
      const named = `${toy.certificate}.mail.example.com`;
      const key = join(toy.directory, 'key.pem');
      const [first, chain] = keyAndChain('apart');
      writeFileSync(named, certificateFor('named'));
      await becomes(toy, 'named', 'mail.example.com');
      assert.equal(await organization(toy, 'other.example.com'), 'first');
      writeFileSync(named, 'nonsense');
      await waitUntil('the log says so', () => complaints(toy).length === 1);
      assert.equal(await organization(toy, 'mail.example.com'), 'named');
      writeFileSync(named, certificateFor('renewed'));
      await becomes(toy, 'renewed', 'mail.example.com');
      rmSync(named);
      await becomes(toy, 'first', 'mail.example.com');

      // First the certificate, then, later than two looks, the key that belongs to it.
      toy.log.length = 0;
      writeFileSync(key, keyAndChain('first')[0]);
      const tls = { certificateFile: toy.certificate, privateKeyFile: key, minVersion: 'TLSv1.2' };
      const rest = { startTlsMinVersion: 'TLSv1.2', maxVersion: 'TLSv1.3', serverPreference: false, alpn: ['toy'] };
      toy.configure({ tls: { ...tls, ...rest, clientCertificate: 'none' } });
      toy.signal('SIGHUP');
      await waitUntil('the log says so', () => complaints(toy).length === 1);
      assert.match(complaints(toy)[0] ?? '', /the key in \S+key\.pem belongs to another certificate/);
      writeFileSync(toy.certificate, chain);
      writeFileSync(key, first);
      await becomes(toy, 'apart');
    });
  });

  test('T2: after a reload with another TLS_CERTFILE new connections have that one, old ones live, and a wrong path is told', async () => {
    await withToy(async (toy) => {
      const session = await toy.tlsClient();
      const versions = { minVersion: 'TLSv1.2', startTlsMinVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' };
      const rest = { ...versions, serverPreference: false, alpn: ['toy'], clientCertificate: 'none' };
      const reload = (certificateFile: string): void => {
        toy.configure({ tls: { ...rest, certificateFile } });
        toy.signal('SIGHUP');
      };
      const other = join(toy.directory, 'other.pem');
      writeFileSync(other, certificateFor('other'));
      reload(other);
      await becomes(toy, 'other');
      reload(join(toy.directory, 'nowhere.pem'));
      await waitUntil('the log says so', () => complaints(toy).length === 1);
      assert.match(
        complaints(toy)[0] ?? '',
        /nowhere\.pem does not exist; .* \(the certificate read before stays in use\)$/,
      );
      assert.equal(await organization(toy), 'other');
      assert.equal(await session.ask('hello'), 'hello tls=true');
      session.close();
    });
  });

  test('without a certificate at the start there is no STARTTLS, until there is one', async () => {
    const versions = { minVersion: 'TLSv1.2', startTlsMinVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' };
    const tls = { ...versions, serverPreference: false, alpn: [], clientCertificate: 'none' };
    const certificateFile = certificates.at('later.pem');
    const changes = { open: ['toy'], tls: { ...tls, certificateFile } };
    await withToy(async (toy) => {
      assert.match(
        complaints(toy)[0] ?? '',
        /later\.pem does not exist; make it with mkimapdcert, .* \(no STARTTLS\)$/,
      );
      assert.match(await status(toy), /^certificates cannot be read: \S+later\.pem does not exist/m);
      const client = await toy.client();
      assert.equal(await client.ask('STARTTLS'), 'NO TLS');
      writeFileSync(certificateFile, certificateFor('later'), { mode: 0o600 });
      await toy.logged(/TLS: new certificate: \S+later\.pem/);
      await waitUntil('STARTTLS is there', async () => (await client.ask('STARTTLS')) === 'OK begin');
      client.close();
    }, changes);
  });
});

/** What is said about a certificate with its key, made to hold for these days from now. */
function checked(days: readonly [number, number], change: (file: string) => void = () => undefined) {
  const file = certificates.at('checked.pem');
  const now = Date.now();
  const [from, until] = days;
  const request = { names: ['localhost'], organization: 'checked', notBefore: now + from * DAY_MS };
  writeFileSync(file, makeCertificate({ ...request, notAfter: now + until * DAY_MS + 60_000 }));
  chmodSync(file, 0o600);
  change(file);
  return readTlsFiles(settingsOf(`TLS_CERTFILE=${file}`).settings, now).warnings.join('\n');
}

test('T9: a certificate that is over, soon over, or not yet valid is told with its path, the day, and what to do', () => {
  assert.equal(checked([-10, 100]), '');
  assert.equal(checked([-10, 14]), '');
  assert.match(checked([-10, 13]), /checked\.pem expires on 20\d\d-\d\d-\d\d, in 13 days; renew the certificate$/);
  assert.match(checked([-10, 1]), /expires on .*, in a day; renew/);
  assert.match(
    checked([-10, -1]),
    /checked\.pem expired on 20\d\d-\d\d-\d\d, and clients refuse it; renew the certificate$/,
  );
  assert.match(checked([1, 100]), /checked\.pem is not valid before 20.*; look at the clock of this machine$/);
});

test('T9: a key that others can read or change is told with what to do', () => {
  const mode = (bits: number) => checked([-10, 100], (file) => chmodSync(file, bits));
  assert.equal(mode(0o640), '');
  assert.match(
    mode(0o644),
    /checked\.pem, with its key, can be read by everybody on this machine; chmod 600 \S+checked\.pem$/,
  );
  assert.match(mode(0o606), /can be changed by everybody; chmod 600/);
});

/** As a user who is not root; for root, as another one. */
function asOrdinaryUser(run: () => void): void {
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65_534);
  try {
    run();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
}

test('T9: a file that this user cannot read, a foreign key, and an encrypted one are named, with what to do', async () => {
  const read = (text: string) => () => readTlsFiles(settingsOf(text).settings, Date.now());
  checked([-10, 100], (file) => chmodSync(file, 0o000));
  const file = certificates.at('checked.pem');
  chmodSync(certificates.directory, 0o755);
  asOrdinaryUser(() => {
    const uid = process.geteuid?.();
    const owner = process.getuid?.();
    const expected = `checked\\.pem \\(of uid ${owner}, mode 0000\\) cannot be read by uid ${uid}; chown ${uid} ${file}$`;
    assert.throws(read(`TLS_CERTFILE=${file}`), new RegExp(expected));
  });
  chmodSync(certificates.directory, 0o600);
  asOrdinaryUser(() => {
    assert.throws(
      read(`TLS_CERTFILE=${file}`),
      new RegExp(`which may not enter ${certificates.directory}; open it to it$`),
    );
  });
  chmodSync(certificates.directory, 0o700);
  chmodSync(file, 0o600);

  const foreign = `TLS_CERTFILE=${file}\nTLS_PRIVATE_KEYFILE=${certificates.at('other.key')}`;
  assert.throws(
    read(foreign),
    /checked\.pem cannot be used: .*; the key in \S+other\.key belongs to another certificate/,
  );
  const locked = [
    '-in',
    certificates.at('other.key'),
    '-aes256',
    '-passout',
    'pass:secret',
    '-out',
    certificates.at('locked.key'),
  ];
  await certificates.openssl('pkey', ...locked);
  const encrypted = `TLS_CERTFILE=${certificates.at('other.pem')}\nTLS_PRIVATE_KEYFILE=${certificates.at('locked.key')}`;
  assert.throws(read(encrypted), /the key in \S+locked\.key is encrypted; .* take it off with openssl pkey/);
  assert.throws(
    read(`TLS_CERTFILE=${certificates.at('none.pem')}`),
    /none\.pem does not exist; make it with mkimapdcert/,
  );
  const noAuthority = `TLS_CERTFILE=${file}\nTLS_VERIFYPEER=PEER\nTLS_TRUSTCERTS=${certificates.at('none')}`;
  assert.throws(read(noAuthority), /none \(TLS_TRUSTCERTS\) cannot be read: .*; name another$/);
});
