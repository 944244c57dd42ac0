/**
 * The loop behind serveLogins(): listens where the supervisor says, asks it about every connection, and lets the
 * protocol talk to those that are admitted.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { passesProxyPorts } from '../limits/proxied-client.js';
import { ProxyPorts } from '../limits/proxy-connection.js';
import { count } from '../metrics/counts.js';
import { METRICS_SERVICE, PageRequests } from '../metrics/page-requests.js';
import type { ProxyPlaces } from '../proxy/proxy-settings.js';
import type {
  AuthenticationOutcome,
  BeginAgain,
  ClientEnds,
  ListenerDescription,
  ToLogin,
} from '../service/handover.js';
import { endProcess, log, receiveFromSupervisor, sendToSupervisor, startSettings } from '../service/supervisor-link.js';
import { listenOn, type RawHandle, socketFrom } from '../system/raw-handles.js';
import { TlsContexts } from '../tls/tls-helpers.js';
import type { SessionQuestion } from '../worker/live-sessions.js';
import type { ExchangeAnswer, LoginProtocol, LoginRequest, Proof } from './before-login.js';
import { LoginConnection, type LoginProcess } from './login-connection.js';

/** NAT gateways forget silent connections after five minutes or so: probe earlier than that. */
const KEEPALIVE_MS = 120_000;

/** Refused TLS clients need a handshake to read why. No more than this many at once; the rest are just closed. */
const MAX_REFUSALS_IN_TLS = 50;

/** On SIGTERM, clients get this long to read the last words, and close. */
const GOODBYE_MS = 1_000;

/** Mail workers take no longer than this to say goodbye to sessions that go through here. */
const END_MS = 9_000;

/** Only clients of such listeners come back from mail workers; those with TLS never leave this process. */
const plaintextListener: ListenerDescription = { id: 0, service: '', tls: false };

/** Serves connections until the supervisor says to end. Call it once, from the module of the login process. */
export function serveLogins(start: (settings: unknown) => LoginProtocol): void {
  const loop = new LoginLoop(start);
  receiveFromSupervisor((message, handle) => loop.receive(message as ToLogin, handle));
}

class LoginLoop implements LoginProcess {
  readonly log = log;
  loginSeconds = 60;
  #protocol: LoginProtocol | undefined;
  readonly #start: (settings: unknown) => LoginProtocol;
  readonly #servers = new Map<number, Server>();
  readonly #connections = new Map<number, LoginConnection>();
  readonly #admissions = new Map<number, (refusal: string | undefined) => void>();
  readonly #outcomes = new Map<number, (outcome: AuthenticationOutcome) => void>();
  readonly #exchanges = new Map<number, (answer: ExchangeAnswer) => void>();
  readonly #pages = new PageRequests((id) => sendToSupervisor({ kind: 'metrics wanted', id }));
  #contexts: TlsContexts | undefined;
  #startTls = false;
  #proxies = new ProxyPorts(undefined);
  proxyPlaces: ProxyPlaces | undefined;
  #passesOn = false;
  #nextId = 1;
  #refusalsInTls = 0;
  #ending = false;

