/**
 * Connections to authdaemond that are kept from one login to the next: by our own daemon for whoever asks, never by
 * Courier's, and without a login that fails because a connection was closed meanwhile.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { Callers } from '../../authdaemon/callers.js';
import { AuthClient } from '../../authdaemon/client.js';
import { Secret } from '../../init/runtime/secret.js';
import { configuration, exchange, login, startDaemon } from './support.js';

const ACCOUNT = 'UID=1001\nGID=1001\nHOME=/home/ann\nADDRESS=ann\n.\n';
const KEPT = 'ANGARIUM_KEPT=1\n';

/** A daemon of which a test says what it does with each request, given the number of its connection and of the request. */
async function withDaemon(
  answer: (socket: Socket, connection: number, request: number) => void,
  work: (client: AuthClient, connections: () => number) => Promise<void>,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'kept-connections-'));
  let connections = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    connections += 1;
    const connection = connections;
    let requests = 0;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', () => {
      requests += 1;
      answer(socket, connection, requests);
    });
  });
  await new Promise<void>((resolve) => server.listen(join(directory, 'socket'), resolve));
  try {
    await work(new AuthClient({ socketPath: join(directory, 'socket'), keep: true }), () => connections);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

const ann = { service: 'imap', loginName: 'ann', password: new Secret('secret') };

async function letIn(client: AuthClient): Promise<void> {
  assert.equal((await client.authenticate(ann)).kind, 'account');
}

test('one login after the other takes one connection, and those at the same time one each', async () => {
  await withDaemon(
    (socket) => socket.write(KEPT + ACCOUNT),
    async (client, connections) => {
      for (let count = 0; count < 3; count += 1) await letIn(client);
      assert.equal(connections(), 1);
      await Promise.all([letIn(client), letIn(client), letIn(client)]);
      assert.equal(connections(), 3);
      await Promise.all([letIn(client), letIn(client), letIn(client)]);
      assert.equal(connections(), 3);
    },
  );
});

test('a daemon that knows nothing of it, as Courier’s, gets a connection for each login', async () => {
  await withDaemon(
    (socket) => socket.end(ACCOUNT),
    async (client, connections) => {
      for (let count = 0; count < 3; count += 1) await letIn(client);
      assert.equal(connections(), 3);
    },
  );
});

test('a login on a connection that the daemon closes at that moment is asked again on another', async () => {
  await withDaemon(
    (socket, connection, request) => {
      if (connection === 1 && request === 2) socket.destroy();
      else socket.write(KEPT + ACCOUNT);
    },
    async (client, connections) => {
      await letIn(client);
      await letIn(client);
      assert.equal(connections(), 2);
    },
  );
});

test('a daemon that says nothing at all is asked once', async () => {
  await withDaemon(
    (socket) => socket.end(),
    async (client, connections) => {
      const answer = await client.authenticate(ann);
      assert.equal(answer.kind, 'temporary failure');
      assert.equal(connections(), 1);
    },
  );
});

test('our daemon keeps a connection after a login for whoever asks for it, and for nobody else', async () => {
  const daemon = await startDaemon(await configuration('joe\tuid=1001|gid=1001|home=/home/joe|systempw=x\n'));
  try {
    const asked = 'ANGARIUM_KEEP=1\nPRE . imap joe\n';
    // Whoever ends its side gets the answer, and the connection is over.
    const kept = await exchange(daemon.socketPath, asked);
    assert.match(kept, /^ANGARIUM_KEPT=1\nUID=1001\n[\s\S]*\n\.\n$/);
    assert.doesNotMatch(await exchange(daemon.socketPath, 'PRE . imap joe\n', { keepOpen: true }), /KEPT/);
    const refused = await exchange(daemon.socketPath, `ANGARIUM_KEEP=1\n${login('imap', 'joe', 'wrong')}`, {
      keepOpen: true,
    });
    assert.equal(refused, 'FAIL\n');
    const client = new AuthClient({ socketPath: daemon.socketPath, keep: true });
    for (let count = 0; count < 3; count += 1) assert.equal((await client.lookup('imap', 'joe')).kind, 'account');
  } finally {
    assert.equal(await daemon.stop(), 0);
  }
});

test('kept connections make room for new ones, and end when the daemon does', () => {
  const callers = new Callers(2);
  const [first, second, third] = [new PassThrough(), new PassThrough(), new PassThrough()];
  for (const connection of [first, second]) {
    assert.ok(callers.admit(connection));
    callers.heard(connection);
  }
  callers.keep(first);

  assert.ok(callers.admit(third));
  assert.ok(first.destroyed);
  callers.heard(third);
  callers.keep(third);
  callers.end();
  callers.keep(second);

  assert.ok(third.destroyed && second.destroyed);
});
