/**
 * Where a service listens: Courier's port lists, and binding them.
 *
 *     parsePortList('143,127.0.0.1.1143', '0')    // [{ host: '::', port: 143 }, { host: '127.0.0.1', port: 1143 }]
 *
 * It binds only; the login processes listen and accept. It knows no protocol.
 */
import { isIP } from 'node:net';
import { portOwner } from '../system/port-owner.js';
import { bindTcp, type RawHandle, SystemFailure } from '../system/raw-handles.js';

/** One address and port to listen on. `host` is `::` for all addresses, IPv4 included. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Names that Courier's files use in place of numbers. */
const SERVICE_PORTS: Readonly<Record<string, number>> = { imap: 143, imap2: 143, imaps: 993, pop3: 110, pop3s: 995 };

/**
 * Reads a list of `port` or `address.port`. The port stands behind the last dot; address 0 is every address.
 *
 * @returns a text that says what is wrong, if something is.
 */
export function parsePortList(ports: string, defaultAddress: string): ListenAddress[] | string {
  const addresses: ListenAddress[] = [];
  for (const word of ports.split(',').map((part) => part.trim())) {
    const dot = word.lastIndexOf('.');
    const host = hostFor(dot === -1 ? defaultAddress : word.slice(0, dot));
    const port = portFor(word.slice(dot + 1));
    if (host === undefined) return `${dot === -1 ? defaultAddress : word.slice(0, dot)} is not an IP address`;
    if (port === undefined) return `${word === '' ? 'an empty word' : word} is not a port`;
    addresses.push({ host, port });
  }
  return addresses;
}

/** Writes an address as Courier's port lists have it: `143` or `127.0.0.1.143`. */
export function describeAddress({ host, port }: ListenAddress): string {
  return host === '::' ? String(port) : `${host}.${port}`;
}

/** How often and how long binding is tried again, while an earlier supervisor is still on its way out. */
const BIND_RETRY_MILLISECONDS = 200;

/** A port that could not be bound, with the reason in words. */
export class BindFailure extends Error {
  readonly address: ListenAddress;
  readonly code: string;

  constructor(address: ListenAddress, code: string) {
    const owner = code === 'EADDRINUSE' ? portOwner(address.port) : undefined;
    const reason = owner === undefined ? (BIND_REASONS[code] ?? code) : `${owner} listens there`;
    super(`port ${describeAddress(address)} cannot be opened: ${reason}`);
    this.address = address;
    this.code = code;
  }
}

const BIND_REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there',
  EACCES: 'ports below 1024 need root',
  EADDRNOTAVAIL: 'this machine has no such address',
};

/**
 * Binds an address; tries again for `patienceMs` while it is in use.
 *
 * @throws {BindFailure}
 */
export async function bindAddress(address: ListenAddress, patienceMs: number): Promise<RawHandle> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    try {
      return bindOnce(address);
    } catch (error) {
      if (!(error instanceof SystemFailure)) throw error;
      if (error.code !== 'EADDRINUSE' || Date.now() >= deadline) throw new BindFailure(address, error.code);
    }
    await new Promise((resolve) => setTimeout(resolve, BIND_RETRY_MILLISECONDS));
  }
}

function bindOnce({ host, port }: ListenAddress): RawHandle {
  try {
    return bindTcp(host, port);
  } catch (error) {
    const noIpv6 = error instanceof SystemFailure && ['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL'].includes(error.code);
    if (host !== '::' || !noIpv6) throw error;
    return bindTcp('0.0.0.0', port);
  }
}

function hostFor(word: string): string | undefined {
  if (word === '0' || word === '*') return '::';
  return isIP(word) === 0 ? undefined : word;
}

function portFor(word: string): number | undefined {
  const named = Object.hasOwn(SERVICE_PORTS, word) ? SERVICE_PORTS[word] : undefined;
  if (named !== undefined) return named;
  const port = Number(word);
  return /^\d{1,5}$/.test(word) && port <= 65535 ? port : undefined;
}
