/**
 * Whose connection a session came from, and the way back: a client that has given its login back (UNAUTHENTICATE) goes on
 * with the login process that it came from.
 *
 *     plaintext     worker -- the socket, and what it has not used --> supervisor --> login process
 *     relayed       worker -- "giving back" --> supervisor -- "stop relaying" --> login process, which ends its half
 *                   worker, when all has come -- "given back", and what it has not used --> supervisor --> login process
 *
 * The connection goes on counting under its key. A worker may say no more than that a session of its own is over; a login
 * process is told no more. It knows no protocol.
 */
import type { ConnectionTable } from '../limits/connections.js';
import { connectionKey, type LoginProcessHandle } from '../login/login-pool.js';
import type { RawHandle } from '../system/raw-handles.js';
import type { SessionDescription } from './handover.js';

interface SessionClient {
  readonly login: LoginProcessHandle;
  /** Of the connection, in its login process. */
  readonly id: number;
  readonly session: SessionDescription;
  /** The worker wants no more of it. */
  isGivingBack: boolean;
}

/** See the head of this file. */
export class ClientsOfSessions {
  readonly #connections: ConnectionTable;
  readonly #clients = new Map<number, SessionClient>();

  constructor(connections: ConnectionTable) {
    this.#connections = connections;
  }

  /** A worker has a session, or is about to. */
  begun(login: LoginProcessHandle, id: number, session: SessionDescription): void {
    this.#clients.set(session.sessionId, { login, id, session, isGivingBack: false });
  }

  /** A worker says that a session has ended, or has ended itself. */
  ended(sessionId: number): void {
    const client = this.#clients.get(sessionId);
    if (client === undefined) return;
    this.#clients.delete(sessionId);
    const { login, id, session, isGivingBack } = client;
    // A plaintext connection counts until its worker says that it has ended; of others, their login process says so.
    if (!session.tls) this.#connections.release(connectionKey(login, id));
    else if (isGivingBack) login.send({ kind: 'begin again', id });
  }

  /** A worker wants no more of a client that is relayed. */
  givingBack(sessionId: number): void {
    const client = this.#clients.get(sessionId);
    if (client === undefined || !client.session.tls || !client.session.comesBack) return;
    client.isGivingBack = true;
    client.login.send({ kind: 'stop relaying', id: client.id });
  }

  /** A session is over, and its client may log in once more. Where that cannot be, ended() follows. */
  givenBack(sessionId: number, unread: Uint8Array, handle: RawHandle | undefined): void {
    const client = this.#clients.get(sessionId);
    const isRelayed = client?.session.tls === true;
    if (
      client === undefined ||
      !client.session.comesBack ||
      client.login.isGone ||
      isRelayed !== (handle === undefined)
    ) {
      handle?.close();
      return;
    }
    this.#clients.delete(sessionId);
    const { login, id, session } = client;
    this.#connections.logOut(connectionKey(login, id));
    if (handle === undefined) {
      login.send({ kind: 'begin again', id, unread });
      return;
    }
    const { remote, local } = session;
    login.open.add(id);
    login.send({ kind: 'begin again', id, unread, ends: { remote, local } }, handle, () => handle.close());
  }
}
