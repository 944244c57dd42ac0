/**
 * AuthClient: asks authdaemond, ours or Courier's, over its socket. One connection is one request, or, with ours, one
 * after the other.
 *
 * It never throws for what the daemon or the socket does: whatever is not a clear yes or no is a temporary failure with
 * a reason for the log. Nobody may be told "wrong password" because a daemon was down.
 */
import { connect, type Socket } from 'node:net';
import type { ExchangeAnswer } from '../init/runtime/login/before-login.js';
import type { Secret } from '../init/runtime/secret.js';
import { findSystemUser } from '../init/runtime/system/system-users.js';
import type { Account, EnumeratedAccount } from './account.js';
import { EXPLAIN, type Explanation, readExplanation } from './explanation.js';
import { octetsFromText } from './octet-text.js';
import {
  EXPLICIT_ERRORS,
  formatLoginData,
  formatRequest,
  KEEP,
  KEPT_LINE,
  MAX_ANSWER_OCTETS,
  type Request,
  readAnswer,
  readEnumerated,
} from './protocol.js';

/** Where the daemon listens, and how long each step may take. */
export interface AuthClientOptions {
  readonly socketPath: string;
  /** TIMEOUT_SOCK; default 10,000 ms. */
  readonly connectMs?: number;
  /** TIMEOUT_WRITE; default 10,000 ms. */
  readonly writeMs?: number;
  /** TIMEOUT_READ, for the whole answer; default 30,000 ms. */
  readonly readMs?: number;
  /** Asks to be told how each answer came about; Courier's daemon does not know how. */
  readonly explain?: boolean;
  /** Keeps connections for further requests, where the daemon does; Courier's closes each after its answer. */
  readonly keep?: boolean;
}

/** A login to be checked. */
export interface LoginRequest {
  readonly service: string;
  readonly loginName: string;
  readonly password: Secret;
  readonly remoteIp?: string;
}

/** A proof of another kind, to be checked: `cram-md5`, … */
export interface ProofRequest {
  readonly service: string;
  readonly authType: string;
  readonly data: Secret;
  readonly remoteIp?: string;
}

/** A password to be changed. */
export interface PasswordChange {
  readonly service: string;
  readonly loginName: string;
  readonly oldPassword: Secret;
  readonly newPassword: Secret;
}

/** How an answer came about; absent when it was not asked for, or the daemon does not say. */
interface Explained {
  readonly explanation?: Explanation;
}

/**
 * Who it is, nobody, or ask again later; the reason is for the log, not for the client. A last word, in base64, is what
 * a mechanism has to tell the client.
 */
export type AuthAnswer = Explained &
  (
    | { readonly kind: 'account'; readonly account: Account; readonly lastWord?: string }
    | { readonly kind: 'rejected'; readonly lastWord?: string; readonly expired?: boolean }
    | { readonly kind: 'temporary failure'; readonly reason: string }
  );

/** How a password change ended. Courier's daemon says "rejected" for temporary failures, too. */
export type PasswordAnswer = Explained &
  (
    | { readonly kind: 'changed' }
    | { readonly kind: 'rejected' }
    | { readonly kind: 'temporary failure'; readonly reason: string }
  );

/** One account, or, as the last item, that the list is not complete. */
export type Enumeration =
  | { readonly kind: 'account'; readonly account: EnumeratedAccount }
  | { readonly kind: 'incomplete'; readonly reason: string };

/** Defaults of Courier's clients (TIMEOUT_SOCK, TIMEOUT_WRITE, TIMEOUT_READ). */
const CONNECT_MS = 10_000;
const WRITE_MS = 10_000;
const READ_MS = 30_000;
/** Courier waits so long for each line of a list. */
const ENUMERATE_LINE_MS = 60_000;

/** More than so many logins at once are rare; the daemon closes those that are not used for ten seconds. */
const MAX_KEPT_CONNECTIONS = 32;

interface Steps {
  readonly socketPath: string;
  readonly connectMs: number;
  readonly writeMs: number;
  readonly readMs: number;
}

/** Asks an authdaemond; safe to share, each request has a connection for itself. */
export class AuthClient {
  readonly #steps: Steps;
  readonly #explain: boolean;
  readonly #keeps: boolean;
  /** Connections that wait for a request, the one used last at the end. */
  readonly #kept: Conversation[] = [];

