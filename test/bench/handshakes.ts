/**
 * Group `tls`: connections per second up to the greeting, with a full handshake of TLS 1.3 and with a resumed one, twenty at
 * once. A server that does not resume has no figure for the second.
 */
import { performance } from 'node:perf_hooks';
import { connect, type TLSSocket } from 'node:tls';
import type { Bench } from './bench.js';

const CLIENTS = 20;
/** Handshakes before it counts, for each client. */
const WARM_HANDSHAKES = 5;
const TICKET_MILLISECONDS = 1000;

/** Measures handshakes. */
export async function measureHandshakes(bench: Bench): Promise<void> {
  const { port } = bench.server.address(true);
  const session = await ticketOf(port);
  for (const [key, ticket] of [['handshake_full', undefined] as const, ['handshake_resumed', session] as const]) {
    if (key === 'handshake_resumed' && !(await visit(port, ticket))) return;
    await manyClients(port, ticket, () => WARM_HANDSHAKES);
    for (let run = 0; run < bench.sizes.runs; run += 1) {
      const until = performance.now() + bench.sizes.loginSeconds * 1000;
      const timed = await bench.timed(() =>
        manyClients(port, ticket, (done) => (performance.now() < until ? done + 1 : 0)),
      );
      bench.keepRate(key, timed, timed.result);
    }
  }
}

/** Clients that connect until `goal`, given how often they have, is no more than that. @returns how often in all. */
async function manyClients(port: number, session: Buffer | undefined, goal: (done: number) => number): Promise<number> {
  const client = async (): Promise<number> => {
    let done = 0;
    for (; done < goal(done); done += 1) await visit(port, session);
    return done;
  };
  const counts = await Promise.all(Array.from({ length: CLIENTS }, client));
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Connects, reads the greeting, and leaves. @returns whether the session was resumed. */
function visit(port: number, session?: Buffer): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connectTo(port, session, reject);
    socket.once('data', () => {
      resolve(socket.isSessionReused());
      socket.destroy();
    });
  });
}

/** What a connection can be resumed with; undefined when the server does not say within a while. */
function ticketOf(port: number): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connectTo(port, undefined, reject);
    const leave = (ticket?: Buffer): void => {
      resolve(ticket);
      socket.destroy();
    };
    socket.resume();
    socket.once('session', leave);
    setTimeout(leave, TICKET_MILLISECONDS).unref();
  });
}

function connectTo(port: number, session: Buffer | undefined, failed: (error: Error) => void): TLSSocket {
  const where = { port, host: '127.0.0.1', rejectUnauthorized: false, servername: 'localhost' };
  return connect(session === undefined ? where : { ...where, session }).once('error', failed);
}
