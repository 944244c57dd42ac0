/**
 * Y2: what a client, and the administrator, is told when passing a session on does not go well: back ends that are down,
 * silent, of another opinion about a password, or proxies themselves.
 */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { askControl } from '../../../init/runtime/service/control.js';
import { type ImapClient, loginClient, openClient, openConnection } from '../../support/imap-client.js';
import { type MailUser, PASSWORD } from '../../support/peer-servers.js';
import { freePort, processTree, waitUntil } from '../../support/processes.js';
import { type OurServers, writeAccounts } from '../../support/start.js';
import { elsewhere, Site } from './site.js';

const site = new Site('proxy-failures');
/** Connections to a server that says nothing. */
let asked = 0;
const silent: Server = createServer((socket) => {
  asked += 1;
  socket.resume();
  socket.once('close', () => {
    asked -= 1;
  });
});
let back: OurServers;
let front: OurServers;
let closedPort: number;
const scriptedServers: Server[] = [];

before(async () => {
  closedPort = await freePort();
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const address = silent.address();
  const silentPort = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const users = new Map(['bob', 'carol', 'dave', 'eve'].map((name) => [name, site.user(name)]));
  const user = (name: string): MailUser => users.get(name) ?? assert.fail(name);
  const otherPassword = { secrets: `systempw={SHA256}${Buffer.alloc(32).toString('base64')}` };
  back = await site.ours([user('bob'), user('carol'), { ...user('dave'), ...otherPassword }]);
  const at = (port: number): string => `127.0.0.1:${port}`;
  const accounts = [
    elsewhere(user('bob'), at(back.port)),
    elsewhere(user('carol'), at(closedPort), `,mailhost=${at(silentPort)},mailhost=${at(back.port)}`),
    elsewhere(user('dave'), at(back.port)),
    elsewhere(user('eve'), at(closedPort)),
    { ...elsewhere(user('bob'), at(back.port), ',disableimap=1'), name: 'closed' },
    { ...elsewhere(user('bob'), at(back.port), ',disableinsecureimap=1'), name: 'careful' },
    { ...elsewhere(user('eve'), `door.example.com`), name: 'named' },
    { ...elsewhere(user('eve'), 'b1..!'), name: 'wrong' },
    { ...elsewhere(user('eve'), at(closedPort), ',mailhost=door.example.com'), name: 'either' },
    { ...elsewhere(user('eve'), at(silentPort)), name: 'silent' },
  ];
  for (const [index, { greeting, answer = '' }] of ILL.entries()) {
    const port = await scripted(greeting, answer);
    accounts.push({ ...elsewhere(user('eve'), at(port)), name: `ill${index}` });
  }
  const settings = { IMAP_PROXY: '1', PROXY_TIMEOUT: '1', PROXY_HOSTNAME: 'door.example.com' };
  front = await site.ours(accounts, { settings });
});

after(async () => {
  for (const server of [silent, ...scriptedServers]) server.close();
  await site.stop();
});

/** What is logged comes a little after what the client is told. */
async function logged(server: OurServers, what: RegExp): Promise<void> {
  await waitUntil(`${what} is in the log`, () => what.test(server.log()));
}

/** A server that greets, and answers LOGIN, with these words. */
async function scripted(greeting: string, answer: string): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write(greeting);
    socket.on('data', () => socket.write(answer));
  });
  scriptedServers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

