/**
 * What the programs do not do (H3, H4, H10, H12): ask name servers or the client's machine who the client is, leave cores
 * with passwords in them, let a connection be forgotten on its way, or tell clients of paths.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PASSWORD } from '../support/peer-servers.js';
import { findProgram, waitUntil } from '../support/processes.js';
import { attacked, RawClient, rawLogin } from './attacked.js';

/** Which sockets these processes open and connect while `work` goes on, as strace tells. */
async function connectionsMade(pids: readonly number[], output: string, work: () => Promise<void>): Promise<string> {
  const words = ['-f', '-e', 'trace=socket,connect', '-o', output, ...pids.flatMap((pid) => ['-p', String(pid)])];
  const tracer = spawn(findProgram('/usr/bin/strace'), words, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  tracer.stderr.on('data', (octets: Buffer) => {
    said += octets.toString();
  });
  const ended = new Promise((resolve) => tracer.once('close', resolve));
  try {
    await waitUntil('all are traced', () => pids.every((pid) => new RegExp(`Process ${pid} attached`).test(said)));
    await work();
  } finally {
    tracer.kill('SIGINT');
    await ended;
  }
  return readFileSync(output, 'latin1');
}

test('H3: nobody is asked who a client is: no name server, no cache of names, not the client itself', async () => {
  await attacked({}, async ({ ours, directory, pids, assertAlive }) => {
    await assertAlive();
    const beforeLogin = [...pids('imapd: login process'), ours.imapd.pid ?? 0];
    const traced = await connectionsMade(beforeLogin, join(directory, 'trace'), async () => {
      for (const how of ['plain', 'TLS'] as const) {
        const client = new RawClient(how === 'TLS' ? ours.tlsPort : ours.port, how, '127.0.0.5');
        await client.until(/^\* OK .*\r\n/);
        client.send(`a LOGIN bob wrong\r\nb LOGIN bob ${PASSWORD}\r\nc LOGOUT\r\n`);
        await client.until(/a NO .*\r\nb OK .*\r\n/);
        await client.untilClosed();
      }
    });
    // The session in TLS came to its worker through a Unix socket: the trace sees what there is.
    assert.match(traced, /connect\(\d+, \{sa_family=AF_UNIX/);
    assert.doesNotMatch(traced, /AF_INET|AF_NETLINK|nscd|resolve/);
  });
});

test('H4: no process of the programs may write a core', async () => {
  await attacked({}, async ({ pids, assertAlive }) => {
    await assertAlive();
    const all = pids('');
    assert.ok(all.length >= 4);
    for (const pid of all) {
      const limits = readFileSync(`/proc/${pid}/limits`, 'latin1');
      assert.match(limits, /^Max core file size +0 +0 /m, `pid ${pid}`);
    }
  });
});

/** The kernel's timer of a connection of ours: 02 is keepalive. */
function timerOf(localPort: number, remotePort: number): string | undefined {
  const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0');
  const line = new RegExp(`^ *\\d+: \\w+:${hex(localPort)} \\w+:${hex(remotePort)} 01 \\w+:\\w+ (\\w\\w):(\\w+)`, 'm');
  const tables = ['/proc/net/tcp', '/proc/net/tcp6'].map((file) => readFileSync(file, 'latin1')).join('\n');
  return line.exec(tables)?.[1];
}

test('H10, attack 91: keepalive is on before login, after the hand-over and in TLS, and IDLE is not silent', async () => {
  await attacked({ settings: { IMAP_IDLE_HEARTBEAT: '1' } }, async ({ ours }) => {
    const stranger = new RawClient(ours.port);
    await stranger.until(/^\* OK .*\r\n/);
    const plain = await rawLogin(ours.port, 'bob');
    const secure = await rawLogin(ours.tlsPort, 'bob', 'TLS');
    const isKept = ({ socket }: RawClient, port: number): boolean => timerOf(port, socket.localPort ?? 0) === '02';
    await waitUntil('a stranger is kept alive', () => isKept(stranger, ours.port));
    await waitUntil('a plaintext session is kept alive', () => isKept(plain, ours.port));
    await waitUntil('a session in TLS is kept alive', () => isKept(secure, ours.tlsPort));
    for (const client of [plain, secure]) {
      client.send('s SELECT INBOX\r\ni IDLE\r\n');
      await client.until(/\+ .*\r\n\* OK Still here.*\r\n\* OK Still here.*\r\n/);
    }
    for (const client of [stranger, plain, secure]) client.close();
  });
});

test('H12: no answer has a path of the file system in it, nor the system’s words for what is wrong', async () => {
  const prepare = (maildir: (name: string) => string): void => {
    for (const name of ['.Broken', '.Closed']) mkdirSync(join(maildir('bob'), name));
    writeFileSync(join(maildir('bob'), '.Broken', 'cur'), 'not a directory');
    mkdirSync(join(maildir('bob'), '.Empty', 'cur'), { recursive: true });
    rmSync(join(maildir('alice'), 'cur'), { recursive: true });
  };
  await attacked({ prepare }, async ({ ours, directory, maildir }) => {
    chmodSync(join(maildir('bob'), '.Closed'), 0);
    const heard: string[] = [];
    const alice = new RawClient(ours.port);
    await alice.until(/^\* OK .*\r\n/);
    alice.send(`a LOGIN alice ${PASSWORD}\r\nb SELECT INBOX\r\nc LOGOUT\r\n`);
    heard.push(await alice.untilClosed());
    const bob = await rawLogin(ours.tlsPort, 'bob', 'TLS');
    const names = [
      'Broken',
      'Closed',
      'Empty',
      'Gone',
      '../x',
      '"/etc/passwd"',
      'a/b',
      '"x\\\\y"',
      '#shared.bob',
      '&-&',
    ];
    const commands = [
      'SELECT',
      'STATUS',
      'CREATE',
      'DELETE',
      'SUBSCRIBE',
      'GETACL',
      'GETQUOTAROOT',
      'GETMETADATA',
      'RENAME',
    ];
    for (const command of commands) {
      for (const name of names) {
        const more =
          { STATUS: ' (MESSAGES)', GETMETADATA: ' /private/comment', RENAME: ' INBOX.Closed.x' }[command] ?? '';
        const mailbox = name.startsWith('"') ? name.replace('"', '"INBOX.') : `INBOX.${name}`;
        bob.send(`t ${command} ${mailbox}${more}\r\n`);
        heard.push(await bob.until(/^t (OK|NO|BAD) .*\r\n/m));
      }
    }
    for (const name of ['Broken', 'Closed', 'Gone']) {
      bob.send(`t APPEND INBOX.${name} {1+}\r\nx\r\nt COPY 1 INBOX.${name}\r\n`);
      heard.push(await bob.until(/^t (OK|NO|BAD) .*\r\n[\s\S]*^t (OK|NO|BAD) .*\r\n/m));
    }
    const all = heard.join('');
    assert.ok(heard.length > 90);
    for (const word of [directory, 'Maildir', '/homes', '/cur', 'ENOENT', 'ENOTDIR', 'EACCES', 'errno', 'node:']) {
      assert.ok(!all.includes(word), `${word} in ${all.split('\r\n').find((line) => line.includes(word))}`);
    }
    bob.close();
    chmodSync(join(maildir('bob'), '.Closed'), 0o700);
  });
});
