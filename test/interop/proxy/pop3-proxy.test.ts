/**
 * Y2: POP3 accounts of other servers are passed on to them, from our front to ours, Debian's Courier and Debian's Dovecot.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { openConnection } from '../../support/imap-client.js';
import { PASSWORD } from '../../support/peer-servers.js';
import { freePort, mustRun, run, waitUntil } from '../../support/processes.js';
import type { OurServers, OurUser } from '../../support/start.js';
import { type DovecotBackEnd, elsewhere, Site } from './site.js';

const site = new Site('pop3-proxy');
let back: OurServers;
let dovecot: DovecotBackEnd;
let front: OurServers;
let accounts: readonly OurUser[];

before(async () => {
  const [bob, carol, dave, eve] = [site.user('bob'), site.user('carol'), site.user('dave'), site.user('eve')];
  back = await site.ours([bob], { pop3: {} });
  const courier = await site.courier([carol]);
  dovecot = await site.dovecot([dave]);
  const closedPort = await freePort();
  const nobody = { uid: 4242, gid: 4242, home: '/nonexistent' };
  const at = (port: number): string => `127.0.0.1:${port}`;
  accounts = [
    // The first host is for IMAP only.
    { ...elsewhere(bob, `imap://127.0.0.9,mailhost=pop3s://localhost:${back.pop3?.tlsPort}`), ...nobody },
    { ...elsewhere(carol, at(courier.pop3Port)), ...nobody },
    { ...elsewhere(dave, at(dovecot.pop3Port)), ...nobody },
    eve,
    { ...elsewhere(eve, at(closedPort)), name: 'down' },
    { ...elsewhere(eve, at(dovecot.pop3Port)), name: 'stranger' },
    { ...elsewhere(eve, at(dovecot.pop3Port), ',disablepop3=1'), name: 'closed' },
  ];
  front = await site.ours(accounts, { pop3: { POP3_PROXY: '1', PROXY_TLS_VERIFY: 'NO' } });
});

after(() => site.stop());

function pop3Port(tls: boolean): number {
  return (tls ? front.pop3?.tlsPort : front.pop3?.port) ?? assert.fail('no POP3');
}

/** Sends lines one after the other; gives the first line of what comes to each. */
async function talk(port: number, lines: readonly string[]): Promise<string[]> {
  const connection = await openConnection(port, false);
  const replies: string[] = [];
  await connection.receive();
  for (const line of lines) {
    connection.send(Buffer.from(`${line}\r\n`));
    replies.push(String(await connection.receive()).split('\r\n')[0] ?? '');
  }
  connection.close();
  return replies;
}

for (const name of ['bob', 'carol', 'dave', 'eve']) {
  for (const tls of [false, true]) {
    test(`Y2: ${name} reads mail by POP3 ${tls ? 'in TLS' : 'after STLS'} from the right server`, async () => {
      const secure = tls ? 'pop3s' : 'pop3';
      const command = ['curl', '-sS', '-k', '--ssl-reqd', '-u', `${name}:${PASSWORD}`];
      const message = await mustRun([...command, `${secure}://127.0.0.1:${pop3Port(tls)}/1`]);
      assert.match(message, new RegExp(`^Subject: ${name}\r?$`, 'm'));
      const line = new RegExp(`LOGOUT, user=${name}, .*rcvd=\\d+, sent=\\d+, time=\\d+, stls=1`);
      await waitUntil(`${name} has logged out`, () => line.test(front.log()));
    });
  }
}

test('Y2: the replies to a login by POP3 are Courier\u2019s, and those to failures are true', async () => {
  const login = (name: string): Promise<string[]> => talk(pop3Port(false), [`USER ${name}`, `PASS ${PASSWORD}`]);
  assert.equal((await login('carol'))[1], '+OK Connected to proxy server.');
  const text = 'Your mail server is not available at this time, please try again later.';
  assert.equal((await login('down'))[1], `-ERR [SYS/TEMP] ${text}`);
  assert.equal((await login('stranger'))[1], '-ERR [AUTH] Login failed.');
  assert.equal((await login('closed'))[1], '-ERR [SYS/PERM] POP3 access disabled for this account.');
  await waitUntil('the reason is logged', () => /proxy: user=down, .*: connect ECONNREFUSED\n/.test(front.log()));
  assert.doesNotMatch(front.log(), /LOGIN FAILED, user=down/);
});

test('Y2: UTF8 that was asked for before the login holds at the back end', async () => {
  const replies = await talk(pop3Port(false), ['UTF8', 'USER bob', `PASS ${PASSWORD}`, 'STAT', 'QUIT']);
  assert.deepEqual(
    replies.map((reply) => reply.split(' ')[0]),
    ['+OK', '+OK', '+OK', '+OK', '+OK'],
  );
});

test('Y2: Dovecot is told by XCLIENT where the client is', async () => {
  const command = ['curl', '-sS', '--interface', '127.0.0.5', '-u', `dave:${PASSWORD}`];
  await mustRun([...command, `pop3://127.0.0.1:${pop3Port(false)}/1`]);
  await waitUntil('it is logged', () => /pop3-login: .*user=<dave>.*rip=127\.0\.0\.5/.test(dovecot.log()));
});

test('Y2: fetchmail fetches through the proxy', async () => {
  const [settings, file] = [site.path('fetchmailrc'), site.path('fetched')];
  const poll = `poll 127.0.0.1 proto pop3 port ${pop3Port(true)} auth password user "dave" pass "${PASSWORD}"`;
  writeFileSync(settings, `${poll} ssl no sslcertck keep fetchall mda "cat >>${file}"\n`, { mode: 0o600 });
  const words = ['fetchmail', '--nodetach', '--nosyslog', '--pidfile', `${settings}.pid`, '-f', settings];
  const { exitCode, stdout, stderr } = await run(words, { environment: { HOME: site.path('') } });
  assert.equal(exitCode, 0, stdout + stderr);
  assert.match(readFileSync(file, 'utf8'), /^Subject: dave$/m);
});

test('Y2: a POP3 login that goes round in a circle ends', async () => {
  const user = accounts[3] ?? assert.fail('no eve');
  const settings = { POP3_PROXY: '1' };
  const twoPort = back.pop3?.port ?? assert.fail('no POP3');
  const circle = { ...elsewhere(user, `127.0.0.1:${twoPort}`), name: 'circle' };
  await site.change(front, { users: [circle], settings, service: 'pop3d' });
  const round = { ...circle, options: `mailhost=127.0.0.1:${pop3Port(false)}` };
  await site.change(back, { users: [round], settings, service: 'pop3d' });
  const [, reply] = await talk(pop3Port(false), ['USER circle', `PASS ${PASSWORD}`]);
  assert.match(reply ?? '', /^-ERR \[SYS\/TEMP\]/);
  await waitUntil('it is logged', () => /proxy: user=circle, .*in a circle/.test(front.log() + back.log()));
});
