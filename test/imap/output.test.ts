/** What a command writes goes through few chunks, however much it is. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { OctetWriter } from '../../imapd/message/octet-writer.js';
import type { SessionOutput } from '../../imapd/session/session.js';
import { realClock } from '../../init/runtime/system/real-clock.js';
import { ClientOutput } from '../../init/runtime/worker/client-output.js';

/** Both ends of a connection. */
async function connection(t: { after(run: () => void): void }): Promise<{ server: Socket; client: Socket }> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const client = connect((listener.address() as AddressInfo).port, '127.0.0.1');
  const [server] = (await once(listener, 'connection')) as [Socket];
  t.after(() => {
    client.destroy();
    server.destroy();
    listener.close();
  });
  return { server, client };
}

const PIECE = Buffer.alloc(60_000, 'x');
const PIECES = 200;

/** Writes 12 MB as FETCH does; gives in how many different chunks. */
const newWriter = (octets: Buffer): OctetWriter => new OctetWriter(octets);

async function chunksOf(output: SessionOutput): Promise<number> {
  const chunks = new Set<unknown>();
  for (let number = 0; number < PIECES; number += 1) {
    const room = output.room(PIECE.length);
    chunks.add(room.octets);
    room.copy(PIECE, 0, PIECE.length);
    if (output.full) await output.flush();
  }
  await output.flush();
  return chunks.size;
}

test('H6: a client that takes everything at once costs no new memory for each chunk', async (t) => {
  const { server, client } = await connection(t);
  let received = 0;
  client.on('data', (octets) => {
    received += octets.length;
  });

  // The system has room for some chunks of an answer, and says only later that it has taken them.
  const chunks = await chunksOf(new ClientOutput(server, realClock, newWriter));

  assert.ok(chunks <= 4, `${chunks} chunks`);
  server.end();
  await once(client, 'end');
  assert.equal(received, PIECES * PIECE.length);
});

test('H6: octets that a slow client has not taken stay as they are', async (t) => {
  const { server, client } = await connection(t);
  const output = new ClientOutput(server, realClock, newWriter);
  const writing = (async () => {
    for (let number = 0; number < PIECES; number += 1) {
      const room = output.room(PIECE.length);
      room.copy(Buffer.alloc(PIECE.length, number), 0, PIECE.length);
      if (output.full) await output.flush();
    }
    output.end();
  })();
  const received: Buffer[] = [];
  for await (const octets of client) {
    received.push(octets as Buffer);
    if (received.length % 4 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await writing;
  const all = Buffer.concat(received);
  assert.equal(all.length, PIECES * PIECE.length);
  for (let number = 0; number < PIECES; number += 1) {
    const piece = all.subarray(number * PIECE.length, (number + 1) * PIECE.length);
    assert.ok(
      piece.every((octet) => octet === number % 256),
      `piece ${number}`,
    );
  }
});
