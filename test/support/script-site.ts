/**
 * A directory of settings for the control scripts of init/, with ports of its own; everything that was started is stopped.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { writeNewCertificate } from '../../init/runtime/tls/certificate-file.js';
import { checkoutRoot, programs } from './paths.js';
import { freePort } from './processes.js';
import { writeSettings } from './start.js';

/** What a script said, and how it ended. */
export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A script that did what it was told. */
export const SILENCE: Outcome = { status: 0, stdout: '', stderr: '' };

export interface ScriptSite {
  /** COURIER_CONFDIR; pid files are in `run` below it. */
  readonly directory: string;
  readonly ports: Readonly<Record<'imapd' | 'imapd-ssl' | 'pop3d' | 'pop3d-ssl', number>>;
  /** Runs a script of init/. */
  run(script: string, word: string): Outcome;
  /** Begins to run one, beside others. */
  begin(script: string, word: string): Promise<Outcome>;
  /** Writes a settings file with the shipped lines, these and those of the site changed. */
  write(name: 'imapd' | 'imapd-ssl' | 'pop3d' | 'pop3d-ssl', changes: Readonly<Record<string, string>>): void;
}

/** Gives a test a site of its own. */
export async function withSite(use: (site: ScriptSite) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'site-'));
  chmodSync(directory, 0o755);
  const ports = {
    ...{ imapd: await freePort(), 'imapd-ssl': await freePort() },
    ...{ pop3d: await freePort(), 'pop3d-ssl': await freePort() },
  };
  const env = { PATH: process.env['PATH'] ?? '', COURIER_CONFDIR: directory, ANGARIUM_PROGRAMS: programs };
  const run = (script: string, word: string): Outcome => {
    // Through pipes: a daemon that keeps one open would hold this up for ever, and that is part of the test.
    const { status, stdout, stderr } = spawnSync(join(checkoutRoot, 'init', script), [word], {
      env,
      encoding: 'utf8',
      timeout: 120_000,
    });
    return { status, stdout, stderr };
  };
  const begin: ScriptSite['begin'] = async (script, word) => {
    const child = spawn(join(checkoutRoot, 'init', script), [word], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const [stdout, stderr, [status]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ]);
    return { status: status as number | null, stdout, stderr };
  };
  const write: ScriptSite['write'] = (name, changes) => {
    const pidFile = join(directory, 'run', `${name}.pid`);
    const isSsl = name.endsWith('-ssl');
    const certificate = join(directory, 'imapd.pem');
    const places = isSsl
      ? { SSLPORT: `127.0.0.1.${ports[name]}`, SSLPIDFILE: pidFile, TLS_CERTFILE: certificate }
      : { PORT: `127.0.0.1.${ports[name]}`, PIDFILE: pidFile };
    writeSettings(directory, name, { ...places, ...changes });
  };
  for (const name of ['imapd', 'imapd-ssl', 'pop3d', 'pop3d-ssl'] as const) write(name, {});
  writeSettings(directory, 'authdaemonrc', { authdaemonvar: join(directory, 'authdaemon') });
  writeNewCertificate(join(directory, 'imapd.pem'), ['localhost']);
  try {
    await use({ directory, ports, run, begin, write });
  } finally {
    for (const script of ['imapd-ssl.rc', 'imapd.rc', 'pop3d-ssl.rc', 'pop3d.rc', 'authdaemond']) run(script, 'stop');
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Does something listen on a port of 127.0.0.1? */
export function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** Does nobody any more? Login processes close their listeners one after the other. */
export async function closed(port: number): Promise<boolean> {
  for (let round = 0; round < 100; round += 1) {
    if (!(await answers(port))) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}

/** Processes that have this text in their environment or command line: nothing of a site may stay behind. */
export function processesOf(directory: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false;
    try {
      return ['environ', 'cmdline'].some((name) => readFileSync(`/proc/${pid}/${name}`, 'latin1').includes(directory));
    } catch {
      return false;
    }
  });
}
