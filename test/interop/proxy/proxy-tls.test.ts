/**
 * Y2: the connection between proxy and back end in TLS, whose certificate is checked; the address of the client, as the
 * back end is told it; and clients that did not show their password.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { chapterOf } from '../../support/documents.js';
import { openClient } from '../../support/imap-client.js';
import { programs } from '../../support/paths.js';
import { type MailUser, PASSWORD } from '../../support/peer-servers.js';
import { type Finished, mustRun, run, waitUntil } from '../../support/processes.js';
import { ScramClient } from '../../support/scram-client.js';
import { makeCertificate, type OurServers } from '../../support/start.js';
import { type DovecotBackEnd, elsewhere, Site } from './site.js';

const site = new Site('proxy-tls');
const DOOR = {
  ...{ IMAP_PROXY: '1', PROXY_TLS: 'none', PROXY_TLS_VERIFY: 'YES', PROXY_TLS_TRUSTCERTS: '' },
  ...{ PROXY_TELL_ADDRESS: 'id', PROXY_MASTERFILE: '', PROXY_PORT: '0' },
};
/** May act as everybody. */
const root = { name: 'root', home: '/nonexistent', options: 'group=administrators' };
let bob: MailUser;
let dave: MailUser;
let back: OurServers;
let dovecot: DovecotBackEnd;
let door: OurServers;
/** Dovecot's certificate and ours. */
let trusted: string;

before(async () => {
  bob = site.user('bob');
  dave = site.user('dave');
  back = await site.ours([bob, root], { settings: { IMAP_TLS_REQUIRED: '1' } });
  dovecot = await site.dovecot([dave]);
  door = await site.ours([], { settings: DOOR });
  trusted = site.path('trusted.pem');
  const ours = readFileSync(join(back.configuration, 'imapd.pem'), 'utf8');
  writeFileSync(trusted, certificatesIn(ours) + certificatesIn(readFileSync(dovecot.certificate, 'utf8')));
});

after(() => site.stop());

function certificatesIn(pem: string): string {
  return (pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []).join('\n').concat('\n');
}

interface Hosts {
  readonly bob: string;
  readonly dave: string;
}

/** The door, with other settings and accounts than before. */
async function front(hosts: Hosts, settings: Record<string, string>, secrets?: string): Promise<OurServers> {
  const users = [elsewhere(bob, hosts.bob), elsewhere(dave, hosts.dave)];
  await site.change(door, {
    users: secrets === undefined ? users : users.map((account) => ({ ...account, secrets })),
    settings: { ...DOOR, ...settings },
  });
  return door;
}

async function visit(server: OurServers, name: string): Promise<string> {
  const client = await openClient(server.tlsPort, true);
  const { status, text } = await client.send(`LOGIN ${name} ${PASSWORD}`);
  if (status === 'OK') await client.must('SELECT INBOX');
  client.close();
  return `${status} ${text.replace(/^\[CAPABILITY [^\]]*\] /, '')}`;
}

const WELCOME = 'OK connected to proxy server.';

test('Y2: STARTTLS to the back end, checked against the authorities of the settings', async () => {
  const hosts = { bob: `localhost:${back.port}`, dave: `127.0.0.1:${dovecot.port}` };
  const server = await front(hosts, { PROXY_TLS: 'starttls', PROXY_TLS_TRUSTCERTS: trusted });
  assert.equal(await visit(server, 'bob'), WELCOME);
  assert.equal(await visit(server, 'dave'), WELCOME);
});

test('Y2: TLS from the first octet, by the setting and by the scheme in mailhost', async () => {
  const hosts = { bob: `localhost:${back.tlsPort}`, dave: `imaps://127.0.0.1:${dovecot.tlsPort}` };
  const server = await front(hosts, { PROXY_TLS: 'tls', PROXY_TLS_TRUSTCERTS: trusted });
  assert.equal(await visit(server, 'bob'), WELCOME);
  assert.equal(await visit(server, 'dave'), WELCOME);
});

