/**
 * Group `crowd`: ten thousand sessions in IDLE on ours, in steps: what each costs, and how long it takes until each has
 * been told of a delivery. The peers are left out: that many processes do not fit into ordinary machines.
 */
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { Bench } from './bench.js';
import type { BenchAccount } from './bench-server.js';
import type { BenchConnection } from './connection.js';
import { CROWD_STEPS } from './rows.js';
import { atShare } from './statistics.js';

/** Accounts with several sessions each: phones and computers of the same people. */
const MAX_ACCOUNTS = 500;
const MESSAGES_EACH = 20;
const AT_ONCE = 20;
/** Deliveries come one after the other, so that each is told on its own. */
const BETWEEN_DELIVERIES_MILLISECONDS = 4;
const LONGEST_MILLISECONDS = 10_000;
/** Descriptors that this process needs for itself. */
const OWN_DESCRIPTORS = 200;

interface Idler {
  readonly account: BenchAccount;
  readonly connection: BenchConnection;
}

/** Opens more and more sessions. A step that the descriptors do not allow is left out. */
export async function measureCrowd(bench: Bench): Promise<void> {
  if (bench.server.name !== 'ours') return;
  await bench.server.restart();
  const accounts = Array.from({ length: Math.min(MAX_ACCOUNTS, bench.sizes.sessions) }, () =>
    bench.accountWith(MESSAGES_EACH),
  );
  await delay(bench.sizes.restSeconds * 1000);
  const unused = bench.server.memoryKib();
  const idlers: Idler[] = [];
  for (const step of CROWD_STEPS.filter((sessions) => sessions <= Math.min(bench.sizes.crowd, openable()))) {
    while (idlers.length < step) {
      const next = Array.from({ length: AT_ONCE }, (_, i) => accounts[(idlers.length + i) % accounts.length]);
      idlers.push(...(await Promise.all(next.map((account) => startIdling(bench, account)))));
    }
    await delay(bench.sizes.settleSeconds * 1000);
    bench.keep(`crowd_${step}_memory`, (bench.server.memoryKib() - unused) / step);
    const waits = await deliverToAll(bench, accounts, idlers);
    for (const [which, share] of [
      ['p50', 0.5],
      ['p99', 0.99],
      ['max', 1],
    ] as const) {
      bench.keep(`crowd_${step}_${which}`, atShare(waits, share));
    }
    bench.expect(`crowd of ${step}: sessions told of a delivery`, waits.length, step);
  }
  for (const { connection } of idlers) connection.close();
  await bench.server.restart();
}

/** How many connections this process may have. */
function openable(): number {
  const limit = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
  return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit) - OWN_DESCRIPTORS;
}

async function startIdling(bench: Bench, account: BenchAccount | undefined): Promise<Idler> {
  if (account === undefined) throw new Error('no account');
  const connection = await bench.select(account);
  await connection.idle();
  return { account, connection };
}

/** One delivery to each account. @returns the milliseconds until each of its sessions was told. */
async function deliverToAll(
  bench: Bench,
  accounts: readonly BenchAccount[],
  idlers: readonly Idler[],
): Promise<number[]> {
  const delivered = new Map<BenchAccount, number>();
  const waits: number[] = [];
  for (const { account, connection } of idlers) {
    let told = false;
    connection.onUnasked = (text) => {
      const at = delivered.get(account);
      if (told || at === undefined || !/^\* \d+ EXISTS/m.test(text)) return;
      told = true;
      waits.push(performance.now() - at);
    };
  }
  for (const account of accounts) {
    const rename = bench.master.prepareDelivery(account.home, idlers.length);
    delivered.set(account, performance.now());
    rename();
    await delay(BETWEEN_DELIVERIES_MILLISECONDS);
  }
  const until = performance.now() + LONGEST_MILLISECONDS;
  while (waits.length < idlers.length && performance.now() < until) await delay(BETWEEN_DELIVERIES_MILLISECONDS);
  return waits;
}
