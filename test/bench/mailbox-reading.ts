/**
 * Groups `select`, `fetch` and `body`: opening mailboxes and reading what is in them, first and again.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Bench } from './bench.js';
import type { BenchAccount } from './bench-server.js';
import { FULL_LIST, HEADER_LIST, QUIET_MILLISECONDS } from './rows.js';
import { wantsAnother } from './statistics.js';

const WARM_SELECTS = 3;

/** SELECT of a mailbox no server has seen, then in new sessions. */
export async function measureSelect(bench: Bench): Promise<void> {
  const { messages, manyMessages, runs } = bench.sizes;
  for (const [size, count] of [
    ['10k', messages],
    ['50k', manyMessages],
  ] as const) {
    for (let run = 0; run < runs; run += 1) {
      const account = bench.accountWith(count);
      await timedSelect(bench, `select_${size}_first`, account, count);
      for (let times = 0, spent = 0; wantsAnother(times, spent, WARM_SELECTS); times += 1) {
        spent += await timedSelect(bench, `select_${size}_warm`, account, count);
      }
      if (size === '50k' && run === 0) await measureQuiet(bench, account);
    }
  }
}

/** New sessions of a mailbox that has not changed for a while. */
async function measureQuiet(bench: Bench, account: BenchAccount): Promise<void> {
  await delay(QUIET_MILLISECONDS);
  for (let times = 0, spent = 0; wantsAnother(times, spent, WARM_SELECTS); times += 1) {
    spent += await timedSelect(bench, 'select_50k_quiet', account, bench.sizes.manyMessages);
  }
}

/** SELECT in a session of its own. @returns milliseconds */
async function timedSelect(bench: Bench, row: string, account: BenchAccount, count: number): Promise<number> {
  const connection = await bench.server.login(account);
  const timed = await bench.timed(() => connection.command('SELECT INBOX'));
  bench.keepTimed(row, timed);
  bench.expect(`SELECT of ${count}: EXISTS`, Number(/^\* (\d+) EXISTS/m.exec(timed.result.text())?.[1]), count);
  await bench.leave(connection);
  return timed.milliseconds;
}

/** FETCH of lists. */
export async function measureFetch(bench: Bench): Promise<void> {
  const { messages, runs } = bench.sizes;
  const full = `FETCH 1:* (${FULL_LIST})`;
  for (let run = 0; run < runs; run += 1) {
    const account = bench.accountWith(messages);
    const first = await bench.select(account);
    await bench.timedFetch('fetch_full_first', first, full, messages);
    await bench.timedFetch('fetch_full_same', first, full, messages);
    await bench.leave(first);
    const second = await bench.select(account);
    await bench.timedFetch('fetch_full_new', second, full, messages);
    for (let times = 0, spent = 0; wantsAnother(times, spent, 1); times += 1) {
      spent += await bench.timedFetch('fetch_flags', second, 'FETCH 1:* (FLAGS)', messages);
    }
    await bench.leave(second);
    const overTls = await bench.select(account, true);
    await bench.timedFetch('fetch_full_new_tls', overTls, full, messages);
    await bench.leave(overTls);
    await measureHeaders(bench);
  }
}

/** The list of a client that has never been here, and sizes that nobody has asked for. */
async function measureHeaders(bench: Bench): Promise<void> {
  const { messages } = bench.sizes;
  const connection = await bench.select(bench.accountWith(messages));
  for (const time of ['first', 'again']) {
    await bench.timedFetch(`fetch_headers_${time}`, connection, `FETCH 1:* ${HEADER_LIST}`, messages);
  }
  for (const time of ['first', 'again']) {
    await bench.timedFetch(`fetch_size_${time}`, connection, 'FETCH 1:* (UID RFC822.SIZE)', messages);
  }
  await bench.leave(connection);
}

const DOWNLOADS = 4;

/** Whole bodies, plaintext and TLS. The first download is not counted: it is another row's first. */
export async function measureBodies(bench: Bench): Promise<void> {
  const { bodies } = bench.sizes;
  const account = bench.accountWith(bodies);
  for (const tls of [false, true]) {
    const connection = await bench.select(account, tls);
    for (let download = 0; download < DOWNLOADS; download += 1) {
      const timed = await bench.timed(() => connection.command('UID FETCH 1:* (BODY.PEEK[])', { keep: false }));
      const { octets } = timed.result;
      if (octets < bench.master.octetsOf(bodies)) bench.fault(`whole bodies: only ${octets} octets came`);
      if (download > 0) bench.keepRate(tls ? 'bodies_tls' : 'bodies', timed, octets / 1e6);
    }
    await bench.leave(connection);
  }
}