test('Y2: no password goes to a server whose certificate is not trusted, or made out for another name', async () => {
  const other = site.path('other.pem');
  await makeCertificate(other);
  const hosts = { bob: `localhost:${back.tlsPort}`, dave: `127.0.0.2:${dovecot.tlsPort}` };
  const untrusting = await front(hosts, { PROXY_TLS: 'tls', PROXY_TLS_TRUSTCERTS: other });
  assert.match(await visit(untrusting, 'bob'), /^NO \[UNAVAILABLE\]/);
  await waitUntil('the reason is logged', () => /TLS: .*self-signed certificate/.test(untrusting.log()));

  const elsewhereNamed = await site.ours([bob], { address: '127.0.0.2' });
  const certificate = certificatesIn(readFileSync(join(elsewhereNamed.configuration, 'imapd.pem'), 'utf8'));
  writeFileSync(other, certificate);
  const settings = { PROXY_TLS: 'tls', PROXY_TLS_TRUSTCERTS: other };
  const named = await front({ ...hosts, bob: `127.0.0.2:${elsewhereNamed.tlsPort}` }, settings);
  assert.match(await visit(named, 'bob'), /^NO \[UNAVAILABLE\]/);
  await waitUntil('the reason is logged', () => /TLS: .*127\.0\.0\.2 is not in the cert/.test(named.log()));
  assert.doesNotMatch(elsewhereNamed.log(), /user=bob/);
});

test('Y2: without TLS no password is sent where STARTTLS is wanted, and not answered', async () => {
  const plain = await site.ours([bob], { settings: { IMAPDSTARTTLS: 'NO' } });
  const hosts = { bob: `localhost:${plain.port}`, dave: 'localhost' };
  const server = await front(hosts, { PROXY_TLS: 'starttls', PROXY_TLS_VERIFY: 'NO' });
  assert.match(await visit(server, 'bob'), /^NO \[UNAVAILABLE\]/);
  assert.doesNotMatch(plain.log(), /user=bob/);
});

test('Y2: what somebody on the way adds to the answer to STARTTLS is not believed', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write('* OK hi\r\n');
    socket.once('data', () => socket.write('t1 OK begin\r\nt1 OK you are in\r\n'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const hosts = { bob: `127.0.0.1:${port}`, dave: 'localhost' };
  const settings = { PROXY_TLS: 'starttls', PROXY_TLS_VERIFY: 'NO' };
  assert.match(await visit(await front(hosts, settings), 'bob'), /^NO \[UNAVAILABLE\]/);
  await waitUntil('it is logged', () => /it sent something between STARTTLS and TLS\n/.test(door.log()));
  server.close();
});

/** Logs in from 127.0.0.5 with curl. */
async function visitFromFive(server: OurServers, name: string): Promise<void> {
  const command = ['curl', '-sS', '--interface', '127.0.0.5', '-u', `${name}:${PASSWORD}`];
  assert.match(await mustRun([...command, `imap://127.0.0.1:${server.port}/INBOX;UID=1`]), new RegExp(name));
}

test('Y2: the back end is told where the client is', async () => {
  const hosts = { bob: `imaps://127.0.0.1:${back.tlsPort}`, dave: `127.0.0.1:${dovecot.port}` };
  const server = await front(hosts, { PROXY_TLS_VERIFY: 'NO' });
  for (const name of ['bob', 'dave']) await visitFromFive(server, name);
  const words = /ID, ip=\[127\.0\.0\.1\].*x-proxy-ttl=4, x-originating-ip=127\.0\.0\.5,/;
  await waitUntil('ours has logged it', () => words.test(back.log()));
  await waitUntil('Dovecot believes it', () => /Login: user=<dave>.*rip=127\.0\.0\.5/.test(dovecot.log()));

  const another = { ...hosts, dave: `127.0.0.1:${dovecot.haproxyPort}` };
  const withHeader = await front(another, { PROXY_TELL_ADDRESS: 'haproxy', PROXY_TLS_VERIFY: 'NO' });
  await site.change(back, { users: [bob, root], settings: { PROXY_PROTOCOL_FROM: '127.0.0.1' } });
  const before = dovecot.log().length;
  for (const name of ['bob', 'dave']) await visitFromFive(withHeader, name);
  await waitUntil('Dovecot believes the header', () =>
    /user=<dave>.*rip=127\.0\.0\.5/.test(dovecot.log().slice(before)),
  );
  await waitUntil('so does ours', () => /LOGIN, user=bob, ip=\[127\.0\.0\.5\]/.test(back.log()));
  await site.change(back, { users: [bob, root], settings: { PROXY_PROTOCOL_FROM: '' } });
});

/** The settings in a block of the chapter. */
function settingsIn(block: string | undefined): Record<string, string> {
  const lines = (block ?? '').matchAll(/^([A-Z_]+)="?([^"\n]*)"?$/gm);
  return Object.fromEntries([...lines].map(([, name = '', value = '']) => [name, value]));
}

