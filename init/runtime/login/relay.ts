/**
 * Copies octets between a TLS client and its mail worker, both ways, with back-pressure, until both sides are done.
 *
 * Either side may end first and still get what the other has to say. What the worker says, which may be much, passes
 * through one buffer of this process: a piece is read when the client has taken the one before. It knows no protocol.
 */
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';

/** After the worker is done, a client gets this long to close its side. */
const LINGER_MS = 5_000;

/** Octets of one piece: four records of TLS. */
const PIECE_OCTETS = 65_536;

/** Shared by all relays: what is read is encrypted, or copied, before the next read of any of them. */
const piece = Buffer.allocUnsafeSlow(PIECE_OCTETS);

/** Connects to a worker; what it says goes to `client`. */
export function connectRelay(path: string, client: Duplex): Socket {
  const worker: Socket = connect({
    path,
    allowHalfOpen: true,
    onread: {
      buffer: piece,
      callback: (octets) => {
        if (client.destroyed) return true;
        const said = piece.subarray(0, octets);
        client.write(isEncryptedAtOnce(client) ? said : Buffer.from(said), () => worker.resume());
        return false;
      },
    },
  });
  return worker;
}

/**
 * Whether nothing refers to octets any more when write() returns: what a client without TLS (its proxy has it) does not
 * take at once, and what stands behind answers that it has not read yet, waits in the buffer in which it came.
 */
function isEncryptedAtOnce(client: Duplex): boolean {
  return client instanceof TLSSocket && client.writableLength === 0;
}

/** Copying that goes on by itself. */
export interface Relaying {
  /**
   * Sends the worker nothing more, and leaves the client open when the worker has said all: settles then, with false when
   * the client has gone, too.
   */
  release(): Promise<boolean>;
}

/** Copies until the end; `ended` is called once, when neither side is left. */
export function relay(client: Duplex, worker: Duplex, ended: () => void): Relaying {
  let linger: NodeJS.Timeout | undefined;
  let released: ((isFree: boolean) => void) | undefined;
  client.pipe(worker);
  // An error is followed by 'close', which ends the other side.
  client.on('error', nothing);
  worker.on('error', nothing);
  // A worker that has said all is done: it never waits for more from a client that it said goodbye to.
  const finish = () => {
    if (client.destroyed || linger !== undefined) return;
    if (released !== undefined) {
      client.off('close', closed);
      client.off('error', nothing);
      released(true);
      return;
    }
    client.end();
    linger = setTimeout(() => client.destroy(), LINGER_MS);
  };
  const closed = () => {
    clearTimeout(linger);
    released?.(false);
    worker.destroy();
    ended();
  };
  worker.once('end', finish);
  worker.once('close', finish);
  client.once('close', closed);
  const release = (): Promise<boolean> => {
    if (client.destroyed || linger !== undefined) return Promise.resolve(false);
    client.unpipe(worker);
    worker.end();
    return new Promise((resolve) => {
      released = resolve;
    });
  };
  return { release };
}

function nothing(): void {}
