/**
 * Limits against those who guess and flood (attacks 19, 21, 22, 86, 87; H1, H2, H7): what is refused is told by name and
 * number, and nobody else suffers. The attacker comes from 127.0.0.2, others from 127.0.0.1.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { programs } from '../support/paths.js';
import { PASSWORD } from '../support/peer-servers.js';
import { mustRun, run, waitUntil } from '../support/processes.js';
import { type OurServers, writeSettings } from '../support/start.js';
import { attacked, logged, RawClient, rawLogin } from './attacked.js';

const ATTACKER = '127.0.0.2';
const READY = /^\* OK .*\r\n/;

function penalties(ours: OurServers, command: string): Promise<string> {
  const words = [join(programs, 'imapd'), '--control', 'penalty', ...command.split(' ')];
  return mustRun(words, { environment: { COURIER_CONFDIR: ours.configuration } });
}

async function failedLogin(client: RawClient, name: string): Promise<string> {
  client.send(`f LOGIN ${name} wrong\r\n`);
  return await client.until(/f (NO|OK|BAD) .*\r\n/);
}

async function greeted(port: number, from = ATTACKER): Promise<RawClient> {
  const client = new RawClient(port, 'plain', from);
  await client.until(READY);
  return client;
}

test('attack 19: of 150 silent clients of one address the limit is let in, the others read its name; time makes room', async () => {
  const settings = { MAXPERIP: '800', IMAP_LOGIN_TIMEOUT: '10', MAXRATEPERIP: '1000' };
  await attacked({ settings }, async ({ ours, assertAlive }) => {
    const clients = Array.from({ length: 150 }, () => new RawClient(ours.port, 'plain', ATTACKER));
    await waitUntil('all have an answer', () => clients.every(({ received }) => received.includes('\r\n')));

    const refused = clients.filter(({ received }) => received.startsWith('* BYE '));
    assert.equal(refused.length, 50);
    const text = 'Too many connections from your address without a login: the limit is 100 (MAXBEFORELOGIN)';
    for (const { received } of refused) assert.equal(received, `* BYE ${text}\r\n`);
    await assertAlive();

    await waitUntil('all were let go', () => clients.every(({ closed }) => closed), 30);
    (await greeted(ours.port)).close();
  });
});

test('attack 19: strangers from many addresses that take all places make room for somebody who logs in', async () => {
  await attacked({ settings: { MAXDAEMONS: '30' } }, async ({ ours, assertAlive, descriptors }) => {
    const clients: RawClient[] = [];
    for (let said = '* OK'; said.startsWith('* OK'); ) {
      const client = new RawClient(ours.port, 'plain', `127.0.1.${clients.length + 1}`);
      said = await client.until('\r\n');
      if (said.startsWith('* OK')) clients.push(client);
      else assert.equal(said, '* BYE Too many connections: the limit is 30 (MAXDAEMONS)\r\n');
    }
    assert.ok(clients.length > 25);
    await waitUntil('one gives its place', async () => {
      const next = new RawClient(ours.port);
      const isLetIn = READY.test(await next.until('\r\n'));
      if (isLetIn) {
        next.send(`a LOGIN alice ${PASSWORD}\r\n`);
        await next.until(/a OK .*\r\n/);
      }
      next.close();
      return isLetIn;
    });
    assert.match((await clients[0]?.untilClosed()) ?? '', /^\* BYE /);
    await logged(ours, /All connections are taken: the oldest ones without a login are ended/);
    for (const client of clients) client.close();
    await waitUntil('all have gone', () => descriptors() === 0);
    await assertAlive();
  });
});

test('attack 86: 25 sessions of one user from one address are served; over the limit, NO names it, and others log in', async () => {
  await attacked({ settings: { MAXPERACCOUNT: '25' } }, async ({ ours }) => {
    const sessions: RawClient[] = [];
    for (let number = 0; number < 25; number += 1) {
      sessions.push(
        await rawLogin(number % 5 === 0 ? ours.tlsPort : ours.port, 'bob', number % 5 === 0 ? 'TLS' : 'plain'),
      );
    }
    const client = new RawClient(ours.tlsPort, 'TLS');
    await client.until(READY);
    client.send(`a LOGIN bob ${PASSWORD}\r\n`);
    const text = 'Too many sessions of this account from your address: the limit is 25 (MAXPERACCOUNT)';
    assert.equal(await client.until(/a .*\r\n/), `a NO [LIMIT] ${text}\r\n`);
    client.send(`b LOGIN alice ${PASSWORD}\r\n`);
    await client.until(/b OK .*\r\n/);
    const elsewhere = new RawClient(ours.port, 'plain', '127.0.0.3');
    await elsewhere.until(READY);
    elsewhere.send(`c LOGIN bob ${PASSWORD}\r\n`);
    await elsewhere.until(/c OK .*\r\n/);

    // A session that ends makes room at once.
    sessions[0]?.send('z LOGOUT\r\n');
    await sessions[0]?.untilClosed();
    sessions[1]?.close();
    await waitUntil('there is room again', async () => {
      const next = await greeted(ours.port, '127.0.0.1');
      next.send(`d LOGIN bob ${PASSWORD}\r\n`);
      const isIn = / OK /.test(await next.until(/d (OK|NO) .*\r\n/));
      next.close();
      return isIn;
    });
    for (const each of [...sessions, client, elsewhere]) each.close();
  });
});

test('attacks 21, 87: each failure of an address costs more, through any connection; those who are right do not wait', async () => {
  const settings = { IMAP_LOGIN_DELAY: '1', IMAP_LOGIN_DELAY_MAX: '8' };
  await attacked({ settings }, async ({ ours, assertAlive }) => {
    assert.equal(await penalties(ours, 'list'), '0 addresses\n');
    const seen: string[] = [];
    for (let number = 0; number < 3; number += 1) {
      const client = await greeted(ours.port);
      assert.match(await failedLogin(client, 'bob'), /^f NO \[AUTHENTICATIONFAILED\] Login failed\.\r\n$/);
      client.close();
      const [, failures, next] = /failures=(\d+) .*next_seconds=(\d+)/.exec(await penalties(ours, 'list')) ?? [];
      seen.push(`${failures}: ${next}`);
    }
    assert.deepEqual(seen, ['1: 2', '2: 4', '3: 8']);

    // The answer to bob is on its way; alice, behind the same address, and bob from elsewhere are in before it.
    const guesser = await greeted(ours.port);
    guesser.send('f LOGIN bob wrong\r\n');
    await waitUntil('it is counted', async () => / failures=4 .*next_seconds=8 /.test(await penalties(ours, 'list')));
    const order: string[] = [];
    const logIn = async (name: string, from: string): Promise<void> => {
      const client = await greeted(ours.port, from);
      client.send(`a LOGIN ${name} ${PASSWORD}\r\n`);
      await client.until(/a OK .*\r\n/);
      order.push(`${name} from ${from}`);
      client.close();
    };
    const answered = guesser.until(/f NO .*\r\n/).then(() => order.push('the failure'));
    const own = logIn('bob', ATTACKER);
    await Promise.all([logIn('alice', ATTACKER), logIn('bob', '127.0.0.1')]);
    await Promise.all([answered, own]);
    assert.deepEqual(order.slice(0, 2).sort(), [`alice from ${ATTACKER}`, 'bob from 127.0.0.1']);
    assert.deepEqual(order.slice(2).sort(), [`bob from ${ATTACKER}`, 'the failure']);

    assert.equal(await penalties(ours, `clear ${ATTACKER}`), '1 addresses forgotten\n');
    assert.equal(await penalties(ours, 'list'), '0 addresses\n');
    await assertAlive();
  });
});

test('attack 21: three bad commands before login end the connection with a BYE', async () => {
  await attacked({}, async ({ ours, assertAlive }) => {
    const client = await greeted(ours.port);
    client.send('a FETCH\r\nb NONSENSE\r\nc SELECT x\r\nd NOOP\r\n');
    const said = await client.untilClosed();
    assert.match(said, /^a BAD .*\r\nb BAD .*\r\nc BAD .*\r\n\* BYE .*\r\n$/);
    await assertAlive();
  });
});

test('attack 22: an address that opens too many connections in a minute is told so, and 127.0.0.1 is not', async () => {
  await attacked({ settings: { MAXRATEPERIP: '20' } }, async ({ ours, assertAlive, descriptors }) => {
    await assertAlive();
    const begin = performance.now();
    let letIn = 0;
    for (let number = 0; number < 40; number += 1) {
      const client = new RawClient(ours.port, 'plain', ATTACKER);
      const answer = await client.until('\r\n');
      if (number < 20) assert.match(answer, READY);
      const text = 'Too many connections from your address in a minute: the limit is 20 (MAXRATEPERIP)';
      if (READY.test(answer)) letIn += 1;
      else assert.equal(answer, `* BYE ${text}\r\n`);
      client.close();
      (await greeted(ours.port, '127.0.0.1')).close();
    }
    // As time goes by, some more are let in.
    const minutes = (performance.now() - begin) / 60_000;
    assert.ok(letIn <= 20 * (1 + minutes), `${letIn} in ${minutes} minutes`);
    await waitUntil('all descriptors are closed', () => descriptors() === 0);
    await assertAlive();
    await logged(ours, /Maximum connection rate reached for 127\.0\.0\.2$/);
  });
});

test('H2: a change of the access file counts within seconds without a reload; one with mistakes changes nothing', async () => {
  await attacked({ settings: { IMAPACCESSFILE: '$PIDFILE.access' } }, async ({ ours, assertAlive, directory }) => {
    const file = join(directory, 'server', 'run', 'imapd.pid.access');
    (await greeted(ours.port)).close();
    writeFileSync(file, '127.0.0.2\tdeny\n127.0.0.3\tallow,MAXCPERIP=1\n');
    await logged(ours, /read again: 2 lines/);
    const denied = new RawClient(ours.port, 'plain', ATTACKER);
    assert.equal(await denied.untilClosed(), '* BYE Connections from your address are not allowed here\r\n');
    const secure = new RawClient(ours.tlsPort, 'TLS', ATTACKER);
    assert.equal(await secure.untilClosed(), '* BYE Connections from your address are not allowed here\r\n');
    const only = await greeted(ours.port, '127.0.0.3');
    assert.match(await new RawClient(ours.port, 'plain', '127.0.0.3').untilClosed(), /the limit is 1 \(MAXCPERIP\)/);

    writeFileSync(file, '127.0.0.2\tallow\n300.1\tdeny\n');
    await logged(ours, /access file not changed/);
    await logged(ours, /imapd\.pid\.access:2: 300\.1 is no address/);
    assert.match(await new RawClient(ours.port, 'plain', ATTACKER).untilClosed(), /not allowed here/);

    const makeimapaccess = [join(programs, 'makeimapaccess')];
    const environment = { COURIER_CONFDIR: ours.configuration };
    const refused = await run(makeimapaccess, { environment });
    assert.deepEqual([refused.exitCode, refused.stdout], [1, '']);
    assert.match(refused.stderr, /imapd\.pid\.access:2: 300\.1 is no address; write /);
    rmSync(file);
    await mustRun(makeimapaccess, { environment });
    await logged(ours, /read again: 0 lines/);
    (await greeted(ours.port)).close();
    only.close();
    await assertAlive();
  });
});

test('other protocols are dropped without an answer, in plaintext, in TLS and after STARTTLS', async () => {
  await attacked({}, async ({ ours, assertAlive }) => {
    const words = [
      'GET / HTTP/1.1\r\nHost: x\r\n\r\na LOGIN bob wrong\r\n',
      'POST /?a HTTP/1.1\r\nContent-Length: 99\r\n\r\nb NOOP\r\n',
      'EHLO evil.example\r\nMAIL FROM:<a@b>\r\n',
      'SSH-2.0-x\r\n',
      'PROXY TCP4 192.0.2.7 198.51.100.1 1 143\r\na NOOP\r\n',
    ];
    for (const text of words) {
      for (const how of ['plain', 'TLS'] as const) {
        const client = new RawClient(how === 'TLS' ? ours.tlsPort : ours.port, how);
        await client.until(READY);
        client.send(text);
        assert.equal(await client.untilClosed(), '', text);
      }
    }
    await logged(ours, /dropped, ip=\[127\.0\.0\.1\], port=\[\d+\]: it speaks SMTP$/);
    assert.doesNotMatch(ours.log(), /evil\.example|LOGIN FAILED/);
    const upgraded = await greeted(ours.port, '127.0.0.1');
    upgraded.send('a STARTTLS\r\n');
    await upgraded.until(/a OK .*\r\n/);
    upgraded.socket.removeAllListeners('data');
    const inTls = connectTls({ socket: upgraded.socket, rejectUnauthorized: false });
    const heard: Buffer[] = [];
    inTls.on('data', (octets: Buffer) => heard.push(octets));
    inTls.on('error', () => undefined);
    inTls.write('POST / HTTP/1.1\r\nHost: x\r\n\r\na LOGIN bob wrong\r\n');
    await once(inTls, 'close');
    assert.deepEqual(heard, []);
    const hello = await greeted(ours.port, '127.0.0.1');
    hello.send('\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03');
    assert.equal(await hello.untilClosed(), '');
    await assertAlive();
  });
});

test('H8: a server that is short of memory says so in its BYE, and serves when the setting is mended', async () => {
  await attacked({ settings: { MINFREEMEMORY: '999999999' } }, async ({ ours, assertAlive }) => {
    const text = 'The server is short of memory: less than 999999999 MB are free (MINFREEMEMORY)';
    assert.equal(await new RawClient(ours.port).untilClosed(), `* BYE ${text}\r\n`);
    assert.equal(await new RawClient(ours.tlsPort, 'TLS').untilClosed(), `* BYE ${text}\r\n`);
    await logged(ours, /connections are refused: The server is short of memory/);
    writeSettings(ours.configuration, 'imapd', { ...currentSettings(ours), MINFREEMEMORY: '1' });
    ours.imapd.kill('SIGHUP');
    await logged(ours, /settings read again/);
    await waitUntil('it is looked at anew', async () => {
      const client = new RawClient(ours.port);
      const said = await client.until('\r\n');
      client.close();
      return READY.test(said);
    });
    await assertAlive();
  });
});

/** What the file says now, for a change of it. */
function currentSettings(ours: OurServers): Record<string, string> {
  const text = readFileSync(join(ours.configuration, 'imapd'), 'utf8');
  const lines = text.matchAll(/^([A-Z_]+)="?([^"\n]*)"?$/gm);
  return Object.fromEntries([...lines].map(([, name = '', value = '']) => [name, value]));
}
