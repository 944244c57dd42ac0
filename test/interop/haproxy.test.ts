/**
 * HAProxy before our server (attack 85): with the PROXY protocol, version 1 and 2, in plaintext, with TLS passed through
 * and with TLS ended at the proxy, with and without health checks.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { attacked, logged, RawClient } from '../attacks/attacked.js';
import { triedBlock } from '../support/documents.js';
import { PASSWORD } from '../support/peer-servers.js';
import { findProgram, freePort, run, waitForPort } from '../support/processes.js';
import { makeCertificate, type OurServers } from '../support/start.js';

/** One port of the proxy, and what it does with connections. */
interface Way {
  readonly name: string;
  readonly port: number;
  /** Behind `bind`. */
  readonly bind?: string;
  /** Behind `server`: the port of ours, and words. */
  readonly to: number;
  readonly words: string;
}

interface Proxy {
  /** Its own words so far. */
  said(): string;
  stop(): Promise<void>;
}

function sectionsOf(ways: readonly Way[]): string {
  const sections = ways.map(({ name, port, bind = '', to, words }) => [
    `listen ${name}`,
    `  bind 127.0.0.1:${port} ${bind}`,
    `  server ours 127.0.0.1:${to} source 127.0.0.9 ${words}`,
  ]);
  return sections.flat().join('\n');
}

function startProxyOf(directory: string, ways: readonly Way[]): Promise<Proxy> {
  return startProxy(
    directory,
    sectionsOf(ways),
    ways.map(({ port }) => port),
  );
}

async function startProxy(directory: string, sections: string, ports: readonly number[]): Promise<Proxy> {
  mkdirSync(directory);
  const defaults = 'defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s';
  const file = join(directory, 'haproxy.cfg');
  writeFileSync(file, `global\n  nbthread 1\n${defaults}\n${sections}\n`);
  const child = spawn(findProgram('/usr/sbin/haproxy'), ['-db', '-f', file], { stdio: ['ignore', 'pipe', 'pipe'] });
  let words = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (octets: Buffer) => (words += octets.toString()));
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  try {
    for (const port of ports) await waitForPort(port);
  } catch (error) {
    await stop();
    throw new Error(words, { cause: error });
  }
  return { said: () => words, stop };
}

/** A client logs in through the proxy, with its own address 127.0.0.`number`, and reads a message. */
async function visit(ours: OurServers, port: number, how: 'plain' | 'TLS' | 'STARTTLS', number: number): Promise<void> {
  const from = `127.0.0.${number}`;
  if (how === 'STARTTLS') {
    const url = `imap://127.0.0.1:${port}/INBOX;UID=1`;
    const client = ['curl', '-sS', '--ssl-reqd', '-k', '--interface', from, '-u', `bob:${PASSWORD}`, url];
    const { exitCode, stderr } = await run(client);
    assert.equal(exitCode, 0, stderr);
  } else {
    const client = new RawClient(port, how, from);
    await client.until(/^\* OK .*\r\n/);
    client.send(`a LOGIN bob ${PASSWORD}\r\nb SELECT INBOX\r\nc UID FETCH 1 BODY.PEEK[]\r\nd LOGOUT\r\n`);
    await client.until(/^a OK [\s\S]*^c OK [\s\S]*^d OK .*\r\n/m);
    client.close();
  }
  await logged(ours, new RegExp(`LOGIN, user=bob, ip=\\[${from.replaceAll('.', '\\.')}\\], port=\\[\\d+\\]`));
}

test('attack 85: through HAProxy each client is known by its own address, and health checks by the proxy’s', async () => {
  const settings = { PROXY_PROTOCOL_FROM: '127.0.0.9' };
  await attacked({ settings }, async ({ ours, directory }) => {
    const certificate = join(directory, 'proxy.pem');
    await makeCertificate(certificate);
    const checks = 'check inter 200 fastinter 200';
    const ways: readonly Way[] = [
      { name: 'one', port: await freePort(), to: ours.port, words: `send-proxy ${checks}` },
      { name: 'two', port: await freePort(), to: ours.port, words: `send-proxy-v2 ${checks}` },
      { name: 'onetls', port: await freePort(), to: ours.tlsPort, words: 'send-proxy' },
      { name: 'twotls', port: await freePort(), to: ours.tlsPort, words: 'send-proxy-v2 proxy-v2-options unique-id' },
      {
        name: 'ended',
        port: await freePort(),
        bind: `ssl crt ${certificate}`,
        to: ours.port,
        words: 'send-proxy-v2-ssl-cn',
      },
    ];
    const [one, two, onetls, twotls, ended] = ways;
    if (one === undefined || two === undefined || onetls === undefined) throw new Error('a way is missing');
    if (twotls === undefined || ended === undefined) throw new Error('a way is missing');
    const proxy = await startProxyOf(join(directory, 'haproxy'), ways);
    try {
      await visit(ours, one.port, 'plain', 21);
      await visit(ours, one.port, 'STARTTLS', 22);
      await visit(ours, two.port, 'plain', 23);
      await visit(ours, two.port, 'STARTTLS', 24);
      await visit(ours, onetls.port, 'TLS', 25);
      await visit(ours, twotls.port, 'TLS', 26);
      await visit(ours, ended.port, 'TLS', 27);
      await Promise.all(
        Array.from({ length: 40 }, (_, at) =>
          visit(ours, (at % 2 === 0 ? two : twotls).port, at % 2 === 0 ? 'plain' : 'TLS', 30 + at),
        ),
      );
      assert.doesNotMatch(proxy.said(), /DOWN/);
      assert.doesNotMatch(ours.log(), /LOGIN, user=\w+, ip=\[127\.0\.0\.9\]/);
      assert.doesNotMatch(ours.log(), /dropped, /);
    } finally {
      await proxy.stop();
    }
  });
});

