/**
 * Y2: accounts of other servers are passed on to them, from our front to ours, Debian's Courier and Debian's Dovecot.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type ImapClient, loginClient, openClient } from '../../support/imap-client.js';
import { PASSWORD, type PeerServer } from '../../support/peer-servers.js';
import { waitUntil } from '../../support/processes.js';
import type { OurServers } from '../../support/start.js';
import { type DovecotBackEnd, elsewhere, Site } from './site.js';

const site = new Site('imap-proxy');
let back: OurServers;
let courier: PeerServer;
let dovecot: DovecotBackEnd;
let front: OurServers;

before(async () => {
  const [bob, carol, dave, eve] = ['bob', 'carol', 'dave', 'eve'].map((name) => site.user(name));
  assert.ok(bob !== undefined && carol !== undefined && dave !== undefined && eve !== undefined);
  back = await site.ours([bob]);
  courier = await site.courier([carol]);
  dovecot = await site.dovecot([dave]);
  const at = (port: number) => `127.0.0.1:${port}`;
  const nobody = { uid: 4242, gid: 4242, home: '/nonexistent' };
  front = await site.ours(
    [
      { ...elsewhere(bob, at(back.port)), ...nobody },
      { ...elsewhere(carol, at(courier.port)), ...nobody },
      { ...elsewhere(dave, at(dovecot.port)), ...nobody },
      eve,
    ],
    { settings: { IMAP_PROXY: '1' } },
  );
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