  constructor({ socketPath, connectMs, writeMs, readMs, explain, keep }: AuthClientOptions) {
    this.#explain = explain ?? false;
    this.#keeps = keep ?? false;
    this.#steps = {
      socketPath,
      connectMs: connectMs ?? CONNECT_MS,
      writeMs: writeMs ?? WRITE_MS,
      readMs: readMs ?? READ_MS,
    };
  }

  /** Checks a login name and password. */
  authenticate({ service, loginName, password, remoteIp }: LoginRequest): Promise<AuthAnswer> {
    const authData = formatLoginData({ loginName, password });
    if (authData === undefined) return Promise.resolve({ kind: 'rejected' });
    return this.#askAccount({ kind: 'authenticate', service, authType: 'login', authData }, remoteIp);
  }

  /** Checks what another type of AUTH than `login` brings; `data` is that type's own. */
  prove({ service, authType, data, remoteIp }: ProofRequest): Promise<AuthAnswer> {
    const authData = octetsFromText(data.reveal());
    return this.#askAccount({ kind: 'authenticate', service, authType, authData }, remoteIp);
  }

  /** Begins an exchange of a type that the daemon makes the challenge of; Courier's daemon rejects it. */
  async beginExchange({ service, authType, data, remoteIp }: ProofRequest): Promise<ExchangeAnswer> {
    const authData = octetsFromText(data.reveal());
    const answer = await this.#ask({ kind: 'authenticate', service, authType, authData }, remoteIp);
    if (answer.kind === 'challenge' || answer.kind === 'temporary failure') return answer;
    return { kind: 'rejected' };
  }

  /** Looks an account up without a password, in all modules. */
  lookup(service: string, loginName: string): Promise<AuthAnswer> {
    return this.#askAccount({ kind: 'lookup', module: '.', service, loginName });
  }

  /** Changes a password; the old one is checked by the daemon. */
  async changePassword(change: PasswordChange): Promise<PasswordAnswer> {
    const answer = await this.#ask({ kind: 'change password', ...change });
    if (answer.kind === 'account' || answer.kind === 'challenge') {
      return { kind: 'temporary failure', reason: 'the answer is not one to PASSWD' };
    }
    return answer.kind === 'ok' ? { ...answer, kind: 'changed' } : answer;
  }

  /** Lists all accounts of all modules. */
  async *enumerate(): AsyncGenerator<Enumeration, void, undefined> {
    const steps = { ...this.#steps, readMs: ENUMERATE_LINE_MS };
    const octets = formatRequest({ metadata: new Map([[EXPLICIT_ERRORS, '1']]), request: { kind: 'enumerate' } });
    const connection = new Conversation(steps);
    try {
      await connection.send(octets ?? Buffer.alloc(0));
      yield* enumerated(connection);
    } catch (error) {
      yield { kind: 'incomplete', reason: reasonOf(error) };
    } finally {
      connection.close();
    }
  }

  async #askAccount(request: Request, remoteIp?: string): Promise<AuthAnswer> {
    const answer = await this.#ask(request, remoteIp);
    if (answer.kind !== 'ok' && answer.kind !== 'challenge') return answer;
    return { kind: 'temporary failure', reason: 'the answer holds no account' };
  }

  async #ask(request: Request, remoteIp?: string): Promise<AuthAnswer | OtherAnswer> {
    const metadata = new Map([[EXPLICIT_ERRORS, '1']]);
    if (this.#explain) metadata.set(EXPLAIN, '1');
    if (remoteIp !== undefined) metadata.set('TCPREMOTEIP', remoteIp);
    if (this.#keeps) metadata.set(KEEP, '1');
    const octets = formatRequest({ metadata, request });
    if (octets === undefined) return { kind: 'rejected' };
    for (let known = this.#takeKept(); known !== undefined; known = this.#takeKept()) {
      const answer = await this.#converse(known, octets);
      // The daemon closed it meanwhile, as one that ends does: it has not heard the question.
      if (!known.wasCutOff) return answer;
    }
    return this.#converse(new Conversation(this.#steps), octets);
  }

  async #converse(connection: Conversation, octets: Buffer): Promise<AuthAnswer | OtherAnswer> {
    let isKept = false;
    // The one place where faults of the socket become an answer.
    try {
      await connection.send(octets);
      const { answer, kept } = await answerFrom(connection);
      isKept = kept && this.#kept.length < MAX_KEPT_CONNECTIONS;
      return answer;
    } catch (error) {
      return { kind: 'temporary failure', reason: reasonOf(error) };
    } finally {
      if (isKept) this.#keep(connection);
      else connection.close();
    }
  }

  #keep(connection: Conversation): void {
    connection.rest();
    this.#kept.push(connection);
  }

  #takeKept(): Conversation | undefined {
    for (let known = this.#kept.pop(); known !== undefined; known = this.#kept.pop()) {
      if (known.wake()) return known;
      known.close();
    }
    return undefined;
  }
}

type OtherAnswer = Explained & ({ readonly kind: 'ok' } | Extract<ExchangeAnswer, { kind: 'challenge' }>);

interface Answered {
  readonly answer: AuthAnswer | OtherAnswer;
  readonly kept: boolean;
}

