/**
 * A clean Debian to install packages in: a throw-away copy of a root that debootstrap made, without systemd, in
 * namespaces of its own. Made once and kept in /var/cache; see clean-root.sh.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { scratchDirectory } from './maildir-fixture.js';
import { checkoutRoot, searchPath } from './paths.js';
import { type Finished, mustRun, processTree, run, waitUntil } from './processes.js';

/** debootstrap unpacks a hundred packages. */
const MAKE_SECONDS = 300;
/** apt-get installs some dozens. */
const RUN_SECONDS = 180;

const script = join(checkoutRoot, 'test', 'support', 'clean-root.sh');

export interface CleanRoot {
  /** Copies a file of this machine to /mnt in the root. */
  give(path: string, name: string): void;
  /** Runs a script of commands in the root. @throws {Error} with all that it said, when it fails. */
  sh(commands: string): Promise<string>;
  /** The same for one that may fail. */
  try(commands: string): Promise<Finished>;
  close(): Promise<void>;
}

/** Shows a clean root. What is asked on the way is answered with yes, and settings of the site are kept. */
export async function openCleanRoot(): Promise<CleanRoot> {
  const environment = { ...process.env, PATH: searchPath } as Record<string, string>;
  await mustRun(['/bin/sh', script, 'make'], { environment, seconds: MAKE_SECONDS });
  const scratch = scratchDirectory('clean-root');
  const files = join(scratch.path, 'files');
  mkdirSync(files);
  const child = spawn('/bin/sh', [script, 'start', scratch.path], { stdio: ['pipe', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (octets: Buffer) => (said += octets.toString()));
  const isOver = (): boolean => said.includes('ready') || child.exitCode !== null;
  await waitUntil('the clean root is there', isOver, 30);
  // unshare, and the first process of the new namespace.
  const inside = processTree([child.pid ?? 0])[1];
  if (!said.includes('ready') || inside === undefined) throw new Error(`the clean root did not come up: ${said}`);

  const enter = ['nsenter', '-t', String(inside), '-m', '-u', '-i', '-n', '-p', '-r', '-w', '--', 'env', '-i'];
  const variables = ['PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'LC_ALL=C', 'DEBIAN_FRONTEND=noninteractive'];
  const attempt = async (commands: string): Promise<Finished> =>
    run([...enter, ...variables, 'bash', '-e', '-c', `cd /mnt\n${commands}`], { seconds: RUN_SECONDS });
  const sh = async (commands: string): Promise<string> => {
    const { exitCode, stdout, stderr } = await attempt(commands);
    if (exitCode !== 0) throw new Error(`exit ${exitCode} of:\n${commands}\n${stdout}${stderr}`);
    return stdout + stderr;
  };
  const close = async (): Promise<void> => {
    child.stdin.end('\n');
    await waitUntil('the clean root is gone', () => child.exitCode !== null || child.signalCode !== null);
    scratch.remove();
  };
  await sh(
    `echo 'APT::Get::Assume-Yes "true"; Dpkg::Use-Pty "false"; APT::Install-Recommends "false";' >/etc/apt/apt.conf.d/99tests`,
  );
  return { give: (path, name) => cpSync(path, join(files, name)), sh, try: attempt, close };
}
