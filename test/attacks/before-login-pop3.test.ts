/**
 * What strangers do to pop3d before login (attacks 13, 15, 16, 17, 18, 22): lines without end, half commands, bad base64
 * and strange names cost no memory and disturb nobody. For imapd see before-login.test.ts; limits of both are in
 * limits.test.ts, literals (attack 14) are IMAP's alone.
 */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { PASSWORD } from '../support/peer-servers.js';
import { waitUntil } from '../support/processes.js';
import { Conversation, logIn, type MailServer, type MailSite, withMailSite } from './mail-site.js';

const roomy = (prefix: string): Readonly<Record<string, string>> => ({
  ...{ MAXPERIP: '2000', MAXDAEMONS: '3000', MAXBEFORELOGIN: '2000', MAXRATEPERIP: '100000' },
  [`${prefix}_LOGIN_TIMEOUT`]: '10',
});

function pop3Of(site: MailSite): MailServer {
  const server = site.servers.find(({ dialect }) => dialect.name === 'pop3d');
  assert.ok(server !== undefined);
  return server;
}

/** A new client logs in. */
async function assertAlive(pop3: MailServer): Promise<void> {
  const client = await pop3.connect();
  await logIn(client, pop3.dialect);
  await client.ask('STAT\r\n', /^\+OK 3 .*\r\n/);
  client.close();
}

test('attacks 13, 15, 16, 17, 18, 22 on pop3d', async (context) => {
  await withMailSite(roomy, async (site) => {
    const pop3 = pop3Of(site);
    await assertAlive(pop3);

    await context.test('attack 13: a line without end is not read to its end, and takes no memory', async () => {
      const before = pop3.memory();
      const client = await pop3.connect();
      const mebibyte = Buffer.alloc(1_048_576, 'x');
      let sent = 0;
      for (; sent < 100 && !client.closed; sent += 1) {
        client.send(mebibyte);
        await waitUntil('it was taken, or not', () => client.closed || client.socket.writableLength === 0);
      }
      assert.match(client.received, /^-ERR .*\r\n/);
      assert.ok(sent < 20, `${sent} MiB were taken`);
      const grown = pop3.memory() - before;
      assert.ok(grown < 16_000, `${grown} KiB more`);
    });

    await context.test(
      'attack 16: 100,000 parentheses are no command, and three of such end the connection',
      async () => {
        const client = await pop3.connect();
        for (let time = 0; time < 3; time += 1) client.send(`${'('.repeat(100_000)}\r\n`);
        assert.match(await client.untilClosed(), /^-ERR .*\r\n/);
        await assertAlive(pop3);
      },
    );

    await context.test('attack 17: bad base64 in one connection does not disturb a login in another', async () => {
      for (const octets of ['A'.repeat(1_048_576), '!!!!', '=', '*', '\xff\xfe', 'AA=A', '\0']) {
        const bad = await pop3.connect();
        await bad.ask('AUTH PLAIN\r\n', /^\+ .*\r\n/);
        const good = assertAlive(pop3);
        await bad.ask(`${octets}\r\n`, /^-ERR .*\r\n/);
        await good;
        bad.close();
      }
    });

    await context.test('attacks 18, 65: no name reaches another account, or breaks a line of the log', async () => {
      const names = [
        'BOB',
        '*)(uid=*',
        "' or 1=1",
        '%s%n',
        '../bob',
        'x, ip=[192.0.2.1]',
        'bob\0',
        'b\xffb',
        '\x1b[31m',
      ];
      for (const name of [...names, 'a\xe2\x80\xa8b', 'u'.repeat(200)]) {
        const client = await pop3.connect();
        const said = await client.ask(`USER ${name}\r\n`, /^(\+OK|-ERR).*\r\n/);
        if (said.startsWith('+OK')) await client.ask(`PASS ${PASSWORD}\r\n`, /^-ERR .*\r\n/);
        client.close();
      }
      const text = site.ours.log();
      assert.ok(!/\x1b|\u2028|\r/.test(text));
      assert.doesNotMatch(text, /ip=\[192\.0\.2\.1\]/);
      for (const line of text.trimEnd().split('\n')) {
        assert.match(line, /^\w{3} [ \d]\d \d\d:\d\d:\d\d \S+ (imapd|pop3d|authdaemond)\[\d+\]: /);
      }
      await assertAlive(pop3);
    });

    await context.test('attack 22: 1,000 connections that say nothing are opened and closed', async () => {
      for (let round = 0; round < 20; round += 1) {
        const clients = Array.from({ length: 50 }, () => new Conversation(connect(pop3.port, '127.0.0.1')));
        await delay(10);
        for (const client of clients) if (round % 2 === 0) client.close();
        for (const client of clients) if (round % 2 === 1) client.socket.resetAndDestroy();
      }
      await assertAlive(pop3);
    });

    await context.test(
      'attack 15: 500 clients in the middle of a line take bounded memory, and are let go',
      async () => {
        const before = pop3.memory();
        const clients = Array.from({ length: 500 }, () => new Conversation(connect(pop3.port, '127.0.0.1')));
        await waitUntil('all are greeted', () => clients.every(({ received }) => received.startsWith('+OK')));
        for (const client of clients) client.send(`USER ${'x'.repeat(240)}`);
        await assertAlive(pop3);
        const grown = pop3.memory() - before;
        assert.ok(grown < 50_000, `${grown} KiB for 500 clients`);
        await Promise.all(clients.map((client) => client.untilClosed()));
        await assertAlive(pop3);
      },
    );
  });
});
