/**
 * Our imapd and pop3d on one site, for attacks that both must withstand, and conversations that may begin in plaintext and
 * go on in TLS.
 */
import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { PASSWORD } from '../support/peer-servers.js';
import { ownMemoryKib, waitUntil } from '../support/processes.js';
import { type Attacked, attacked } from './attacked.js';

/** A protocol's words for what both can do. */
export interface Dialect {
  readonly name: 'imapd' | 'pop3d';
  readonly greeting: RegExp;
  readonly startTls: string;
  readonly begun: RegExp;
  /** A command that is allowed at any time before login, and its answer. */
  readonly harmless: string;
  readonly harmlessAnswer: RegExp;
  readonly capability: string;
  readonly capabilityAnswer: RegExp;
  readonly alpn: string;
}

const IMAP: Dialect = {
  name: 'imapd',
  greeting: /^\* OK .*\r\n/,
  startTls: 'a STARTTLS\r\n',
  begun: /^a OK .*\r\n/m,
  harmless: 'b NOOP\r\n',
  harmlessAnswer: /^b OK .*\r\n/m,
  capability: 'c CAPABILITY\r\n',
  capabilityAnswer: /^c OK .*\r\n/m,
  alpn: 'imap',
};

const POP3: Dialect = {
  name: 'pop3d',
  greeting: /^\+OK .*\r\n/,
  startTls: 'STLS\r\n',
  begun: /^\+OK .*\r\n/,
  harmless: 'CAPA\r\n',
  harmlessAnswer: /^\+OK .*\r\n[^.]*^\.\r\n/m,
  capability: 'CAPA\r\n',
  capabilityAnswer: /^\+OK .*\r\n(?:[^.].*\r\n)*\.\r\n/m,
  alpn: 'pop3',
};

/** One of the two servers. */
export interface MailServer {
  readonly dialect: Dialect;
  readonly port: number;
  readonly tlsPort: number;
  /** KiB of its login processes. */
  memory(): number;
  /** Open connections of a new client. */
  connect(): Promise<Conversation>;
  connectInTls(options?: ConnectionOptions): Promise<Conversation>;
}

export interface MailSite extends Attacked {
  readonly servers: readonly MailServer[];
}

/** Settings that both servers have, by the prefix of each. */
type SiteSettings = (prefix: 'IMAP' | 'POP3') => Readonly<Record<string, string>>;

/** Runs a test against a site with both servers. */
export async function withMailSite(settings: SiteSettings, run: (site: MailSite) => Promise<void>): Promise<void> {
  await attacked({ settings: settings('IMAP'), pop3: settings('POP3') }, async (server) => {
    const { ours, pids } = server;
    const { pop3 } = ours;
    if (pop3 === undefined) throw new Error('pop3d does not run');
    const servers = [
      new Server(IMAP, [ours.port, ours.tlsPort], () => pids('imapd: login process')),
      new Server(POP3, [pop3.port, pop3.tlsPort], () => pids('pop3d: login process')),
    ];
    await run({ ...server, servers });
  });
}

class Server implements MailServer {
  readonly dialect: Dialect;
  readonly port: number;
  readonly tlsPort: number;
  readonly #pids: () => number[];

  constructor(dialect: Dialect, [port, tlsPort]: readonly [number, number], pids: () => number[]) {
    this.dialect = dialect;
    this.port = port;
    this.tlsPort = tlsPort;
    this.#pids = pids;
  }

  memory(): number {
    const kib = ownMemoryKib(this.#pids());
    if (kib === 0) throw new Error(`no login process of ${this.dialect.name} is there`);
    return kib;
  }

  async connect(): Promise<Conversation> {
    const conversation = new Conversation(connect(this.port, '127.0.0.1'));
    await conversation.until(this.dialect.greeting);
    return conversation;
  }

  async connectInTls(options: ConnectionOptions = {}): Promise<Conversation> {
    const where = { port: this.tlsPort, host: '127.0.0.1', rejectUnauthorized: false };
    const conversation = new Conversation(await handshake(connectTls({ ...where, ...options })));
    await conversation.until(this.dialect.greeting);
    return conversation;
  }
}

/** What is said on a connection. */
export class Conversation {
  readonly socket: Socket;
  received = '';
  closed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (octets: Buffer) => {
      this.received += octets.toString('latin1');
    });
    socket.on('error', () => undefined);
    socket.once('close', () => {
      this.closed = true;
    });
  }

  send(text: string | Buffer): void {
    this.socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
  }

  /** Waits for a text, and gives all up to its end. @throws {Error} with what came instead. */
  async until(text: RegExp): Promise<string> {
    await waitUntil(`${text} comes`, () => text.test(this.received) || this.closed);
    const found = text.exec(this.received);
    if (found === null) throw new Error(`closed before ${text}: ${JSON.stringify(this.received.slice(-500))}`);
    const taken = this.received.slice(0, found.index + found[0].length);
    this.received = this.received.slice(taken.length);
    return taken;
  }

  async ask(text: string, answer: RegExp): Promise<string> {
    this.send(text);
    return await this.until(answer);
  }

  /** Waits until the other end has closed, and gives what came before. */
  async untilClosed(): Promise<string> {
    await waitUntil('the server closes', () => this.closed);
    return this.received;
  }

  /** Goes on in TLS on the same connection. */
  async secure(options: ConnectionOptions = {}): Promise<Conversation> {
    this.socket.removeAllListeners('data');
    return new Conversation(
      await handshake(connectTls({ socket: this.socket, rejectUnauthorized: false, ...options })),
    );
  }

  close(): void {
    this.socket.destroy();
  }
}

function handshake(socket: TLSSocket): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    socket.once('secureConnect', () => resolve(socket));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed in the handshake')));
  });
}

/** Logs in as bob. */
export async function logIn(conversation: Conversation, { name }: Dialect): Promise<void> {
  if (name === 'imapd') await conversation.ask(`l LOGIN bob ${PASSWORD}\r\n`, /^l OK .*\r\n/m);
  else {
    await conversation.ask('USER bob\r\n', /^\+OK.*\r\n/);
    await conversation.ask(`PASS ${PASSWORD}\r\n`, /^\+OK.*\r\n/);
  }
}
