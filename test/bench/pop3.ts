/**
 * Group `pop3`: sessions that look for mail, and downloads of many messages. The server is started anew with its POP3 port,
 * so that no other group's memory has it.
 */
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { PASSWORD } from '../support/peer-servers.js';
import type { Bench } from './bench.js';
import type { BenchAccount } from './bench-server.js';

const ONE_LINE = '\r\n';
const MANY_LINES = '\r\n.\r\n';
/** Commands sent at once by a client that pipelines. */
const PIPELINED = 50;
/** What is done before it counts, and how often: a server is seldom asked right after its start. */
const WARM_MESSAGES = 100;
const WARM_ROUNDS = 4;
const WARM_LOOKS = 40;
/** Courier waits twenty milliseconds for the acknowledgement of each message's beginning. */
const MAX_SINGLE_MESSAGES = 300;

/** Measures it all. */
export async function measurePop3(bench: Bench): Promise<void> {
  const { server, sizes } = bench;
  await server.restart({ pop3: true });
  try {
    await delay(sizes.restSeconds * 1000);
    const warm = bench.accountWith(WARM_MESSAGES);
    for (let round = 0; round < WARM_LOOKS; round += 1) await look(bench, warm);
    for (let round = 0; round < WARM_ROUNDS; round += 1) {
      for (const atOnce of [1, PIPELINED]) await download(bench, warm, WARM_MESSAGES, atOnce);
    }

    const account = bench.accountWith(sizes.messages);
    for (const key of ['pop3_look_first', 'pop3_look']) {
      const timed = await bench.timed(() => look(bench, account));
      bench.keepTimed(key, timed);
      bench.expect(`${key}: unique ids`, timed.result, sizes.messages);
    }
    for (let run = 0; run < sizes.runs; run += 1) {
      for (const [key, atOnce] of [
        ['pop3_retr', 1],
        ['pop3_retr_pipelined', PIPELINED],
      ] as const) {
        const count = atOnce === 1 ? Math.min(MAX_SINGLE_MESSAGES, sizes.bodies) : sizes.bodies;
        const timed = await bench.timed(() => download(bench, account, count, atOnce));
        bench.keepRate(key, timed, count);
      }
    }
  } finally {
    await server.restart();
  }
}

/** What a program does that leaves mail on the server and looks whether there is more. @returns how many ids it was told. */
async function look(bench: Bench, account: BenchAccount): Promise<number> {
  const client = await Pop3Connection.login(bench.server.pop3Port, account.name);
  await client.ask('STAT', ONE_LINE);
  await client.ask('LIST', MANY_LINES);
  const ids = await client.ask('UIDL', MANY_LINES);
  await client.ask('QUIT', ONE_LINE);
  return ids.toString('latin1').split(ONE_LINE).length - 3;
}

async function download(bench: Bench, account: BenchAccount, count: number, atOnce: number): Promise<void> {
  const client = await Pop3Connection.login(bench.server.pop3Port, account.name);
  for (let first = 1; first <= count; first += atOnce) {
    const numbers = Array.from({ length: Math.min(atOnce, count - first + 1) }, (_, index) => first + index);
    await client.ask(numbers.map((number) => `RETR ${number}`).join(ONE_LINE), MANY_LINES, numbers.length);
  }
  await client.ask('QUIT', ONE_LINE);
}

/** A connection that parses as little as possible. */
class Pop3Connection {
  readonly #socket: Socket;
  #received: Buffer[] = [];
  #tail = '';
  #ends = 0;
  #wanted: { readonly end: string; readonly count: number; readonly done: () => void } | undefined;

  private constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.setNoDelay(true);
    this.#socket.on('error', () => undefined);
    this.#socket.on('data', (octets) => this.#take(octets));
  }

  static async login(port: number, name: string): Promise<Pop3Connection> {
    const client = new Pop3Connection(port);
    await client.#until(ONE_LINE, 1);
    await client.ask(`USER ${name}`, ONE_LINE);
    const answer = await client.ask(`PASS ${PASSWORD}`, ONE_LINE);
    if (!answer.toString('latin1').startsWith('+OK')) throw new Error(`POP3 login: ${answer.toString('latin1')}`);
    return client;
  }

  /** Sends commands, and gives all that came up to the last of their ends. */
  async ask(commands: string, end: string, count = 1): Promise<Buffer> {
    this.#socket.write(`${commands}\r\n`);
    return this.#until(end, count);
  }

  async #until(end: string, count: number): Promise<Buffer> {
    await new Promise<void>((resolve) => {
      this.#wanted = { end, count, done: resolve };
    });
    const received = Buffer.concat(this.#received);
    this.#received = [];
    this.#tail = '';
    this.#ends = 0;
    return received;
  }

  #take(octets: Buffer): void {
    const wanted = this.#wanted;
    if (wanted === undefined) return;
    this.#received.push(octets);
    const { end, count, done } = wanted;
    // An end may be cut anywhere; what is seen again is shorter than one.
    const text = this.#tail + octets.toString('latin1');
    let at = 0;
    for (let found = text.indexOf(end); found >= 0; found = text.indexOf(end, at)) {
      this.#ends += 1;
      at = found + end.length;
    }
    this.#tail = text.slice(Math.max(at, text.length - end.length + 1));
    if (this.#ends < count) return;
    this.#wanted = undefined;
    done();
  }
}
