/**
 * Group `memory`: what a session costs that does nothing, in plaintext, over TLS, and over TLS with COMPRESS.
 *
 * For each kind the server is started anew, so that nothing is left from the sessions before.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type Bench, capabilitiesOf } from './bench.js';
import type { BenchAccount } from './bench-server.js';
import type { BenchConnection } from './connection.js';

const MESSAGES_EACH = 100;
/** Sessions that are opened at the same time. */
const AT_ONCE = 10;

interface Kind {
  readonly suffix: '' | '_tls' | '_compress';
  readonly sessions: number;
}

/** PSS over all processes, less that of the server nobody uses, for each session. */
export async function measureMemory(bench: Bench): Promise<void> {
  const { sessions, tlsSessions } = bench.sizes;
  const accounts = Array.from({ length: sessions }, () => bench.accountWith(MESSAGES_EACH));
  const kinds: Kind[] = [
    { suffix: '', sessions },
    { suffix: '_tls', sessions: tlsSessions },
    { suffix: '_compress', sessions: tlsSessions },
  ];
  for (const kind of kinds) {
    if (kind.suffix === '_compress' && !(await compresses(bench, accounts))) continue;
    if (kind.suffix !== '') await bench.server.restart();
    await measureKind(bench, kind, accounts.slice(0, kind.sessions));
  }
  await bench.server.restart();
}

async function compresses(bench: Bench, [account]: readonly BenchAccount[]): Promise<boolean> {
  if (account === undefined) return false;
  const connection = await bench.server.login(account, true);
  const announced = await capabilitiesOf(connection);
  await connection.logout();
  return announced.includes('COMPRESS=DEFLATE');
}

async function measureKind(bench: Bench, kind: Kind, accounts: readonly BenchAccount[]): Promise<void> {
  await delay(bench.sizes.restSeconds * 1000);
  const unused = bench.server.memoryKib();
  const connections: BenchConnection[] = [];
  for (let from = 0; from < accounts.length; from += AT_ONCE) {
    const opened = accounts.slice(from, from + AT_ONCE).map((account) => openSession(bench, account, kind));
    connections.push(...(await Promise.all(opened)));
  }
  await delay(bench.sizes.settleSeconds * 1000);
  bench.keep(`memory_selected${kind.suffix}`, (bench.server.memoryKib() - unused) / accounts.length);
  if (kind.suffix === '') {
    bench.keep('memory_unused', unused);
    bench.keep('processes', bench.server.processes.length);
  }
  if (kind.suffix !== '_compress') {
    for (const connection of connections) await connection.idle();
    await delay(bench.sizes.settleSeconds * 1000);
    bench.keep(`memory_idle${kind.suffix}`, (bench.server.memoryKib() - unused) / accounts.length);
  }
  for (const connection of connections) connection.close();
}

async function openSession(bench: Bench, account: BenchAccount, { suffix }: Kind): Promise<BenchConnection> {
  const connection = await bench.server.login(account, suffix !== '');
  if (suffix === '_compress') await connection.compress();
  await connection.command('SELECT INBOX');
  return connection;
}
