/**
 * Our programs as an administrator starts them: init/authdaemond, init/imapd.rc and init/imapd-ssl.rc, whose keeper
 * starts again what dies.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkoutRoot, programs, searchPath } from './paths.js';
import { freePort, mustRun, processTree, waitUntil } from './processes.js';
import { isAlive, makeConfiguration, type OurOptions } from './start.js';

export interface ScriptedServers {
  readonly port: number;
  readonly tlsPort: number;
  readonly configuration: string;
  log(): string;
  /** The keepers of authdaemond and imapd. */
  keepers(): number[];
  /** All processes that may die at any time, by what they are: `supervisor`, `login`, `worker`, `authdaemond`. */
  victims(): (readonly [string, number])[];
  stop(): Promise<void>;
}

const SCRIPTS = ['authdaemond', 'imapd.rc', 'imapd-ssl.rc'];

/** Runs a control script of init/. @returns what it said. @throws {Error} with that, when it fails. */
export async function controlScript(name: string, word: string, configuration: string): Promise<string> {
  const environment = {
    COURIER_CONFDIR: configuration,
    ANGARIUM_PROGRAMS: programs,
    PATH: searchPath,
  };
  return mustRun(['/bin/sh', join(checkoutRoot, 'init', name), word], { environment });
}

/** Starts the three services. */
export async function startWithScripts(options: OurOptions): Promise<ScriptedServers> {
  const port = await freePort();
  const tlsPort = await freePort();
  const configuration = await makeConfiguration({ ...options, port, tlsPort });
  return startConfigured({ ...options, configuration, port, tlsPort });
}

/** The same for a directory of settings that is already there; their pid files are in `directory`/run. */
export async function startConfigured(options: {
  readonly directory: string;
  readonly configuration: string;
  readonly port: number;
  readonly tlsPort: number;
}): Promise<ScriptedServers> {
  const { directory, configuration, port, tlsPort } = options;
  const log = (): string => textOf(join(directory, 'log'));
  const keepers = (): number[] =>
    ['authdaemon/pid', 'imapd.pid']
      .map((name) => Number(textOf(join(directory, 'run', name))))
      .filter((pid) => pid > 0 && isAlive(pid));
  const stop = async (): Promise<void> => {
    const family = processTree(keepers());
    for (const script of [...SCRIPTS].reverse()) await controlScript(script, 'stop', configuration);
    await waitUntil('all processes have ended', () => !family.some(isAlive));
  };
  try {
    for (const script of SCRIPTS) await controlScript(script, 'start', configuration);
  } catch (error) {
    await stop();
    throw new Error(`our control scripts failed:\n${log()}`, { cause: error });
  }
  return { port, tlsPort, configuration, log, keepers, victims: () => victimsOf(keepers()), stop };
}

function victimsOf(keepers: readonly number[]): (readonly [string, number])[] {
  return processTree(keepers)
    .filter((pid) => !keepers.includes(pid))
    .flatMap((pid) => {
      const role = roleOf(textOf(`/proc/${pid}/cmdline`).split('\0').join(' '));
      return role === undefined ? [] : [[role, pid] as const];
    });
}

/** The children of imapd name themselves. */
function roleOf(commandLine: string): string | undefined {
  if (commandLine.startsWith('imapd: mail worker')) return 'worker';
  if (commandLine.startsWith('imapd: login process')) return 'login';
  if (/bin\/authdaemond/.test(commandLine)) return 'authdaemond';
  return /bin\/imapd/.test(commandLine) ? 'supervisor' : undefined;
}

/** What a file says; nothing, when it is not there. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
