/**
 * A connection for measurements: it counts octets and looks for the tagged line, and parses nothing else.
 */
import { connect, type Socket } from 'node:net';

/** Enough of the last octets to hold a tagged line. */
const TAIL_OCTETS = 1024;

export class BenchConnection {
  readonly #socket: Socket;
  #tail = '';
  #octets = 0;
  #waiting: { readonly until: RegExp; done: (octets: number) => void; fail: (error: Error) => void } | undefined;
  #number = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (octets: Buffer) => this.#take(octets));
    const fail = (): void => this.#waiting?.fail(new Error(`closed by the server: ${this.#tail}`));
    socket.on('error', fail);
    socket.once('close', fail);
  }

  /** Connects and waits for the greeting. */
  static async open(port: number): Promise<BenchConnection> {
    const socket = connect({ port, host: '127.0.0.1' });
    const connection = new BenchConnection(socket);
    // Dovecot may say `* OK Waiting for …` before its greeting.
    await connection.#until(/\* OK (?!Waiting)[^\n]*\n$/);
    return connection;
  }

  /** Logs in. */
  static async login(port: number, name: string, password: string): Promise<BenchConnection> {
    const connection = await BenchConnection.open(port);
    await connection.command(`LOGIN ${name} ${password}`);
    return connection;
  }

  /** Sends a command, waits for its OK, and gives the octets of the answer. A literal goes out when it is asked for. */
  async command(text: string, literal?: Buffer): Promise<number> {
    this.#number += 1;
    const tag = `zQx${this.#number}`;
    if (literal !== undefined) {
      this.#socket.write(`${tag} ${text} {${literal.length}}\r\n`);
      await this.#until(/(^|\n)\+ [^\n]*\n$/);
      this.#socket.write(Buffer.concat([literal, Buffer.from('\r\n')]));
    } else {
      this.#socket.write(`${tag} ${text}\r\n`);
    }
    const octets = await this.#until(new RegExp(`(^|\\n)${tag} [^\\n]*\\n$`));
    if (!new RegExp(`(^|\\n)${tag} OK`).test(this.#tail)) throw new Error(`${text}: ${this.#tail.slice(-200)}`);
    return octets;
  }

  /** Sends IDLE and waits until the server has begun it. */
  async idle(): Promise<void> {
    this.#socket.write('idle IDLE\r\n');
    await this.#until(/(^|\n)\+ [^\n]*\n$/);
  }

  /** The bare socket, for what comes unasked. */
  get socket(): Socket {
    return this.#socket;
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(octets: Buffer): void {
    this.#octets += octets.length;
    const last = octets.toString('latin1', Math.max(0, octets.length - TAIL_OCTETS));
    this.#tail = (this.#tail + last).slice(-TAIL_OCTETS);
    if (this.#waiting?.until.test(this.#tail) !== true) return;
    const { done } = this.#waiting;
    this.#waiting = undefined;
    done(this.#octets);
  }

  #until(until: RegExp): Promise<number> {
    this.#tail = '';
    this.#octets = 0;
    return new Promise((done, fail) => {
      this.#waiting = { until, done, fail };
    });
  }
}
