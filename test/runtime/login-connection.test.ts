/** Where a client goes from a login process that leaves, or says too much, just when it is let in. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import type { LoginRequest } from '../../init/runtime/login/before-login.js';
import { LoginConnection, type LoginProcess } from '../../init/runtime/login/login-connection.js';
import { Secret } from '../../init/runtime/secret.js';
import type { AuthenticationOutcome } from '../../init/runtime/service/handover.js';
import { waitUntil } from '../support/processes.js';

const log = { write: () => {}, bug: (error: unknown) => assert.fail(String(error)) };
const manner = { foreign: false, verifies: true, seconds: 1, tellAddress: 'none' } as const;

interface Asked {
  readonly outcome: (own: Socket) => Promise<AuthenticationOutcome>;
  readonly unread?: Buffer;
}

/** Lets a client log in, whose process answers like that; gives how it went, and what the process did then. */
async function logIn({ outcome, unread = Buffer.alloc(0) }: Asked) {
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const arrived = once(server, 'connection');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => {});
  const [socket] = (await arrived) as [Socket];
  const did: string[] = [];
  const proxyDialogue = async () => ({
    ...{ protocol: 'imap', logIn: async () => Buffer.alloc(0), lineWords: () => ({ protocol: '', tls: '' }) },
    ...{ isGoodbye: () => false, goodbye: () => Buffer.alloc(0) },
  });
  const process: LoginProcess = {
    ...{ log, loginSeconds: 60, startTlsContexts: undefined, proxyPlaces: { manner, own: [] } },
    protocol: { converse: async () => {}, tooManyConnections: () => Buffer.alloc(0), proxyDialogue },
    authenticate: () => outcome(socket),
    beginExchange: () => assert.fail(),
    handOver: (_connection, _unread, handle, sent) => {
      did.push('handed over');
      handle.close();
      sent();
    },
    passedOn: () => did.push('passed on'),
    serveHere: async () => {
      did.push('asked to serve it here');
      return { kind: 'temporary failure', reason: '' };
    },
    closed: () => did.push('closed'),
  };
  const connection = new LoginConnection(1, { id: 1, service: 'imapd', tls: false }, socket, process);
  connection.open();
  const proof = { authType: 'login', data: new Secret('') };
  const request: LoginRequest = { loginName: 'bob', proof, service: 'imap', tag: 'a', unread: () => unread };
  const { kind } = await connection.authenticate(request);
  client.destroy();
  const isOurs = !socket.destroyed;
  socket.destroy();
  await waitUntil('it is over', () => ['handed over', 'closed'].includes(did.at(-1) ?? ''));
  server.close();
  return { kind, did, isOurs };
}

const sendSocket = async (): Promise<AuthenticationOutcome> => ({ kind: 'send socket' });

test('a client that has said more than the supervisor takes is closed, and not handed over', async () => {
  assert.deepEqual((await logIn({ outcome: sendSocket, unread: Buffer.alloc(1_048_576) })).did, ['handed over']);
  const { kind, did, isOurs } = await logIn({ outcome: sendSocket, unread: Buffer.alloc(1_048_577) });
  assert.deepEqual([kind, did, isOurs], ['temporary failure', ['closed'], false]);
});

test('for a client that left while other servers were looked for, nobody is asked any more', async () => {
  const thenHere = { kind: 'pass on', address: 'bob', hosts: [], thenHere: true, as: { loginName: 'bob' } } as const;
  const stays = await logIn({ outcome: async () => thenHere });
  assert.deepEqual(stays.did, ['asked to serve it here', 'closed']);
  const outcome = async (own: Socket): Promise<AuthenticationOutcome> => {
    own.destroy();
    await once(own, 'close');
    return thenHere;
  };
  const { kind, did } = await logIn({ outcome });
  assert.deepEqual([kind, did], ['temporary failure', ['closed']]);
});
