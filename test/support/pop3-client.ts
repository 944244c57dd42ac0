/**
 * A POP3 client for tests: one command at a time, its reply as lines.
 */
import { openConnection } from './imap-client.js';
import type { TargetConnection } from './transcript-target.js';

/** A reply: its first line, and the lines of a longer one without the dot and with dots undone. */
export interface Pop3Reply {
  readonly status: string;
  readonly lines: readonly string[];
}

const LONG = /^(LIST|UIDL|CAPA)$|^(RETR|TOP) /;

/** One connection. */
export class Pop3Client {
  readonly #connection: TargetConnection;
  #received = '';

  constructor(connection: TargetConnection) {
    this.#connection = connection;
  }

  /** Sends a command, and gives its reply. */
  async ask(command: string): Promise<Pop3Reply> {
    this.#connection.send(Buffer.from(`${command}\r\n`, 'latin1'));
    const status = await this.line();
    if (!status.startsWith('+OK') || !LONG.test(command)) return { status, lines: [] };
    const lines: string[] = [];
    for (let line = await this.line(); line !== '.'; line = await this.line()) lines.push(line.replace(/^\./, ''));
    return { status, lines };
  }

  /** The same, where the answer must be yes. @throws {Error} with what was said else */
  async must(command: string): Promise<Pop3Reply> {
    const reply = await this.ask(command);
    if (!reply.status.startsWith('+OK')) throw new Error(`${command}: ${reply.status}`);
    return reply;
  }

  async line(): Promise<string> {
    for (;;) {
      const end = this.#received.indexOf('\r\n');
      if (end >= 0) {
        const line = this.#received.slice(0, end);
        this.#received = this.#received.slice(end + 2);
        return line;
      }
      const octets = await this.#connection.receive();
      if (octets === undefined) throw new Error(`closed after ${JSON.stringify(this.#received)}`);
      this.#received += octets.toString('latin1');
    }
  }

  close(): void {
    this.#connection.close();
  }
}

/** Logs in. @throws {Error} with what was said when that is refused */
export async function loginPop3(port: number, name: string, password: string, tls = true): Promise<Pop3Client> {
  const client = new Pop3Client(await openConnection(port, tls));
  await client.line();
  await client.must(`USER ${name}`);
  await client.must(`PASS ${password}`);
  return client;
}
