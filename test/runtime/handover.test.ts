/**
 * The hand-over from login process to mail worker, plain and with TLS: no octet is lost, doubled or given to another.
 */
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { Client, securely, Toy, withToy } from './toy.js';

const COMMANDS = 50;
/** As root, sessions need an identity that is not root. */
const suffix = process.getuid?.() === 0 ? ':1001:1001' : '';

/** LOGIN, fifty commands and LOGOUT in one go, cut into random pieces; every answer must be there, in order. */
async function conversation(socket: Socket, name: string, tls: boolean): Promise<void> {
  const commands = Array.from({ length: COMMANDS }, (_, index) => `command ${index} of ${name}`);
  const octets = Buffer.from(`LOGIN ${name}${suffix} secret\n${commands.join('\n')}\nLOGOUT\n`);
  const client = new Client(socket);
  for (let position = 0; position < octets.length; ) {
    const length = 1 + Math.floor(Math.random() ** 3 * octets.length);
    socket.write(octets.subarray(position, position + length));
    position += length;
    if (Math.random() < 0.3) await new Promise((resolve) => setImmediate(resolve));
  }

  const lines = await client.rest();

  const answers = commands.map((command, index) => `${index + 1} ${name} ${command}`);
  const expected = [`T OK ${name} tls=${tls}`, ...answers, `${COMMANDS + 1} ${name} LOGOUT`];
  assert.deepEqual(lines.slice(lines[0] === 'READY' ? 1 : 0), expected);
  socket.destroy();
}

async function manyRounds(rounds: number, atOnce: number, round: (number: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < rounds) {
      next += 1;
      await round(next);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

test('A18: 400 pipelined plaintext sessions lose and swap nothing on the way to their worker', async () => {
  await withToy(async ({ port }) => {
    await manyRounds(400, 16, (number) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      return conversation(socket, `user${number % 7}`, false);
    });
  });
});

test('200 pipelined sessions in TLS lose and swap nothing, half of them resumed', async () => {
  await withToy(async ({ tlsPort }) => {
    let session: Buffer | undefined;
    await manyRounds(200, 8, async (number) => {
      const resumed = number % 2 === 0 && session !== undefined ? { session } : {};
      const socket = await securely(tlsPort, resumed);
      socket.on('session', (ticket) => {
        session = ticket;
      });
      await conversation(socket, `user${number % 7}`, true);
    });
  });
});

test('100 sessions after STARTTLS lose and swap nothing', async () => {
  await withToy(async (toy) => {
    await manyRounds(100, 8, async (number) => {
      const plain = await toy.client();
      assert.equal(await plain.ask('STARTTLS'), 'OK begin');
      plain.socket.removeAllListeners('data');
      const socket = connectTls({ socket: plain.socket, rejectUnauthorized: false });
      await conversation(socket, `user${number % 7}`, true);
    });
  });
});

test('large answers and slow readers: everything arrives, through both kinds of connection', async () => {
  await withToy(async (toy) => {
    for (const client of [await toy.client(), await toy.tlsClient()]) {
      await client.ask(`LOGIN big${suffix} secret`);
      client.socket.pause();
      const line = 'x'.repeat(1000);
      client.send(`${line}\n`.repeat(3000));
      client.send('LOGOUT\n');
      await new Promise((resolve) => setTimeout(resolve, 200));
      client.socket.resume();

      const lines = await client.rest();

      assert.equal(lines.length, 3001);
      assert.ok(lines.slice(0, 3000).every((answer, index) => answer === `${index + 1} big ${line}`));
    }
  });
});

test('a client that closes its side after the last command still gets all answers', async () => {
  await withToy(async (toy) => {
    for (const client of [await toy.client(), await toy.tlsClient()]) {
      client.socket.end(`LOGIN bob${suffix} secret\none\ntwo\n`);

      assert.deepEqual((await client.rest()).slice(1), ['1 bob one', '2 bob two']);
    }
  });
});

test('as root, sessions of three accounts run as three uids, and nothing before login is root', async () => {
  assert.equal(process.getuid?.(), 0, 'this test needs root, to be three users');
  const toy = new Toy();
  try {
    await toy.start();
    for (const client of [() => toy.client(), () => toy.tlsClient()]) {
      const pids = new Set<string>();
      for (const uid of [1001, 1002, 1003]) {
        const session = await client();
        assert.match((await session.ask('WHO')) ?? '', /^login \d+ uid (?!0$)\d+$/);
        await session.line();
        await session.ask(`LOGIN bob:${uid}:${uid} secret`);

        const [, ownUid, gid, groups, pid] = ((await session.ask('WHO')) ?? '').split(' ');

        assert.deepEqual([ownUid, gid, groups], [`${uid}`, `${uid}`, `${uid}`]);
        assert.equal(await session.ask('ROOT'), '2 EPERM');
        pids.add(pid ?? '');
        session.close();
      }
      assert.equal(pids.size, 3);
    }
  } finally {
    await toy.stop();
  }
});
