/**
 * Between login processes and mail workers: admits connections, asks who a client is, chooses its worker, and passes
 * its socket on.
 *
 * This is the part of the supervisor that hears from processes that face the network. It believes nothing they say
 * but what a client could say itself, and parses no protocol.
 */
import { isAbsolute, resolve } from 'node:path';
import type { ConnectionTable } from '../limits/connections.js';
import { type Log, logValue } from '../log/log.js';
import type { ExchangeAnswer, LoginRequest, Proof } from '../login/before-login.js';
import { connectionKey, type LoginProcessHandle } from '../login/login-pool.js';
import { countLogin, countRefusal, timedAnswer } from '../metrics/login-counts.js';
import type { ProxyRoutes } from '../proxy/proxy-route.js';
import { Secret } from '../secret.js';
import type { RawHandle } from '../system/raw-handles.js';
import type { SessionAccount } from '../worker/mail-worker.js';
import { type ChosenWorker, makeToken, type WorkerPool } from '../worker/worker-pool.js';
import { ClientsOfSessions } from './clients-of-sessions.js';
import type {
  AuthenticationOutcome,
  AuthenticationRequest,
  ExchangeRequest,
  FromLogin,
  SessionDescription,
} from './handover.js';

/** What authdaemond says about an account, as far as sessions need it. */
export interface AuthenticatedAccount {
  readonly address: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  /** Absolute, or relative to `home`. */
  readonly maildir?: string;
  /** A user of the system, whose supplementary groups the session gets. */
  readonly systemUser?: string;
  readonly fullName?: string;
  readonly quota?: string;
  readonly options: Readonly<Record<string, string>>;
}

/** Somebody has proved who he is. */
export interface AccountProved {
  readonly kind: 'account';
  readonly account: AuthenticatedAccount;
  /** Who acts as the account, if not its owner. */
  readonly administrator?: string;
  /** The password of whom it was that proved it, where a mechanism did not show it and authdaemond knows it. */
  readonly clearPassword?: Secret;
  readonly lastWord?: string;
}

/** The answer to a proof of who somebody is; `lastWord` is what the mechanism tells the client, in base64. */
export type Authentication =
  | AccountProved
  /** `reason` is for the log, where the proof was good and it is a no all the same. */
  | {
      readonly kind: 'rejected';
      readonly reason?: string;
      readonly lastWord?: string;
      readonly expired?: boolean;
      /** How late it is to be answered, where that is not as usual. */
      readonly delaySeconds?: number;
    }
  /** Proved, but no administrator, or nobody he could act as; `reason` is for the log. */
  | { readonly kind: 'not authorised'; readonly reason: string }
  | { readonly kind: 'temporary failure'; readonly reason: string };

/** A login as authdaemond is asked about it. */
export type AuthenticationQuestion = Pick<LoginRequest, 'service' | 'loginName' | 'proof' | 'authorisationName'> & {
  readonly remoteIp: string;
};

/** Asks authdaemond; handed in, because this folder does not know it. Its promises never reject. */
export interface Authenticator {
  authenticate(question: AuthenticationQuestion): Promise<Authentication>;
  beginExchange(
    beginning: Proof,
    from: { readonly service: string; readonly remoteIp: string },
  ): Promise<ExchangeAnswer>;
}

/** What the broker works with. */
export interface BrokerOptions {
  readonly log: Log;
  readonly authenticator: Authenticator;
  readonly connections: ConnectionTable;
  readonly workers: WorkerPool;
  /** Relative to the home directory: MAILDIRPATH. */
  defaultMaildir: string;
  /** Who is served elsewhere; absent: nobody. */
  routes: ProxyRoutes | undefined;
}

/** A worker that waits for the socket of a plaintext session. */
interface Pending {
  readonly worker: ChosenWorker;
  readonly session: SessionDescription;
}