test('where TLS ends at the proxy, what it says of the client counts: TLS_REQUIRED is satisfied by it and nothing else', async () => {
  const settings = { PROXY_PROTOCOL_FROM: '127.0.0.9', IMAP_TLS_REQUIRED: '1' };
  await attacked({ settings }, async ({ ours, directory }) => {
    const certificate = join(directory, 'proxy.pem');
    await makeCertificate(certificate);
    const bind = `ssl crt ${certificate}`;
    const [ended, silent, plain] = [await freePort(), await freePort(), await freePort()];
    const ways: readonly Way[] = [
      { name: 'ended', port: ended, bind, to: ours.port, words: 'send-proxy-v2-ssl' },
      { name: 'silent', port: silent, bind, to: ours.port, words: 'send-proxy-v2' },
      { name: 'plain', port: plain, to: ours.port, words: 'send-proxy-v2-ssl' },
    ];
    const proxy = await startProxyOf(join(directory, 'haproxy'), ways);
    try {
      await visit(ours, ended, 'TLS', 21);
      for (const [port, how] of [
        [silent, 'TLS'],
        [plain, 'plain'],
      ] as const) {
        const client = new RawClient(port, how);
        await client.until(/^\* OK .*LOGINDISABLED.*\r\n/);
        client.send(`a LOGIN bob ${PASSWORD}\r\n`);
        await client.until(/a NO \[PRIVACYREQUIRED\] .*\r\n/);
        client.close();
      }
    } finally {
      await proxy.stop();
    }
  });
});

test('a proxy that nobody trusts, or that says nothing, gets nobody in', async () => {
  const settings = { PROXY_PROTOCOL_FROM: '127.0.0.10', TCPDOPTS: '-haproxy=2' };
  await attacked({ settings }, async ({ ours, directory }) => {
    const ways: readonly Way[] = [
      { name: 'untrusted', port: await freePort(), to: ours.port, words: 'send-proxy-v2' },
      { name: 'silent', port: await freePort(), to: ours.port, words: 'source 127.0.0.10' },
    ];
    const proxy = await startProxyOf(join(directory, 'haproxy'), ways);
    try {
      for (const { port } of ways) {
        const client = new RawClient(port);
        client.send(`a LOGIN bob ${PASSWORD}\r\n`);
        assert.equal(await client.untilClosed(), '');
      }
      await logged(ours, /dropped, ip=\[127\.0\.0\.9\].*only proxies may connect here/);
      await logged(ours, /dropped, ip=\[127\.0\.0\.10\].*it does not begin with one/);
      assert.doesNotMatch(ours.log(), /LOGIN/);
    } finally {
      await proxy.stop();
    }
  });
});

test('the recipe of init/README.md works as it stands there, but for addresses and ports', async () => {
  const lines = triedBlock('init/README.md', 'behind a proxy')
    .replace('192.0.2.10', '127.0.0.9')
    .replace('143,993', '$PORT,$SSLPORT');
  const settings = Object.fromEntries(
    [...lines.matchAll(/^(\w+)="(.*)"$/gm)].map(([, name = '', value = '']) => [name, value]),
  );
  assert.deepEqual(Object.keys(settings), ['PROXY_PROTOCOL_FROM', 'TCPDOPTS']);
  await attacked({ settings }, async ({ ours, directory }) => {
    const port = await freePort();
    const sections = triedBlock('init/README.md', 'haproxy.cfg')
      .replace(' :993', ` 127.0.0.1:${port}`)
      .replace('192.0.2.20:993', `127.0.0.1:${ours.tlsPort} source 127.0.0.9`);
    const proxy = await startProxy(join(directory, 'haproxy'), sections, [port]);
    try {
      await visit(ours, port, 'TLS', 21);
      assert.equal(await new RawClient(ours.port).untilClosed(), '');
      assert.doesNotMatch(proxy.said(), /DOWN/);
    } finally {
      await proxy.stop();
    }
  });
});
