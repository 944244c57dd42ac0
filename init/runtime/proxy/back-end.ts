/**
 * A connection from a login process to a back end, while the protocol still talks to it: line by line, each answer in
 * time. Afterwards its stream is copied like any other.
 *
 * TLS is checked against authorities and the host's name unless the settings say otherwise. It knows no mail protocol.
 */
import { lookup } from 'node:dns/promises';
import { connect, isIP, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls';
import type { ListenAddress } from '../service/listen.js';
import { plainAddress, reasonOf } from '../tls/tls-helpers.js';
import type { Endpoint } from '../worker/mail-worker.js';
import { type BackEndAddress, describeHost } from './mail-hosts.js';
import type { ProxyManner } from './proxy-settings.js';

/** The back end cannot be used now; the next one may. The message is for the log. */
export class BackEndFailure extends Error {}

/** The back end is there, and does not let this user in. */
export class BackEndRefusal extends Error {}

/** The address behind the host's name is one where this server listens itself. */
export class OwnAddress extends Error {}

/** What a connection needs to know. */
export interface BackEndOptions {
  readonly manner: ProxyManner;
  /** Where this server listens. */
  readonly own: readonly ListenAddress[];
  /** Both ends of the client's connection. */
  readonly remote: Endpoint;
  readonly local: Endpoint;
  /** The client has gone: nobody waits any more. */
  readonly signal: AbortSignal;
}

/** No line that a server says before or at login is longer. */
const MAX_LINE_OCTETS = 65_536;

/** NAT gateways forget silent connections after five minutes or so: probe earlier than that. */
const KEEPALIVE_MS = 120_000;

/** See the head of this file. Its methods throw BackEndFailure. */
export class BackEnd {
  /** As the log names it. */
  readonly name: string;
  readonly #address: BackEndAddress;
  readonly #options: BackEndOptions;
  #stream: Socket;
  #unread: Buffer = Buffer.alloc(0);

  private constructor(address: BackEndAddress, options: BackEndOptions, stream: Socket) {
    this.name = describeHost(address);
    this.#address = address;
    this.#options = options;
    this.#stream = stream;
    stream.on('error', () => {});
  }

  /** Connects, and secures the connection if that comes first. @throws {BackEndFailure | OwnAddress} */
  static async connect(address: BackEndAddress, options: BackEndOptions): Promise<BackEnd> {
    const { manner, remote, local } = options;
    const socket = await connectToOne(address, options);
    const backEnd = new BackEnd(address, options, socket);
    if (manner.tellAddress === 'haproxy') socket.write(proxyHeader(remote, local));
    if (address.security === 'tls') await backEnd.#secure();
    return backEnd;
  }

  /** Whether the protocol is to ask for TLS before it says anything else. */
  get needsStartTls(): boolean {
    return this.#address.security === 'starttls';
  }

  /** The next line, without its end; octets as they came. @throws {BackEndFailure} also when it does not come in time. */
  async line(): Promise<string> {
    const until = performance.now() + this.#options.manner.seconds * 1000;
    for (;;) {
      const end = this.#unread.indexOf(10);
      if (end !== -1) {
        const line = this.#unread.toString('latin1', 0, end).replace(/\r$/, '');
        this.#unread = this.#unread.subarray(end + 1);
        return line;
      }
      if (this.#unread.length > MAX_LINE_OCTETS) throw this.failure('it sent a line without end');
      this.#unread = Buffer.concat([this.#unread, await this.#read(until)]);
    }
  }

  /** Sends octets, and forgets them: they may be a password. */
  write(octets: Buffer): void {
    this.#stream.write(octets, () => octets.fill(0));
  }

  /** Begins TLS after the back end has said that it would. */
  async startTls(): Promise<void> {
    // What came in plaintext behind the answer is from somebody on the way.
    if (this.#unread.length > 0) throw this.failure('it sent something between STARTTLS and TLS');
    await this.#secure();
  }

  /** The stream, whose first octets are those that nobody has read; for copying. */
  release(): Socket {
    this.#stream.removeAllListeners('readable');
    if (this.#unread.length > 0) this.#stream.unshift(this.#unread);
    this.#unread = Buffer.alloc(0);
    return this.#stream;
  }

  /** Closes without a word. */
  destroy(): void {
    this.#stream.destroy();
  }

  /** A failure that says which back end it is about. */
  failure(reason: string): BackEndFailure {
    return new BackEndFailure(`${this.name}: ${reason}`);
  }

  async #read(until: number): Promise<Buffer> {
    for (;;) {
      const octets = this.#stream.read() as Buffer | null;
      if (octets !== null) return octets;
      if (this.#stream.destroyed || this.#stream.readableEnded) throw this.failure('it closed the connection');
      const isInTime = await this.#somethingHappens(until - performance.now());
      if (!isInTime) throw this.failure(`no answer for ${this.#options.manner.seconds} seconds`);
    }
  }

  #somethingHappens(milliseconds: number): Promise<boolean> {
    const stream = this.#stream;
    const { signal } = this.#options;
    return new Promise((resolve) => {
      const settle = (isInTime: boolean) => {
        clearTimeout(timer);
        for (const event of ['readable', 'end', 'close']) stream.off(event, happened);
        signal.removeEventListener('abort', gone);
        resolve(isInTime);
      };
      const happened = () => settle(true);
      const gone = () => {
        stream.destroy();
        settle(true);
      };
      const timer = setTimeout(() => settle(false), Math.max(milliseconds, 0));
      for (const event of ['readable', 'end', 'close']) stream.on(event, happened);
      signal.addEventListener('abort', gone);
      if (signal.aborted) gone();
    });
  }

  async #secure(): Promise<void> {
    const { manner } = this.#options;
    const { host } = this.#address;
    const plain = this.#stream;
    plain.removeAllListeners('readable');
    const secured = connectTls({
      socket: plain,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      secureContext: secureContextWith(manner.authorities),
      rejectUnauthorized: manner.verifies,
      // Else the certificate would be compared with `localhost`.
      host,
    });
    const reason = await settled(secured, 'secureConnect', this.#options);
    if (reason !== undefined) {
      secured.destroy();
      plain.destroy();
      throw this.failure(`TLS: ${reason}`);
    }
    secured.on('error', () => {});
    this.#stream = secured;
  }
}

let latest: { readonly authorities: string | undefined; readonly context: SecureContext } | undefined;

/** One for all connections: it holds all authorities. */
function secureContextWith(authorities: string | undefined): SecureContext {
  if (latest === undefined || latest.authorities !== authorities) {
    const ca = authorities === undefined ? {} : { ca: authorities };
    latest = { authorities, context: createSecureContext({ ...ca, minVersion: 'TLSv1.2' }) };
  }
  return latest.context;
}

/** Tries each address of a host, for as long as the host has time. */
async function connectToOne(address: BackEndAddress, options: BackEndOptions): Promise<Socket> {
  const name = describeHost(address);
  const { seconds } = options.manner;
  const until = performance.now() + seconds * 1000;
  const found = await addressesOf(address.host, options);
  if (typeof found === 'string') throw new BackEndFailure(`${name}: ${found}`);
  let reason = 'it has no address';
  for (const [index, ip] of found.entries()) {
    if (isOwnAddress(ip, address.port, options.own))
      throw new OwnAddress(`${name} is ${ip}, where this server listens`);
    const share = (until - performance.now()) / (found.length - index);
    const socket = connect({ host: ip, port: address.port, allowHalfOpen: true, noDelay: true });
    socket.setKeepAlive(true, KEEPALIVE_MS);
    const failed = await settled(socket, 'connect', options, share);
    if (failed === undefined) return socket;
    socket.destroy();
    reason = failed;
  }
  throw new BackEndFailure(`${name}: ${reason}`);
}

async function addressesOf(host: string, { manner, signal }: BackEndOptions): Promise<readonly string[] | string> {
  if (isIP(host) !== 0) return [host];
  const late = new Promise<string>((resolve) => {
    const timer = setTimeout(() => resolve('the name server does not answer'), manner.seconds * 1000);
    signal.addEventListener('abort', () => clearTimeout(timer));
    timer.unref();
  });
  const found = lookup(host, { all: true }).then(
    (all) => all.map(({ address }) => address),
    (error: NodeJS.ErrnoException) => `its address is not known (${error.code ?? error.message})`,
  );
  return await Promise.race([found, late]);
}

/** Waits for an event. @returns why it did not come. */
function settled(
  socket: Socket,
  event: 'connect' | 'secureConnect',
  { manner, signal }: BackEndOptions,
  milliseconds = manner.seconds * 1000,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const settle = (reason: string | undefined) => {
      clearTimeout(timer);
      socket.off('error', failed).off('close', closed).off(event, come);
      signal.removeEventListener('abort', gone);
      // An error that comes late concerns nobody.
      socket.on('error', () => {});
      resolve(reason);
    };
    const failed = (error: NodeJS.ErrnoException) => {
      const { syscall, code } = error;
      // The whole message names the address once more.
      settle(syscall === undefined || code === undefined ? reasonOf(error) : `${syscall} ${code}`);
    };
    const closed = () => settle('it closed the connection');
    const come = () => settle(undefined);
    const gone = () => settle('the client has gone');
    const timer = setTimeout(() => settle(`no answer for ${Math.ceil(milliseconds / 1000)} seconds`), milliseconds);
    socket.once('error', failed).once('close', closed).once(event, come);
    signal.addEventListener('abort', gone);
    if (signal.aborted) gone();
  });
}

/** Whether connecting there would be connecting to ourselves. */
function isOwnAddress(ip: string, port: number, own: readonly ListenAddress[]): boolean {
  const listeners = own.filter((address) => address.port === port);
  if (listeners.length === 0) return false;
  const plain = plainAddress(ip).toLowerCase();
  if (listeners.some(({ host }) => host.toLowerCase() === plain)) return true;
  if (!listeners.some(({ host }) => host === '::' || host === '0.0.0.0')) return false;
  if (/^127\./.test(plain) || plain === '::1') return true;
  return machineAddresses().includes(plain);
}

/** None, where the system does not tell: then the counted hops end a circle. */
function machineAddresses(): string[] {
  try {
    const all = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
    return all.map(({ address }) => address.toLowerCase());
  } catch {
    return [];
  }
}

/** The first version of HAProxy's header, which Courier understands, too. */
function proxyHeader(remote: Endpoint, local: Endpoint): string {
  const [from, to] = [plainAddress(remote.ip), plainAddress(local.ip)];
  const family = isIP(from);
  if (family === 0 || family !== isIP(to)) return 'PROXY UNKNOWN\r\n';
  return `PROXY TCP${family} ${from} ${to} ${remote.port} ${local.port}\r\n`;
}
