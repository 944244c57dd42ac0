/**
 * npm run bench: measures our server, Debian's Courier and Debian's Dovecot in one run on the same mail, in turn.
 *
 * Each repetition starts all servers anew. `--help` tells the options.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Scratch, scratchDirectory } from '../support/maildir-fixture.js';
import { checkoutRoot } from '../support/paths.js';
import { mailIds, missingPeers } from '../support/peer-targets.js';
import { Bench, type BenchSizes, type Fault, type Sample } from './bench.js';
import { BenchServer, serverNames } from './bench-server.js';
import { type Group, groups } from './groups.js';
import type { GrowthPoint } from './growth.js';
import { MasterMail } from './mailbox-files.js';
import { benchInCopy } from './private-checkout.js';
import { type Run, report, writeReadme, writeResults } from './report.js';

const groupLines = Object.entries(groups).map(([name, { about }]) => `      ${name.padEnd(8)} ${about}`);

const help = `npm run bench [-- OPTION…]

Measures ours, Debian's Courier and Debian's Dovecot on the same mail, one after the other, and prints a table.
All figures go to test/results/: bench.md, bench.json, cost-by-size.svg. As root on Debian it installs what is missing.

  --quick            small mailboxes, one repetition, no picture: about a minute
  --only GROUP,…     some groups:
${groupLines.join('\n')}
  --picture          the picture, too, where --quick or --only would leave it out
  --servers NAME,…   some of ${serverNames.join(', ')}
  --repeat N         how often everything is measured (2; with --quick 1)
  --readme           also put the figures into README.md and test/bench/README.md, and the picture beside them
  --help             this
`;

const { values: given } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    picture: { type: 'boolean', default: false },
    servers: { type: 'string', default: serverNames.join() },
    repeat: { type: 'string' },
    readme: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const wholeSizes: BenchSizes = {
  messages: 10_000,
  manyMessages: 50_000,
  bodies: 1000,
  loginSeconds: 1.5,
  warmLoginSeconds: 12,
  freshLogins: 200,
  appends: 400,
  changes: 1000,
  folders: 1000,
  sessions: 500,
  tlsSessions: 200,
  crowd: 10_000,
  fairSeconds: 3,
  restSeconds: 20,
  settleSeconds: 10,
  notifySeconds: 75,
  runs: 2,
  growth: [1000, 10_000, 50_000, 200_000],
};
const quickSizes: BenchSizes = {
  messages: 1000,
  manyMessages: 5000,
  bodies: 300,
  loginSeconds: 0.4,
  warmLoginSeconds: 0.4,
  freshLogins: 20,
  appends: 100,
  changes: 300,
  folders: 100,
  sessions: 50,
  tlsSessions: 30,
  crowd: 0,
  fairSeconds: 0.5,
  restSeconds: 5,
  settleSeconds: 2,
  notifySeconds: 2,
  runs: 1,
  growth: [200, 1000, 5000],
};

/** Enough to have every piece of code run often, and to be over in a few seconds. */
const WARM_SIZES = { messages: 400, manyMessages: 400, appends: 200, changes: 100, runs: 2 } as const;
/** What is done before every group. */
const WARM_GROUPS = ['fetch', 'search', 'store'] as const;
/** Groups that are measured once in small before they count. Others do that themselves, or are like one of those above. */
const WARMED_BY_ITSELF: readonly string[] = ['append', 'body', 'folders'];

/** What the peers need as whole servers, beyond their imapd. */
const SERVER_PROGRAMS = [
  '/usr/sbin/couriertcpd',
  '/usr/bin/couriertls',
  '/usr/lib/courier/courier-authlib/authdaemond',
  '/usr/lib/courier-authlib/libauthuserdb.so',
  '/usr/sbin/dovecot',
  '/usr/lib/dovecot/imap-login',
] as const;

/** The kernel's 128 for each uid let Dovecot look for changes from time to time only, from the 129th session on. */
const INOTIFY_INSTANCES = { path: '/proc/sys/fs/inotify/max_user_instances', wanted: 8192 } as const;

/** What must be undone, however the run ends; the last first. */
const undo: (() => Promise<void> | void)[] = [];

/** Set when the run was given up from outside. */
let givenUp = false;

async function undoAll(): Promise<void> {
  for (let next = undo.pop(); next !== undefined; next = undo.pop()) await next();
}

/** Names separated by commas, all of them known. @throws {Error} naming those that are not. */
function chosen(option: string, names: string, known: readonly string[]): string[] {
  const all = names.split(',').filter((name) => name !== '');
  const unknown = all.filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw new Error(`${option}: there is no ${unknown.join(', ')}; there are ${known.join(', ')}`);
  return all;
}

function chosenGroups(): [string, Group][] {
  const all = Object.keys(groups);
  const names = given.only === undefined ? all : chosen('--only', given.only, all);
  const without = given.quick && given.only === undefined && !given.picture ? ['growth'] : [];
  const wanted = [...names.filter((name) => !without.includes(name)), ...(given.picture ? ['growth'] : [])];
  return Object.entries(groups).filter(([name]) => wanted.includes(name));
}

