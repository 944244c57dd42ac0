/**
 * What strangers do to the ports of POP3, over the installed programs (attacks 2, 21, 22 and their kin).
 */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { openConnection } from '../support/imap-client.js';
import { copyMaildir, scratchDirectory } from '../support/maildir-fixture.js';
import { PASSWORD } from '../support/peer-servers.js';
import { giveToMailUser } from '../support/peer-targets.js';
import { loginPop3, Pop3Client } from '../support/pop3-client.js';
import { ownMemoryKib, processesCalled, processTree } from '../support/processes.js';
import { type OurServers, startOurs } from '../support/start.js';

const scratch = scratchDirectory('pop3-attacks');
let ours: OurServers;
const port = (): number => ours.pop3?.port ?? 0;

describe('attacks on POP3', () => {
  before(async () => {
    const home = join(scratch.path, 'bob');
    mkdirSync(home);
    copyMaildir('five-letters', join(home, 'Maildir'));
    giveToMailUser(home);
    const directory = join(scratch.path, 'ours');
    mkdirSync(directory);
    ours = await startOurs({ directory, users: [{ name: 'bob', home }], pop3: {} });
  });

  after(async () => {
    await ours.stop();
    scratch.remove();
  });

  test('attacks 2: what is sent behind STLS in plaintext is not answered in TLS', async () => {
    const plain = connect(port(), '127.0.0.1');
    await new Promise((resolve) => plain.once('data', resolve));
    plain.write('STLS\r\nCAPA\r\nUSER bob\r\nPASS secret\r\nSTAT\r\n');
    const answer = await new Promise<string>((resolve) => plain.once('data', (octets) => resolve(octets.toString())));
    assert.equal(answer, '+OK Begin SSL/TLS negotiation now.\r\n');

    const secure = connectTls({ socket: plain, rejectUnauthorized: false });
    await new Promise((resolve) => secure.once('secureConnect', resolve));
    secure.write('NOOP\r\n');
    const first = await new Promise<string>((resolve) => secure.once('data', (octets) => resolve(octets.toString())));
    assert.equal(first, '-ERR Invalid command.\r\n');
    secure.destroy();
  });

  for (const tls of [false, true]) {
    test(`attacks 83: a whole session in one write is answered in order${tls ? ', in TLS' : ''}`, async () => {
      const connection = await openConnection((tls ? ours.pop3?.tlsPort : port()) ?? 0, tls);
      const commands = ['CAPA', 'USER bob', `PASS ${PASSWORD}`, 'CAPA', 'STAT', 'LIST 2', 'TOP 5 0', 'RETR 1', 'QUIT'];
      connection.send(Buffer.from(`${commands.join('\r\n')}\r\n`));
      let said = '';
      for (let octets = await connection.receive(); octets; octets = await connection.receive()) said += octets;

      const firstLines = said.match(/^(\+OK|-ERR).*$/gm)?.map((line) => line.replace(/(\+OK|-ERR)(.*?)\r?$/, '$1$2'));
      assert.deepEqual(firstLines, [
        '+OK Hello there.',
        "+OK Here's what I can do:",
        '+OK Password required.',
        '+OK logged in.',
        "+OK Here's what I can do:",
        '+OK 5 984',
        '+OK 2 244',
        '+OK headers follow.',
        '+OK 146 octets follow.',
        '+OK Bye-bye.',
      ]);
      assert.equal(said.match(/^STLS\r$/gm)?.length ?? 0, tls ? 0 : 1);
    });
  }

  test('whoever sends without end before login is not read for ever, and takes no memory', async () => {
    const roots = [ours.pop3?.pop3d.pid ?? 0];
    const memory = (): number => ownMemoryKib(processesCalled('login process', roots));
    const before = memory();
    assert.ok(before > 0);
    const sockets = Array.from({ length: 10 }, () => connect(port(), '127.0.0.1'));
    await Promise.all(
      sockets.map(async (socket) => {
        let isOpen = true;
        socket.on('error', () => undefined);
        socket.on('data', () => undefined);
        const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
        socket.once('close', () => {
          isOpen = false;
        });
        for (let sent = 0; isOpen && sent < 400; sent += 1) {
          if (!socket.write(Buffer.alloc(64 * 1024, 'x')))
            await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed]);
        }
        await closed;
      }),
    );
    assert.ok(memory() - before < 60_000);
    await (await loginPop3(port(), 'bob', PASSWORD, false)).must('QUIT');
  });

  test('a client of HTTP is answered nothing', async () => {
    const connection = await openConnection(port(), false);
    await connection.receive();
    connection.send(Buffer.from('POST /mail HTTP/1.1\r\nHost: pop.example.com\r\n\r\nUSER bob\r\nPASS secret\r\n'));
    assert.equal(await connection.receive(), undefined);
  });

  test('a client of HTTP whose method is none of ours gets three mistakes', async () => {
    const client = new Pop3Client(await openConnection(port(), false));
    await client.line();
    for (const word of ['PROPFIND / HTTP/1.1', 'Host: x', 'Accept: */*']) {
      assert.equal((await client.ask(word)).status, '-ERR Invalid command.');
    }
    await assert.rejects(client.line());
  });

  test('a client that does not read what it asks for holds up nobody else', async () => {
    const greedy = connect(port(), '127.0.0.1');
    greedy.on('error', () => undefined);
    greedy.write(`USER bob\r\nPASS ${PASSWORD}\r\n`);
    greedy.pause();
    await new Promise((resolve) => setTimeout(resolve, 300));
    greedy.write('RETR 1\r\n'.repeat(50_000));

    const client = await loginPop3(port(), 'bob', PASSWORD, false);
    assert.equal((await client.must('STAT')).status, '+OK 5 984');
    assert.ok(ownMemoryKib(processTree([ours.pop3?.pop3d.pid ?? 0])) < 600_000);
    await client.must('QUIT');
    greedy.destroy();
  });
});
