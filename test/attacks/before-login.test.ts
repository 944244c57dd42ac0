/**
 * What strangers do to the port: handshakes that stop, names without end, literals that never come, and more octets
 * than anybody needs to log in (attacks 9, 10, 11, 13, 15, 17, 18, 22). Memory and descriptors are those of the kernel.
 *
 * Rows 1, 8 and 9 are also in test/runtime/tls/tls.test.ts, 4 to 6, 14, 16 to 18, 21 and 35 in test/imap/login.test.ts, 19 in
 * test/runtime/lifecycle.test.ts.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { loginClient } from '../support/imap-client.js';
import { PASSWORD } from '../support/peer-servers.js';
import { waitUntil } from '../support/processes.js';
import { attacked, RawClient } from './attacked.js';

const roomy = { MAXPERIP: '2000', MAXDAEMONS: '3000' };

/** The first octets of a ClientHello of 508 octets. */
const HALF_A_HELLO = Buffer.from('1603010200010001fc0303', 'hex');

test('attack 11: clients that leave in the middle of the handshake, or just after it, free their place at once', async () => {
  await attacked({ settings: { ...roomy, IMAP_LOGIN_TIMEOUT: '300' } }, async ({ ours, assertAlive, descriptors }) => {
    await assertAlive();
    const leaving: readonly ((client: RawClient) => void)[] = [
      (client) => client.socket.end(),
      (client) => client.socket.destroy(),
      (client) => client.socket.resetAndDestroy(),
    ];
    for (const octets of [Buffer.alloc(0), HALF_A_HELLO.subarray(0, 4), HALF_A_HELLO, Buffer.from('GET / HTTP/1.0')]) {
      for (const leave of leaving) {
        const clients = Array.from({ length: 20 }, () => new RawClient(ours.tlsPort));
        for (const client of clients) client.send(octets);
        await delay(15);
        for (const client of clients) leave(client);
      }
    }
    for (let number = 0; number < 40; number += 1) {
      const client = connectTls({ port: ours.tlsPort, host: '127.0.0.1', rejectUnauthorized: false });
      client.on('error', () => undefined);
      client.once('secureConnect', () => client.destroy());
    }
    await waitUntil('all descriptors are closed', () => descriptors() === 0);
    await assertAlive();
  });
});

test('attack 10: 2,000 handshakes with as many server names leave no memory behind, and get the one certificate', async () => {
  await attacked({ settings: roomy }, async ({ ours, assertAlive, memory }) => {
    const names = new Set<string>();
    const greet = (name: string): Promise<void> =>
      new Promise((resolve) => {
        const options = { port: ours.tlsPort, host: '127.0.0.1', rejectUnauthorized: false, servername: name };
        const client = connectTls(options, () => {
          names.add(String(client.getPeerCertificate().subject.CN));
          client.end();
        });
        client.resume();
        client.on('error', () => resolve());
        client.once('close', () => resolve());
      });
    const round = async (first: number): Promise<void> => {
      for (let number = first; number < first + 1_000; number += 50) {
        await Promise.all(Array.from({ length: 50 }, (_, at) => greet(`h${number + at}.${'x'.repeat(50)}.example`)));
      }
    };
    await round(0);
    const before = memory('login process');
    await round(1_000);
    const grown = memory('login process') - before;
    // The heap of Node breathes; 1,000 contexts of OpenSSL would be more than 50 MB.
    assert.ok(grown < 40_000, `${grown} KiB more`);
    assert.deepEqual([...names], ['localhost']);
    await assertAlive();
  });
});

test('attack 13: a line without end is not read to its end, and takes no memory', async () => {
  await attacked({ settings: roomy }, async ({ ours, assertAlive, memory }) => {
    await assertAlive();
    const before = memory('login process');
    const client = new RawClient(ours.port);
    await client.until('\r\n');
    const mebibyte = Buffer.alloc(1_048_576, 'x');
    let sent = 0;
    for (; sent < 100 && !client.closed; sent += 1) {
      client.send(mebibyte);
      await waitUntil(
        'it was taken, or the server has closed',
        () => client.closed || client.socket.writableLength === 0,
      );
    }
    assert.match(client.received, /^\* BAD .*\r\n\* BYE .*\r\n$/);
    assert.ok(sent < 20, `${sent} MiB were taken`);
    const grown = memory('login process') - before;
    assert.ok(grown < 16_000, `${grown} KiB more`);
    await assertAlive();
  });
});

