/**
 * The switch to TLS, and protocols that are taken for others (attacks 1 to 11), against imapd and pop3d.
 */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { PASSWORD } from '../support/peer-servers.js';
import { waitUntil } from '../support/processes.js';
import { Conversation, logIn, type MailServer, type MailSite, withMailSite } from './mail-site.js';

const nothing = () => ({});

const ROOMY = { MAXPERIP: '2000', MAXRATEPERIP: '100000', MAXDAEMONS: '3000' };

async function eachServer(site: MailSite, run: (server: MailServer) => Promise<void>): Promise<void> {
  for (const server of site.servers) await run(server);
  await site.assertAlive();
}

test('attacks 1, 2, 4, 5: what was said before TLS is forgotten, and TLS begins once', async (context) => {
  await withMailSite(nothing, async (site) => {
    await context.test(
      'attacks 1, 2: what came behind STARTTLS or STLS is not answered after the handshake',
      async () => {
        await eachServer(site, async (server) => {
          const { startTls, begun, harmless, harmlessAnswer } = server.dialect;
          const plain = await server.connect();
          plain.send(startTls + harmless);
          assert.doesNotMatch((await plain.until(begun)).replace(begun, ''), harmlessAnswer);
          const secured = await plain.secure();
          // One answer to the question of this moment, and none before it.
          const said = await secured.ask(harmless, harmlessAnswer);
          assert.match(said.replace(harmlessAnswer, ''), /^$/);
          secured.close();
        });
      },
    );

    await context.test('attack 4: the capabilities are those of before TLS and those of after it', async () => {
      await eachServer(site, async (server) => {
        const { dialect } = server;
        const plain = await server.connect();
        const before = await plain.ask(dialect.capability, dialect.capabilityAnswer);
        assert.match(before, /\b(STARTTLS|STLS)\b/);
        await plain.ask(dialect.startTls, dialect.begun);
        const secured = await plain.secure();
        const after = await secured.ask(dialect.capability, dialect.capabilityAnswer);
        assert.doesNotMatch(after, /\b(STARTTLS|STLS|LOGINDISABLED)\b/);
        await logIn(secured, dialect);
        secured.close();
      });
    });

    await context.test(
      'attack 5: twice, in TLS, and after login it is refused, and the connection goes on',
      async () => {
        await eachServer(site, async (server) => {
          const { dialect } = server;
          const refused = dialect.name === 'imapd' ? /^a (BAD|NO) .*\r\n/m : /^-ERR .*\r\n/;
          const plain = await server.connect();
          await plain.ask(dialect.startTls, dialect.begun);
          const switched = await plain.secure();
          const inTls = await server.connectInTls();
          const loggedIn = await server.connect();
          await logIn(loggedIn, dialect);
          await logIn(inTls, dialect);
          for (const conversation of [switched, inTls, loggedIn]) {
            for (let time = 0; time < 2; time += 1) await conversation.ask(dialect.startTls, refused);
            await conversation.ask(dialect.capability, dialect.capabilityAnswer);
            conversation.close();
          }
        });
      },
    );

    await context.test('attack 3: a name given before STLS is forgotten', async () => {
      const pop3 = site.servers.find(({ dialect }) => dialect.name === 'pop3d');
      assert.ok(pop3 !== undefined);
      const plain = await pop3.connect();
      await plain.ask('USER bob\r\n', /^\+OK.*\r\n/);
      await plain.ask('STLS\r\n', /^\+OK.*\r\n/);
      const secured = await plain.secure();
      await secured.ask(`PASS ${PASSWORD}\r\n`, /^-ERR .*\r\n/);
      await logIn(secured, pop3.dialect);
      secured.close();
    });
  });
});

test('attack 6: where TLS is required nobody logs in without it, and no password is in the log', async () => {
  await withMailSite(
    (prefix) => ({ [`${prefix}_TLS_REQUIRED`]: '1' }),
    async (site) => {
      const plainText = Buffer.from(`\0bob\0${PASSWORD}`).toString('base64');
      const attempts = {
        imapd: [
          [`a LOGIN bob ${PASSWORD}\r\n`, /^a NO \[PRIVACYREQUIRED\] .*\r\n/],
          [`b AUTHENTICATE PLAIN ${plainText}\r\n`, /^b NO \[PRIVACYREQUIRED\] .*\r\n/],
          ['c AUTHENTICATE PLAIN\r\n', /^c NO \[PRIVACYREQUIRED\] .*\r\n/],
        ],
        pop3d: [
          ['USER bob\r\n', /^-ERR .*\r\n/],
          [`PASS ${PASSWORD}\r\n`, /^-ERR .*\r\n/],
        ],
      } as const;
      await Promise.all(
        site.servers.map(async (server) => {
          const { dialect } = server;
          const plain = await server.connect();
          const offered = await plain.ask(dialect.capability, dialect.capabilityAnswer);
          assert.doesNotMatch(offered, /AUTH=|^SASL|^USER/m);
          if (dialect.name === 'imapd') assert.match(offered, /LOGINDISABLED/);
          for (const [attempt, answer] of attempts[dialect.name]) await plain.ask(attempt, answer);
          plain.close();
          const refused = await server.connect();
          if (dialect.name === 'pop3d') await refused.ask(`AUTH PLAIN ${plainText}\r\n`, /^-ERR .*\r\n/);
          await refused.ask(dialect.startTls, dialect.begun);
          const secured = await refused.secure();
          await logIn(secured, dialect);
          const direct = await server.connectInTls();
          await logIn(direct, dialect);
          for (const conversation of [secured, direct]) conversation.close();
        }),
      );
      assert.ok(!site.ours.log().includes(PASSWORD));
      assert.ok(!site.ours.log().includes(plainText));
    },
  );
});

