/**
 * One question to an IMAP server: does it let this name in with this password? LOGIN (RFC 9051 section 6.2.3) and nothing
 * else, in TLS unless the server is on this machine.
 */
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Secret } from '../../init/runtime/secret.js';
import { octetsFromText } from '../octet-text.js';
import { withDeadline } from '../sql/deadline.js';

/** The server, and how it is spoken to. */
export interface ImapServer {
  readonly host: string;
  readonly port: number;
  /** `none` speaks in the clear, and only with this machine. */
  readonly tls: 'implicit' | 'starttls' | 'none';
  /** Certificates of the authorities to be believed; absent: those of the system. */
  readonly authorities?: Buffer;
  /** For everything, from connecting on. */
  readonly limitMs: number;
}

/** The server gave no answer about the password. The text is for the log. */
export class ImapFailure extends Error {}

/** Octets that a server may send before the end of a login; its greeting and capabilities are a hundredth of that. */
const MAX_OCTETS = 65_536;
/** A refusal with one of these codes (RFC 5530) says nothing about the password. */
const NO_VERDICT = /^\[(UNAVAILABLE|INUSE|LIMIT|SERVERBUG|CONTACTADMIN|PRIVACYREQUIRED|AUTHORIZATIONFAILED)\b/i;
/** What a quoted string may hold; anything else is sent as a literal. */
const QUOTABLE = /^[\x20-\x7e]{0,900}$/;

/** Asks; true is yes. @throws {ImapFailure} */
export async function imapLogin(server: ImapServer, loginName: string, password: Secret): Promise<boolean> {
  // No string of IMAP holds them, so nobody has such a password there.
  if (/[\0\r\n]/.test(loginName + password.reveal())) return false;
  return withConnection(server, (connection) => logIn(connection, loginName, password.reveal()));
}

/** Looks whether the server is there and speaks as it should. @throws {ImapFailure} */
export async function imapGreets(server: ImapServer): Promise<void> {
  await withConnection(server, async () => undefined);
}

async function withConnection<T>(server: ImapServer, use: (connection: Connection) => Promise<T>): Promise<T> {
  const where = `${server.host}:${server.port}`;
  const connection = new Connection();
  const late = (): Error => new ImapFailure(`${where}: no answer in time`);
  try {
    return await withDeadline(opened(connection, server).then(use), server.limitMs, late);
  } catch (error) {
    if (error instanceof ImapFailure && error.message.startsWith(where)) throw error;
    throw new ImapFailure(`${where}: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    connection.close();
  }
}

async function opened(connection: Connection, server: ImapServer): Promise<Connection> {
  const { host, port, tls } = server;
  await connection.take(connect({ host, port, noDelay: true }), 'connect');
  if (tls === 'none' && !isLoopback(connection.remoteAddress)) {
    throw new ImapFailure('is not this machine, and no password is sent to others without TLS');
  }
  if (tls === 'implicit') await startTls(connection, server);
  const greeting = await connection.line();
  if (!/^\* OK\b/i.test(greeting)) throw new ImapFailure(`greets with ${greeting}`);
  if (tls === 'starttls') {
    connection.send('a STARTTLS\r\n');
    const answer = await connection.tagged('a');
    if (!/^OK\b/i.test(answer)) throw new ImapFailure(`has no STARTTLS: ${answer}`);
    // What came before TLS could be from anybody, and must not be taken for an answer in it.
    if (connection.hasMore) throw new ImapFailure('goes on in the clear after STARTTLS');
    await startTls(connection, server);
  }
  return connection;
}

async function startTls(connection: Connection, { host, authorities }: ImapServer): Promise<void> {
  const socket = connection.release();
  const secure = connectTls({
    socket,
    host,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(authorities === undefined ? {} : { ca: authorities }),
  });
  await connection.take(secure, 'secureConnect');
}

async function logIn(connection: Connection, loginName: string, password: string): Promise<boolean> {
  connection.send('b LOGIN');
  for (const text of [loginName, password]) {
    if (QUOTABLE.test(text)) {
      connection.send(` "${text.replace(/["\\]/g, '\\$&')}"`);
      continue;
    }
    const octets = octetsFromText(text);
    connection.send(` {${octets.length}}\r\n`);
    const answer = await connection.tagged('b');
    if (answer !== '+') return isYes(answer);
    connection.send(octets);
  }
  connection.send('\r\n');
  const yes = isYes(await connection.tagged('b'));
  connection.send('c LOGOUT\r\n');
  return yes;
}

function isYes(answer: string): boolean {
  const [, word = '', text = ''] = /^(\S*) ?(.*)$/s.exec(answer) ?? [];
  if (/^OK$/i.test(word)) return true;
  if (!/^NO$/i.test(word) || NO_VERDICT.test(text)) throw new ImapFailure(`answers LOGIN with ${answer}`);
  return false;
}

function isLoopback(address: string): boolean {
  return /^(::ffff:)?127\./.test(address) || address === '::1';
}

/** Lines from a socket, which may be exchanged for the TLS on it. */
class Connection {
  #socket: Socket | undefined;
  #received = Buffer.alloc(0);
  #octets = 0;
  #trouble: Error | undefined;
  #wake: () => void = () => undefined;
  readonly #take = (octets: Buffer): void => {
    this.#octets += octets.length;
    if (this.#octets > MAX_OCTETS) this.#end(new ImapFailure('sends too much'));
    else this.#received = Buffer.concat([this.#received, octets]);
    this.#wake();
  };

  get hasMore(): boolean {
    return this.#received.length > 0;
  }

  get remoteAddress(): string {
    return this.#socket?.remoteAddress ?? '';
  }

  /** Uses this socket from now on, when it is there. @throws {Error} */
  async take(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
    this.#socket = socket;
    let isOpen = false;
    socket.once(event, () => {
      isOpen = true;
      this.#wake();
    });
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(new ImapFailure('closes the connection')));
    while (!isOpen) await this.#more();
    socket.on('data', this.#take);
  }

  /** Gives the socket away, to go on in TLS on it. */
  release(): Socket {
    if (this.#socket === undefined) throw new TypeError('there is no connection');
    this.#socket.off('data', this.#take);
    this.#socket.pause();
    return this.#socket;
  }

  send(text: string | Buffer): void {
    this.#socket?.write(text);
  }

  /** Gives the next line. @throws {Error} when there is none */
  async line(): Promise<string> {
    for (;;) {
      const end = this.#received.indexOf('\n');
      if (end >= 0) {
        const line = this.#received.subarray(0, end).toString('latin1').replace(/\r$/, '');
        this.#received = this.#received.subarray(end + 1);
        return line;
      }
      await this.#more();
    }
  }

  /** Gives what follows this tag, or `+`; what the server says besides is passed over. @throws {Error} */
  async tagged(tag: string): Promise<string> {
    for (;;) {
      const line = await this.line();
      if (/^\+/.test(line)) return '+';
      if (line.startsWith(`${tag} `)) return line.slice(tag.length + 1);
      if (/^\* BYE\b/i.test(line)) throw new ImapFailure(`says ${line.slice(2)}`);
    }
  }

  close(): void {
    this.#end(new ImapFailure('the connection was closed'));
    // The last words go out, and what comes back is nobody's any more.
    this.#socket?.destroySoon();
  }

  async #more(): Promise<void> {
    if (this.#trouble !== undefined) throw this.#trouble;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  #end(error: Error): void {
    this.#trouble ??= error;
    this.#wake();
  }
}