async function answerFrom(connection: Conversation): Promise<Answered> {
  const pieces: Buffer[] = [];
  for (;;) {
    const piece = await connection.read();
    if (piece !== undefined) pieces.push(piece);
    const octets = Buffer.concat(pieces);
    const explained = readExplanation(octets);
    const { explanation } = explained.kind === 'read' ? explained : {};
    const rest = explained.kind === 'read' ? explained.rest : octets;
    const answer = readAnswer(rest, piece === undefined, (name) => findSystemUser(name)?.uid);
    if (answer.kind === 'incomplete') continue;
    const kept = rest.subarray(0, KEPT_LINE.length).equals(Buffer.from(KEPT_LINE));
    return { answer: explanation === undefined ? answer : { ...answer, explanation }, kept };
  }
}

async function* enumerated(connection: Conversation): AsyncGenerator<Enumeration, void, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  for (;;) {
    const piece = await connection.read();
    if (piece === undefined) return yield { kind: 'incomplete', reason: 'the list ended without its last line' };
    connection.grantReadTime();
    rest = Buffer.concat([rest, piece]);
    for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a)) {
      const line = rest.subarray(0, end);
      rest = rest.subarray(end + 1);
      if (line.equals(Buffer.from('.'))) return;
      if (line.subarray(0, 9).equals(Buffer.from('TEMPFAIL '))) {
        return yield { kind: 'incomplete', reason: line.toString('utf8', 9) };
      }
      const account = readEnumerated(line);
      if (account !== undefined) yield { kind: 'account', account };
    }
    if (rest.length > MAX_ANSWER_OCTETS) return yield { kind: 'incomplete', reason: 'a line of the list is too long' };
  }
}

/** One connection: connect and write, then read, each within its time; then perhaps again. */
class Conversation {
  readonly #steps: Steps;
  readonly #socket: Socket;
  readonly #received: Buffer[] = [];
  #deadline: NodeJS.Timeout | undefined;
  #state: 'open' | 'ended' | { readonly error: Error } = 'open';
  #wake: () => void = () => undefined;
  #connected = false;
  #written = false;
  /** Something came since the request, or its time was over. */
  #heard = false;

  constructor(steps: Steps) {
    this.#steps = steps;
    this.#socket = connect(steps.socketPath);
    this.#socket.on('connect', () => {
      this.#connected = true;
      this.#wake();
    });
    this.#socket.on('data', (octets) => {
      this.#heard = true;
      this.#received.push(octets);
      this.#wake();
    });
    this.#socket.on('end', () => this.#settle('ended'));
    this.#socket.on('close', () => this.#settle('ended'));
    this.#socket.on('error', (error) => this.#settle({ error }));
  }

  /** Connects and writes; throws when either is not done in time. */
  async send(octets: Buffer): Promise<void> {
    if (!this.#connected) {
      await this.#until(() => this.#connected, this.#steps.connectMs, 'connecting took too long');
    }
    this.#heard = false;
    this.#written = false;
    this.#socket.write(octets, () => {
      this.#written = true;
      this.#wake();
    });
    await this.#until(() => this.#written, this.#steps.writeMs, 'writing the request took too long');
    this.grantReadTime();
  }

  /** Lets the time for the answer begin anew. */
  grantReadTime(): void {
    this.#startDeadline(this.#steps.readMs, 'no answer in time');
  }

  /** Gives what came, or undefined at the end; throws when the time for the answer is over. */
  async read(): Promise<Buffer | undefined> {
    while (this.#received.length === 0 && this.#state === 'open') await this.#woken();
    const piece = this.#received.shift();
    if (piece !== undefined) return piece;
    if (typeof this.#state === 'object') throw this.#state.error;
    return undefined;
  }

  /** The other side closed the connection before it said anything about the request. */
  get wasCutOff(): boolean {
    return !this.#heard && this.#state !== 'open';
  }

  /** Lets it wait for another request, and lets the process end meanwhile. */
  rest(): void {
    clearTimeout(this.#deadline);
    this.#socket.unref();
  }

  /** Takes it for another request; false when it is closed. */
  wake(): boolean {
    if (this.#state !== 'open' || this.#received.length > 0) return false;
    this.#socket.ref();
    return true;
  }

  close(): void {
    clearTimeout(this.#deadline);
    this.#socket.destroy();
  }

  async #until(done: () => boolean, limitMs: number, text: string): Promise<void> {
    this.#startDeadline(limitMs, text);
    while (!done() && this.#state === 'open') await this.#woken();
    if (typeof this.#state === 'object') throw this.#state.error;
    if (!done() && this.#received.length === 0) throw new Error('authdaemond closed the connection');
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #settle(state: 'ended' | { readonly error: Error }): void {
    if (this.#state === 'open') this.#state = state;
    this.#wake();
  }

  #startDeadline(limitMs: number, text: string): void {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => {
      this.#heard = true;
      this.#settle({ error: new Error(text) });
    }, limitMs);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
