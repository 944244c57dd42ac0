/**
 * A connection for measurements: it counts octets and looks for the last line of an answer, and parses nothing else, so
 * that as little as possible of what is measured is the client.
 */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { createDeflateRaw, createInflateRaw, type DeflateRaw, type InflateRaw, constants as zlib } from 'node:zlib';

/** Enough of the last octets to hold a tagged line. */
const TAIL_OCTETS = 1024;
const RECEIVE_OCTETS = 65_536;
/** Courier's slowest answer of the largest mailbox takes a minute. */
const ANSWER_SECONDS = 240;

export interface ServerAddress {
  readonly port: number;
  readonly tls: boolean;
}

/** An answer to a command that ended with OK. */
export interface Answer {
  /** Octets of the whole answer, also of what was not kept. */
  readonly octets: number;
  /** What came, as latin1, if it was to be kept. Made when asked, because that costs time. */
  text(): string;
}

interface Waiting {
  readonly ends: (lastLine: string) => boolean;
  readonly done: () => void;
  readonly fail: (error: Error) => void;
}

export class BenchConnection {
  readonly #socket: Socket;
  #tail: Buffer = Buffer.alloc(0);
  #octets = 0;
  #kept: Buffer[] | undefined;
  #waiting: Waiting | undefined;
  #number = 0;
  #deflate: DeflateRaw | undefined;
  #inflate: InflateRaw | undefined;
  #closed = false;
  /** Called with what comes unasked. */
  onUnasked: ((text: string) => void) | undefined;

