/**
 * An old IMAP server for tests of authlearn: it says what it is told to, octet for octet, and keeps what it hears.
 */
import { createServer, type Socket } from 'node:net';

/** A server that listens. */
export interface OldServer {
  readonly port: number;
  /** Everything it has heard, each octet as one character. */
  heard(): string;
  stop(): Promise<void>;
}

/** The end of what was heard so far, and what is said to it; the greeting is said to ''. */
export type Script = readonly (readonly [end: string, say: string])[];

/** Starts one; each connection goes through the script. */
export async function startOldServer(script: Script): Promise<OldServer> {
  let heard = '';
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    const rest = [...script];
    let line = '';
    const speak = (): void => {
      const [step] = rest;
      if (step === undefined || !line.endsWith(step[0])) return;
      rest.shift();
      line = '';
      socket.write(step[1], 'latin1');
      if (rest[0]?.[0] === '') speak();
    };
    socket.on('error', () => undefined);
    socket.on('data', (octets) => {
      heard += octets.toString('latin1');
      line += octets.toString('latin1');
      speak();
    });
    speak();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      for (const socket of sockets) socket.destroy();
      server.close(() => resolve());
    });
  return { port: address.port, heard: () => heard, stop };
}
