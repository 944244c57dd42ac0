/**
 * The real fail2ban with Debian's own filter for Courier, and an action that writes a line to a file in place of a rule
 * for a firewall.
 */
import { spawn } from 'node:child_process';
import { closeSync, cpSync, existsSync, mkdirSync, openSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chapterOf } from './documents.js';
import { searchPath } from './paths.js';
import { mustRun, waitUntil } from './processes.js';

/** A running fail2ban. */
export interface Fail2ban {
  /** The addresses that were banned so far, in their order. */
  banned(): string[];
  stop(): Promise<void>;
}

/** How many failures ban an address, as init/README.md has it. */
export const MAX_FAILURES = 5;

/** Starts it with the jail of init/README.md, which reads `log`. */
export async function startFail2ban(directory: string, log: string): Promise<Fail2ban> {
  const bans = join(directory, 'bans');
  writeConfiguration(directory, log, bans);
  const own = openSync(join(directory, 'output'), 'a');
  const places = ['-c', directory, '-s', join(directory, 'socket'), '-p', join(directory, 'pid')];
  const child = spawn('/usr/bin/fail2ban-server', [...places, '-xf', 'start'], {
    cwd: '/',
    env: { PATH: searchPath, TZ: 'UTC', LC_ALL: 'C.UTF-8' },
    stdio: ['ignore', own, own],
  });
  closeSync(own);
  const ended = new Promise((resolve) => child.once('close', resolve));
  const output = (): string => readFileSync(join(directory, 'output'), 'utf8');
  await waitUntil('fail2ban reads the log', () => output().includes("Jail 'courier-auth' started"), 30).catch(() => {
    throw new Error(`fail2ban did not start:\n${output()}`);
  });
  return {
    banned: () =>
      existsSync(bans)
        ? readFileSync(bans, 'utf8')
            .split('\n')
            .filter((line) => line !== '')
        : [],
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Says which lines of a text Debian's filter would ban for, by fail2ban's own tool: the addresses, in their order. */
export async function matchedAddresses(directory: string, lines: readonly string[]): Promise<string[]> {
  const file = join(directory, 'lines');
  writeFileSync(file, `${lines.join('\n')}\n`);
  const command = ['/usr/bin/fail2ban-regex', '--out', 'ip', file, '/etc/fail2ban/filter.d/courier-auth.conf'];
  const text = await mustRun(command, { environment: { TZ: 'UTC' } });
  return text.split('\n').filter((line) => line !== '');
}

/** Debian's own files, ours, and the action in place of a firewall. */
function writeConfiguration(directory: string, log: string, bans: string): void {
  for (const place of ['action.d', 'jail.d']) mkdirSync(join(directory, place), { recursive: true });
  for (const file of ['fail2ban.conf', 'jail.conf', 'paths-common.conf', 'paths-debian.conf']) {
    cpSync(join('/etc/fail2ban', file), join(directory, file));
  }
  symlinkSync('/etc/fail2ban/filter.d', join(directory, 'filter.d'));
  writeFileSync(join(directory, 'fail2ban.local'), '[Definition]\ndbfile = None\nlogtarget = STDOUT\n');
  writeFileSync(join(directory, 'action.d', 'write.conf'), `[Definition]\nactionban = echo '<ip>' >> ${bans}\n`);
  writeFileSync(join(directory, 'jail.local'), '[DEFAULT]\naction = write\nignoreself = false\n');
  const recipe = /^```\n(\[courier-auth\]\n.*?)^```/ms.exec(chapterOf('init/README.md', 'What it says'))?.[1];
  if (recipe === undefined) throw new Error('init/README.md has no jail');
  writeFileSync(join(directory, 'jail.d', 'angarium.local'), recipe.replace(/^(logpath =).*/m, `$1 ${log}`));
}