  private constructor({ port, tls }: ServerAddress) {
    const received = Buffer.allocUnsafeSlow(tls ? 0 : RECEIVE_OCTETS);
    const read = { buffer: received, callback: (count: number) => this.#received(received.subarray(0, count)) };
    const host = '127.0.0.1';
    this.#socket = tls
      ? connectTls({ port, host, rejectUnauthorized: false, servername: 'localhost' })
      : connect({ port, host, onread: read });
    this.#socket.setNoDelay(true);
    if (tls) this.#socket.on('data', (octets: Buffer) => this.#received(octets));
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.once('close', () => this.#fail(this.#gone()));
  }

  /** Connects and waits for the greeting. */
  static async open(address: ServerAddress): Promise<BenchConnection> {
    const connection = new BenchConnection(address);
    // Dovecot may say `* OK Waiting for …` before its greeting.
    await connection.#until((line) => /^\* OK (?!Waiting)/.test(line));
    return connection;
  }

  static async login(address: ServerAddress, name: string, password: string): Promise<BenchConnection> {
    const connection = await BenchConnection.open(address);
    await connection.command(`LOGIN ${name} ${password}`);
    return connection;
  }

  /**
   * Sends a command and waits for its end. A literal goes out when it is asked for.
   *
   * @throws {Error} when the answer is not OK.
   */
  async command(text: string, options: { literal?: Buffer; keep?: boolean } = {}): Promise<Answer> {
    this.#number += 1;
    const tag = `zQx${this.#number}`;
    this.#kept = options.keep === false ? undefined : [];
    const { literal } = options;
    if (literal !== undefined) {
      this.#write(`${tag} ${text} {${literal.length}}\r\n`);
      await this.#until((line) => line.startsWith('+') || line.startsWith(tag));
      this.#write(literal);
      this.#write('\r\n');
    } else {
      this.#write(`${tag} ${text}\r\n`);
    }
    return this.#completed(tag, text);
  }

  /** Sends octets that are a whole command behind the tag, literals and all, and waits for the end of it. */
  async commandOctets(parts: readonly Buffer[]): Promise<Answer> {
    this.#number += 1;
    const tag = `zQx${this.#number}`;
    this.#kept = [];
    this.#write(Buffer.concat([Buffer.from(`${tag} `), ...parts, Buffer.from('\r\n')]));
    return this.#completed(tag, parts[0]?.toString('latin1', 0, 40) ?? '');
  }

  /** Sends several commands at once and waits until all have been answered with OK, in their order. */
  async pipeline(commands: readonly (readonly Buffer[])[]): Promise<Answer> {
    this.#kept = [];
    const first = this.#number + 1;
    const octets = commands.flatMap((parts) => {
      this.#number += 1;
      return [Buffer.from(`zQx${this.#number} `), ...parts, Buffer.from('\r\n')];
    });
    this.#write(Buffer.concat(octets));
    const answer = await this.#completed(`zQx${this.#number}`, 'the last command of a pipeline');
    const text = answer.text();
    for (let number = first; number < this.#number; number += 1) {
      if (!text.includes(`zQx${number} OK`)) throw new Error(`zQx${number} was not answered with OK`);
    }
    return answer;
  }

  /** Sends IDLE and waits until the server has begun it. */
  async idle(): Promise<void> {
    this.#write('idle IDLE\r\n');
    await this.#until((line) => line.startsWith('+'));
  }

  /** COMPRESS=DEFLATE (RFC 4978). */
  async compress(): Promise<void> {
    await this.command('COMPRESS DEFLATE');
    this.#deflate = createDeflateRaw();
    this.#deflate.on('data', (octets: Buffer) => this.#socket.write(octets));
    this.#inflate = createInflateRaw();
    this.#inflate.on('data', (octets: Buffer) => this.#take(octets));
  }

  /** Says goodbye and waits until the server has closed. */
  async logout(): Promise<void> {
    await this.command('LOGOUT').catch(() => undefined);
    if (!this.#closed) await new Promise((resolve) => this.#socket.once('close', resolve));
    this.close();
  }

  close(): void {
    this.#socket.destroy();
    this.#deflate?.close();
    this.#inflate?.close();
  }

  async #completed(tag: string, command: string): Promise<Answer> {
    const line = await this.#until((last) => last.startsWith(`${tag} `));
    const kept = this.#kept ?? [];
    this.#kept = undefined;
    if (!line.startsWith(`${tag} OK`)) throw new Error(`${command}: ${line.trim()}`);
    return { octets: this.#octets, text: () => Buffer.concat(kept).toString('latin1') };
  }

  #write(octets: string | Buffer): void {
    if (this.#deflate === undefined) {
      this.#socket.write(octets);
      return;
    }
    this.#deflate.write(octets);
    this.#deflate.flush(zlib.Z_SYNC_FLUSH);
  }

  #received(octets: Buffer): boolean {
    if (this.#inflate === undefined) this.#take(octets);
    else this.#inflate.write(Buffer.from(octets));
    return true;
  }

  /** `octets` is only valid now. */
  #take(octets: Buffer): void {
    this.#octets += octets.length;
    this.#kept?.push(Buffer.from(octets));
    if (this.#waiting === undefined) this.onUnasked?.(octets.toString('latin1'));
    const last = octets.subarray(Math.max(0, octets.length - TAIL_OCTETS));
    this.#tail = Buffer.concat([this.#tail, last]).subarray(-TAIL_OCTETS);
    if (this.#waiting === undefined || this.#tail.at(-1) !== 0x0a) return;
    if (!this.#waiting.ends(this.#lastLine())) return;
    const { done } = this.#waiting;
    this.#waiting = undefined;
    done();
  }

  #lastLine(): string {
    return this.#tail.toString('latin1', this.#tail.lastIndexOf(0x0a, -2) + 1);
  }

  #gone(): Error {
    return new Error(`closed by the server after: ${this.#lastLine().trim().slice(0, 200)}`);
  }

  #fail(error: Error): void {
    this.#closed = true;
    this.#waiting?.fail(error);
    this.#waiting = undefined;
  }

  async #until(ends: (lastLine: string) => boolean): Promise<string> {
    if (this.#closed) throw this.#gone();
    this.#octets = 0;
    const timer = setTimeout(() => this.#fail(new Error(`no answer in ${ANSWER_SECONDS} s`)), ANSWER_SECONDS * 1000);
    await new Promise<void>((done, fail) => {
      this.#waiting = { ends, done, fail };
    }).finally(() => clearTimeout(timer));
    return this.#lastLine();
  }
}
