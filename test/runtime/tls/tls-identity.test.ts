/**
 * Who is at the other end of TLS: channel binding is the same for both ends and for no other connection, and a client's
 * certificate counts only when it was verified.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, mock, test } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { channelBinding } from '../../../init/runtime/tls/channel-binding.js';
import { certificateField, certificateProblem } from '../../../init/runtime/tls/client-certificate.js';
import { TlsContexts, type TlsSettings } from '../../../init/runtime/tls/tls-helpers.js';

const directory = mkdtempSync(join(tmpdir(), 'tls-identity-'));
after(() => rmSync(directory, { recursive: true, force: true }));

const openssl = (...words: readonly string[]): Buffer =>
  execFileSync('openssl', words, { cwd: directory, stdio: 'pipe' });
const read = (name: string): string => readFileSync(join(directory, name), 'utf8');
const key = (kind: readonly string[], name: string): string[] => [
  '-newkey',
  ...kind,
  '-nodes',
  '-keyout',
  `${name}.key`,
];
const EC = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];

/** A certificate that signs itself. */
function selfSigned(name: string, subject: string, kind = EC, ...more: readonly string[]): void {
  openssl('req', '-x509', ...key(kind, name), '-days', '30', '-subj', subject, '-out', `${name}.pem`, ...more);
}

/** A certificate that another one signs. */
function signed(name: string, subject: string, by: string, days = '30'): void {
  openssl('req', ...key(EC, name), '-subj', subject, '-out', `${name}.csr`);
  const authority = ['-CA', `${by}.pem`, '-CAkey', `${by}.key`, '-CAcreateserial'];
  openssl('x509', '-req', '-in', `${name}.csr`, ...authority, '-days', days, '-out', `${name}.pem`);
}

selfSigned('server', '/CN=localhost');
selfSigned('authority', '/CN=Authority');
selfSigned('other', '/CN=Other authority');
signed('ann', '/O=Example/CN=first/CN=ann/emailAddress=ann@example.com/UID=1', 'authority');
signed('other-ann', '/CN=ann', 'other');
signed('late', '/CN=ann', 'authority', '-1');
selfSigned('mallory', '/CN=ann');

const ticketKeys = Buffer.alloc(48, 7);

interface Meeting {
  readonly server: TLSSocket;
  readonly client: TLSSocket;
  /** What the client may resume with; under TLS 1.3 it comes when the handshake is over. */
  readonly ticket: Promise<Buffer>;
}

/** Both ends of a new connection; `use` is done while it is open. Rejects when the server refuses the client. */
async function meet<Result>(
  how: { readonly settings?: Partial<TlsSettings>; readonly authority?: string; readonly certificate?: string },
  options: ConnectionOptions,
  use: (meeting: Meeting) => Result | Promise<Result>,
): Promise<Result> {
  const name = how.certificate ?? 'server';
  const contexts = new TlsContexts({
    certificates: [{ name: '', file: '', certificate: read(`${name}.pem`), key: read(`${name}.key`), notAfter: 0 }],
    settings: {
      ...{ certificateFile: '', minVersion: 'TLSv1.2', startTlsMinVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' },
      ...{ serverPreference: false, alpn: [], clientCertificate: 'none' },
      ...how.settings,
    },
    ticketKeys: [ticketKeys],
    ...(how.authority === undefined ? {} : { authorities: read(`${how.authority}.pem`) }),
  });
  const listener = createServer();
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const accepted = new Promise<TLSSocket>((resolve, reject) => {
    listener.once('connection', (socket) => contexts.secure(socket, '127.0.0.1', false).then(resolve, reject));
  });
  const { port } = listener.address() as AddressInfo;
  const client = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
  client.on('error', () => undefined);
  const ticket = new Promise<Buffer>((resolve) => client.once('session', resolve));
  try {
    const server = await accepted;
    server.on('error', () => undefined);
    server.write('hello');
    await new Promise((resolve) => client.once('data', resolve));
    return await use({ server, client, ticket });
  } finally {
    client.destroy();
    listener.close();
  }
}

const shown = (name: string): ConnectionOptions => ({ cert: read(`${name}.pem`), key: read(`${name}.key`) });
const asked = (clientCertificate: TlsSettings['clientCertificate'], authority = 'authority') => ({
  settings: { clientCertificate },
  authority,
});

test('RFC 9266: tls-exporter is the same at both ends under TLS 1.3, and another one in the next connection', async () => {
  const binding = ({ server, client }: Meeting): string => {
    const ours = channelBinding(server, 'tls-exporter');
    assert.deepEqual(ours, client.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)));
    assert.equal(channelBinding(server, 'tls-unique'), undefined);
    return ours?.toString('hex') ?? '';
  };
  assert.notEqual(await meet({}, {}, binding), await meet({}, {}, binding));
});

