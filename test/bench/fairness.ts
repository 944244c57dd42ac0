/**
 * Group `fair`: how long another account's NOOP waits while one client has the server sort, thread, search bodies or
 * send fifty megabytes, again and again. That client runs in a thread of its own, so that its work does not count.
 */
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { PASSWORD } from '../support/peer-servers.js';
import { type Bench, capabilitiesOf } from './bench.js';
import type { BenchConnection } from './connection.js';
import type { HeavyWork } from './heavy-client.js';
import { NEEDLES } from './mail-words.js';
import { atShare } from './statistics.js';

/** Between a NOOP's answer and the next NOOP. */
const PAUSE_MILLISECONDS = 1;
const FETCHED_OCTETS = 50_000_000;

/** Measures the round trips of NOOP alone and beside each heavy command. */
export async function measureFairness(bench: Bench): Promise<void> {
  const heavy = bench.accountWith(bench.sizes.messages);
  const light = await bench.select(bench.accountWith(10));
  const announced = await capabilitiesOf(light);
  const alone = await roundTrips(light, performance.now() + bench.sizes.fairSeconds * 1000);
  bench.keep('noop_alone', atShare(alone, 0.99));
  const perMessage = bench.master.octetsOf(bench.sizes.messages) / bench.sizes.messages;
  const fetched = Math.min(bench.sizes.messages, Math.ceil(FETCHED_OCTETS / perMessage));
  const works = [
    { key: 'sort', command: 'SORT (DATE) UTF-8 ALL', needs: ' SORT' },
    { key: 'thread', command: 'THREAD REFERENCES UTF-8 ALL', needs: 'THREAD=REFERENCES' },
    { key: 'body', command: `SEARCH BODY ${NEEDLES.body}`, needs: '' },
    { key: 'fetch', command: `FETCH 1:${fetched} (BODY.PEEK[])`, needs: '' },
  ].filter(({ needs }) => announced.includes(needs));
  for (const { key, command } of works) {
    const work: HeavyWork = { address: bench.server.address(false), name: heavy.name, password: PASSWORD, command };
    await bench.server.control('forget-delays');
    const waits = await beside(work, light, bench.sizes.fairSeconds);
    bench.keep(`noop_${key}_p50`, atShare(waits, 0.5));
    bench.keep(`noop_${key}_p99`, atShare(waits, 0.99));
    bench.keep(`noop_${key}_max`, Math.max(...waits));
    await keepLoopDelays(bench, key);
  }
  await bench.leave(light);
}

/** Our own metric: the worst of all workers. The others have none. */
async function keepLoopDelays(bench: Bench, key: string): Promise<void> {
  const status = (await bench.server.control('status')) ?? '';
  for (const which of ['p99', 'max']) {
    const delays = [...status.matchAll(new RegExp(`^worker .*delay_${which}_ms=([0-9.]+)`, 'gm'))];
    if (delays.length > 0) bench.keep(`loop_${key}_${which}`, Math.max(...delays.map(([, value]) => Number(value))));
  }
}

/** Round trips in milliseconds until then. */
async function roundTrips(connection: BenchConnection, until: number): Promise<number[]> {
  const waits: number[] = [];
  while (performance.now() < until) {
    const start = performance.now();
    await connection.command('NOOP');
    waits.push(performance.now() - start);
    await delay(PAUSE_MILLISECONDS);
  }
  return waits;
}

async function beside(work: HeavyWork, light: BenchConnection, seconds: number): Promise<number[]> {
  const worker = new Worker(new URL('./heavy-client.js', import.meta.url), { workerData: work });
  try {
    await once(worker, 'message');
    worker.postMessage('begin');
    return await roundTrips(light, performance.now() + seconds * 1000);
  } finally {
    await worker.terminate();
  }
}
