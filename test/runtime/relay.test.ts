/**
 * What several relays copy at once stays with the client that it is for, also when one of them does not read.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect as connectTls, createSecureContext, TLSSocket } from 'node:tls';
import { connectRelay, relay } from '../../init/runtime/login/relay.js';
import { waitUntil } from '../support/processes.js';
import { Certificates } from './tls/tls-server.js';

const directory = mkdtempSync(join(tmpdir(), 'relay-'));
const certificates = new Certificates();

before(() => certificates.selfSigned('server'));
after(() => {
  certificates.remove();
  rmSync(directory, { recursive: true, force: true });
});

/** Both ends of a new connection to a server. */
async function connected(server: Server, client: () => Socket): Promise<{ far: Socket; near: Socket }> {
  const arrived = once(server, 'connection');
  const far = client();
  far.on('error', () => {});
  const [near] = (await arrived) as [Socket];
  near.on('error', () => {});
  return { far, near };
}

/** Lets `work` use a port for clients, and a socket for workers. */
async function withServers(work: (clients: Server, workers: Server) => Promise<void>): Promise<void> {
  const clients = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  const workers = createServer({ allowHalfOpen: true }).listen(join(directory, 'worker'));
  const all: Socket[] = [];
  for (const server of [clients, workers]) server.on('connection', (socket: Socket) => all.push(socket));
  try {
    await Promise.all([clients, workers].map((server) => server.listening || once(server, 'listening')));
    await work(clients, workers);
  } finally {
    for (const socket of all) socket.destroy();
    clients.close();
    workers.close();
  }
}

/** Relays between a client and a new worker; gives the worker's own end. */
async function relayed(client: Socket, workers: Server): Promise<Socket> {
  const { far, near } = await connected(workers, () => connectRelay(join(directory, 'worker'), client));
  relay(client, far, () => {});
  return near;
}

function plainClient(clients: Server): () => Socket {
  return () => connect((clients.address() as AddressInfo).port, '127.0.0.1');
}

/** A client that reads all the time, and is told much by its worker. */
async function neighbour(clients: Server, workers: Server): Promise<void> {
  const { far, near } = await connected(clients, plainClient(clients));
  const worker = await relayed(near, workers);
  let octets = 0;
  far.on('data', (piece: Buffer) => {
    octets += piece.length;
  });
  worker.write(Buffer.alloc(1_000_000, 'b'));
  await waitUntil('the neighbour has all', () => octets === 1_000_000);
}

/** Reads so many octets. */
async function read(from: Socket, count: number): Promise<string> {
  const pieces: Buffer[] = [];
  let length = 0;
  from.on('data', (piece: Buffer) => {
    pieces.push(piece);
    length += piece.length;
  });
  from.resume();
  await waitUntil('all has come', () => length >= count);
  return Buffer.concat(pieces).toString('latin1');
}

test('what waits for a client without TLS, whose proxy has it, is not overwritten by what others are told', async () => {
  await withServers(async (clients, workers) => {
    const { far, near } = await connected(clients, plainClient(clients));
    far.pause();
    const worker = await relayed(near, workers);
    const mail = Buffer.alloc(16_000_000, 'a');
    worker.write(mail);
    await waitUntil('the kernel takes no more', () => near.writableLength > 0);
    await neighbour(clients, workers);
    const told = await read(far, mail.length);
    assert.equal(told.length, mail.length);
    assert.ok(/^a+$/.test(told), 'there is something else in it');
  });
});

test('what waits for a TLS client behind answers that it did not read is not overwritten either', async () => {
  await withServers(async (clients, workers) => {
    const { far: plain, near } = await connected(clients, plainClient(clients));
    const far = connectTls({ socket: plain, rejectUnauthorized: false });
    const [cert, key] = ['pem', 'key'].map((name) => readFileSync(certificates.at(`server.${name}`)));
    const secureContext = createSecureContext({ ...(cert && { cert }), ...(key && { key }) });
    const secured = new TLSSocket(near, { isServer: true, secureContext });
    await Promise.all([once(far, 'secureConnect'), once(secured, 'secure')]);
    far.pause();
    plain.pause();
    const answers = Buffer.alloc(16_000_000, '.');
    secured.write(answers);
    const worker = await relayed(secured, workers);
    worker.write('a'.repeat(60_000));
    await waitUntil('they wait', () => secured.writableLength > answers.length);
    await neighbour(clients, workers);
    const told = await read(far, answers.length + 60_000);
    assert.ok(/^\.+a+$/.test(told), 'there is something else in it');
  });
});
