/**
 * A running authdaemond for tests: its own directory, its own socket, and ways to talk to it octet by octet.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { AuthClient } from '../../authdaemon/client.js';
import { compileUserdb } from '../../authdaemon/userdb/files.js';
import { buildRoot } from '../support/paths.js';
import { waitUntil } from '../support/processes.js';

/** The compiled module of a program of authdaemon. */
export function program(name: string): string {
  return join(buildRoot, 'authdaemon', 'bin', `${name}.js`);
}

/** A directory for settings, with a userdb in it. */
export async function configuration(userdb: string, settings = ''): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'authdaemon-'));
  mkdirSync(join(directory, 'run'), { mode: 0o750 });
  const lines = ['authmodulelist="authuserdb"', `authdaemonvar=${join(directory, 'run')}`, 'daemons=2', settings];
  writeFileSync(join(directory, 'authdaemonrc'), `${lines.join('\n')}\n`);
  await writeUserdb(directory, userdb);
  return directory;
}

/** Replaces the userdb and compiles it. */
export async function writeUserdb(directory: string, userdb: string): Promise<void> {
  const source = join(directory, 'userdb');
  writeFileSync(source, userdb, { mode: 0o600 });
  chmodSync(source, 0o600);
  await compileUserdb(source);
}

/** A daemon that runs. */
export interface RunningDaemon {
  readonly directory: string;
  readonly socketPath: string;
  readonly client: AuthClient;
  readonly child: ChildProcess;
  /** Everything it has written to stderr. */
  log(): string;
  /** Ends it, gives its exit code, and removes its directory. */
  stop(): Promise<number | null>;
}

const started = new Set<ChildProcess>();

// A test that fails leaves its daemon behind, which would keep the whole file from ending.
after(() => {
  for (const child of started) child.kill('SIGKILL');
});

/** Starts authdaemond on a directory that configuration() made. */
export async function startDaemon(directory: string): Promise<RunningDaemon> {
  const logPath = join(directory, 'log');
  const child = spawn(process.execPath, [program('authdaemond')], {
    env: { PATH: '/usr/bin:/bin', COURIER_CONFDIR: directory },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  started.add(child);
  const pieces: Buffer[] = [];
  child.stderr.on('data', (octets: Buffer) => pieces.push(octets));
  const log = (): string => Buffer.concat(pieces).toString();
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
  void ended.then(() => started.delete(child));
  const socketPath = join(directory, 'run', 'socket');
  await waitUntil(`${socketPath} is there`, () => existsSync(socketPath) || child.exitCode !== null, 30);
  const stop = async (): Promise<number | null> => {
    child.kill('SIGTERM');
    const code = await ended;
    rmSync(directory, { recursive: true, force: true });
    return code;
  };
  if (child.exitCode !== null)
    throw new Error(`authdaemond ended: ${log()} ${existsSync(logPath) ? readFileSync(logPath) : ''}`);
  return { directory, socketPath, client: new AuthClient({ socketPath, readMs: 20_000 }), child, log, stop };
}

/** Sends octets on a new connection, ends its side unless told not to, and gives all that comes back until the close. */
export function exchange(
  socketPath: string,
  octets: string | Buffer,
  options: { keepOpen?: boolean } = {},
): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ path: socketPath, allowHalfOpen: true });
    const pieces: Buffer[] = [];
    socket.on('data', (piece) => pieces.push(piece));
    // A daemon that closes while it is written to: what it said before counts.
    socket.on('error', () => undefined);
    socket.on('end', () => socket.end());
    socket.on('close', () => resolve(Buffer.concat(pieces).toString('latin1')));
    const sent = typeof octets === 'string' ? Buffer.from(octets, 'latin1') : octets;
    if (options.keepOpen === true) socket.write(sent);
    else socket.end(sent);
  });
}

/** `AUTH` for somebody's password. */
export function login(service: string, loginName: string, password: string): string {
  const body = `${service}\nlogin\n${loginName}\n${password}\n`;
  return `AUTH ${Buffer.byteLength(body)}\n${body}`;
}