  constructor(start: (settings: unknown) => LoginProtocol) {
    this.#start = start;
    process.on('SIGTERM', () => this.#end());
  }

  /** Made when it is first needed: when serveLogins() is called, the module that calls it is not whole yet. */
  get protocol(): LoginProtocol {
    this.#protocol ??= this.#start(startSettings());
    return this.#protocol;
  }

  get startTlsContexts(): TlsContexts | undefined {
    return this.#startTls ? this.#contexts : undefined;
  }

  receive(message: ToLogin, handle: RawHandle | undefined): void {
    if (message.kind === 'settings') {
      this.#protocol = this.#start(message.settings);
      this.loginSeconds = message.loginSeconds;
      this.#proxies = new ProxyPorts(message.proxyProtocol);
    } else if (message.kind === 'tls') {
      this.#contexts = message.material === undefined ? undefined : new TlsContexts(message.material);
      this.#startTls = message.startTls;
    } else if (message.kind === 'proxy') {
      this.proxyPlaces = message.places;
    } else if (message.kind === 'listen') {
      if (handle !== undefined) this.#listen(message.listener, handle);
    } else if (message.kind === 'stop listening') {
      this.#servers.get(message.listenerId)?.close();
      this.#servers.delete(message.listenerId);
    } else if (message.kind === 'admitted') {
      this.#admissions.get(message.id)?.(message.refusal);
    } else if (message.kind === 'drop') {
      this.#connections.get(message.id)?.goodbye('login timeout');
    } else if (message.kind === 'stop relaying') {
      this.#connections.get(message.id)?.stopRelaying();
    } else if (message.kind === 'begin again') {
      this.#beginAgain(message, handle);
    } else if (message.kind === 'outcome') {
      this.#outcomes.get(message.id)?.(message.outcome);
    } else if (message.kind === 'exchange') {
      this.#exchanges.get(message.id)?.(message.answer);
    } else if (message.kind === 'metrics') {
      this.#pages.heard(message.id, message.page);
    } else if ('question' in message) {
      this.#answer(message);
    } else if (message.kind === 'end') this.#end();
  }

  authenticate(connection: LoginConnection, request: LoginRequest): Promise<AuthenticationOutcome> {
    const { id, remote, local, tls } = connection;
    const { loginName, service, tag, authorisationName } = request;
    const answer = this.#outcomeFor(id);
    const proof = { authType: request.proof.authType, data: request.proof.data.reveal() };
    const other = authorisationName === undefined ? {} : { authorisationName };
    // Behind a proxy that logged in for its client, nobody else may.
    const comesBack = request.hopsLeft === undefined;
    const client = { remote, local, tls, comesBack };
    sendToSupervisor({ kind: 'authenticate', id, loginName, ...proof, ...other, service, tag, ...client });
    return answer;
  }

  serveHere({ id }: LoginConnection): Promise<AuthenticationOutcome> {
    const answer = this.#outcomeFor(id);
    sendToSupervisor({ kind: 'serve here', id });
    return answer;
  }

  /** Only sessions that go on to other servers are ours to tell of, or to end. */
  #answer(asked: SessionQuestion): void {
    const { question } = asked;
    if (!this.#passesOn) sendToSupervisor({ kind: 'sessions', question, sessions: [] });
    else {
      import('../proxy/proxied-sessions.js').then(
        ({ answerFor }) => sendToSupervisor({ kind: 'sessions', question, sessions: answerFor(asked) }),
        (error: unknown) => log.bug(error, 'telling of sessions'),
      );
    }
  }

  passedOn({ id }: LoginConnection, host: string): void {
    this.#passesOn = true;
    sendToSupervisor({ kind: 'passed on', id, host });
  }

  #outcomeFor(id: number): Promise<AuthenticationOutcome> {
    const outcome = new Promise<AuthenticationOutcome>((resolve) => {
      this.#outcomes.set(id, resolve);
    });
    return outcome.finally(() => this.#outcomes.delete(id));
  }

  beginExchange({ id, remote }: LoginConnection, { authType, data }: Proof, service: string): Promise<ExchangeAnswer> {
    const answer = new Promise<ExchangeAnswer>((resolve) => {
      this.#exchanges.set(id, resolve);
    });
    sendToSupervisor({ kind: 'begin exchange', id, authType, data: data.reveal(), service, remote });
    return answer.finally(() => this.#exchanges.delete(id));
  }

  handOver(connection: LoginConnection, unread: Buffer, handle: RawHandle, sent: () => void): void {
    this.#connections.delete(connection.id);
    sendToSupervisor({ kind: 'hand over', id: connection.id, unread }, handle, sent);
  }

  closed(connection: LoginConnection): void {
    const { id } = connection;
    if (!this.#connections.delete(id)) return;
    this.#admissions.get(id)?.('');
    this.#outcomes.get(id)?.({ kind: 'temporary failure', reason: 'the client has gone' });
    this.#exchanges.get(id)?.({ kind: 'temporary failure', reason: 'the client has gone' });
    sendToSupervisor({ kind: 'closed', id });
  }

  #listen(listener: ListenerDescription, handle: RawHandle): void {
    if (listener.service !== METRICS_SERVICE) this.#listenWith(this.#mailPort(listener), listener, handle);
    else {
      this.#pages.server().then(
        (server) => this.#listenWith(server, listener, handle),
        (error: unknown) => log.bug(error, 'the page of figures'),
      );
    }
  }

  #mailPort(listener: ListenerDescription): Server {
    const options = {
      pauseOnConnect: true,
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEPALIVE_MS,
    };
    const accepted = count('connections_total', { service: listener.service });
    return createServer(options, (socket) => {
      accepted.value += 1;
      this.#accept(listener, socket);
    });
  }

