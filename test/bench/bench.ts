/**
 * What every measurement gets: a server that is up, mail, sizes, and a way to time work and to keep the samples.
 */
import { spawnSync } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { BenchAccount, BenchServer } from './bench-server.js';
import type { Answer, BenchConnection } from './connection.js';
import type { GrowthPoint } from './growth.js';
import type { MasterMail } from './mailbox-files.js';
import { rowOf } from './rows.js';

/** How much is done. */
export interface BenchSizes {
  /** Messages of the mailbox of most rows, and of the master copy. */
  readonly messages: number;
  /** Messages of the large mailbox. */
  readonly manyMessages: number;
  readonly bodies: number;
  readonly loginSeconds: number;
  /** Twenty clients log in for so long before logins count. */
  readonly warmLoginSeconds: number;
  /** Logins that are the first of a server. */
  readonly freshLogins: number;
  readonly appends: number;
  readonly changes: number;
  readonly folders: number;
  readonly sessions: number;
  readonly tlsSessions: number;
  /** The largest crowd of sessions on ours. */
  readonly crowd: number;
  readonly fairSeconds: number;
  /** What a server does by itself after its start, it has done by then. */
  readonly restSeconds: number;
  /** What memory needs to settle after sessions have been opened. */
  readonly settleSeconds: number;
  /** Within that time a server that looks for new mail from time to time should have told it. */
  readonly notifySeconds: number;
  readonly runs: number;
  /** Folder sizes of the picture. */
  readonly growth: readonly number[];
}

export interface Sample {
  readonly row: string;
  readonly server: string;
  readonly repetition: number;
  readonly value: number;
  /** User and system time of the server's processes for what `value` tells, in milliseconds. */
  readonly cpuMilliseconds?: number;
}

/** A wrong answer, or a measurement that could not be made. */
export interface Fault {
  readonly server: string;
  readonly what: string;
}

export interface Timed<Result> {
  readonly milliseconds: number;
  readonly cpuMilliseconds: number;
  readonly result: Result;
}

/** Time for a server to end its old processes before the next thing is measured. */
const SETTLE_MILLISECONDS = 150;

export class Bench {
  readonly server: BenchServer;
  readonly master: MasterMail;
  readonly sizes: BenchSizes;
  readonly repetition: number;
  readonly samples: Sample[] = [];
  readonly faults: Fault[] = [];
  readonly growth: GrowthPoint[] = [];

  constructor(server: BenchServer, master: MasterMail, sizes: BenchSizes, repetition: number) {
    this.server = server;
    this.master = master;
    this.sizes = sizes;
    this.repetition = repetition;
  }

  /** Keeps a sample of a row. */
  keep(key: string, value: number, cpuMilliseconds?: number): void {
    const cpu = cpuMilliseconds === undefined ? {} : { cpuMilliseconds };
    this.samples.push({ row: rowOf(key).key, server: this.server.name, repetition: this.repetition, value, ...cpu });
  }

  /** Keeps a sample of a row in milliseconds. */
  keepTimed(key: string, timed: Timed<unknown>): void {
    this.keep(key, timed.milliseconds, timed.cpuMilliseconds);
  }

  /** Keeps a sample of a row in units per second. CPU time is that of one unit. */
  keepRate(key: string, timed: Timed<unknown>, units: number): void {
    this.keep(key, (units * 1000) / timed.milliseconds, timed.cpuMilliseconds / units);
  }

  /** Tells a wrong answer. The measurement counts all the same: the reader sees both. */
  fault(what: string): void {
    if (this.faults.some((fault) => fault.what === what)) return;
    this.faults.push({ server: this.server.name, what });
    process.stderr.write(`${this.server.name}: ${what}\n`);
  }

  /** Tells when a server found another number than there are. */
  expect(what: string, found: number, expected: number): void {
    if (found !== expected) this.fault(`${what}: ${found}, and there are ${expected}`);
  }

  /** An account whose mailbox holds `count` messages and nothing else. Not timed. */
  accountWith(count: number): BenchAccount {
    const account = this.server.newAccount();
    this.master.fill(account.home, count);
    return account;
  }

  async timed<Result>(work: () => Promise<Result>): Promise<Timed<Result>> {
    const cpuBefore = this.server.cpuMilliseconds();
    const start = performance.now();
    const result = await work();
    const milliseconds = performance.now() - start;
    return { milliseconds, cpuMilliseconds: this.server.cpuMilliseconds() - cpuBefore, result };
  }

  /** Times a command and checks how many untagged FETCH responses it got. @returns milliseconds */
  async timedFetch(key: string, connection: BenchConnection, command: string, count: number): Promise<number> {
    const timed = await this.timed(() => connection.command(command));
    this.keepTimed(key, timed);
    this.expect(`${rowOf(key).title}: messages fetched`, countFetched(timed.result), count);
    return timed.milliseconds;
  }

  /** A session with INBOX selected. */
  async select(account: BenchAccount, tls = false): Promise<BenchConnection> {
    const connection = await this.server.login(account, tls);
    await connection.command('SELECT INBOX');
    return connection;
  }

  /** Ends a session and lets the server tidy up behind it. */
  async leave(connection: BenchConnection): Promise<void> {
    await connection.logout();
    await delay(SETTLE_MILLISECONDS);
  }
}

/** How many `* n FETCH` an answer holds. */
export function countFetched(answer: Answer): number {
  return answer.text().match(/^\* \d+ FETCH \(/gm)?.length ?? 0;
}

/** What CAPABILITY says after login, in capital letters. */
export async function capabilitiesOf(connection: BenchConnection): Promise<string> {
  return (await connection.command('CAPABILITY')).text().toUpperCase();
}

/** Has the kernel write what was written so far, so that a server's syncs do not pay for ours. */
export function syncDisk(): void {
  spawnSync('sync');
}
