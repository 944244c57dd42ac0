/** Waiting for what was written to a socket. */
import type { Socket } from 'node:net';

/** Waits until everything was given to the kernel; false when the socket closes first. */
export async function written(socket: Socket): Promise<boolean> {
  while (socket.writableLength > 0 && !socket.destroyed) {
    await new Promise<void>((resolve) => {
      const done = () => {
        socket.off('drain', done);
        socket.off('close', done);
        resolve();
      };
      // An empty write is called back behind all that is waiting; 'drain' alone comes only after a full buffer.
      socket.write('', done);
      socket.once('close', done);
    });
  }
  return !socket.destroyed;
}
