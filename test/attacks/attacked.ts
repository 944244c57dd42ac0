/**
 * The installed programs under attack: two accounts, alice and bob, on free ports, and means to look at the processes
 * from outside: memory, descriptors, whether others are still served, and whether the log tells of a bug.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { Worker } from 'node:worker_threads';
import { loginClient } from '../support/imap-client.js';
import { copyMaildir, scratchDirectory } from '../support/maildir-fixture.js';
import { programs } from '../support/paths.js';
import { PASSWORD } from '../support/peer-servers.js';
import { giveToMailUser } from '../support/peer-targets.js';
import { mustRun, ownMemoryKib, processTree, waitUntil } from '../support/processes.js';
import { blamedMilliseconds } from '../support/processor-line.js';
import { type OurServers, type OurUser, startOurs } from '../support/start.js';
import { clientDescriptors } from './client-descriptors.js';

export interface Attacked {
  readonly ours: OurServers;
  readonly directory: string;
  /** Of alice or bob. */
  maildir(name: string): string;
  /** Makes what a test wrote there as root the account's own. */
  give(name: string): void;
  /** A new client logs in and fetches within a second, in which the server may have what it needs of the processor. */
  assertAlive(): Promise<void>;
  /** KiB of all processes whose command line has this text: `mail worker`, `before login`. */
  memory(text: string): number;
  pids(text: string): number[];
  /** Descriptors that clients cost all our processes now: see client-descriptors.ts. */
  descriptors(): number;
}

interface AttackedOptions {
  readonly settings?: Readonly<Record<string, string>>;
  /** Settings of pop3d: it runs, too. */
  readonly pop3?: Readonly<Record<string, string>>;
  /** The maildir of test/maildirs that both get. */
  readonly maildir?: string;
  readonly users?: (homes: string) => readonly OurUser[];
  /** Runs before the programs start. */
  readonly prepare?: (maildir: (name: string) => string) => void;
}

/** A log that has one of these tells of something that nobody foresaw. */
const BUG = /bug in |unhandled|died|RangeError|TypeError|heap/i;

/** Runs a test against our programs, and sees to it that the log tells of no bug and no process is left. */
export async function attacked(options: AttackedOptions, run: (server: Attacked) => Promise<void>): Promise<void> {
  const scratch = scratchDirectory('attack');
  const maildir = (name: string): string => join(scratch.path, 'homes', name, 'Maildir');
  const give = (name: string): void => giveToMailUser(join(scratch.path, 'homes', name));
  for (const name of ['alice', 'bob']) {
    mkdirSync(join(scratch.path, 'homes', name), { recursive: true });
    copyMaildir(options.maildir ?? 'three-messages', maildir(name));
  }
  options.prepare?.(maildir);
  for (const name of ['alice', 'bob']) give(name);
  const directory = join(scratch.path, 'server');
  mkdirSync(directory);
  const accounts = ['alice', 'bob'].map((name): OurUser => ({ name, home: join(scratch.path, 'homes', name) }));
  const users = [...accounts, ...(options.users?.(join(scratch.path, 'homes')) ?? [])];
  const pop3 = options.pop3 === undefined ? {} : { pop3: options.pop3 };
  const ours = await startOurs({ directory, users, settings: options.settings ?? {}, ...pop3 });
  try {
    await run({ ours, directory: scratch.path, maildir, give, ...looks(ours, join(scratch.path, 'homes')) });
    assert.doesNotMatch(ours.log(), BUG);
  } catch (error) {
    // What the server has to say about it is gone with its directory.
    if (error instanceof Error) error.message += `\nits log ends with\n${ours.log().slice(-3_000)}`;
    throw error;
  } finally {
    await ours.stop();
    scratch.remove();
  }
}

type Looks = Pick<Attacked, 'assertAlive' | 'memory' | 'pids' | 'descriptors'>;

function looks(ours: OurServers, homes: string): Looks {
  const pids = (text: string): number[] => processTree(ours.roots()).filter((pid) => commandLine(pid).includes(text));
  return {
    pids,
    memory: (text) => ownMemoryKib(pids(text)),
    descriptors: () => clientDescriptors(processTree(ours.roots()), homes),
    assertAlive: async () => {
      const milliseconds = await blamedMilliseconds(
        () => pids(''),
        async () => {
          const client = await loginClient(ours.port, 'alice', PASSWORD, false);
          await client.must('SELECT INBOX');
          const { status } = await client.send('FETCH 1:* FLAGS');
          client.close();
          assert.equal(status, 'OK');
        },
      );
      assert.ok(milliseconds < 1_000, `a login and a fetch took ${Math.round(milliseconds)} ms`);
    },
  };
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}

/** A socket that keeps all that it receives as latin1. */
export class RawClient {
  readonly socket: Socket;
  received = '';
  closed = false;

  /** `from`: another address of this machine, such as 127.0.0.2. */
  constructor(port: number, how: 'plain' | 'TLS' = 'plain', from = '127.0.0.1') {
    const where = { port, host: '127.0.0.1', localAddress: from };
    this.socket = how === 'TLS' ? connectTls({ ...where, rejectUnauthorized: false }) : connect(where);
    this.socket.on('data', (octets: Buffer) => {
      this.received += octets.toString('latin1');
    });
    this.socket.on('error', () => undefined);
    this.socket.once('close', () => {
      this.closed = true;
    });
  }

