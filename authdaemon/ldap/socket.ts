/**
 * Sockets to directory servers, connected and, where wanted, in TLS. Knows nothing of LDAP.
 */
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { LdapKeys } from './tls.js';
import type { LdapUri } from './uri.js';

/** A dead peer behind a firewall is noticed while nothing is asked. */
const KEEP_ALIVE_MS = 60_000;

/** Connects; ldaps:// is in TLS then. @throws {Error} also when `deadline` comes first */
export async function openSocket(uri: LdapUri, keys: LdapKeys, deadline: AbortSignal): Promise<Socket> {
  if (uri.kind === 'ldapi') return established(connect({ path: uri.path }), 'connect', deadline);
  const { host, port } = uri;
  const socket = await established(connect({ host, port, noDelay: true }), 'connect', deadline);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  return uri.kind === 'ldap' ? socket : inTls(socket, host, keys, deadline);
}

/** Goes on in TLS on a connection that is there. @throws {Error} */
export async function inTls(socket: Socket, host: string, keys: LdapKeys, deadline: AbortSignal): Promise<TLSSocket> {
  const secure = connectTls({
    socket,
    host,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    secureContext: keys.context(),
    rejectUnauthorized: keys.verify,
  });
  try {
    return await established(secure, 'secureConnect', deadline);
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function established<Kind extends Socket>(socket: Kind, event: string, deadline: AbortSignal): Promise<Kind> {
  return new Promise((resolve, reject) => {
    const expire = (): void => void socket.destroy(new Error('connecting timed out'));
    if (deadline.aborted) expire();
    deadline.addEventListener('abort', expire, { once: true });
    // Stays for the life of the socket: whoever uses it looks at 'close'.
    socket.on('error', (error) => {
      deadline.removeEventListener('abort', expire);
      reject(error);
    });
    socket.once('close', () => reject(new Error('the connection was closed')));
    socket.once(event, () => {
      deadline.removeEventListener('abort', expire);
      resolve(socket);
    });
  });
}
