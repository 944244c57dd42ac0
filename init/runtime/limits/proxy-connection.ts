/**
 * Connections that come through a proxy: which ones, and reading the header that says whom they come from.
 *
 * A header is read from trusted addresses only, before anything else: before TLS, before limits, before a greeting.
 */
import type { Socket } from 'node:net';
import { takeFromSocket } from '../system/raw-handles.js';
import { plainAddress } from '../tls/tls-helpers.js';
import type { Endpoint } from '../worker/mail-worker.js';
import { addressList } from './access-file.js';
import { type ProxyHeader, parseProxyHeader } from './proxy-protocol.js';

/** PROXY_PROTOCOL_FROM, and what -haproxy in TCPDOPTS adds to it. */
export interface ProxyProtocolSettings {
  /** Addresses and networks, with blanks between: who is believed. */
  readonly from: string;
  /** How long a header may take. */
  readonly seconds: number;
  /** Nobody else may connect to these ports. */
  readonly isRequired: boolean;
  /** Empty: all ports. Without `host`: on every address. */
  readonly ports: readonly { readonly host?: string; readonly port: number }[];
}

/** Whether a connection must begin with a header, must not, or must not be there at all. */
export type ProxyExpectation = 'header' | 'none' | 'refuse';

/** Decides it for each connection. */
export class ProxyPorts {
  readonly #settings: ProxyProtocolSettings | undefined;
  readonly #isTrusted: (address: string) => boolean;

  constructor(settings: ProxyProtocolSettings | undefined) {
    this.#settings = settings;
    const list = addressList(settings?.from ?? '');
    this.#isTrusted = typeof list === 'function' ? list : () => false;
  }

  get seconds(): number {
    return this.#settings?.seconds ?? 0;
  }

  /** `remote` and `local` are the ends of the connection itself. */
  expectation(remote: Endpoint, local: Endpoint): ProxyExpectation {
    if (this.#settings === undefined || !this.#isFor(local)) return 'none';
    if (this.#isTrusted(plainAddress(remote.ip))) return 'header';
    return this.#settings.isRequired ? 'refuse' : 'none';
  }

  #isFor({ ip, port }: Endpoint): boolean {
    const ports = this.#settings?.ports ?? [];
    const isMeant = (each: { readonly host?: string; readonly port: number }) =>
      each.port === port && (each.host === undefined || each.host === plainAddress(ip));
    return ports.length === 0 || ports.some(isMeant);
  }
}

/** The proxy has gone before it said whom it comes with: some check health like that. */
export class ProxyGone extends Error {}

/**
 * Reads a header. What the client sent behind it stays in the socket, which is not read from any more before TLS.
 *
 * @throws {ProxyGone} when the connection ends before; other errors say what is wrong with the header.
 */
export function readProxyHeader(socket: Socket, seconds: number, beforeTls: boolean): Promise<ProxyHeader> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const end = (error: Error): void => {
      stop();
      reject(error);
    };
    const gone = (): void => end(new ProxyGone('it closed before a header came'));
    const timer = setTimeout(() => end(new Error('no header came in time')), seconds * 1000);
    const stop = (): void => {
      clearTimeout(timer);
      socket.off('readable', look).off('end', gone).off('close', gone);
    };
    const look = (): void => {
      for (let piece = socket.read(); piece !== null; piece = socket.read()) {
        received = Buffer.concat([received, piece as Buffer]);
      }
      const parsed = parseProxyHeader(received);
      if (parsed === 'incomplete') return;
      stop();
      if ('wrong' in parsed) {
        reject(new Error(parsed.wrong));
        return;
      }
      // A socket that has stopped would not begin again by itself; TLS takes what is below it, and needs it at rest.
      const late = beforeTls ? takeFromSocket(socket) : Buffer.alloc(0);
      const rest = Buffer.concat([received.subarray(parsed.octets), late]);
      if (rest.length > 0) socket.unshift(rest);
      resolve(parsed);
    };
    socket.on('readable', look).on('end', gone).on('close', gone);
  });
}
