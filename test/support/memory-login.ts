/**
 * What happens before login, without a process: a LoginClient on one end of a pair of streams, a fixed table of users
 * instead of authdaemond, and a hand-over within this process.
 *
 * STARTTLS is what the protocol makes of it: what came before it is forgotten, TLS is on from then on. There is no
 * handshake; the same transcripts have one when they are played against the installed programs.
 */
import type { Duplex } from 'node:stream';
import type { Log } from '../../init/runtime/log/log.js';
import type {
  ExchangeAnswer,
  LoginClient,
  LoginOutcome,
  LoginRequest,
  RefusedLogin,
} from '../../init/runtime/login/before-login.js';
import { Inbox } from './transcript-target.js';

/** Who the client of a transcript is, as the session is told. */
export const MEMORY_LOCAL = { ip: '127.0.0.1', port: 143 };

export interface MemoryLoginParts {
  readonly stream: Duplex;
  readonly remote: { readonly ip: string; readonly port: number };
  readonly tls: boolean;
  /** Milliseconds since the epoch. */
  readonly acceptedAt: number;
  readonly log: Log;
  /** Passwords by login name. */
  readonly passwords: ReadonlyMap<string, string>;
  /** Why somebody who showed the right password has no session here. */
  readonly refusal?: RefusedLogin | undefined;
  /** What the session before had received and not used, where the client gave its login back. */
  readonly returned?: Buffer | undefined;
  /** Takes the session over: from now on nobody else reads or writes the stream. */
  readonly handOver: (request: LoginRequest, unread: Buffer) => void;
}

/** One client that has not logged in. */
export class MemoryLoginClient implements LoginClient {
  readonly remote: { readonly ip: string; readonly port: number };
  readonly local = MEMORY_LOCAL;
  readonly acceptedAt: number;
  readonly log: Log;
  readonly again: boolean;
  receivedOctets = 0;
  sentOctets = 0;
  readonly #parts: MemoryLoginParts;
  #inbox = new Inbox();
  #tls: boolean;
  readonly #take = (octets: Buffer): void => this.#inbox.push(octets);
  readonly #end = (): void => this.#inbox.end();

  constructor(parts: MemoryLoginParts) {
    this.remote = parts.remote;
    this.acceptedAt = parts.acceptedAt;
    this.log = parts.log;
    this.#parts = parts;
    this.#tls = parts.tls;
    this.again = parts.returned !== undefined;
    if (parts.returned !== undefined && parts.returned.length > 0) this.#inbox.push(parts.returned);
    parts.stream.on('data', this.#take);
    parts.stream.once('end', this.#end);
    parts.stream.resume();
  }

  get tls(): boolean {
    return this.#tls;
  }

  get tlsAvailable(): boolean {
    return !this.#tls;
  }

  async read(): Promise<Buffer | undefined> {
    const octets = await this.#inbox.receive();
    this.receivedOctets += octets?.length ?? 0;
    return octets;
  }

  write(octets: Buffer | string): void {
    const sent = Buffer.from(octets);
    this.sentOctets += sent.length;
    this.#parts.stream.write(sent);
  }

  startTls(): Promise<void> {
    this.#inbox.takeAll();
    this.#tls = true;
    return Promise.resolve();
  }

  authenticate(request: LoginRequest): Promise<LoginOutcome> {
    const { stream, passwords, handOver, refusal } = this.#parts;
    const password = passwords.get(request.loginName);
    if (password === undefined || password !== request.proof.data.reveal())
      return Promise.resolve({ kind: 'rejected' });
    if (refusal !== undefined) return Promise.resolve(refusal);
    stream.off('data', this.#take);
    stream.off('end', this.#end);
    stream.pause();
    handOver(request, Buffer.concat([request.unread(), this.#inbox.takeAll()]));
    return Promise.resolve({ kind: 'handed over' });
  }

  certificateField(): undefined {
    return undefined;
  }

  channelBinding(): undefined {
    return undefined;
  }

  beginExchange(): Promise<ExchangeAnswer> {
    return Promise.resolve({ kind: 'rejected' });
  }

  end(octets?: Buffer | string): void {
    this.#parts.stream.end(octets);
  }
}