test('RFC 5929 section 3: tls-unique is the first Finished message before TLS 1.3, and not of resumed sessions', async () => {
  const options = { maxVersion: 'TLSv1.2' as const };
  const session = await meet({}, options, ({ server, client }) => {
    assert.deepEqual(channelBinding(server, 'tls-unique'), client.getFinished());
    assert.equal(channelBinding(server, 'tls-exporter'), undefined);
    return client.getSession();
  });
  await meet({}, { ...options, session }, ({ server }) => {
    assert.equal(server.isSessionReused(), true);
    assert.equal(channelBinding(server, 'tls-unique'), undefined);
    assert.notEqual(channelBinding(server, 'tls-server-end-point'), undefined);
  });
});

test('RFC 5929 section 4: tls-server-end-point is the hash that the certificate was signed with', async () => {
  selfSigned('sha384', '/CN=localhost', ['rsa:2048'], '-sha384');
  selfSigned('sha1', '/CN=localhost', ['rsa:2048'], '-sha1');
  selfSigned('ed25519', '/CN=localhost', ['ed25519']);
  selfSigned('pss', '/CN=localhost', ['rsa:2048'], '-sha512', '-sigopt', 'rsa_padding_mode:pss');
  const expected: readonly [string, string | undefined][] = [
    ['server', 'sha256'],
    ['sha384', 'sha384'],
    ['sha1', 'sha256'],
    ['ed25519', undefined],
    ['pss', 'sha512'],
  ];
  for (const [certificate, hash] of expected) {
    await meet({ certificate }, {}, ({ server, client }) => {
      const { raw } = client.getPeerCertificate();
      const hashed = hash === undefined ? undefined : createHash(hash).update(raw).digest();
      assert.deepEqual(channelBinding(server, 'tls-server-end-point'), hashed, certificate);
      assert.equal(channelBinding(server, 'tls-made-up'), undefined);
    });
  }
});

test('a verified certificate names its owner: the last value of a field, by the names that others use, too', async () => {
  for (const clientCertificate of ['requested', 'required'] as const) {
    await meet(asked(clientCertificate), shown('ann'), ({ server }) => {
      const names = ['CN', 'commonName', 'emailaddress', 'EMAIL', 'uid', 'OU', '__proto__'];
      const fields = names.map((name) => certificateField(server, name));
      assert.deepEqual(fields, ['ann', 'ann', 'ann@example.com', 'ann@example.com', '1', undefined, undefined]);
      assert.equal(certificateProblem(server), undefined);
    });
  }
});

test('one that no authority of ours has signed, or that is over, ends the handshake, asked for or required', async () => {
  for (const name of ['mallory', 'other-ann', 'late']) {
    for (const clientCertificate of ['requested', 'required'] as const) {
      const refused = meet(asked(clientCertificate), shown(name), () => undefined);
      await assert.rejects(refused, /Peer certificate verification failed/, `${name} ${clientCertificate}`);
    }
  }
});

test('without one, nobody is named; and where it is required, nobody is let in', async () => {
  await meet(asked('requested'), {}, ({ server }) => assert.equal(certificateField(server, 'CN'), undefined));
  await meet({}, shown('ann'), ({ server }) => assert.equal(certificateField(server, 'CN'), undefined));
  await assert.rejects(
    meet(asked('required'), {}, () => undefined),
    /peer did not return a certificate/,
  );
});

test('a resumed session keeps its certificate, and none is resumed where other authorities count', async () => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const begun = await meet(asked('requested'), { ...shown('ann'), maxVersion }, ({ ticket }) => ticket);
    await meet(asked('requested'), { ...shown('ann'), session: begun, maxVersion }, ({ server }) => {
      assert.equal(server.isSessionReused(), true, maxVersion);
      assert.equal(certificateField(server, 'CN'), 'ann');
    });
    await meet(asked('requested', 'other'), { session: begun, maxVersion }, ({ server }) => {
      assert.equal(server.isSessionReused(), false);
      assert.equal(certificateField(server, 'CN'), undefined);
    });
  }
});

test('a session is not resumed with a certificate that is over meanwhile', async () => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const begun = await meet(asked('requested'), { ...shown('ann'), maxVersion }, ({ ticket }) => ticket);
    mock.timers.enable({ apis: ['Date'], now: Date.now() + 31 * 86_400_000 });
    try {
      const resumed = meet(asked('requested'), { ...shown('ann'), session: begun, maxVersion }, () => undefined);
      await assert.rejects(resumed, /Peer certificate verification failed: certificate has expired/);
    } finally {
      mock.timers.reset();
    }
  }
});