/** See the head of this file. */
export class SessionBroker {
  readonly #options: BrokerOptions;
  readonly #pending = new Map<string, Pending>();
  readonly #authenticating = new Set<string>();
  /** Logins for which a login process looks for another server; they may come back. */
  readonly #elsewhere = new Map<string, { readonly proved: AccountProved; readonly request: AuthenticationRequest }>();
  /** Sessions that another server serves, with its name. */
  readonly #passedOn = new Map<string, string>();
  /** To be told of sessions that end. */
  readonly sessions: ClientsOfSessions;
  #nextSessionId = 1;

  constructor(options: BrokerOptions) {
    this.#options = options;
    this.sessions = new ClientsOfSessions(options.connections);
  }

  /** New settings. */
  reload(changes: Pick<BrokerOptions, 'defaultMaildir' | 'routes'>): void {
    Object.assign(this.#options, changes);
  }

  /** Sessions that another server serves. */
  get passedOn(): number {
    return this.#passedOn.size;
  }

  /** Acts on a message of a login process. */
  receive(login: LoginProcessHandle, message: FromLogin, handle: RawHandle | undefined): void {
    if (message.kind === 'hand over') this.#handOver(login, message.id, message.unread, handle);
    else handle?.close();
    if (message.kind === 'opened') this.#open(login, message);
    else if (message.kind === 'closed') this.#close(login, message.id);
    else if (message.kind === 'authenticate') this.#answer(login, message);
    else if (message.kind === 'begin exchange') this.#challenge(login, message);
    else if (message.kind === 'passed on') this.#isPassedOn(login, message.id, message.host);
    else if (message.kind === 'serve here') this.#serveHere(login, message.id);
  }

  /** Logins that wait for authdaemond. */
  get waiting(): number {
    return this.#authenticating.size;
  }

  /** A login process is gone, with these connections. */
  lost(keys: readonly string[]): void {
    for (const key of keys) this.#forget(key);
  }

  #open(login: LoginProcessHandle, { id, ip, local }: Extract<FromLogin, { kind: 'opened' }>): void {
    // Counted twice, it would stay counted for ever.
    if (login.open.has(id)) throw new Error('a login process opened a connection twice');
    const drop = () => login.send({ kind: 'drop', id });
    const refusal = this.#options.connections.admit(connectionKey(login, id), ip, local, drop);
    login.open.add(id);
    if (refusal !== undefined) countRefusal(refusal);
    login.send(refusal === undefined ? { kind: 'admitted', id } : { kind: 'admitted', id, refusal });
  }

