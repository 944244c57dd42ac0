/**
 * Attack 85: the PROXY protocol is believed from trusted addresses only (here 127.0.0.9), and whatever else claims to be
 * a header ends the connection. What real proxies send is in test/interop/haproxy.test.ts.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { PASSWORD } from '../support/peer-servers.js';
import { waitUntil } from '../support/processes.js';
import { binaryHeader, lineHeader } from '../support/proxy-header.js';
import { attacked, logged, RawClient } from './attacked.js';

const PROXY = '127.0.0.9';
const trusted = { PROXY_PROTOCOL_FROM: PROXY };

/** A connection of the proxy that begins with these octets. */
function through(port: number, first: Buffer | string): RawClient {
  const client = new RawClient(port, 'plain', PROXY);
  client.send(first);
  return client;
}

test('attack 85: only the proxy is believed; log, limits, access file and authdaemond see the client that it names', async () => {
  const settings = {
    ...trusted,
    MAXPERIP: '2',
    IMAPACCESSFILE: '$PIDFILE.access',
    RELAY_AFTER_LOGIN_FILE: '$PIDFILE.relay',
  };
  await attacked({ settings }, async ({ ours, directory }) => {
    const run = join(directory, 'server', 'run');
    const first = through(
      ours.port,
      Buffer.concat([lineHeader('192.0.2.7', 5001), Buffer.from('a LOGIN bob wrong\r\n')]),
    );
    await first.until(/^\* OK .*\r\na NO .*\r\n/);
    await logged(ours, /LOGIN FAILED, user=bob, ip=\[192\.0\.2\.7\], port=\[5001\]$/);
    await logged(ours, /authdaemond.* not let in: .*account=bob, from=192\.0\.2\.7,/);
    await logged(ours, /Proxied, ip=\[192\.0\.2\.7\], port=\[5001\], proxy=\[127\.0\.0\.9\]$/);
    first.send(`b LOGIN bob ${PASSWORD}\r\n`);
    await first.until(/b OK .*\r\n/);
    await logged(ours, /LOGIN, user=bob, ip=\[192\.0\.2\.7\]/);
    await waitUntil('the address is written', () => existsSync(join(run, 'imapd.pid.relay')));
    await waitUntil('it is there', () => readFileSync(join(run, 'imapd.pid.relay'), 'utf8').includes('192.0.2.7'));

    const second = through(ours.port, lineHeader('192.0.2.7', 5002));
    await second.until(/^\* OK .*\r\n/);
    const third = through(ours.port, lineHeader('192.0.2.7', 5003));
    assert.match(
      await third.untilClosed(),
      /^\* BYE Too many connections from your address: the limit is 2 \(MAXPERIP\)\r\n$/,
    );
    const other = through(ours.port, lineHeader('2001:db8::7', 5004));
    await other.until(/^\* OK .*\r\n/);
    writeFileSync(join(run, 'imapd.pid.access'), '2001:db8::/32\tdeny\n');
    await logged(ours, /read again: 1 lines/);
    assert.match(await through(ours.port, lineHeader('2001:db8::8', 5005)).untilClosed(), /not allowed here/);

    const spoofed = new RawClient(ours.port);
    await spoofed.until(/^\* OK .*\r\n/);
    spoofed.send(lineHeader('203.0.113.1', 5006));
    assert.equal(await spoofed.untilClosed(), '');
    const spoofedEarly = new RawClient(ours.port);
    spoofedEarly.send(binaryHeader({}));
    assert.match(await spoofedEarly.untilClosed(), /^\* OK .*\r\n$/);
    assert.doesNotMatch(ours.log(), /203\.0\.113\.1/);
    await logged(ours, /dropped, ip=\[127\.0\.0\.1\].*speaks the PROXY protocol, and is not in PROXY_PROTOCOL_FROM/);
    for (const client of [first, second, other]) client.close();
  });
});

