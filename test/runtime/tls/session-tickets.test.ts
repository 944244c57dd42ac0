/**
 * Session tickets: a session that was begun in one login process is resumed in any other, after a reload, and while the
 * keys are changed; later it is not.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { connect, createSecureContext, type SecureContext, TLSSocket as ServerSocket, type TLSSocket } from 'node:tls';
import { TicketKeys, useTicketKeys } from '../../../init/runtime/tls/ticket-keys.js';
import { Client, eventually, securely, type Toy, withToy } from '../toy.js';
import { Certificates } from './tls-server.js';

const HOUR_MS = 3_600_000;
const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;

const certificates = new Certificates();
after(() => certificates.remove());
before(() => certificates.selfSigned('server'));

interface Visit {
  readonly resumed: boolean;
  readonly pid: string;
  readonly session: Buffer;
}

/** Connects, asks which process answers, and keeps what the session can be resumed with. */
async function visit(toy: Toy, maxVersion: (typeof VERSIONS)[number], session?: Buffer): Promise<Visit> {
  let ticket = session;
  const socket = await securely(toy.tlsPort, {
    maxVersion,
    ...(session === undefined ? {} : { session }),
  });
  socket.on('session', (next: Buffer) => {
    ticket = next;
  });
  ticket ??= socket.getSession();
  const client = new Client(socket);
  await client.line();
  const answer = (await client.ask('WHO')) ?? '';
  const resumed = socket.isSessionReused();
  const found = await eventually(
    () => ticket,
    () => 'a ticket',
  );
  client.close();
  return { resumed, pid: answer.split(' ')[1] ?? '', session: found };
}

test('T8: a session is resumed in every login process, before and after a reload', async () => {
  await withToy(
    async (toy) => {
      for (const version of VERSIONS) {
        const first = await visit(toy, version);
        assert.equal(first.resumed, false);
        const seen = new Set([first.pid]);
        // Which process accepts is the kernel's choice.
        for (let number = 0; number < 200 && seen.size < 3; number += 1) {
          const next = await visit(toy, version, first.session);
          assert.equal(next.resumed, true, `${version} in ${next.pid}`);
          seen.add(next.pid);
        }
        assert.equal(seen.size, 3, 'three processes have resumed it');
        toy.log.length = 0;
        toy.signal('SIGHUP');
        await toy.logged(/settings read again/);
        assert.equal((await visit(toy, version, first.session)).resumed, true, `${version} after a reload`);
      }
    },
    { loginProcesses: 3 },
  );
});

/** One handshake against a context, with a ticket or without. */
async function meet(context: SecureContext, maxVersion: (typeof VERSIONS)[number], session?: Buffer) {
  const listener = createServer((socket) => {
    const secured = new ServerSocket(socket, { isServer: true, secureContext: context });
    secured.on('error', () => undefined);
    secured.write('hello');
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', () => resolve()));
  const { port } = listener.address() as AddressInfo;
  const options = { port, host: '127.0.0.1', rejectUnauthorized: false, maxVersion };
  const client: TLSSocket = connect(session === undefined ? options : { ...options, session });
  let ticket: Buffer | undefined;
  client.on('session', (next: Buffer) => {
    ticket = next;
  });
  await new Promise((resolve) => client.once('data', resolve));
  const resumed = client.isSessionReused();
  const next = ticket ?? client.getSession();
  client.destroy();
  listener.close();
  assert.ok(next !== undefined);
  return { resumed, next };
}

test('tickets hold while their key is kept, for more than twelve hours; who comes back meanwhile gets newer ones', async () => {
  const pem = { cert: readFileSync(certificates.at('server.pem')), key: readFileSync(certificates.at('server.key')) };
  for (const version of VERSIONS) {
    const start = Date.now();
    const keys = new TicketKeys(start);
    const context = (): SecureContext => {
      const made = createSecureContext({ ...pem, sessionIdContext: 'test' });
      useTicketKeys(made, keys.keys);
      return made;
    };
    const first = await meet(context(), version);
    assert.equal(keys.rotate(start + 5 * HOUR_MS), false);
    assert.equal(keys.rotate(start + 6 * HOUR_MS), true);
    const later = await meet(context(), version, first.next);
    assert.equal(later.resumed, true, version);
    assert.equal(keys.rotate(start + 12 * HOUR_MS), true);
    assert.equal((await meet(context(), version, first.next)).resumed, true, version);
    assert.equal(keys.rotate(start + 18 * HOUR_MS), true);
    assert.equal(keys.keys.length, 3);
    assert.equal((await meet(context(), version, first.next)).resumed, false, version);
    assert.equal((await meet(context(), version, later.next)).resumed, true, `${version}: the newer ticket`);
    assert.equal(keys.rotate(start), true, 'a clock that went back does not stop the change of keys');
  }
});
