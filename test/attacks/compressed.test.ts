/** Clients that send a thousand times more than goes over the network (attacks 29, 30): it costs no memory. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { constants, createDeflateRaw, deflateRawSync, inflateRawSync } from 'node:zlib';
import { waitUntil } from '../support/processes.js';
import { type Attacked, attacked, type RawClient, rawLogin } from './attacked.js';

const SYNC = { finishFlush: constants.Z_SYNC_FLUSH };
/** More than any buffer of the server. */
const MAX_GROWTH_KIB = 40_000;

async function compressedLogin({ ours }: Attacked): Promise<RawClient> {
  const client = await rawLogin(ours.port, 'bob');
  client.send('c COMPRESS DEFLATE\r\n');
  await client.until('c OK DEFLATE active\r\n');
  return client;
}

function inflated(client: RawClient): string {
  return inflateRawSync(Buffer.from(client.received, 'latin1'), SYNC).toString('latin1');
}

/** A piece of octets many times over, compressed as one stream. */
async function manyTimes(piece: Buffer, times: number): Promise<Buffer> {
  const deflate = createDeflateRaw({ level: 9 });
  const pieces: Buffer[] = [];
  deflate.on('data', (octets: Buffer) => void pieces.push(octets));
  for (let time = 0; time < times; time += 1) {
    await new Promise<void>((resolve) => deflate.write(piece, () => resolve()));
  }
  await new Promise<void>((resolve) => deflate.flush(constants.Z_SYNC_FLUSH, resolve));
  deflate.destroy();
  return Buffer.concat(pieces);
}

test('attack 29: a line of 256 MB in 256 KB is refused, takes no memory, and others are served meanwhile', async () => {
  await attacked({}, async (server) => {
    const client = await compressedLogin(server);
    const bomb = await manyTimes(Buffer.alloc(1_048_576, 'x'), 256);
    await server.assertAlive();
    const before = server.memory('mail worker');

    client.send(bomb);
    for (let look = 0; look < 5; look += 1) {
      await server.assertAlive();
      const grown = server.memory('mail worker') - before;
      assert.ok(grown < MAX_GROWTH_KIB, `${grown} KiB more`);
    }

    await waitUntil('it is refused', () => /^\* BAD .*too long/.test(inflated(client)));
    client.close();
    await server.assertAlive();
  });
});

test('attack 29: many bombs at once, each of a hundred thousand commands, and nobody who reads the answers', async () => {
  await attacked({}, async (server) => {
    const clients: RawClient[] = [];
    for (let number = 0; number < 10; number += 1) clients.push(await compressedLogin(server));
    const bomb = await manyTimes(Buffer.from('x LIST "" *\r\n'.repeat(1_000)), 100);
    const before = server.memory('mail worker');

    for (const { socket } of clients) socket.pause();
    for (const client of clients) client.send(bomb);
    for (let look = 0; look < 5; look += 1) await server.assertAlive();

    const grown = server.memory('mail worker') - before;
    assert.ok(grown < MAX_GROWTH_KIB, `${grown} KiB more`);
    for (const client of clients) client.close();
  });
});

test('attack 30: a client that sends one octet at a time is answered', async () => {
  await attacked({}, async (server) => {
    const client = await compressedLogin(server);

    for (const octet of deflateRawSync('d NOOP\r\ne LOGOUT\r\n', SYNC)) {
      client.send(Buffer.of(octet));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }

    await client.untilClosed();
    assert.match(inflated(client), /^d OK NOOP completed\r\n\* BYE .*\r\ne OK /);
  });
});
