/**
 * The connection of a probe: lines in, octets out, TLS in between, all within one time. It knows no protocol.
 */
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';

/** Where to connect to; `name` is for people. */
export type ProbePlace =
  | { readonly name: string; readonly path: string }
  | { readonly name: string; readonly host: string; readonly port: number; readonly tls: boolean };

/** Nobody answers, or not in time. */
export class NoAnswer extends Error {}

/** More than this in one line is no mail server. */
const MAX_LINE_CHARACTERS = 100_000;

interface ProbeConnectionOptions {
  readonly seconds: number;
  /** The certificate must be valid for the host. */
  readonly verify: boolean;
  /** Shows the dialogue. */
  readonly show?: (line: string) => void;
}

/** One connection. */
export class ProbeConnection {
  readonly #place: ProbePlace;
  readonly #options: ProbeConnectionOptions;
  #socket: Socket | undefined;
  #received = '';
  #failure: NoAnswer | undefined;
  #wake: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(place: ProbePlace, options: ProbeConnectionOptions) {
    this.#place = place;
    this.#options = options;
  }

  /** Connects. @throws {NoAnswer} */
  async open(): Promise<void> {
    const { seconds } = this.#options;
    this.#timer = setTimeout(() => this.#fail(`nothing for ${seconds} seconds`), seconds * 1000);
    const place = this.#place;
    if ('path' in place) await this.#use(connect(place.path), 'connect');
    else if (place.tls)
      await this.#useTls(connectTls({ ...this.#tlsOptions(place.host), host: place.host, port: place.port }));
    else await this.#use(connect(place.port, place.host), 'connect');
  }

  /** Switches to TLS. @throws {NoAnswer} */
  async startTls(): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined) return;
    socket.removeAllListeners('data');
    // What came before TLS may be anybody's.
    this.#received = '';
    const host = 'host' in this.#place ? this.#place.host : 'localhost';
    await this.#useTls(connectTls({ ...this.#tlsOptions(host), socket }));
  }

  /** Sends; `shown` is what may be shown of it. */
  send(text: string, shown = text.trimEnd()): void {
    this.#options.show?.(`> ${shown}`);
    this.#socket?.write(text);
  }

  /** The next line, without its end. @throws {NoAnswer} */
  async line(): Promise<string> {
    for (;;) {
      const end = this.#received.indexOf('\n');
      if (end !== -1) {
        const line = this.#received.slice(0, end).replace(/\r$/, '');
        this.#received = this.#received.slice(end + 1);
        this.#options.show?.(`< ${line}`);
        return line;
      }
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#socket?.destroy();
  }

  #tlsOptions(host: string) {
    const servername = /^[\d.]+$|:/.test(host) ? {} : { servername: host };
    return { ...servername, rejectUnauthorized: this.#options.verify };
  }

  async #useTls(socket: TLSSocket): Promise<void> {
    await this.#use(socket, 'secureConnect');
    this.#options.show?.(`= ${socket.getProtocol()} ${socket.getCipher().name}`);
  }

  async #use(socket: Socket, ready: 'connect' | 'secureConnect'): Promise<void> {
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      this.#received += text;
      if (this.#received.length > MAX_LINE_CHARACTERS && !this.#received.includes('\n'))
        this.#fail('a line without end');
      this.#rouse();
    });
    socket.on('error', (error) => this.#fail(error.message));
    socket.on('close', () => this.#fail('the connection was closed'));
    let isReady = false;
    socket.once(ready, () => {
      isReady = true;
      this.#rouse();
    });
    while (!isReady) {
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #fail(reason: string): void {
    this.#failure ??= new NoAnswer(reason);
    this.#rouse();
  }

  #rouse(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
