/**
 * One client before login: reading, writing, TLS, and the way out: to a mail worker, or closed.
 *
 * LoginConnection is the LoginClient that protocols see. It knows no mail protocol; what the process as a whole keeps
 * (settings, certificates, the link to the supervisor) comes from the LoginProcess that it is given.
 */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { foreignProtocol } from '../limits/foreign-protocol.js';
import { readProxyHeader } from '../limits/proxy-connection.js';
import type { Log } from '../log/log.js';
import { count } from '../metrics/counts.js';
import type { ProxiedSession } from '../proxy/proxied-session.js';
import type { PassOn } from '../proxy/proxy-route.js';
import type { ProxyPlaces } from '../proxy/proxy-settings.js';
import { type AuthenticationOutcome, type ListenerDescription, MAX_UNREAD_OCTETS } from '../service/handover.js';
import { type RawHandle, rawHandle, takeFromSocket } from '../system/raw-handles.js';
import { written } from '../system/written.js';
import { channelBinding } from '../tls/channel-binding.js';
import { certificateField } from '../tls/client-certificate.js';
import { reasonOf, type TlsContexts } from '../tls/tls-helpers.js';
import type { Endpoint } from '../worker/mail-worker.js';
import type {
  ExchangeAnswer,
  GoodbyeReason,
  LoginClient,
  LoginOutcome,
  LoginProtocol,
  LoginRequest,
  Proof,
} from './before-login.js';
import { connectRelay, type Relaying, relay } from './relay.js';

/** What a connection needs of its process. */
export interface LoginProcess {
  readonly log: Log;
  readonly protocol: LoginProtocol;
  readonly loginSeconds: number;
  /** STARTTLS is offered; undefined without certificate, or when the administrator does not want it. */
  readonly startTlsContexts: TlsContexts | undefined;
  authenticate(connection: LoginConnection, request: LoginRequest): Promise<AuthenticationOutcome>;
  beginExchange(connection: LoginConnection, beginning: Proof, service: string): Promise<ExchangeAnswer>;
  handOver(connection: LoginConnection, unread: Buffer, handle: RawHandle, sent: () => void): void;
  /** How other servers are spoken to. */
  readonly proxyPlaces: ProxyPlaces | undefined;
  /** Another server has the session; its name is for the administrator. */
  passedOn(connection: LoginConnection, host: string): void;
  /** The session that was to be passed on is to be served here. */
  serveHere(connection: LoginConnection): Promise<AuthenticationOutcome>;
  closed(connection: LoginConnection): void;
}

/** How long a client gets to read the last words and close. */
const LAST_WORDS_MS = 5_000;

/** A client that has not logged in yet; see LoginClient. */
export class LoginConnection implements LoginClient {
  readonly id: number;
  readonly listener: ListenerDescription;
  remote: Endpoint;
  local: Endpoint;
  readonly acceptedAt = Date.now();
  readonly log: Log;
  /** Its client has given a login back. */
  again = false;
  receivedOctets = 0;
  sentOctets = 0;
  tls = false;
  #socket: Socket;
  readonly #process: LoginProcess;
  #timer: NodeJS.Timeout;
  /** The other end of a relay. */
  #worker: Socket | undefined;
  #relaying: Relaying | undefined;
  /** Settles when a session that is over has said all. */
  #released: Promise<boolean> | undefined;
  /** What a mail worker had received and not used: the first read gives all of it. */
  #returned: Buffer | undefined;
  /** What another server serves. */
  #proxied: ProxiedSession | undefined;
  #wake: (() => void) | undefined;
  /** The first words are known not to be of another protocol. */
  #spoken = false;
  #state: 'open' | 'closing' | 'handed over' = 'open';