test('attack 85: headers that are cut off, come twice or never, or say what cannot be, end the connection with a line', async () => {
  const settings = { ...trusted, TCPDOPTS: '-nodnslookup -haproxy=1' };
  await attacked({ settings }, async ({ ours, descriptors }) => {
    const alive = async (): Promise<void> => {
      const client = through(ours.port, binaryHeader({}));
      await client.until(/^\* OK .*\r\n/);
      client.send(`a LOGIN alice ${PASSWORD}\r\nb LOGOUT\r\n`);
      await client.until(/a OK .*\r\n/);
      await client.untilClosed();
    };
    await alive();
    const wrong = [
      'a LOGIN bob secret\r\n',
      'PROXY TCP4 192.0.2.7 198.51.100.1 5\r\n',
      'PROXY TCP4 300.0.2.7 198.51.100.1 5 6\r\n',
      `PROXY TCP4 ${'1'.repeat(200)}`,
      binaryHeader({ command: 0x2f }),
      binaryHeader({ addresses: Buffer.alloc(4) }),
      '\x16\x03\x01\x02\0\x01',
    ];
    for (const octets of wrong) assert.equal(await through(ours.port, octets).untilClosed(), '');
    const late = [
      through(ours.port, ''),
      through(ours.port, 'PROXY TCP4 192.0'),
      through(ours.port, binaryHeader({}).subarray(0, 20)),
    ];
    for (const client of late) assert.equal(await client.untilClosed(), '');
    await logged(ours, /dropped, ip=\[127\.0\.0\.9\].*no header of the PROXY protocol: no header came in time/, 3);
    await logged(ours, /dropped, ip=\[127\.0\.0\.9\].*no header of the PROXY protocol: /, wrong.length + 3);
    const direct = new RawClient(ours.port);
    assert.equal(await direct.untilClosed(), '');
    await logged(ours, /dropped, ip=\[127\.0\.0\.1\].*only proxies may connect here/);

    const twice = through(ours.port, Buffer.concat([lineHeader('192.0.2.7', 1), lineHeader('192.0.2.8', 2)]));
    assert.match(await twice.untilClosed(), /^\* OK .*\r\n$/);
    const gone = through(ours.port, 'PROXY');
    gone.close();
    const itself = through(ours.port, Buffer.concat([Buffer.from('PROXY UNKNOWN\r\n'), Buffer.from('a NOOP\r\n')]));
    await itself.until(/^\* OK .*\r\na OK .*\r\n/);
    itself.close();
    const large = through(
      ours.port,
      Buffer.concat([binaryHeader({ tlvs: Buffer.alloc(65_000, 4) }), Buffer.from('a NOOP\r\n')]),
    );
    await large.until(/^\* OK .*\r\na OK .*\r\n/);
    large.close();
    assert.doesNotMatch(ours.log(), /192\.0\.2\.8/);
    await alive();
    await waitUntil('all descriptors are closed', () => descriptors() === 0);
  });
});

test('a header stands before TLS, in the same packet as the hello or in pieces', async () => {
  await attacked({ settings: trusted }, async ({ ours }) => {
    for (const pieces of [[52], [1, 11, 15, 17], []]) {
      const socket = connect({ port: ours.tlsPort, host: '127.0.0.1', localAddress: PROXY, noDelay: true });
      const header = lineHeader('192.0.2.77', 5001);
      let from = 0;
      for (const to of pieces) {
        socket.write(header.subarray(from, to));
        from = to;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      socket.cork();
      socket.write(header.subarray(from));
      const client = connectTls({ socket, rejectUnauthorized: false });
      process.nextTick(() => socket.uncork());
      let received = '';
      client.on('data', (octets: Buffer) => {
        received += octets.toString('latin1');
      });
      client.write(`a LOGIN bob ${PASSWORD}\r\nb LOGOUT\r\n`);
      await waitUntil('it is served', () => /a OK .*b OK .*\r\n/s.test(received));
      client.destroy();
    }
    await logged(ours, /LOGIN, user=bob, ip=\[192\.0\.2\.77\], port=\[5001\]/, 3);
  });
});

test('other proxies are believed from a reload on, which is told when no login process has the old settings', async () => {
  await attacked({ settings: trusted }, async ({ ours, pids }) => {
    const file = join(ours.configuration, 'imapd');
    writeFileSync(file, `${readFileSync(file, 'utf8')}\nPROXY_PROTOCOL_FROM="127.0.0.10 2001:db8::/64"\n`);
    const logins = pids('imapd: login process');
    assert.ok(logins.length > 0);
    for (const pid of logins) process.kill(pid, 'SIGSTOP');
    ours.imapd.kill('SIGHUP');
    setTimeout(() => {
      for (const pid of logins) process.kill(pid, 'SIGCONT');
    }, 1_000);
    await logged(ours, /settings read again/);

    const first = through(ours.port, lineHeader('192.0.2.7', 5001));
    assert.match(await first.untilClosed(), /^\* OK .*\r\n$/);
    const second = new RawClient(ours.port, 'plain', '127.0.0.10');
    second.send(lineHeader('192.0.2.8', 5002));
    await second.until(/^\* OK .*\r\n/);
    await logged(ours, /Connection, ip=\[192\.0\.2\.8\], port=\[5002\]/);
    second.close();
  });
});