test('Y2: the recipe of init/README.md, word by word but for names and ports', async () => {
  const chapter = chapterOf('init/README.md', 'Several servers behind one door');
  const [sql, forDoor, forServers] = [...chapter.matchAll(/^```(?:sh)?\n(.*?)^```$/gms)].map(([, text]) => text);
  const options = /options = '(mailhost=b1\.example\.com)'/.exec(sql ?? '')?.[1] ?? assert.fail('no options');
  const account = { ...bob, options: options.replace('b1.example.com', 'localhost') };
  const here = { PROXY_PORT: String(back.tlsPort), PROXY_TLS_TRUSTCERTS: trusted };
  await site.change(door, { users: [account], settings: { ...DOOR, ...settingsIn(forDoor), ...here } });
  const { PROXY_PROTOCOL_FROM, ...others } = settingsIn(forServers);
  assert.ok(PROXY_PROTOCOL_FROM === '192.0.2.30' && Object.keys(others).length === 0);
  await site.change(back, { users: [bob, root], settings: { PROXY_PROTOCOL_FROM: '127.0.0.1' } });
  const before = back.log().length;
  await visitFromFive(door, 'bob');
  await waitUntil('b1 sees the client', () => /LOGIN, user=bob, ip=\[127\.0\.0\.5\]/.test(back.log().slice(before)));
  await site.change(back, { users: [bob, root], settings: { PROXY_PROTOCOL_FROM: '' } });
});

/** What is stored where SCRAM is used. */
async function scramSecret(): Promise<string> {
  const stored = await mustRun([join(programs, 'authpasswd'), 'SCRAM-SHA-256'], { input: `${PASSWORD}\n` });
  return `systempw=${stored.trim()}`;
}

async function scramLogin(server: OurServers, user: string): Promise<string> {
  const client = await openClient(server.tlsPort, true);
  const half = new ScramClient({ hash: 'sha256', user, password: PASSWORD });
  client.raw('x AUTHENTICATE SCRAM-SHA-256\r\n');
  const answers = [() => half.first, (challenge: Buffer) => half.final(challenge), () => Buffer.alloc(0)];
  let response = await client.response();
  for (const answer of answers) {
    if (!response.startsWith('+ ')) break;
    client.raw(`${answer(Buffer.from(response.slice(2), 'base64')).toString('base64')}\r\n`);
    response = await client.response();
  }
  client.close();
  return response;
}

