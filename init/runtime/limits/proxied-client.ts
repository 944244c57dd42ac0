/**
 * The first thing that happens to a connection: on ports for proxies it is found out whom it comes from, or it ends.
 */
import { logValue } from '../log/log.js';
import type { LoginConnection } from '../login/login-connection.js';
import { plainAddress } from '../tls/tls-helpers.js';
import { ProxyGone, type ProxyPorts } from './proxy-connection.js';

/** Reads a header where one is expected. False: the connection has been closed, and the log says why. */
export async function passesProxyPorts(connection: LoginConnection, proxies: ProxyPorts): Promise<boolean> {
  const { remote: proxy, log } = connection;
  const expectation = proxies.expectation(proxy, connection.local);
  if (expectation === 'none') return true;
  const from = `ip=[${proxy.ip}], port=[${proxy.port}]`;
  if (expectation === 'refuse') {
    log.write('warning', `dropped, ${from}: only proxies may connect here, and it is not in PROXY_PROTOCOL_FROM`);
    connection.destroy();
    return false;
  }
  try {
    await connection.readProxyHeader(proxies.seconds);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const level = error instanceof ProxyGone ? 'debug' : 'warning';
    log.write(level, `dropped, ${from}: no header of the PROXY protocol: ${reason}`);
    connection.destroy();
    return false;
  }
  const { ip, port } = connection.remote;
  if (ip !== proxy.ip || port !== proxy.port) {
    log.write('debug', `Proxied, ip=[${ip}], port=[${port}], proxy=[${logValue(plainAddress(proxy.ip))}]`);
  }
  return true;
}