  #close(login: LoginProcessHandle, id: number): void {
    login.open.delete(id);
    this.#forget(connectionKey(login, id));
  }

  #forget(key: string): void {
    this.#pending.get(key)?.worker.abandon();
    this.#pending.delete(key);
    this.#elsewhere.delete(key);
    this.#passedOn.delete(key);
    this.#options.connections.release(key);
  }

  #isPassedOn(login: LoginProcessHandle, id: number, host: string): void {
    const key = connectionKey(login, id);
    if (this.#elsewhere.delete(key)) this.#passedOn.set(key, host);
  }

  /** Another server was to serve a session, and the login process found that it is this one, or that none answers. */
  #serveHere(login: LoginProcessHandle, id: number): void {
    const key = connectionKey(login, id);
    const kept = this.#elsewhere.get(key);
    if (kept === undefined) return;
    this.#elsewhere.delete(key);
    this.#answer(login, kept.request, () => this.#begin(login, kept.request, kept.proved));
  }

  #challenge(login: LoginProcessHandle, { id, authType, data, service, remote }: ExchangeRequest): void {
    const key = this.#beginAsking(login, id);
    this.#options.authenticator
      .beginExchange({ authType, data: new Secret(data) }, { service, remoteIp: remote.ip })
      .catch((error: unknown): ExchangeAnswer => {
        this.#options.log.bug(error, 'authentication');
        return { kind: 'temporary failure', reason: 'internal error' };
      })
      .then((answer) => {
        this.#authenticating.delete(key);
        login.send({ kind: 'exchange', id, answer });
      })
      .catch((error: unknown) => this.#options.log.bug(error, 'answering a login process'));
  }

  /** A connection asks one thing at a time, and nothing when its session is on its way. */
  #beginAsking(login: LoginProcessHandle, id: number): string {
    const key = connectionKey(login, id);
    if (!login.open.has(id) || this.#authenticating.has(key) || this.#pending.has(key)) {
      throw new Error('a login process asked about a connection that cannot ask');
    }
    this.#authenticating.add(key);
    return key;
  }

  #answer(
    login: LoginProcessHandle,
    request: AuthenticationRequest,
    ask = () => this.#authenticate(login, request),
  ): void {
    const { id } = request;
    const key = this.#beginAsking(login, id);
    this.#elsewhere.delete(key);
    ask()
      .catch((error: unknown): AuthenticationOutcome => {
        this.#options.log.bug(error, 'authentication');
        return { kind: 'temporary failure', reason: 'internal error' };
      })
      .then((outcome) => {
        this.#authenticating.delete(key);
        countLogin(request.authType, outcome.kind);
        login.send({ kind: 'outcome', id, outcome });
      })
      .catch((error: unknown) => this.#options.log.bug(error, 'answering a login process'));
  }

  async #authenticate(login: LoginProcessHandle, request: AuthenticationRequest): Promise<AuthenticationOutcome> {
    const answer = await timedAnswer(this.#ask(request));
    if (answer.kind === 'not authorised') return this.#notAuthorised(request, answer.reason);
    if (answer.kind === 'rejected') return this.#rejected(request, answer);
    if (answer.kind !== 'account') return answer;
    const tooMany = this.#options.connections.logIn(connectionKey(login, request.id), answer.account.address);
    if (tooMany !== undefined) return { kind: 'refused', text: tooMany, code: 'LIMIT' };
    const elsewhere = this.#options.routes?.routeOf(answer, request);
    if (elsewhere === undefined) return await this.#begin(login, request, answer);
    if (elsewhere.kind === 'pass on' && login.open.has(request.id)) {
      const { clearPassword: _, ...proved } = answer;
      this.#elsewhere.set(connectionKey(login, request.id), { proved, request: { ...request, data: '' } });
      return { ...elsewhere, sessionId: this.#newSessionId() };
    }
    return elsewhere;
  }

  /** Begins a session of ours. */
  async #begin(
    login: LoginProcessHandle,
    request: AuthenticationRequest,
    answer: AccountProved,
  ): Promise<AuthenticationOutcome> {
    const refusal = refusalOf(answer.account);
    if (refusal !== undefined) return this.#refused(answer.account, request, refusal);
    const account = sessionAccount(answer.account, this.#options.defaultMaildir);
    const session = this.#describe(account, request, answer.administrator);
    try {
      const worker = await this.#options.workers.workerFor(account, answer.account.systemUser, session.sessionId);
      const meeting = await this.#meet(login, request, worker, session);
      const isReady = meeting.kind === 'relay' || meeting.kind === 'send socket';
      return answer.lastWord === undefined || !isReady ? meeting : { ...meeting, lastWord: answer.lastWord };
    } catch (error) {
      return { kind: 'temporary failure', reason: `mail worker: ${error instanceof Error ? error.message : error}` };
    }
  }

  #ask({
    loginName,
    service,
    remote,
    authType,
    data,
    authorisationName,
  }: AuthenticationRequest): Promise<Authentication> {
    const question = { service, loginName, remoteIp: remote.ip, proof: { authType, data: new Secret(data) } };
    return this.#options.authenticator.authenticate(
      authorisationName === undefined ? question : { ...question, authorisationName },
    );
  }

  /** Prepares the worker for the session, and tells the login process what to do. */
  async #meet(
    login: LoginProcessHandle,
    request: AuthenticationRequest,
    worker: ChosenWorker,
    session: SessionDescription,
  ): Promise<AuthenticationOutcome> {
    const token = request.tls ? makeToken() : '';
    if (request.tls) await worker.expect(token, session);
    if (!login.open.has(request.id)) {
      worker.abandon();
      return { kind: 'temporary failure', reason: 'the client has gone' };
    }
    if (request.tls) {
      this.sessions.begun(login, request.id, session);
      return { kind: 'relay', path: worker.socketPath, token };
    }
    this.#pending.set(connectionKey(login, request.id), { worker, session });
    return { kind: 'send socket' };
  }

  #handOver(login: LoginProcessHandle, id: number, unread: Uint8Array, handle: RawHandle | undefined): void {
    const key = connectionKey(login, id);
    const pending = this.#pending.get(key);
    this.#pending.delete(key);
    login.open.delete(id);
    if (pending === undefined || handle === undefined) {
      // The client closed in the same moment, so that its handle could not be sent.
      handle?.close();
      pending?.worker.abandon();
      this.#options.connections.release(key);
      return;
    }
    this.sessions.begun(login, id, pending.session);
    if (pending.worker.take(pending.session, unread, handle)) return;
    handle.close();
    this.sessions.ended(pending.session.sessionId);
  }

  #newSessionId(): number {
    const sessionId = this.#nextSessionId;
    this.#nextSessionId += 1;
    return sessionId;
  }

  #describe(account: SessionAccount, request: AuthenticationRequest, administrator?: string): SessionDescription {
    const { tag, remote, local, tls, comesBack } = request;
    const session = { sessionId: this.#newSessionId(), tag, account, remote, local, tls, comesBack };
    return administrator === undefined ? session : { ...session, administrator };
  }

  #rejected(
    { loginName, remote }: AuthenticationRequest,
    { reason, ...outcome }: Extract<Authentication, { kind: 'rejected' }>,
  ): AuthenticationOutcome {
    if (reason !== undefined) {
      const who = `user=${logValue(loginName)}, ip=[${remote.ip}], port=[${remote.port}]`;
      this.#options.log.write('info', `not let in, ${who}: ${reason}`);
    }
    return outcome;
  }

  #notAuthorised({ loginName, authorisationName = '', remote }: AuthenticationRequest, reason: string) {
    const who = `admin=${logValue(loginName)}, user=${logValue(authorisationName)}`;
    this.#options.log.write('info', `not authorised, ${who}, ip=[${remote.ip}], port=[${remote.port}]: ${reason}`);
    return { kind: 'not authorised' } as const;
  }

  #refused(account: AuthenticatedAccount, request: AuthenticationRequest, refusal: Refusal): AuthenticationOutcome {
    const { ip, port } = request.remote;
    const who = `user=${logValue(account.address)}, ip=[${ip}], port=[${port}]`;
    this.#options.log.write('error', `LOGIN REFUSED, ${who}: ${refusal.forLog}`);
    return { kind: 'refused', text: refusal.forClient };
  }
}

