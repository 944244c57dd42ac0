/**
 * npm run bench:auth: requests per second of our authdaemond and of Debian's on the same back ends, and whether the time
 * of a refusal tells a known name from an unknown one. Root on Debian.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { type CourierPlaces, startCourierAuthdaemond } from '../../support/courier-authdaemond.js';
import { programs, searchPath } from '../../support/paths.js';
import { PASSWORD } from '../../support/peer-servers.js';
import { mustRun, waitUntil } from '../../support/processes.js';
import { median } from '../statistics.js';
import {
  accountName,
  type BackEnd,
  ldapBackEnd,
  mariadbBackEnd,
  postgresqlBackEnd,
  userdbBackEnd,
} from './back-ends.js';

/** Of what Courier ships; both daemons have the same. */
const LOOKUPS_AT_ONCE = 5;
const CALLERS = [1, 20] as const;
const SECONDS = 2;
/** Everybody is asked for the first time before it counts. */
const WARM_SECONDS = 1;
const ROUNDS = 3;
/** Refusals of each kind whose time is compared. */
const REFUSALS = 300;

/** Unsalted and quick, so that the daemon is measured and not the hash. */
const QUICK_HASH = `{SHA}${createHash('sha1').update(PASSWORD).digest('base64')}`;
/** crypt(3) with SHA-512, 5,000 rounds, of the same password: what an account has, where time could tell something. */
const SLOW_HASH_SALT = '$6$saltstring';

interface Daemon {
  readonly name: 'ours' | 'courier';
  readonly start: (places: CourierPlaces) => Promise<{ socketPath: string; stop(): Promise<void> }>;
}

const daemons: readonly Daemon[] = [
  { name: 'ours', start: startOurs },
  { name: 'courier', start: startCourierAuthdaemond },
];

async function startOurs({ etc, state }: CourierPlaces): Promise<{ socketPath: string; stop(): Promise<void> }> {
  const environment = { COURIER_CONFDIR: etc, PATH: searchPath };
  if (existsSync(join(etc, 'userdb'))) await mustRun([join(programs, 'makeuserdb')], { environment });
  const child = spawn(join(programs, 'authdaemond'), [], { env: environment, stdio: 'ignore' });
  const socketPath = join(state, 'authdaemon', 'socket');
  await waitUntil('authdaemond answers', () => existsSync(socketPath) || child.exitCode !== null, 30);
  const stop = async (): Promise<void> => {
    const gone = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGTERM');
    await gone;
  };
  return { socketPath, stop };
}

/** Sends one AUTH request and gives all that comes back. */
function ask(socketPath: string, name: string, password: string): Promise<string> {
  const body = `imap\nlogin\n${name}\n${password}\n`;
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    let answer = '';
    socket.on('data', (octets) => {
      answer += octets.toString('latin1');
    });
    // A daemon that fails shows in an answer that is not the one expected.
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer));
    socket.write(`AUTH ${Buffer.byteLength(body)}\n${body}`);
  });
}

/** Requests per second with so many callers, each answered with the account. */
async function rate(socketPath: string, callers: number, seconds: number): Promise<number> {
  const until = performance.now() + seconds * 1000;
  let next = 0;
  let answered = 0;
  const call = async (): Promise<void> => {
    while (performance.now() < until) {
      const name = accountName(next);
      next += 1;
      const answer = await ask(socketPath, name, PASSWORD);
      if (!answer.includes(`ADDRESS=${name}\n`)) throw new Error(`${name}: ${JSON.stringify(answer)}`);
      answered += 1;
    }
  };
  await Promise.all(Array.from({ length: callers }, call));
  return answered / seconds;
}

/** The median milliseconds of a refusal. */
async function refusal(socketPath: string, name: string, password: string): Promise<number> {
  const began = performance.now();
  const answer = await ask(socketPath, name, password);
  if (answer !== 'FAIL\n') throw new Error(`${name}: ${JSON.stringify(answer)}`);
  return performance.now() - began;
}

