/**
 * Ports, processes and their memory: what tests need to start programs and to look at them from outside.
 */
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { searchPath } from './paths.js';
import { releasePort, reservePort } from './reserved-ports.js';

/** Where install-peers.sh unpacks what cannot be installed together. */
export const PEERS_BESIDE = '/var/cache/angarium-peers';

/** How long a program may take to listen, on a machine that is busy with other tests. */
const START_SECONDS = 90;
const LOOK_AGAIN_MILLISECONDS = 20;

/**
 * Ports for servers lie below those that the kernel gives to clients (ip_local_port_range): a connection of another
 * test must not take one between the look and the server's start.
 */
const FIRST_PORT = 10_000;
const END_OF_PORTS = 32_768;

/** A port of 127.0.0.1 that nobody listens on now. */
export async function freePort(): Promise<number> {
  return await freePortBase([0]);
}

/** A number with which each of these offsets gives a port of 127.0.0.1 that nobody listens on now. No port comes twice. */
export async function freePortBase(offsets: readonly number[]): Promise<number> {
  for (let tries = 0; tries < 1_000; tries += 1) {
    const base = randomInt(FIRST_PORT, END_OF_PORTS - Math.max(...offsets));
    const ports = offsets.map((offset) => base + offset);
    const reserved = ports.filter(reservePort);
    if (reserved.length === ports.length && (await Promise.all(ports.map(isFree))).every(Boolean)) return base;
    reserved.forEach(releasePort);
  }
  throw new Error('no port is free');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Waits until something listens. @throws {Error} when nothing does in time. */
export async function waitForPort(port: number, address = '127.0.0.1'): Promise<void> {
  await waitUntil(`something listens on port ${port}`, () => answers(port, address), START_SECONDS);
}

function answers(port: number, address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, address);
    const say = (is: boolean) => (): void => {
      socket.destroy();
      resolve(is);
    };
    socket.once('connect', say(true));
    socket.once('error', say(false));
  });
}

/** What takes a moment may take so long on a machine that is busy with other tests. */
const PATIENCE_SECONDS = 60;

/** Looks again and again until it is so. @throws {Error} naming `what` when it is not so in time. */
export async function waitUntil(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  seconds = PATIENCE_SECONDS,
): Promise<void> {
  const until = performance.now() + seconds * 1000;
  while (!(await isSo())) {
    if (performance.now() > until) throw new Error(`waited ${seconds} s in vain until ${what}`);
    await delay(LOOK_AGAIN_MILLISECONDS);
  }
}

/** The first of these programs that is here. @throws {Error} naming what was looked for. */
export function findProgram(...paths: readonly string[]): string {
  const candidates = paths.flatMap((path) => [path, join(PEERS_BESIDE, path)]);
  const found = candidates.find((path) => existsSync(path));
  if (found === undefined) throw new Error(`${paths[0]} is missing; run sh test/support/install-peers.sh`);
  return found;
}

export interface Finished {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string | Buffer;
  readonly environment?: Readonly<Record<string, string>>;
  readonly directory?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** Then the program is killed. */
  readonly seconds?: number;
}

/** No client or tool of ours needs longer, even on a busy machine. */
const RUN_SECONDS = 180;

/** Runs a program to its end, with an environment of its own. Never throws because of its exit code. */
export async function run(command: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const [program = '', ...args] = command;
  const { uid, gid } = options;
  const child = spawn(program, args, {
    cwd: options.directory ?? '/',
    env: { PATH: searchPath, LC_ALL: 'C.UTF-8', TZ: 'UTC', ...options.environment },
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), (options.seconds ?? RUN_SECONDS) * 1000);
  const out: Buffer[] = [];
  const complaints: Buffer[] = [];
  child.stdout.on('data', (octets: Buffer) => out.push(octets));
  child.stderr.on('data', (octets: Buffer) => complaints.push(octets));
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? -1));
  });
  clearTimeout(timer);
  return { exitCode, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(complaints).toString() };
}

/** Runs a program that must succeed. @throws {Error} with all that it said. */
export async function mustRun(command: readonly string[], options: RunOptions = {}): Promise<string> {
  const { exitCode, stdout, stderr } = await run(command, options);
  if (exitCode !== 0) throw new Error(`${command.join(' ')}: exit ${exitCode}\n${stdout}${stderr}`);
  return stdout;
}

/** Processes and all their descendants. */
export function processTree(roots: readonly number[]): number[] {
  return roots.flatMap((pid) => {
    try {
      const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
      return [pid, ...processTree(children === '' ? [] : children.split(' ').map(Number))];
    } catch {
      return []; // It has ended.
    }
  });
}

/** What a file of /proc says of a process; nothing when it has just ended. */
export function processText(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}

/** Those of these processes and all their descendants that have this text in their command line or title. */
export function processesCalled(text: string, roots: readonly number[]): number[] {
  return processTree(roots).filter((pid) => processText(pid, 'cmdline').includes(text));
}

/**
 * Memory in KiB that processes have for themselves: for tests of growth, because the share that a process has in its
 * program grows when others that run the same end.
 */
export function ownMemoryKib(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + Number(/^RssAnon:\s+(\d+)/m.exec(processText(pid, 'status'))?.[1] ?? 0), 0);
}

/** Memory of processes in KiB: what they share is divided among those who share it (PSS). */
export function memoryKib(pids: readonly number[]): number {
  let sum = 0;
  for (const pid of pids) {
    try {
      sum += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
    } catch {
      // It has ended.
    }
  }
  return sum;
}
