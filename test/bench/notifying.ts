/**
 * Group `notify`: how long it takes from a delivery, a file renamed into `new`, to EXISTS in a session in IDLE.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { Bench } from './bench.js';
import type { BenchAccount } from './bench-server.js';
import type { BenchConnection } from './connection.js';

const MAILBOXES = 20;
const MESSAGES_EACH = 10;
const BETWEEN_MILLISECONDS = 150;
/** A server that has not told the first ones by then looks from time to time; the others then come in the time of `notifySeconds`. */
const PROMPT_MILLISECONDS = 1500;
const FIRST_ONES = 3;
const SHARE_OF_WAITING = 0.8;

/** One delivery to each of twenty mailboxes, one after the other. */
export async function measureNotify(bench: Bench): Promise<void> {
  const mailboxes: { account: BenchAccount; connection: BenchConnection }[] = [];
  for (let i = 0; i < MAILBOXES; i += 1) {
    const account = bench.accountWith(MESSAGES_EACH);
    const connection = await bench.select(account);
    await connection.idle();
    mailboxes.push({ account, connection });
  }
  const told: Promise<number>[] = [];
  for (const [index, { account, connection }] of mailboxes.entries()) {
    if (index === FIRST_ONES) {
      const prompt = await Promise.race([Promise.all(told), delay(PROMPT_MILLISECONDS, 'late' as const)]);
      if (prompt === 'late') {
        told.push(...mailboxes.slice(FIRST_ONES).map((each, at) => deliverLater(bench, each, at)));
        break;
      }
    }
    told.push(deliver(bench, account, connection));
    await delay(BETWEEN_MILLISECONDS);
  }
  for (const milliseconds of await Promise.all(told)) bench.keep('notify', milliseconds);
  for (const { connection } of mailboxes) connection.close();
}

async function deliverLater(
  bench: Bench,
  { account, connection }: { account: BenchAccount; connection: BenchConnection },
  index: number,
): Promise<number> {
  await delay((bench.sizes.notifySeconds * 1000 * SHARE_OF_WAITING * index) / (MAILBOXES - FIRST_ONES));
  return deliver(bench, account, connection);
}

/** @returns how long it took, in milliseconds; or how long was waited in vain. */
async function deliver(bench: Bench, account: BenchAccount, connection: BenchConnection): Promise<number> {
  const rename = bench.master.prepareDelivery(account.home, 1);
  let text = '';
  const told = new Promise<void>((resolve) => {
    connection.onUnasked = (octets) => {
      text += octets;
      if (/^\* \d+ EXISTS/m.test(text)) resolve();
    };
  });
  const delivered = performance.now();
  rename();
  await Promise.race([told, delay(bench.sizes.notifySeconds * 1000, undefined, { ref: false })]);
  return performance.now() - delivered;
}