async function withDaemon<T>(
  { start, name }: Daemon,
  backEnd: BackEnd,
  hash: string,
  use: (socketPath: string) => Promise<T>,
): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), `bench-auth-${name}-`));
  chmodSync(directory, 0o755);
  const places = { etc: join(directory, 'etc'), state: join(directory, 'run') };
  mkdirSync(places.etc);
  mkdirSync(join(places.state, 'authdaemon'), { recursive: true, mode: 0o755 });
  chmodSync(join(places.state, 'authdaemon'), 0o750);
  const settings = [
    `authmodulelist="${backEnd.module}"`,
    `daemons=${LOOKUPS_AT_ONCE}`,
    `authdaemonvar=${join(places.state, 'authdaemon')}`,
    'DEFAULTOPTIONS=""',
    'DEBUG_LOGIN=0',
    `LOGTO=${join(directory, 'log')}`,
  ];
  writeFileSync(join(places.etc, 'authdaemonrc'), `${settings.join('\n')}\n`);
  await backEnd.prepare(places.etc, hash);
  const daemon = await start(places);
  try {
    return await use(daemon.socketPath);
  } finally {
    await daemon.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A row of the table: the median rate of each daemon for each number of callers. */
async function measureRates(backEnd: BackEnd): Promise<string> {
  const samples = new Map<string, number[]>();
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const daemon of daemons) {
      await withDaemon(daemon, backEnd, QUICK_HASH, async (socketPath) => {
        await rate(socketPath, 20, WARM_SECONDS);
        for (const callers of CALLERS) {
          const key = `${daemon.name} ${callers}`;
          samples.set(key, [...(samples.get(key) ?? []), await rate(socketPath, callers, SECONDS)]);
        }
      });
    }
  }
  const cells = CALLERS.flatMap((callers) => {
    const [ours, courier] = ['ours', 'courier'].map((name) => median(samples.get(`${name} ${callers}`) ?? []));
    return [ours ?? Number.NaN, courier ?? Number.NaN, (ours ?? Number.NaN) / (courier ?? Number.NaN)];
  });
  const text = cells.map((cell, index) =>
    index % 3 === 2 ? cell.toFixed(2) : Math.round(cell).toLocaleString('en-US'),
  );
  return `| ${backEnd.title} | ${text.join(' | ')} |`;
}

/** A row of the other table: how long a refusal takes, by what was wrong. */
async function measureTimes(backEnd: BackEnd): Promise<string> {
  const hash = (await mustRun(['openssl', 'passwd', '-6', '-salt', SLOW_HASH_SALT.slice(3), PASSWORD])).trim();
  const ours = daemons[0];
  if (ours === undefined) throw new Error('no daemon');
  return withDaemon(ours, backEnd, hash, async (socketPath) => {
    const long = 'x'.repeat(2000);
    const kinds = [
      ['known', (n: number) => refusal(socketPath, accountName(n), 'wrong')],
      ['unknown', (n: number) => refusal(socketPath, `nobody${n}`, 'wrong')],
      ['known, long password', (n: number) => refusal(socketPath, accountName(n), long)],
      ['unknown, long password', (n: number) => refusal(socketPath, `nobody${n}`, long)],
    ] as const;
    for (let n = 0; n < 20; n += 1) for (const [, ask] of kinds) await ask(n);
    const times = kinds.map((): number[] => []);
    for (let n = 0; n < REFUSALS; n += 1) {
      for (const [index, [, ask]] of kinds.entries()) times[index]?.push(await ask(n));
    }
    return `| ${backEnd.title} | ${times.map((each) => median(each).toFixed(2)).join(' | ')} |`;
  });
}

const makers: readonly (() => BackEnd | Promise<BackEnd>)[] = [
  userdbBackEnd,
  mariadbBackEnd,
  postgresqlBackEnd,
  () => ldapBackEnd(false),
  () => ldapBackEnd(true),
];

const rates: string[] = [];
const times: string[] = [];
for (const make of makers) {
  const backEnd = await make();
  try {
    rates.push(await measureRates(backEnd));
    process.stderr.write(`${rates.at(-1)}\n`);
    await delay(500);
    times.push(await measureTimes(backEnd));
    process.stderr.write(`${times.at(-1)}\n`);
  } finally {
    await backEnd.remove();
  }
}
process.stdout.write(`Logins per second through authdaemond's socket, ${LOOKUPS_AT_ONCE} lookups at once:

| accounts in | ours, 1 caller | Courier | ratio | ours, ${CALLERS[1]} callers | Courier | ratio |
| --- | --: | --: | --: | --: | --: | --: |
${rates.join('\n')}

Milliseconds of a refusal (median of ${REFUSALS}; hash: crypt(3) with SHA-512):

| accounts in | known name | unknown | known, 2,000 octets | unknown, 2,000 octets |
| --- | --: | --: | --: | --: |
${times.join('\n')}
`);