/** What servers say that are not well, and what the log then says. */
const ILL: readonly { readonly greeting: string; readonly answer?: string; readonly log: RegExp }[] = [
  {
    greeting: '220 mail.example.com ESMTP\r\n',
    log: /Did not receive greeting from [\d.:]+: 220 mail\.example\.com ESMTP\n/,
  },
  { greeting: '* BYE too busy\r\n', log: /Did not receive greeting from [\d.:]+: \* BYE too busy\n/ },
  { greeting: '* PREAUTH you are somebody\r\n', log: /Did not receive greeting from [\d.:]+: \* PREAUTH/ },
  { greeting: `* OK ${'x'.repeat(100_000)}`, log: /it sent a line without end\n/ },
  {
    greeting: '* OK hi\r\n',
    answer: 't1 NO [UNAVAILABLE] later\r\n',
    log: /Login to [\d.:]+: NO \[UNAVAILABLE\] later\n/,
  },
  { greeting: '* OK hi\r\n', answer: 't1 BAD what?\r\n', log: /Login to [\d.:]+: BAD what\?\n/ },
  { greeting: '* OK hi\r\n', answer: '* BYE \x1b[2Jgone\r\n', log: /: BYE \?\[2Jgone\n/ },
  { greeting: '* OK hi\r\n', answer: '* 1 EXISTS\r\n'.repeat(500), log: /it does not come to the point\n/ },
];

async function answerTo(name: string, { tls = false, password = PASSWORD } = {}): Promise<string> {
  const client = await openClient(tls ? front.tlsPort : front.port, tls);
  const { status, text } = await client.send(`LOGIN ${name} ${password}`);
  client.close();
  return `${status} ${text}`;
}

test('Y2: a back end that is down is no failed login', async () => {
  const text = 'Your mail server is not available at this time, please try again later.';
  assert.equal(await answerTo('eve'), `NO [UNAVAILABLE] ${text}`);
  await logged(front, new RegExp(`proxy: user=eve, ip=\\[.*: 127.0.0.1:${closedPort}: connect ECONNREFUSED\n`));
  assert.doesNotMatch(front.log(), /LOGIN FAILED, user=eve/);
});

for (const [index, { greeting, log }] of ILL.entries()) {
  test(`Y2: a server that says ${JSON.stringify(greeting.slice(0, 30))} is not available (${index})`, async () => {
    assert.match(await answerTo(`ill${index}`), /^NO \[UNAVAILABLE\]/);
    await logged(front, new RegExp(`proxy: user=ill${index}, .*${log.source}`));
  });
}

test('Y2: the next host is tried when one is down and another says nothing', async () => {
  const client = await loginClient(front.port, 'carol', PASSWORD, false);
  await client.must('LOGOUT');
  client.close();
  await logged(front, /proxy: user=carol, .*no answer for 1 seconds/);
});

test('Y2: a wrong password at the front never reaches the back end', async () => {
  assert.match(await answerTo('bob', { password: 'wrong' }), /^NO \[AUTHENTICATIONFAILED\]/);
  assert.doesNotMatch(back.log(), /LOGIN FAILED, user=bob/);
});

test('Y2: a password that is wrong at the back end is a failed login', async () => {
  assert.equal(await answerTo('dave'), 'NO [AUTHENTICATIONFAILED] Login failed.');
  await logged(front, /Login userid\/password rejected by 127\.0\.0\.1/);
  await logged(front, /LOGIN FAILED, user=dave, ip=/);
});

test('Y2: accounts that may not use IMAP, or not in plaintext, are refused at the door', async () => {
  assert.equal(await answerTo('closed'), 'NO [AUTHORIZATIONFAILED] IMAP access disabled for this account.');
  const insecure = 'NO [PRIVACYREQUIRED] IMAP access disabled via insecure connection.';
  assert.equal(await answerTo('careful'), insecure);
});

test('Y2: an account whose host is this server by name is served here', async () => {
  assert.match(await answerTo('named'), /^OK .*LOGIN Ok\.$/);
});

test('Y2: a server that comes after others in mailhost serves the account when they do not', async () => {
  for (const tls of [false, true]) assert.match(await answerTo('either', { tls }), /^OK .*LOGIN Ok\.$/);
});

test('Y2: a client that does not wait for its server leaves nothing behind', async () => {
  const connection = await openConnection(front.port, false);
  await connection.receive();
  connection.send(Buffer.from(`a LOGIN silent ${PASSWORD}\r\n`));
  await waitUntil('the server behind has been asked', () => asked > 0);
  connection.close();
  await waitUntil('it is not asked any more', () => asked === 0);
  await logged(front, /Disconnected, ip=/);
});

test('Y2: a mailhost that is none is told, and the account is served here', async () => {
  assert.match(await answerTo('wrong'), /^OK .*LOGIN Ok\.$/);
  await logged(front, /mailhost of wrong: b1\.\.! is no host\n/);
  await logged(front, /proxy enabled, but no proxy host defined for wrong\n/);
});

test('Y2: what was sent behind LOGIN goes to the back end', async () => {
  const client = await openClient(front.port, false);
  client.raw(`a LOGIN bob ${PASSWORD}\r\nb SELECT INBOX\r\nc LOGOUT\r\n`);
  const lines: string[] = [];
  for (let line = ''; !line.startsWith('c '); lines.push(line)) line = await client.response();
  const tagged = lines.filter((line) => /^[abc] /.test(line)).map((line) => line.slice(0, 4));
  assert.deepEqual(tagged, ['a OK', 'b OK', 'c OK']);
  client.close();
});

/** Reads to the end. */
async function lastWords(client: ImapClient): Promise<string> {
  let last = '';
  try {
    for (;;) last = await client.response();
  } catch {
    return last;
  }
}

/** Logs in as soon as there is a place: whoever looked whether the server is up may have left without its knowing. */
async function admitted(port: number, tls: boolean): Promise<ImapClient> {
  let client: ImapClient | undefined;
  await waitUntil('there is a place', async () => {
    client = await loginClient(port, 'bob', PASSWORD, tls).catch(() => undefined);
    return client !== undefined;
  });
  return client ?? assert.fail();
}

test('Y2: proxied sessions count, and are shown', async () => {
  const account = elsewhere({ name: 'bob', home: '/nonexistent' }, `127.0.0.1:${back.port}`);
  const few = await site.ours([account], { settings: { IMAP_PROXY: '1', MAXPERIP: '2' } });
  const ask = (words: string): Promise<string> =>
    askControl(join(few.configuration, '..', 'run', 'imapd.control'), words);
  const status = (): Promise<string> => ask('status');
  const clients = [await admitted(few.port, false), await admitted(few.tlsPort, true)];
  await waitUntil('two are shown', async () =>
    /, 2 connections, 0 mail workers, 2 sessions passed on\n/.test(await status()),
  );
  const told = (await ask('who')).split('\n').map((line) => JSON.parse(line));
  for (const { user, mailhost, protocol } of told) {
    assert.deepEqual([user, mailhost, protocol], ['bob', `127.0.0.1:${back.port}`, 'imap']);
  }
  assert.equal(told.length, 2);
  assert.match(await ask('stats'), /^angarium_passed_on_total\{result="ok"\} 2$/m);
  const third = await openConnection(few.port, false);
  assert.match(String(await third.receive()), /^\* BYE .*MAXPERIP/);
  third.close();
  const [kicked = assert.fail('nobody'), other] = clients;
  const { session } = told.find(({ tls }) => tls === false);
  assert.match(await ask(`kick {"session":${session}}`), /"user":"bob"/);
  assert.equal(await lastWords(kicked), '* BYE Disconnected by the administrator.');
  other?.close();
  await logged(few, /DISCONNECTED, user=bob[\s\S]*DISCONNECTED, user=bob/);
  await waitUntil('they do not count any more', async () => / 0 connections, 0 mail workers\n/.test(await status()));
});

test('Y2: a host that is the server itself by address is itself, in a circle of two the login ends', async () => {
  const home = site.user('frank');
  const one = await site.ours([], { settings: { IMAP_PROXY: '1' } });
  const two = await site.ours([elsewhere(home, `127.0.0.1:${one.port}`)], { settings: { IMAP_PROXY: '1' } });
  await writeAccounts(one.configuration, [
    elsewhere(home, `127.0.0.1:${two.port}`),
    { ...elsewhere(home, `127.0.0.1:${one.port}`), name: 'own' },
  ]);
  const own = await loginClient(one.port, 'own', PASSWORD, false);
  await own.must('SELECT INBOX');
  own.close();
  const client = await openClient(one.port, false);
  const { status, text } = await client.send(`LOGIN frank ${PASSWORD}`);
  assert.equal(`${status} ${text.split(' ')[0]}`, 'NO [UNAVAILABLE]');
  client.close();
  await waitUntil('a proxy has seen the circle', () =>
    /proxy: user=frank, .*in a circle; check mailhost and/.test(one.log() + two.log()),
  );
});

test('Y2: a client whose back end dies is told, and so is one whose front ends', async () => {
  const home = site.user('grace');
  const dying = await site.ours([home]);
  const accounts = [
    elsewhere(home, `127.0.0.1:${dying.port}`),
    elsewhere({ name: 'bob', home: '/' }, `127.0.0.1:${back.port}`),
  ];
  const door = await site.ours(accounts, { settings: { IMAP_PROXY: '1' } });
  const client = await loginClient(door.port, 'grace', PASSWORD, false);
  await client.must('SELECT INBOX');
  client.raw('i IDLE\r\n');
  assert.match(await client.response(), /^\+ /);
  for (const pid of processTree([dying.imapd.pid ?? 0])) process.kill(pid, 'SIGKILL');
  assert.equal(await lastWords(client), '* BYE [UNAVAILABLE] The mail server behind this one has gone.');
  await logged(door, /proxy: user=grace, .* closed the connection without a goodbye/);

  const other = await loginClient(door.tlsPort, 'bob', PASSWORD);
  await door.stop();
  assert.equal(await lastWords(other), '* BYE Angarium server shut down by signal.');
  await logged(door, /Disconnected during shutdown by signal, user=bob, .*mailhost=/);
});