  send(octets: Buffer | string): void {
    if (this.socket.writable) this.socket.write(typeof octets === 'string' ? Buffer.from(octets, 'latin1') : octets);
  }

  /** Waits for a text, and gives all up to its end. @throws {Error} with what came instead. */
  async until(text: string | RegExp, seconds?: number): Promise<string> {
    const end = (): number => {
      if (typeof text === 'string')
        return this.received.indexOf(text) < 0 ? -1 : this.received.indexOf(text) + text.length;
      const found = text.exec(this.received);
      return found === null ? -1 : found.index + found[0].length;
    };
    await waitUntil(`${text} comes`, () => end() >= 0 || this.closed, seconds).catch((error: unknown) => {
      throw new Error(`${error}; there is ${JSON.stringify(this.received.slice(-500))}`);
    });
    if (end() < 0) throw new Error(`closed before ${text}: ${JSON.stringify(this.received.slice(-500))}`);
    const taken = this.received.slice(0, end());
    this.received = this.received.slice(taken.length);
    return taken;
  }

  /** Waits until the server has closed, and gives what came before. */
  async untilClosed(seconds?: number): Promise<string> {
    await waitUntil('the server closes', () => this.closed, seconds);
    return this.received;
  }

  close(): void {
    this.socket.destroy();
  }
}

/** Waits until so many lines of the log have this in them: lines are written a moment after what they tell of. */
export async function logged(ours: OurServers, pattern: RegExp, times = 1): Promise<void> {
  const found = (): number =>
    ours
      .log()
      .split('\n')
      .filter((line) => pattern.test(line)).length;
  await waitUntil(`${times} lines of the log have ${pattern}`, () => found() >= times).catch((error: unknown) => {
    throw new Error(`${error}; there are ${found()} in\n${ours.log().slice(-5_000)}`);
  });
}

/** A raw client that has logged in. */
export async function rawLogin(port: number, name: string, how: 'plain' | 'TLS' = 'plain'): Promise<RawClient> {
  const client = new RawClient(port, how);
  await client.until('\r\n');
  client.send(`in LOGIN ${name} ${PASSWORD}\r\n`);
  await client.until(/in OK .*\r\n/);
  return client;
}

/** A moment, and how long the mail workers had stood in line for a processor until then. */
interface Look {
  readonly at: number;
  readonly stoodInLine: number;
}

/** What another session saw while something went on: see waiting-client.ts. */
export interface Waiting {
  /** The longest that a command waited, in milliseconds, less what it and the server stood in line for a processor. */
  readonly longest: number;
  readonly looks: readonly Look[];
}

/** How long the commands of another session waited while `work` went on. */
export async function othersWaiting(ours: OurServers, name: string, work: () => Promise<void>): Promise<Waiting> {
  const workerData = { port: ours.port, name, roots: ours.roots() };
  const client = new Worker(new URL('./waiting-client.js', import.meta.url), { workerData });
  try {
    await once(client, 'message');
    await work();
    const answer = once(client, 'message') as Promise<[Waiting]>;
    client.postMessage('over');
    return (await answer)[0];
  } finally {
    await client.terminate();
  }
}

/** What a session waits for its turn, and what is too short to be seen. */
const MAX_WAIT_MILLISECONDS = 250;

/** For othersWaiting(). */
export function assertShort({ longest }: Pick<Waiting, 'longest'>): void {
  assert.ok(longest < MAX_WAIT_MILLISECONDS, `another session waited ${Math.round(longest)} ms`);
}

/** The server measures anew how late its event loops are. */
export async function forgetDelays(ours: OurServers): Promise<void> {
  await control(ours, 'forget-delays');
}

/**
 * Fails if the event loop of some mail worker was held up for long, as the server itself tells, by something else than
 * others who kept the processors busy.
 */
export async function assertLoopsFree(ours: OurServers, { looks }: Waiting): Promise<void> {
  const status = await control(ours, 'status');
  const delays = Array.from(status.matchAll(/^worker .* delay_max_ms=([\d.]+)$/gm), ([, delay]) => Number(delay));
  assert.ok(delays.length > 0, status);
  const longest = Math.max(...delays);
  const blamed = longest - mostInLine(looks, longest);
  assert.ok(blamed < MAX_WAIT_MILLISECONDS, `an event loop was held up for ${Math.round(blamed)} ms`);
}

/** The longest that workers stood in line within so many milliseconds. */
function mostInLine(looks: readonly Look[], milliseconds: number): number {
  let most = 0;
  let end = 0;
  for (const [index, { stoodInLine }] of looks.entries()) {
    // It may have begun when the next look was near.
    const until = (looks[index + 1]?.at ?? Number.POSITIVE_INFINITY) + milliseconds;
    while (end < looks.length - 1 && (looks[end]?.at ?? 0) < until) end += 1;
    most = Math.max(most, (looks[end]?.stoodInLine ?? 0) - stoodInLine);
  }
  return most;
}

function control({ configuration }: OurServers, verb: string): Promise<string> {
  return mustRun([join(programs, 'imapd'), '--control', verb], { environment: { COURIER_CONFDIR: configuration } });
}

/** Puts messages into the INBOX of an account before the programs start. */
export function deliver(maildir: string, count: number, octets: Buffer | string): void {
  for (let number = 0; number < count; number += 1) {
    writeFileSync(join(maildir, 'cur', `17${String(number).padStart(8, '0')}.M1.x:2,`), octets);
  }
}