  constructor(id: number, listener: ListenerDescription, socket: Socket, process: LoginProcess) {
    this.id = id;
    this.listener = listener;
    this.#socket = socket;
    this.#process = process;
    this.log = process.log;
    this.remote = { ip: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 };
    this.local = { ip: socket.localAddress ?? '', port: socket.localPort ?? 0 };
    this.#timer = this.#limitTime();
    this.#follow(socket);
    socket.once('close', () => this.#gone());
  }

  get tlsAvailable(): boolean {
    return !this.tls && !this.listener.tls && this.#process.startTlsContexts !== undefined;
  }

  /** A mail worker talks to the client through this process. */
  get relaying(): boolean {
    return this.#worker !== undefined && !this.#worker.destroyed && !this.#worker.readableEnded;
  }

  /**
   * Reads the header of the PROXY protocol: the connection is between those whom it names from then on.
   *
   * @throws when there is none; see readProxyHeader().
   */
  async readProxyHeader(seconds: number): Promise<void> {
    const { client, tls } = await readProxyHeader(this.#socket, seconds, this.listener.tls);
    if (client !== undefined) ({ remote: this.remote, local: this.local } = client);
    if (tls === true && !this.listener.tls) this.tls = true;
  }

  /** TLS from the first octet, on a port for it. @throws when the handshake fails. */
  async beginTls(contexts: TlsContexts): Promise<void> {
    await this.#secure(contexts, false);
  }

  /** Begins to notice what comes. Until then nothing is read from the socket. */
  open(): void {
    this.#listen();
  }

  async read(): Promise<Buffer | undefined> {
    for (;;) {
      if (this.#state !== 'open') return undefined;
      const octets = this.#returned ?? (this.#socket.read() as Buffer | null);
      this.#returned = undefined;
      if (octets !== null) {
        if (this.#isForeign(octets)) return undefined;
        this.receivedOctets += octets.length;
        return octets;
      }
      if (this.#socket.destroyed || this.#socket.readableEnded) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  write(octets: Buffer | string): void {
    if (this.#state !== 'open' || !this.#socket.writable) return;
    this.sentOctets += Buffer.byteLength(octets);
    this.#socket.write(octets);
  }

  async startTls(): Promise<void> {
    const contexts = this.#process.startTlsContexts;
    if (contexts === undefined || this.tls) throw new Error('TLS is not available');
    // What came before the handshake was not protected: whoever sent it, it is not from the client we will talk to.
    takeFromSocket(this.#socket);
    this.#spoken = false;
    await this.#secure(contexts, true);
    this.#listen();
  }

  async authenticate(request: LoginRequest): Promise<LoginOutcome> {
    if (this.#state !== 'open') return gone();
    return await this.#begin(request, await this.#process.authenticate(this, request));
  }

  /** Brings the client to whoever serves it. */
  async #begin(request: LoginRequest, outcome: AuthenticationOutcome): Promise<LoginOutcome> {
    if (outcome.kind === 'pass on') {
      return await this.#passOn(request, outcome).catch((error: unknown) => {
        // Its modules are loaded late, and may not be there for this user.
        this.log.bug(error, 'passing a session on');
        return { kind: 'temporary failure', reason: 'internal error' } as const;
      });
    }
    if (outcome.kind !== 'send socket' && outcome.kind !== 'relay') return outcome;
    const { lastWord } = outcome;
    const heard = lastWord === undefined || (await request.sayLastWord?.(lastWord)) === true;
    if (!heard) return { kind: 'broken off' };
    if (outcome.kind === 'send socket') return this.#handOver(request);
    return this.#relay(request, outcome.path, outcome.token);
  }

  channelBinding(type: string): Buffer | undefined {
    return this.#socket instanceof TLSSocket && this.#state === 'open' ? channelBinding(this.#socket, type) : undefined;
  }

  certificateField(name: string): string | undefined {
    return this.#socket instanceof TLSSocket && this.#state === 'open'
      ? certificateField(this.#socket, name)
      : undefined;
  }

  beginExchange(beginning: Proof, service: string): Promise<ExchangeAnswer> {
    if (this.#state === 'open') return this.#process.beginExchange(this, beginning, service);
    return Promise.resolve({ kind: 'temporary failure', reason: 'the client has gone' });
  }

  end(octets?: Buffer | string): void {
    if (octets !== undefined) this.write(octets);
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    clearTimeout(this.#timer);
    this.#wake?.();
    const socket = this.#socket;
    if (socket.destroyed) return;
    // What the client still sends is read and dropped: a close with unread octets would be a reset, and the last
    // words could be lost on their way.
    socket.removeAllListeners('readable');
    socket.end();
    socket.resume();
    setTimeout(() => socket.destroy(), LAST_WORDS_MS).unref();
  }

  /** Ends the conversation from our side, with the protocol's words for it. */
  goodbye(reason: GoodbyeReason): void {
    const { protocol } = this.#process;
    const text = reason === 'login timeout' ? 'Login took too long' : 'Server is shutting down';
    const words = protocol.goodbye?.(reason) ?? protocol.tooManyConnections(text);
    if (this.#proxied === undefined) this.end(words);
    else this.#proxied.goodbye(words);
  }

  /** Closes without a word. */
  destroy(): void {
    this.#socket.destroy();
  }

  async #secure(contexts: TlsContexts, startTls: boolean): Promise<void> {
    const plain = this.#socket;
    plain.removeAllListeners('end');
    try {
      this.#socket = await contexts.secure(plain, this.local.ip, startTls);
    } catch (error) {
      count('tls_handshakes_total', { result: 'failed' }).value += 1;
      this.log.write('info', `ip=[${this.remote.ip}], couriertls: accept: ${reasonOf(error)}`);
      plain.destroy();
      throw error;
    }
    this.tls = true;
    const isResumed = this.#socket instanceof TLSSocket && this.#socket.isSessionReused();
    count('tls_handshakes_total', { result: isResumed ? 'resumed' : 'full' }).value += 1;
    this.#follow(this.#socket);
  }

  #isForeign(octets: Buffer): boolean {
    const protocol = this.#spoken ? undefined : foreignProtocol(octets);
    this.#spoken = true;
    if (protocol === undefined) return false;
    this.log.write('info', `dropped, ip=[${this.remote.ip}], port=[${this.remote.port}]: it speaks ${protocol}`);
    this.destroy();
    return true;
  }

  #follow(socket: Socket): void {
    socket.on('error', () => {});
    socket.on('end', () => this.#wake?.());
    socket.on('close', () => this.#wake?.());
  }

  #listen(): void {
    this.#socket.on('readable', () => this.#wake?.());
  }

  #gone(): void {
    clearTimeout(this.#timer);
    this.#wake?.();
    if (this.#state !== 'handed over') this.#process.closed(this);
    this.#state = 'closing';
  }

  async #handOver(request: LoginRequest): Promise<LoginOutcome> {
    const socket = this.#socket;
    if (!(await written(socket)) || this.#state !== 'open') return gone();
    const late = takeFromSocket(socket);
    const handle = rawHandle(socket);
    const unread = Buffer.concat([request.unread(), late]);
    // Who says so much more before he hears that he is in is no client, and would cost this process the supervisor's trust.
    if (handle === undefined || unread.length > MAX_UNREAD_OCTETS) {
      socket.destroy();
      return gone();
    }
    this.#state = 'handed over';
    clearTimeout(this.#timer);
    this.#process.handOver(this, unread, handle, () => socket.destroy());
    return { kind: 'handed over' };
  }

  /** The session is about to be over, and the connection to go on: its worker is to get no more of the client. */
  stopRelaying(): void {
    if (this.#relaying === undefined || this.#released !== undefined) return;
    this.#released = this.#relaying.release();
    // Whoever does not take the last answer in this time is not waited for.
    this.#timer = setTimeout(() => this.destroy(), this.#process.loginSeconds * 1000);
  }

  /**
   * The session is over, and its client is here again with `unread`; undefined: it is not known where the client was, and
   * it has to go. Settles with whether a conversation may begin.
   */
  async beginAgain(unread: Buffer | undefined): Promise<boolean> {
    if (this.#state === 'handed over') {
      const released = this.#released ?? Promise.resolve(false);
      if (!(await released) || this.#socket.destroyed) return false;
      clearTimeout(this.#timer);
      this.#relaying = undefined;
      this.#released = undefined;
      this.#worker = undefined;
      this.#state = 'open';
      this.#timer = this.#limitTime();
    }
    if (unread === undefined) return false;
    this.receivedOctets = 0;
    this.sentOctets = 0;
    this.again = true;
    this.#spoken = true;
    this.#returned = unread.length > 0 ? unread : undefined;
    this.#listen();
    return true;
  }

  #limitTime(): NodeJS.Timeout {
    return setTimeout(() => this.goodbye('login timeout'), this.#process.loginSeconds * 1000);
  }

  /** The client has done its part: how long other servers take is not its fault. */
  async #passOn(request: LoginRequest, passOn: PassOn): Promise<LoginOutcome> {
    clearTimeout(this.#timer);
    const { passOnTo } = await import('../proxy/pass-on.js');
    const socket = this.#socket;
    const { tls, remote, local, log } = this;
    const { proxyPlaces: places, protocol } = this.#process;
    const client = { socket, tls, remote, local, log, isOpen: () => this.#state === 'open' && !socket.destroyed };
    const ended = () => this.#process.closed(this);
    const outcome = await passOnTo({ client, request, passOn, places, protocol, ended });
    if (outcome.kind === 'handed over') {
      this.#state = 'handed over';
      this.#proxied = outcome.session;
      this.#process.passedOn(this, outcome.host);
      return { kind: 'handed over' };
    }
    if (this.#state === 'open') this.#timer = this.#limitTime();
    if (outcome.kind !== 'here') return outcome;
    // Nobody would answer.
    if (this.#state !== 'open') return gone();
    return await this.#begin(request, await this.#process.serveHere(this));
  }

  async #relay(request: LoginRequest, path: string, token: string): Promise<LoginOutcome> {
    const client = this.#socket;
    const worker = connectRelay(path, client);
    try {
      await connected(worker);
    } catch (error) {
      worker.destroy();
      return { kind: 'temporary failure', reason: `mail worker: ${reasonOf(error)}` };
    }
    if (this.#state !== 'open' || this.#socket.destroyed) {
      worker.destroy();
      return gone();
    }
    clearTimeout(this.#timer);
    client.removeAllListeners('readable');
    // In one piece: a worker that refuses at once may have closed before a second one, whose failure would cost its answer.
    worker.write(Buffer.concat([Buffer.from(`${token}\n`), request.unread()]));
    this.#state = 'handed over';
    this.#worker = worker;
    this.#relaying = relay(client, worker, () => this.#process.closed(this));
    return { kind: 'handed over' };
  }
}

function gone(): LoginOutcome & { readonly kind: 'temporary failure' } {
  return { kind: 'temporary failure', reason: 'the client has gone' };
}

function connected(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      resolve();
    });
    socket.once('error', reject);
  });
}
