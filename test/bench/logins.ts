/**
 * Group `login`: connect, greeting, LOGIN, LOGOUT, from one client and from twenty at once, without and with TLS; and the
 * first logins of a server that has just been started.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { Bench } from './bench.js';
import type { BenchAccount } from './bench-server.js';

const ACCOUNTS = 40;
const MANY_CLIENTS = 20;

/** Measures logins per second. */
export async function measureLogins(bench: Bench): Promise<void> {
  const accounts = Array.from({ length: ACCOUNTS }, () => bench.accountWith(10));
  await measureFresh(bench, accounts);
  for (const tls of [false, true]) {
    await loginAtOnce(bench, accounts, { tls, clients: MANY_CLIENTS }, bench.sizes.warmLoginSeconds);
    for (const clients of [1, MANY_CLIENTS]) {
      const key = `login_${clients}${tls ? '_tls' : ''}`;
      for (let run = 0; run < bench.sizes.runs; run += 1) {
        const timed = await bench.timed(() => loginAtOnce(bench, accounts, { tls, clients }, bench.sizes.loginSeconds));
        bench.keepRate(key, timed, timed.result);
      }
    }
  }
}

/** What the first clients of a server meet. */
async function measureFresh(bench: Bench, accounts: readonly BenchAccount[]): Promise<void> {
  await bench.server.restart();
  await delay(bench.sizes.settleSeconds * 1000);
  const timed = await bench.timed(() => loginOften(bench, accounts, false, bench.sizes.freshLogins));
  bench.keepRate('login_fresh', timed, timed.result);
}

interface Kind {
  readonly tls: boolean;
  readonly clients: number;
}

/** Logs in with so many clients at once, each with accounts of its own. @returns how often all have. */
async function loginAtOnce(
  bench: Bench,
  accounts: readonly BenchAccount[],
  { tls, clients }: Kind,
  seconds: number,
): Promise<number> {
  const until = performance.now() + seconds * 1000;
  const share = (client: number) => accounts.filter((_, index) => index % clients === client);
  const counts = Array.from({ length: clients }, (_, client) =>
    loginOften(bench, share(client), tls, Number.POSITIVE_INFINITY, until),
  );
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}

/** Logs in one account after the other, again and again. @returns how often. */
async function loginOften(
  bench: Bench,
  accounts: readonly BenchAccount[],
  tls: boolean,
  times: number,
  until = Number.POSITIVE_INFINITY,
): Promise<number> {
  let done = 0;
  for (; done < times && performance.now() < until; done += 1) {
    const account = accounts[done % accounts.length];
    if (account === undefined) throw new Error('no account');
    const connection = await bench.server.login(account, tls);
    await connection.logout();
  }
  return done;
}
