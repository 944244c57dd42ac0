/**
 * Debian's authdaemond on settings of a test. Root only.
 *
 * Courier's places are compiled in, into its daemon and into every program that asks it (maildrop, Courier's imaplogin).
 * They run in a mount namespace of their own, where /etc/courier and /run/courier are directories of the test.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Finished, type RunOptions, run, waitUntil } from './processes.js';

const DAEMON = '/usr/lib/courier/courier-authlib/authdaemond';

/** What /etc/courier and /run/courier are for a program of Courier. */
export interface CourierPlaces {
  /** With authdaemonrc, userdb, authmysqlrc, … */
  readonly etc: string;
  /** With authdaemon/socket. */
  readonly state: string;
}

/** A running daemon. */
export interface CourierAuthdaemond {
  readonly socketPath: string;
  /** Everything it has written to stderr. */
  log(): string;
  stop(): Promise<void>;
}

/** The command that runs a shell script where these directories are Courier's. */
export function inCourierPlaces({ etc, state }: CourierPlaces, script: string): string[] {
  const prologue = `set -eu
mkdir -p /run/courier
mount --bind '${etc}' /etc/courier
mount --bind '${state}' /run/courier`;
  return ['/usr/bin/unshare', '--mount', '/bin/sh', '-c', `${prologue}\n${script}`];
}

/** Runs a program of Courier there to its end. */
export function runInCourierPlaces(places: CourierPlaces, script: string, options: RunOptions = {}): Promise<Finished> {
  return run(inCourierPlaces(places, script), options);
}

/** Starts Debian's authdaemond; `makeuserdb` is run where there is a userdb. Waits for its socket. */
export async function startCourierAuthdaemond(places: CourierPlaces): Promise<CourierAuthdaemond> {
  const directory = join(places.state, 'authdaemon');
  mkdirSync(directory, { recursive: true });
  chmodSync(directory, 0o750);
  const socketPath = join(directory, 'socket');
  rmSync(socketPath, { force: true });
  const logPath = join(places.state, 'authdaemond.log');
  const output = openSync(logPath, 'a');
  const script = `[ ! -e /etc/courier/userdb ] || /usr/sbin/makeuserdb
set -a; . /etc/courier/authdaemonrc; exec ${DAEMON}`;
  const [program = '', ...words] = inCourierPlaces(places, script);
  const child = spawn(program, words, {
    cwd: '/',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    stdio: ['ignore', output, output],
    detached: true,
  });
  closeSync(output);
  const log = (): string => readFileSync(logPath, 'utf8');
  await waitUntil('Debian’s authdaemond answers', () => existsSync(socketPath) || child.exitCode !== null);
  if (child.exitCode !== null) throw new Error(`Debian's authdaemond has ended: ${log()}`);
  return { socketPath, log, stop: () => stopGroup(child) };
}

async function stopGroup(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('close', resolve));
  process.kill(-child.pid, 'SIGTERM');
  await gone;
}