test('attacks 8, 9, 10, 11: other protocols, old versions, strange names and half handshakes', async (context) => {
  const patient = (prefix: string) => ({ [`${prefix}_LOGIN_TIMEOUT`]: '10', ...ROOMY });
  await withMailSite(patient, async (site) => {
    await context.test(
      'attack 8: a client that offers other protocols only is refused, on the port for TLS and after STARTTLS',
      async () => {
        await eachServer(site, async (server) => {
          const { dialect } = server;
          await assert.rejects(server.connectInTls({ ALPNProtocols: ['http/1.1'] }), /no application protocol/);
          const plain = await server.connect();
          await plain.ask(dialect.startTls, dialect.begun);
          await assert.rejects(plain.secure({ ALPNProtocols: ['h2'] }), /no application protocol/);
          for (const ALPNProtocols of [[dialect.alpn], ['http/1.1', dialect.alpn], undefined]) {
            (await server.connectInTls(ALPNProtocols === undefined ? {} : { ALPNProtocols })).close();
          }
          // What a browser would say is not answered either.
          for (const request of ['GET / HTTP/1.1\r\nHost: x\r\n\r\n', 'POST /x HTTP/1.1\r\n\r\na NOOP\r\n']) {
            const http = await server.connect();
            http.send(request);
            assert.doesNotMatch(await http.untilClosed(), /HTTP|Host|NOOP/);
          }
        });
      },
    );

    await context.test(
      'attack 9: old versions and no shared cipher: an alert, and one line of the log with the reason',
      async () => {
        await eachServer(site, async (server) => {
          const lines = () => site.ours.log().match(/couriertls: accept: .*/g) ?? [];
          const before = lines().length;
          const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
          await assert.rejects(server.connectInTls(old), /alert protocol version/);
          const foreign = { ciphers: 'PSK-AES128-GCM-SHA256:CAMELLIA128-SHA', maxVersion: 'TLSv1.2' } as const;
          await assert.rejects(server.connectInTls(foreign));
          const weak = { ciphers: 'AECDH-NULL-SHA:NULL-SHA256:@SECLEVEL=0', maxVersion: 'TLSv1.2' } as const;
          await assert.rejects(server.connectInTls(weak), /alert handshake failure/);
          // Of several login processes, in any order.
          const said = () => lines().slice(before).join('\n');
          const reasons = ['unsupported protocol', 'no shared cipher'];
          await waitUntil('the log has them', () => reasons.every((reason) => said().includes(reason)));
        });
      },
    );

    await context.test(
      'attack 10: 300 handshakes with as many names that nobody has leave no memory in pop3d',
      async () => {
        // The same for imapd is in before-login.test.ts.
        const pop3 = site.servers.find(({ dialect }) => dialect.name === 'pop3d');
        assert.ok(pop3 !== undefined);
        const round = async (first: number): Promise<void> => {
          for (let number = first; number < first + 300; number += 50) {
            const names = Array.from({ length: 50 }, (_, at) => `h${number + at}.${'x'.repeat(50)}.example`);
            const clients = await Promise.all(names.map((servername) => pop3.connectInTls({ servername })));
            for (const client of clients) client.close();
          }
        };
        await round(0);
        const before = pop3.memory();
        await round(10_000);
        const grown = pop3.memory() - before;
        // 300 contexts of OpenSSL would be more than 15 MB.
        assert.ok(grown < 12_000, `${grown} KiB more`);
      },
    );

    await context.test('attack 11: garbage, and a half ClientHello and silence: closed, in time', async () => {
      const beginnings = [Buffer.from('1603010200010001fc0303', 'hex'), Buffer.alloc(0), Buffer.alloc(500, 0xff)];
      const clients = site.servers.flatMap((server) =>
        beginnings.map((octets) => {
          const client = new Conversation(connect(server.tlsPort, '127.0.0.1'));
          client.send(octets);
          return client;
        }),
      );
      await Promise.all(clients.map((client) => client.untilClosed()));
      await site.assertAlive();
    });
  });
});