test('Y2: who does not show a password is passed on by a master user, and without one not at all', async () => {
  const hosts = { bob: `127.0.0.1:${back.tlsPort}`, dave: `127.0.0.1:${dovecot.tlsPort}` };
  const secret = site.path('master');
  writeFileSync(secret, `root:${PASSWORD}\n`, { mode: 0o600 });
  const verifier = await scramSecret();
  const settings = { PROXY_TLS: 'tls', PROXY_TLS_VERIFY: 'NO', IMAP_CAPABILITY: 'IMAP4rev1 AUTH=SCRAM-SHA-256' };
  const without = await front(hosts, settings, verifier);
  assert.match(await scramLogin(without, 'bob'), /^x NO \[AUTHENTICATIONFAILED\]/);
  await waitUntil('it is logged', () => /proxy enabled, but no password for bob\n/.test(without.log()));

  const server = await front(hosts, { ...settings, PROXY_MASTERFILE: secret }, verifier);
  assert.match(await scramLogin(server, 'bob'), /^x OK /);
  assert.match(await scramLogin(server, 'dave'), /^x OK /);
  await waitUntil('the back end knows who acted', () => /LOGIN, user=bob, .*, admin=root\n/.test(back.log()));
});

test('Y2: an administrator acts as somebody whose mail is elsewhere, and a password may be any text', async () => {
  const password = 'gr\u00fc\u00df "dich" \\o/ {5}';
  const secret = `systempw=${(await mustRun([join(programs, 'userdbpw')], { input: `${password}\n` })).trim()}`;
  const boss = { name: 'boss', home: '/nonexistent', options: 'group=administrators' };
  await site.change(back, { users: [{ ...bob, secrets: secret }, boss] });
  const server = door;
  const accounts = [{ ...elsewhere(bob, `imaps://localhost:${back.tlsPort}`), secrets: secret }, boss];
  await site.change(server, { users: accounts, settings: { ...DOOR, PROXY_TLS_VERIFY: 'NO' } });
  const plain = (who: string, proof: string): string => Buffer.from(`${who}\0${proof}`).toString('base64');
  for (const proof of [plain('', `bob\0${password}`), plain('bob', `boss\0${PASSWORD}`)]) {
    const client = await openClient(server.tlsPort, true);
    await client.must(`AUTHENTICATE PLAIN ${proof}`);
    await client.must('LOGOUT');
    client.close();
  }
  await waitUntil('both were let in', () => /user=bob, .*starttls=1\n[\s\S]*admin=boss\n/.test(back.log()));
});

test('Y2: a mechanism that shows no password will do where authdaemond knows it', async () => {
  const ann = site.user('ann');
  const [module, settings] = [site.path('accounts.mjs'), join(door.configuration, 'authdaemonrc')];
  const account = { uid: 4242, gid: 4242, home: '/nonexistent', password: PASSWORD };
  const options = `mailhost=imaps://localhost:${back.tlsPort}`;
  const known = JSON.stringify({ ...account, options });
  writeFileSync(module, `export const find = (name) => (name === 'ann' ? ${known} : undefined);\n`);
  writeFileSync(join(door.configuration, 'authcustomrc'), `CUSTOM_MODULE ${module}\n##NAME: MARKER:0\n`, {
    mode: 0o600,
  });
  writeFileSync(settings, readFileSync(settings, 'utf8').replace('"authuserdb"', '"authcustom"'));
  door.authdaemond.kill('SIGHUP');
  await site.change(back, { users: [ann] });
  const words = { PROXY_TLS_VERIFY: 'NO', IMAP_CAPABILITY: 'IMAP4rev1 AUTH=CRAM-MD5' };
  await site.change(door, { users: [], settings: { ...DOOR, ...words } });

  const command = ['curl', '-sS', '-k', '-u', `ann:${PASSWORD}`, '--login-options', 'AUTH=CRAM-MD5'];
  const visit = (): Promise<Finished> => run([...command, `imap://127.0.0.1:${door.port}/INBOX;UID=1`]);
  await waitUntil('authdaemond knows ann', async () => (await visit()).stdout.includes('Subject: ann'));
  assert.match(back.log(), /LOGIN, user=ann, /);
});
