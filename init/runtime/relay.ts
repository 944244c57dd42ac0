/**
 * Copies octets between a TLS client and its mail worker, both ways, with back-pressure, until both sides are done.
 *
 * Either side may end first and still get what the other has to say. It knows no protocol.
 */
import type { Duplex } from 'node:stream';

/** After the worker is done, a client gets this long to close its side. */
const LINGER_MS = 5_000;

/** Copies until the end; `ended` is called once, when neither side is left. */
export function relay(client: Duplex, worker: Duplex, ended: () => void): void {
  let linger: NodeJS.Timeout | undefined;
  client.pipe(worker);
  worker.pipe(client);
  // An error is followed by 'close', which ends the other side.
  client.on('error', () => {});
  worker.on('error', () => {});
  // A worker that has said all is done: it never waits for more from a client that it said goodbye to.
  const finish = () => {
    if (client.destroyed || linger !== undefined) return;
    client.end();
    linger = setTimeout(() => client.destroy(), LINGER_MS);
  };
  worker.once('end', finish);
  worker.once('close', finish);
  client.once('close', () => {
    clearTimeout(linger);
    worker.destroy();
    ended();
  });
}
