/**
 * The few things that Node can do and does not document, in one place: bound handles that nobody accepts from yet, and
 * a socket's handle that stops reading before it travels to another process.
 *
 * Why: a handle that is being read, or accepted from, while it is handed on loses what arrives in between. `cluster`
 * in Node itself is built on the same functions. It knows nothing of what the handles are for.
 */
import type { ChildProcess, SendHandle } from 'node:child_process';
import net from 'node:net';
import { getSystemErrorName } from 'node:util';

/** A libuv handle without a socket around it: nothing reads or accepts until a socket or server is made of it. */
export interface RawHandle {
  readonly fd: number;
  reading?: boolean;
  readStop(): number;
  getsockname?(out: object): number;
  close(): void;
}

interface UndocumentedNet {
  _createServerHandle(
    address: string | undefined,
    port: number | undefined,
    family: number | undefined,
    fd: number | undefined,
    flags: number,
  ): (RawHandle & { getsockname?(out: object): number }) | number;
}

/** An error of the system, by its short name (`EADDRINUSE`). */
export class SystemFailure extends Error {
  readonly code: string;

  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

/** Binds a TCP port without listening. `host` is an address; `::` takes IPv4 too. @throws {SystemFailure} */
export function bindTcp(host: string, port: number): RawHandle {
  return created(net as unknown as UndocumentedNet, host, port, host.includes(':') ? 6 : 4);
}

/** Binds a Unix socket without listening. @throws {SystemFailure} */
export function bindUnix(path: string): RawHandle {
  return created(net as unknown as UndocumentedNet, path, -1, -1);
}

/** Makes a handle of a socket that another program opened for us. @throws {SystemFailure} when it is none. */
export function handleOf(fd: number): RawHandle {
  const handle = (net as unknown as UndocumentedNet)._createServerHandle(undefined, undefined, undefined, fd, 0);
  if (typeof handle === 'number') throw new SystemFailure(getSystemErrorName(handle));
  return handle;
}

/** Where a bound TCP handle listens. */
export function boundAddress(handle: RawHandle): { readonly host: string; readonly port: number } {
  const name: { address?: string; port?: number } = {};
  handle.getsockname?.(name);
  return { host: name.address ?? '', port: name.port ?? 0 };
}

/** Makes a server accept from a handle that came from another process. */
export function listenOn(server: net.Server, handle: RawHandle): void {
  server.listen(handle as unknown as net.ListenOptions);
}

/**
 * Stops reading for good, and gives what was read and not used. The order matters: pause() alone leaves the handle
 * reading, and what comes then is lost.
 */
export function takeFromSocket(socket: net.Socket): Buffer {
  socket.removeAllListeners('readable');
  socket.pause();
  const handle = rawHandle(socket);
  if (handle !== undefined) {
    handle.readStop();
    // Whoever takes the handle over (TLS, for one) looks at this to know whether to start.
    handle.reading = false;
  }
  const pieces: Buffer[] = [];
  for (let piece = socket.read(); piece !== null; piece = socket.read()) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

/** The handle inside a socket; undefined when the socket is closed. */
export function rawHandle(socket: net.Socket): RawHandle | undefined {
  return (socket as unknown as { _handle: RawHandle | null })._handle ?? undefined;
}

/** Makes a socket of a handle that came from another process. It begins to read into its own buffer. */
export function socketFrom(handle: RawHandle): net.Socket {
  const options = { handle, readable: true, writable: true, allowHalfOpen: true };
  return new net.Socket(options as unknown as net.SocketConstructorOpts);
}

/** Sends a message, with a handle if there is one, from either end of an IPC channel. */
export function sendWithHandle(
  channel: Pick<ChildProcess, 'send'> | NodeJS.Process,
  message: object,
  handle: RawHandle | undefined,
  sent: (error: Error | null) => void,
): void {
  const send = channel.send as
    | ((
        message: object,
        handle: SendHandle | undefined,
        options: object,
        sent: (error: Error | null) => void,
      ) => boolean)
    | undefined;
  if (send === undefined) sent(new Error('no IPC channel'));
  else send.call(channel, message, handle as unknown as SendHandle | undefined, {}, sent);
}

function created(undocumented: UndocumentedNet, address: string, port: number, family: number): RawHandle {
  const handle = undocumented._createServerHandle(address, port, family, undefined, 0);
  if (typeof handle === 'number') throw new SystemFailure(getSystemErrorName(handle));
  // libuv keeps EADDRINUSE of bind() for later; asking for the name brings it out.
  const late = handle.getsockname?.({}) ?? 0;
  if (late >= 0) return handle;
  handle.close();
  throw new SystemFailure(getSystemErrorName(late));
}
