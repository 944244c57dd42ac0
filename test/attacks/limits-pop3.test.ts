/** Limits and guessers at pop3d: the same as at imapd (limits.test.ts), in the words of POP3. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { programs } from '../support/paths.js';
import { PASSWORD } from '../support/peer-servers.js';
import { mustRun } from '../support/processes.js';
import { lineHeader } from '../support/proxy-header.js';
import { attacked, logged, RawClient } from './attacked.js';

const ATTACKER = '127.0.0.2';

test('POP3: limits are refused with the words of RFC 2449 and 3206, failures cost alike, HTTP and headers are dropped', async () => {
  const pop3 = { MAXPERACCOUNT: '2', MAXBEFORELOGIN: '3', POP3_LOGIN_DELAY: '1', PROXY_PROTOCOL_FROM: '127.0.0.9' };
  await attacked({ pop3 }, async ({ ours }) => {
    const { port = 0, tlsPort = 0 } = ours.pop3 ?? {};
    const HELLO = /^\+OK .*\r\n/;
    const logIn = async (name: string, password = PASSWORD): Promise<{ client: RawClient; said: string }> => {
      const client = new RawClient(port, 'plain', ATTACKER);
      await client.until(HELLO);
      client.send(`USER ${name}\r\n`);
      await client.until('\r\n');
      client.send(`PASS ${password}\r\n`);
      return { client, said: await client.until('\r\n') };
    };
    const sessions = [await logIn('bob'), await logIn('bob')];
    const third = await logIn('bob');
    const text = 'Too many sessions of this account from your address: the limit is 2 (MAXPERACCOUNT)';
    assert.equal(third.said, `-ERR [IN-USE] ${text}\r\n`);
    const wrong = await logIn('alice', 'wrong');
    assert.match(wrong.said, /^-ERR \[AUTH\] /);
    const list = [join(programs, 'angarium'), 'penalty'];
    const environment = { COURIER_CONFDIR: ours.configuration };
    assert.match(await mustRun([...list, 'list'], { environment }), /pop3d: address=127\.0\.0\.2 failures=1 names=1 /);
    assert.equal(
      await mustRun([...list, 'clear', ATTACKER], { environment }),
      'imapd: 0 addresses forgotten\npop3d: 1 addresses forgotten\n',
    );

    const stranger = new RawClient(port, 'plain', ATTACKER);
    await stranger.until(HELLO);
    const tooMany = 'Too many connections from your address without a login: the limit is 3 (MAXBEFORELOGIN)';
    assert.equal(await new RawClient(port, 'plain', ATTACKER).untilClosed(), `-ERR [SYS/TEMP] ${tooMany}\r\n`);
    for (const [how, where] of [
      ['plain', port],
      ['TLS', tlsPort],
    ] as const) {
      const browser = new RawClient(where, how);
      await browser.until(HELLO);
      browser.send('POST / HTTP/1.1\r\nHost: x\r\n\r\nUSER bob\r\n');
      assert.equal(await browser.untilClosed(), '');
    }
    const proxied = new RawClient(port, 'plain', '127.0.0.9');
    proxied.send(lineHeader('192.0.2.7', 5001));
    proxied.send('USER bob\r\nPASS wrong\r\n');
    await proxied.until(/-ERR .*\r\n/);
    await logged(ours, /pop3d.*LOGIN FAILED, user=bob, ip=\[192\.0\.2\.7\], port=\[5001\]/);
    for (const { client } of [...sessions, third, wrong]) client.close();
    for (const client of [stranger, proxied]) client.close();
  });
});
