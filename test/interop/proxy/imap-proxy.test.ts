/**
 * Y2: accounts of other servers are passed on to them, from our front to ours, Debian's Courier and Debian's Dovecot.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type ImapClient, loginClient, openClient, openConnection } from '../../support/imap-client.js';
import { type MailUser, PASSWORD } from '../../support/peer-servers.js';
import { giveToMailUser } from '../../support/peer-targets.js';
import { mustRun, ownMemoryKib, processesCalled, waitUntil } from '../../support/processes.js';
import type { OurServers, OurUser } from '../../support/start.js';
import { type DovecotBackEnd, elsewhere, Site } from './site.js';

const site = new Site('imap-proxy');
let back: OurServers;
let courier: { readonly port: number };
let dovecot: DovecotBackEnd;
let front: OurServers;
let bob: MailUser;
let accounts: readonly OurUser[];

before(async () => {
  bob = site.user('bob');
  const [carol, dave, eve] = [site.user('carol'), site.user('dave'), site.user('eve')];
  back = await site.ours([bob]);
  courier = await site.courier([carol]);
  dovecot = await site.dovecot([dave]);
  const at = (port: number) => `127.0.0.1:${port}`;
  const nobody = { uid: 4242, gid: 4242, home: '/nonexistent' };
  accounts = [
    { ...elsewhere(bob, at(back.port)), ...nobody },
    { ...elsewhere(carol, at(courier.port)), ...nobody },
    { ...elsewhere(dave, at(dovecot.port)), ...nobody },
    eve,
  ];
  front = await site.ours(accounts, { settings: { IMAP_PROXY: '1' } });
});

after(() => site.stop());

async function subjectOf(client: ImapClient): Promise<string> {
  await client.must('SELECT INBOX');
  const { untagged } = await client.must('FETCH 1 BODY.PEEK[HEADER.FIELDS (SUBJECT)]');
  return /Subject: (\w+)/.exec(untagged.join())?.[1] ?? '';
}

for (const name of ['bob', 'carol', 'dave', 'eve']) {
  for (const tls of [false, true]) {
    test(`Y2: ${name} logs in at the front ${tls ? 'in TLS' : 'in plaintext'} and has the mail of the right server`, async () => {
      const client = await loginClient(tls ? front.tlsPort : front.port, name, PASSWORD, tls);
      assert.equal(await subjectOf(client), name);
      await client.must('LOGOUT');
      client.close();
      const words = `user=${name}, .*rcvd=\\d+, sent=\\d+, time=\\d+${tls ? ', starttls=1' : ''}`;
      await waitUntil(`${name} has logged out`, () => new RegExp(`LOGOUT, ${words}`).test(front.log()));
    });
  }
}

test("Y2: the answer to a login is Courier's", async () => {
  const client = await openClient(front.port, false);
  const { text } = await client.must(`LOGIN carol ${PASSWORD}`);
  assert.equal(text, 'connected to proxy server.');
  client.close();
});

test('Y2: clients are told what a server of another kind can do', async () => {
  const early = await loginClient(front.port, 'bob', PASSWORD, false);
  await site.change(front, { users: accounts, settings: { IMAP_PROXY_FOREIGN: '1' } });
  const client = await openClient(front.port, false);
  const { text, untagged } = await client.must(`LOGIN carol ${PASSWORD}`);
  assert.equal(text, 'CAPABILITY completed');
  assert.match(untagged.join(), /^\* CAPABILITY IMAP4rev1 UIDPLUS CHILDREN NAMESPACE .*ACL2=UNION/);
  client.close();
  // A reload is nothing to sessions that are there.
  assert.equal(await subjectOf(early), 'bob');
  early.close();
  await site.change(front, { users: accounts, settings: { IMAP_PROXY_FOREIGN: '0' } });
});

test('Y2: a client that idles hears of mail that comes to the other server', async () => {
  const client = await loginClient(front.tlsPort, 'bob', PASSWORD);
  await client.must('SELECT INBOX');
  client.raw('i IDLE\r\n');
  assert.match(await client.response(), /^\+ /);
  writeFileSync(join(bob.home, 'Maildir', 'new', '1700000000.M2P2.mx'), 'Subject: new\n\nHello.\n');
  giveToMailUser(bob.home);
  assert.equal(await client.response(), '* 2 EXISTS');
  client.raw('DONE\r\n');
  client.close();
});

/** More than any buffer on the way. */
const LARGE_OCTETS = 50_000_000;
/** A client that does not read must not fill the memory of the login process. */
const MAX_GROWTH_KIB = 16_384;
/** The message would be there by then. */
const GROWING_MS = 1_000;

test('Y2: a large message goes both ways, and waits for a client that does not read', async () => {
  const line = `${'All work and no play. '.repeat(3)}\r\n`;
  const message = `Subject: large\r\n\r\n${line.repeat(LARGE_OCTETS / line.length)}`;
  const [file, copy] = [site.path('message'), site.path('copy')];
  writeFileSync(file, message);
  const curl = ['curl', '-sS', '-k', '-m', '150', '-u', `bob:${PASSWORD}`];
  const inbox = `imaps://127.0.0.1:${front.tlsPort}/INBOX`;
  await mustRun([...curl, '-T', file, inbox]);
  const number = (await mustRun([...curl, `${inbox}?SUBJECT%20large`])).match(/\d+/)?.[0];
  await mustRun([...curl, '-o', copy, `${inbox};MAILINDEX=${number}`]);
  assert.ok(readFileSync(copy, 'utf8') === message, 'it comes back as it was');

  const processes = processesCalled('login process', front.roots());
  const before = ownMemoryKib(processes);
  assert.ok(before > 0);
  const lazy = connect(front.port, '127.0.0.1');
  lazy.write(`a LOGIN bob ${PASSWORD}\r\nb SELECT INBOX\r\nc FETCH ${number} BODY.PEEK[]\r\n`);
  lazy.pause();
  await waitUntil('the front has logged the login', () =>
    new RegExp(`LOGIN, .*port=.${lazy.localPort}.`).test(front.log()),
  );
  await delay(GROWING_MS);
  assert.ok(ownMemoryKib(processes) - before < MAX_GROWTH_KIB, 'the large message is not in memory');
  let octets = 0;
  lazy.on('data', (piece: Buffer) => {
    octets += piece.length;
  });
  lazy.resume();
  await waitUntil('all has come', () => octets > message.length, 60);
  lazy.destroy();
});

test('Y2: SMAP goes through as well', async () => {
  for (const server of [back, front]) {
    await site.change(server, { users: server === back ? [bob] : accounts, settings: { SMAP_CAPABILITY: 'SMAP1' } });
  }
  const connection = await openConnection(front.port, false);
  await connection.receive();
  connection.send(Buffer.from(`\\SMAP1 LOGIN bob ${PASSWORD}\n`));
  assert.equal(String(await connection.receive()), '+OK connected to proxy server.\n');
  connection.send(Buffer.from('STATUS FULL INBOX\n'));
  assert.match(String(await connection.receive()), /^\* STATUS .*EXISTS/i);
  connection.close();
  await waitUntil('the front has logged it', () => /LOGIN, user=bob, .*protocol=SMAP1\n/.test(front.log()));
});
