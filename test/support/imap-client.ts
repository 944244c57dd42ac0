/**
 * A small IMAP client for tests: sends commands, gives answers as they came.
 *
 * It parses lines, literals and the tag; what stands in an untagged response is the test's business.
 */
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { TargetConnection } from './transcript-target.js';
import { Inbox } from './transcript-target.js';

/** Longest wait for an answer. */
const ANSWER_SECONDS = 60;

export interface Answer {
  readonly status: 'OK' | 'NO' | 'BAD';
  /** What follows the status: `[UIDNEXT 4] done`. */
  readonly text: string;
  /** Untagged responses, latin1, each without its last CRLF, literals inline. */
  readonly untagged: readonly string[];
}

/** One connection. Commands go one after the other. */
export class ImapClient {
  readonly #connection: TargetConnection;
  #unread: Buffer = Buffer.alloc(0);
  #number = 0;

  constructor(connection: TargetConnection) {
    this.#connection = connection;
  }

  /** Sends a command and waits for its end, whatever that is. A literal in it is sent when the server asks. */
  async send(command: string, literal?: Buffer): Promise<Answer> {
    this.#number += 1;
    const tag = `t${this.#number}`;
    const untagged: string[] = [];
    const head = literal === undefined ? command : `${command} {${literal.length}}`;
    this.#connection.send(Buffer.from(`${tag} ${head}\r\n`, 'latin1'));
    for (;;) {
      const response = await this.response();
      if (response.startsWith('+ ') && literal !== undefined) {
        this.#connection.send(Buffer.concat([literal, Buffer.from('\r\n')]));
      } else if (response.startsWith(`${tag} `)) {
        const [, status, text] = /^\S+ (OK|NO|BAD) ?(.*)$/s.exec(response) ?? [];
        if (status !== 'OK' && status !== 'NO' && status !== 'BAD') throw new Error(`what is this? ${response}`);
        return { status, text: text ?? '', untagged };
      } else {
        untagged.push(response);
      }
    }
  }

  /** The same for a command that must succeed. @throws {Error} with the server's words. */
  async must(command: string, literal?: Buffer): Promise<Answer> {
    const answer = await this.send(command, literal);
    if (answer.status !== 'OK') throw new Error(`${command}: ${answer.status} ${answer.text}`);
    return answer;
  }

  /** Sends octets as they are: IDLE's DONE, pipelines. */
  raw(text: string): void {
    this.#connection.send(Buffer.from(text, 'latin1'));
  }

  /** The next response, with its literals. @throws {ConnectionGone} when the server has closed. */
  async response(): Promise<string> {
    let from = 0;
    for (;;) {
      const end = this.#unread.indexOf('\r\n', from);
      if (end < 0) {
        await this.#more();
        continue;
      }
      const literal = /\{(\d+)\}$/.exec(this.#unread.toString('latin1', Math.max(from, end - 20), end));
      if (literal === null) {
        const response = this.#unread.toString('latin1', 0, end);
        this.#unread = this.#unread.subarray(end + 2);
        return response;
      }
      from = end + 2 + Number(literal[1]);
      while (this.#unread.length < from) await this.#more();
    }
  }

  close(): void {
    this.#connection.close();
  }

  async #more(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer in ${ANSWER_SECONDS} s`)), ANSWER_SECONDS * 1000);
    });
    try {
      const octets = await Promise.race([this.#connection.receive(), late]);
      if (octets === undefined) throw new ConnectionGone('the server has closed the connection');
      this.#unread = this.#unread.length === 0 ? octets : Buffer.concat([this.#unread, octets]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The server ended the conversation. */
export class ConnectionGone extends Error {}

/** Opens a connection to a port of 127.0.0.1; with TLS, any certificate will do. */
export async function openConnection(port: number, tls: boolean): Promise<TargetConnection> {
  const inbox = new Inbox();
  const plain = connect(port, '127.0.0.1');
  await new Promise<void>((resolve, reject) => {
    plain.once('connect', resolve);
    plain.once('error', reject);
  });
  plain.setNoDelay(true);
  let socket: typeof plain = plain;
  const listen = (): void => {
    socket.on('data', (octets: Buffer) => inbox.push(octets));
    socket.once('end', () => inbox.end());
    socket.once('close', () => inbox.end());
    socket.on('error', (error) => inbox.end(error));
  };
  const startTls = async (): Promise<void> => {
    plain.removeAllListeners('data');
    const secure = connectTls({ socket: plain, rejectUnauthorized: false, servername: 'localhost' });
    await new Promise<void>((resolve, reject) => {
      secure.once('secureConnect', resolve);
      secure.once('error', reject);
      plain.once('close', () => reject(new Error('closed during the TLS handshake')));
    });
    socket = secure;
    listen();
  };
  if (tls) await startTls();
  else listen();
  return {
    send: (octets) => void socket.write(octets),
    receive: () => inbox.receive(),
    startTls,
    close: () => void socket.destroy(),
  };
}

/** Connects and reads the greeting. */
export async function openClient(port: number, tls: boolean): Promise<ImapClient> {
  const client = new ImapClient(await openConnection(port, tls));
  await client.response();
  return client;
}

/** Connects and logs in. */
export async function loginClient(port: number, name: string, password: string, tls = true): Promise<ImapClient> {
  const client = await openClient(port, tls);
  await client.must(`LOGIN ${name} ${password}`);
  return client;
}