interface Refusal {
  readonly forLog: string;
  readonly forClient: string;
}

/** No session may be root; and without root there is only one user that a session can be. */
function refusalOf({ uid, gid, home, systemUser }: AuthenticatedAccount): Refusal | undefined {
  const forClient = 'This account cannot be used here';
  const isId = (value: number) => Number.isInteger(value) && value >= 0 && value < 4_294_967_295;
  if (!isId(uid) || !isId(gid)) return { forLog: `uid ${uid}, gid ${gid} is no identity`, forClient };
  if (uid === 0) return { forLog: 'the account has uid 0, and root may not read mail here', forClient };
  if (!isAbsolute(home)) return { forLog: 'its home directory is not an absolute path', forClient };
  const own = process.geteuid?.() ?? 0;
  if (own === 0 || own === uid) return undefined;
  const user = systemUser === undefined ? '' : ` (${logValue(systemUser)})`;
  const forLog = `the account has uid ${uid}${user}, and the server runs as uid ${own}: start it as root for other users`;
  return { forLog, forClient };
}

function sessionAccount(account: AuthenticatedAccount, defaultMaildir: string): SessionAccount {
  const { address, home, uid, gid, options, fullName, quota } = account;
  const maildir = resolve(home, account.maildir ?? defaultMaildir);
  return {
    ...{ address, home, maildir, uid, gid, options },
    ...(fullName === undefined ? {} : { fullName }),
    ...(quota === undefined ? {} : { quota }),
  };
}