test('attack 15: 1,000 clients in the middle of a LOGIN take bounded memory, keep nobody out, and are let go', async () => {
  await attacked({ settings: { ...roomy, IMAP_LOGIN_TIMEOUT: '20' } }, async ({ ours, ...server }) => {
    const { assertAlive, descriptors, memory } = server;
    await assertAlive();
    await waitUntil('the first client has gone', () => descriptors() === 0);
    const before = memory('login process');
    const clients = Array.from({ length: 1_000 }, () => new RawClient(ours.port));
    for (const client of clients) client.send('a LOGIN bob {8000}\r\n');
    await waitUntil('all were asked for the literal', () => clients.every(({ received }) => received.includes('+ OK')));
    for (const client of clients) client.send(Buffer.alloc(7_999, 'x'));
    await delay(300);
    const grown = memory('login process') - before;
    // A connection of Node is some 20 KiB, and its literal 8.
    assert.ok(grown < 90_000, `${grown} KiB for 1,000 clients`);
    await assertAlive();
    await waitUntil('all were let go', () => clients.every(({ closed }) => closed));
    assert.ok(clients.every(({ received }) => received.includes('* BYE ')));
    await waitUntil('all descriptors are closed', () => descriptors() === 0);
  });
});

test('attack 17: bad base64 in one connection does not disturb a login in another', async () => {
  await attacked({ settings: roomy }, async ({ ours, assertAlive }) => {
    for (const octets of ['A'.repeat(1_048_576), '!!!!', '=', '*', '\xff\xfe', 'AA=A', '\0']) {
      const bad = new RawClient(ours.port);
      await bad.until('\r\n');
      bad.send('a AUTHENTICATE PLAIN\r\n');
      await bad.until('+ ');
      const good = loginClient(ours.port, 'bob', PASSWORD, false);
      bad.send(`${octets}\r\n`);
      await bad.until(/a (BAD|NO) .*\r\n/);
      (await good).close();
      bad.close();
    }
    await assertAlive();
  });
});

test('an exchange that is as long as it may be ends nobody else: its login process lives on', async () => {
  const settings = { ...roomy, IMAP_CAPABILITY: 'IMAP4rev1 AUTH=PLAIN AUTH=SCRAM-SHA-256' };
  await attacked({ settings }, async ({ ours, assertAlive, pids }) => {
    const before = pids('login process');
    for (const [nonce, final] of [
      [990, 6_135],
      [990, 2_000],
      [100, 6_135],
    ] as const) {
      const client = new RawClient(ours.port);
      await client.until('\r\n');
      // authdaemond's answer remembers the nonce three times, with two characters for each quote.
      const first = Buffer.from(`n,,n=bob,r=${'"'.repeat(nonce)}`).toString('base64');
      client.send('a AUTHENTICATE SCRAM-SHA-256\r\n');
      await client.until('+ ');
      client.send(`${first}\r\n`);
      await client.until(/\+ [A-Za-z0-9+/=]{20,}\r\n/);
      client.send(`${Buffer.alloc(final, 'x').toString('base64')}\r\n`);
      await client.until(/a NO .*\r\n/);
      client.close();
    }
    await assertAlive();
    assert.deepEqual(pids('login process'), before);
  });
});

test('attack 18, 65, 84: no name reaches another account, breaks a log line, or ends authdaemond', async () => {
  await attacked({ settings: roomy }, async ({ ours, assertAlive }) => {
    const strange = [
      'BOB',
      'bob ',
      ' bob',
      '*)(uid=*',
      "' or 1=1",
      '%s%n',
      '../bob',
      'b*',
      '.',
      '@',
      'bob@',
      'x, ip=[192.0.2.1]',
    ];
    for (const name of [
      ...strange,
      'bob\0',
      'bob\r\nINFO: x',
      'b\xffb',
      'a\xe2\x80\xa8b',
      '\x1b[31m',
      'u'.repeat(7_000),
    ]) {
      const client = new RawClient(ours.port);
      await client.until('\r\n');
      client.send(`a LOGIN {${name.length}+}\r\n${name} ${PASSWORD}\r\n`);
      await client.until(/a (BAD|NO) .*\r\n/);
      client.close();
    }
    await assertAlive();
    const text = ours.log();
    assert.ok(!/\x1b|\u2028|\r/.test(text));
    for (const line of text.trimEnd().split('\n'))
      assert.match(line, /^\w{3} [ \d]\d \d\d:\d\d:\d\d \S+ (imapd|authdaemond)\[\d+\]: /);
    assert.doesNotMatch(text, /ip=\[192\.0\.2\.1\]/);
  });
});

test('attack 22: 3,000 connections that say nothing are opened and closed, and nothing is left of them', async () => {
  await attacked({ settings: { ...roomy, IMAP_LOGIN_TIMEOUT: '300' } }, async ({ ours, assertAlive, descriptors }) => {
    await assertAlive();
    for (let round = 0; round < 60; round += 1) {
      const clients = Array.from({ length: 50 }, () => new RawClient(ours.port));
      await delay(10);
      for (const client of clients) if (round % 2 === 0) client.close();
      for (const client of clients) if (round % 2 === 1) client.socket.resetAndDestroy();
    }
    await waitUntil('all descriptors are closed', () => descriptors() === 0);
    await assertAlive();
  });
});