  #listenWith(server: Server, { id }: ListenerDescription, handle: RawHandle): void {
    server.on('error', (error) => sendToSupervisor({ kind: 'listening', id, trouble: error.message }));
    server.on('listening', () => sendToSupervisor({ kind: 'listening', id }));
    listenOn(server, handle);
    this.#servers.set(id, server);
  }

  #accept(listener: ListenerDescription, socket: Socket): void {
    const id = this.#nextId;
    this.#nextId += 1;
    const connection = new LoginConnection(id, listener, socket, this);
    this.#connections.set(id, connection);
    const converse = async () => {
      if (!(await passesProxyPorts(connection, this.#proxies))) return;
      const refusal = await this.#admission(connection);
      if (refusal !== undefined) await this.#refuse(connection, refusal);
      else await this.#converse(connection);
    };
    converse().catch((error: unknown) => {
      log.bug(error, 'conversation before login');
      connection.destroy();
    });
  }

  /** A session is over, and its client may log in once more: it comes back by itself, or was here all the time. */
  #beginAgain({ id, unread, ends }: BeginAgain, handle: RawHandle | undefined): void {
    const comesBack = handle !== undefined && ends !== undefined;
    const connection = comesBack ? this.#returned(id, socketFrom(handle), ends) : this.#connections.get(id);
    if (connection === undefined) return;
    const converse = async () => {
      if (!(await connection.beginAgain(unread && Buffer.from(unread)))) connection.destroy();
      else if (this.#ending) connection.goodbye('shutting down');
      else {
        await this.protocol.converse(connection);
        connection.end();
      }
    };
    converse().catch((error: unknown) => {
      log.bug(error, 'conversation before a further login');
      connection.destroy();
    });
  }

  #returned(id: number, socket: Socket, { remote, local }: ClientEnds): LoginConnection {
    const connection = new LoginConnection(id, plaintextListener, socket, this);
    connection.remote = remote;
    connection.local = local;
    this.#connections.set(id, connection);
    return connection;
  }

  #admission(connection: LoginConnection): Promise<string | undefined> {
    const { id } = connection;
    const answer = new Promise<string | undefined>((resolve) => {
      this.#admissions.set(id, resolve);
    });
    sendToSupervisor({ kind: 'opened', id, ip: connection.remote.ip, local: connection.local });
    return answer.finally(() => this.#admissions.delete(id));
  }

  async #refuse(connection: LoginConnection, refusal: string): Promise<void> {
    const inTls = connection.listener.tls;
    if (refusal === '' || (inTls && this.#refusalsInTls >= MAX_REFUSALS_IN_TLS)) {
      connection.destroy();
      return;
    }
    if (inTls) {
      this.#refusalsInTls += 1;
      const secured = await this.#secure(connection);
      this.#refusalsInTls -= 1;
      if (!secured) return;
    }
    connection.end(this.protocol.tooManyConnections(refusal));
  }

  async #converse(connection: LoginConnection): Promise<void> {
    if (connection.listener.tls && !(await this.#secure(connection))) return;
    connection.open();
    await this.protocol.converse(connection);
    connection.end();
  }

  async #secure(connection: LoginConnection): Promise<boolean> {
    const contexts = this.#contexts;
    if (contexts === undefined) {
      connection.destroy();
      return false;
    }
    // A failed handshake is in the log, and the connection is closed.
    return await connection.beginTls(contexts).then(
      () => true,
      () => false,
    );
  }

  #end(): void {
    this.#ending = true;
    for (const server of this.#servers.values()) server.close();
    this.#servers.clear();
    // Relayed sessions are the workers' to end: they have the last words, which go out through here.
    for (const connection of this.#connections.values()) connection.goodbye('shutting down');
    const deadline = Date.now() + END_MS;
    let quietSince = Date.now();
    const check = setInterval(() => {
      const now = Date.now();
      if (this.#relaying()) quietSince = now;
      if (this.#connections.size > 0 && now < deadline && now - quietSince < GOODBYE_MS) return;
      clearInterval(check);
      endProcess(0);
    }, 20);
  }

  #relaying(): boolean {
    return [...this.#connections.values()].some((connection) => connection.relaying);
  }
}