/** Installs what is missing. @throws {Error} where that is not possible. */
function needPeers(servers: readonly string[]): void {
  if (!servers.some((name) => name !== 'ours')) return;
  if (process.getuid?.() !== 0) {
    throw new Error("Debian's Courier and Dovecot can be started by root only; --servers ours needs nobody");
  }
  const missing = [...missingPeers(), ...SERVER_PROGRAMS.filter((path) => !existsSync(path))];
  if (missing.length === 0) return;
  const script = join(checkoutRoot, 'test', 'support', 'install-peers.sh');
  const { status } = spawnSync('sh', [script], { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) throw new Error(`these could not be installed: ${missing.join(', ')}`);
}

function raiseInotifyInstances(): void {
  const { path, wanted } = INOTIFY_INSTANCES;
  if (process.getuid?.() !== 0 || !existsSync(path)) return;
  const before = readFileSync(path, 'utf8').trim();
  if (Number(before) >= wanted) return;
  writeFileSync(path, String(wanted));
  undo.push(() => writeFileSync(path, before));
}

interface Measured {
  readonly samples: Sample[];
  readonly faults: Fault[];
  readonly growth: GrowthPoint[];
}

/**
 * A server is seldom asked right after its start, or when it has had nothing to do while others were measured: each does
 * some work before it is measured, and nobody looks at it.
 */
async function warmUp(server: BenchServer, master: MasterMail, group: string): Promise<void> {
  const bench = new Bench(server, master, { ...quickSizes, ...WARM_SIZES }, 0);
  const own = WARMED_BY_ITSELF.filter((name) => name === group);
  for (const name of [...WARM_GROUPS, ...own]) {
    await groups[name]?.measure(bench).catch((error: unknown) => bench.fault(`warming up: ${String(error)}`));
  }
}

/**
 * All servers are up at once, and each group is measured on one after the other: the machine has slow minutes, and they
 * should meet all servers alike.
 */
async function measureServers(
  names: readonly string[],
  master: MasterMail,
  repetition: number,
  to: Measured,
): Promise<void> {
  const benches = names.map((name) => {
    const server = new BenchServer(name);
    undo.push(() => server.remove());
    return new Bench(server, master, given.quick ? quickSizes : wholeSizes, repetition);
  });
  master.warm();
  for (const { server } of benches) await server.start();
  let rested = false;
  for (const [name, group] of chosenGroups()) {
    if (!group.repeated && repetition > 1) continue;
    if (name !== 'memory' && !rested) {
      rested = true;
      await delay((given.quick ? quickSizes : wholeSizes).restSeconds * 1000);
    }
    for (const bench of benches) {
      if (group.repeated) await warmUp(bench.server, master, name);
      await measureGroup(name, group, bench);
    }
  }
  for (const bench of benches) {
    // Its files go at the very end: for some minutes after many have been deleted, ext4 takes long to make one.
    await bench.server.stop();
    to.samples.push(...bench.samples);
    to.faults.push(...bench.faults);
    to.growth.push(...bench.growth);
  }
}

async function measureGroup(name: string, { measure }: Group, bench: Bench): Promise<void> {
  if (givenUp) return;
  const start = performance.now();
  try {
    await measure(bench);
  } catch (error) {
    bench.fault(`group ${name} failed: ${error instanceof Error ? error.message : String(error)}`);
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  process.stderr.write(`${bench.server.name}, repetition ${bench.repetition}, ${name}: ${seconds} s\n`);
}

function tidyUpOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      givenUp = true;
      void undoAll().finally(() => process.exit(1));
    });
  }
}

/** Of all processors since the machine was started, in ticks: what was wanted of them, and what the host took of that. */
function processorTicks(): { readonly wanted: number; readonly taken: number } {
  // user, nice, system, idle, iowait, irq, softirq, steal: of the first line, which is that of all processors.
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = readFileSync('/proc/stat', 'latin1')
    .split('\n', 1)
    .flatMap((line) => line.split(/ +/).map(Number));
  return { wanted: user + nice + system + irq + softirq + steal, taken: steal };
}

async function main(): Promise<void> {
  tidyUpOnSignals();
  const servers = chosen('--servers', given.servers, serverNames);
  chosenGroups();
  const repetitions = Number(given.repeat ?? (given.quick ? 1 : 2));
  if (!(repetitions >= 1)) throw new Error('--repeat wants a number');
  if (given.readme && (given.quick || given.only !== undefined)) throw new Error('the README shows whole runs only');
  needPeers(servers);
  raiseInotifyInstances();
  const started = new Date();
  const start = performance.now();
  const ticks = processorTicks();
  const scratch: Scratch = scratchDirectory('bench-mail');
  undo.push(() => scratch.remove());
  const sizes = given.quick ? quickSizes : wholeSizes;
  const master = new MasterMail(join(scratch.path, 'master'), sizes.messages, mailIds());
  const measured: Measured = { samples: [], faults: [], growth: [] };
  for (let repetition = 1; repetition <= repetitions; repetition += 1) {
    await measureServers(servers, master, repetition, measured);
    if (givenUp) return;
  }
  const { wanted, taken } = processorTicks();
  const takenShare = (taken - ticks.taken) / Math.max(1, wanted - ticks.wanted);
  await undoAll();
  const seconds = Math.round((performance.now() - start) / 1000);
  const run: Run = { started, seconds, takenShare, servers, repetitions, sizes, ...measured };
  process.stdout.write(report(run));
  const written = writeResults(run);
  if (given.readme) writeReadme(run);
  process.stderr.write(`${seconds} s; ${written.join(', ')}\n`);
  if (measured.faults.length > 0) process.exitCode = 1;
}

if (given.help) {
  process.stdout.write(help);
} else {
  try {
    const code = await benchInCopy();
    if (code === undefined) await main();
    else process.exitCode = code;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  } finally {
    await undoAll();
  }
}
