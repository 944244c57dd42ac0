/**
 * Group `login`: connect, greeting, LOGIN, LOGOUT, from one client and from twenty at once, without and with TLS.
 */
import { performance } from 'node:perf_hooks';
import type { Bench } from './bench.js';
import type { BenchAccount } from './bench-server.js';

const ACCOUNTS = 40;
/** Each client has logged in so often before it counts. */
const WARM_LOGINS = 3;

/** Measures logins per second. */
export async function measureLogins(bench: Bench): Promise<void> {
  const accounts = Array.from({ length: ACCOUNTS }, () => bench.accountWith(10));
  for (const tls of [false, true]) {
    for (const clients of [1, 20]) {
      const key = `login_${clients}${tls ? '_tls' : ''}`;
      await Promise.all(accounts.slice(0, clients).map((account) => loginOften(bench, [account], tls, WARM_LOGINS)));
      for (let run = 0; run < bench.sizes.runs; run += 1) await measureOnce(bench, key, accounts, { tls, clients });
    }
  }
}

interface Kind {
  readonly tls: boolean;
  readonly clients: number;
}

async function measureOnce(bench: Bench, key: string, accounts: readonly BenchAccount[], kind: Kind): Promise<void> {
  const until = performance.now() + bench.sizes.loginSeconds * 1000;
  const timed = await bench.timed(async () => {
    const share = (client: number) => accounts.filter((_, index) => index % kind.clients === client);
    const counts = Array.from({ length: kind.clients }, (_, client) =>
      loginOften(bench, share(client), kind.tls, Number.POSITIVE_INFINITY, until),
    );
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
  });
  bench.keepRate(key, timed, timed.result);
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
