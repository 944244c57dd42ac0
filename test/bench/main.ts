/**
 * npm run bench [-- --quick] [--only memory,logins,mailbox,changes] [--servers ours,courier,dovecot] [--repeat N]
 *
 * Measures our server, Debian's Courier and Debian's Dovecot in one run on the same mail, in turn. Each repetition
 * starts each server anew. Prints a table of medians with ratios, and writes it and all numbers to test/results/.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { giveTo, scratchDirectory } from '../support/maildir-fixture.js';
import { checkoutRoot } from '../support/paths.js';
import { PASSWORD, type PeerServer, startCourier, startDovecot } from '../support/peer-servers.js';
import { mailIds } from '../support/peer-targets.js';
import { freePort } from '../support/processes.js';
import { startOurs } from '../support/start.js';
import { writeMaster } from './mail.js';
import { type BenchServer, type BenchSizes, groups, homeOf, type Measured } from './measurements.js';

const { values: given } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: Object.keys(groups).join() },
    servers: { type: 'string', default: 'ours,courier,dovecot' },
    repeat: { type: 'string' },
  },
});

const sizes: BenchSizes = given.quick
  ? { messages: 2000, logins: 80, bodies: 300, appends: 100, sessions: 40 }
  : { messages: 10_000, logins: 600, bodies: 2000, appends: 500, sessions: 200 };
const repeat = Number(given.repeat ?? (given.quick ? 1 : 3));
/** One user for each mailbox that a measurement uses up. */
const USERS = 200;

const userNames = Array.from({ length: USERS }, (_, i) => `u${String(i + 1).padStart(4, '0')}`);

type Start = (directory: string, users: { name: string; home: string }[]) => Promise<PeerServer>;

const starts: Readonly<Record<string, Start>> = {
  ours: async (directory, users) => {
    const ours = await startOurs({ directory, users, settings: { IMAP_TLS_REQUIRED: '0' } });
    return { name: 'ours', port: ours.port, roots: ours.roots(), stop: () => ours.stop() };
  },
  courier: async (directory, users) => startCourier({ directory, users, port: await freePort() }),
  dovecot: async (directory, users) => startDovecot({ directory, users, port: await freePort() }),
};

interface Row extends Measured {
  readonly server: string;
  readonly repetition: number;
}

async function measure(name: string, master: string, repetition: number): Promise<Row[]> {
  const scratch = scratchDirectory(`bench-${name}`);
  const owner = mailIds();
  const mail = join(scratch.path, 'mail');
  mkdirSync(mail);
  if (process.getuid?.() === 0) giveTo(mail, owner.uid, owner.gid);
  const directory = join(scratch.path, 'server');
  mkdirSync(directory);
  const users = userNames.map((user) => ({ name: user, home: homeOf(scratch.path, user) }));
  const peer = await starts[name]?.(directory, users);
  if (peer === undefined) throw new Error(`there is no server ${name}`);
  let used = 0;
  const server: BenchServer = {
    ...peer,
    password: PASSWORD,
    newUser() {
      const user = users[used];
      used += 1;
      if (user === undefined) throw new Error('all users are used up');
      return user;
    },
  };
  const rows: Row[] = [];
  try {
    for (const group of given.only.split(',')) {
      const run = groups[group];
      if (run === undefined) throw new Error(`there is no group ${group}; known: ${Object.keys(groups).join(', ')}`);
      for (const measured of await run({ server, master, owner, sizes })) {
        rows.push({ ...measured, server: name, repetition });
      }
      process.stderr.write(`${name}, repetition ${repetition}: ${group}\n`);
    }
  } finally {
    await peer.stop();
    scratch.remove();
  }
  return rows;
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Three digits that mean something. */
function shownNumber(value: number): string {
  return value >= 100 ? String(Math.round(value)) : value.toPrecision(3);
}

/** A Markdown table; a ratio above 1 means that ours is better. */
function table(rows: readonly Row[], servers: readonly string[]): string {
  const others = servers.filter((server) => server !== 'ours' && servers.includes('ours'));
  const head = ['', ...servers, ...others.map((other) => `ours : ${other}`)];
  const lines = [head, head.map((_, column) => (column === 0 ? '---' : '--:'))];
  for (const what of new Set(rows.map((row) => row.what))) {
    const [sample] = rows.filter((row) => row.what === what);
    if (sample === undefined) continue;
    const of = (server: string): number =>
      median(rows.filter((row) => row.what === what && row.server === server).map(({ value }) => value));
    const ratio = (other: string): string => {
      const [good, bad] = sample.better === 'higher' ? [of('ours'), of(other)] : [of(other), of('ours')];
      return (good / bad).toFixed(2);
    };
    const shown = servers.map((server) => `${shownNumber(of(server))} ${sample.unit}`);
    lines.push([what, ...shown, ...others.map(ratio)]);
  }
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

async function main(): Promise<void> {
  const masterDirectory = scratchDirectory('bench-mail');
  const master = join(masterDirectory.path, 'master');
  writeMaster(master, sizes.messages);
  if (process.getuid?.() === 0) giveTo(master, mailIds().uid, mailIds().gid);
  const servers = given.servers.split(',');
  const rows: Row[] = [];
  try {
    for (let repetition = 1; repetition <= repeat; repetition += 1) {
      for (const server of servers) rows.push(...(await measure(server, master, repetition)));
    }
  } finally {
    masterDirectory.remove();
  }
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? '?'}, Linux ${release()}, Node ${process.version}`;
  const text = `${table(rows, servers)}\n\nMedian of ${repeat}; ${sizes.messages} messages; ${machine}.\n`;
  process.stdout.write(text);
  const results = join(checkoutRoot, 'test', 'results');
  mkdirSync(results, { recursive: true });
  writeFileSync(join(results, 'bench.md'), text);
  writeFileSync(join(results, 'bench.json'), `${JSON.stringify({ machine, sizes, repeat, rows }, undefined, 2)}\n`);
}

await main();
