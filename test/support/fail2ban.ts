/**
 * The real fail2ban with Debian's own filter for Courier, and an action that writes a line to a file in place of a rule
 * for a firewall.
 */
import { spawn } from 'node:child_process';
import { closeSync, cpSync, existsSync, mkdirSync, openSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { searchPath } from './paths.js';
import { mustRun, waitUntil } from './processes.js';

/** A running fail2ban. */
export interface Fail2ban {
  /** The addresses that were banned so far, in their order. */
  banned(): string[];
  stop(): Promise<void>;
}

/** How many failures ban an address. */
export const MAX_FAILURES = 3;

/** Starts it with one jail that reads `log`. */
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
  await waitUntil('fail2ban reads the log', () => output().includes("Jail 'angarium' started"), 30).catch(() => {
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

function writeConfiguration(directory: string, log: string, bans: string): void {
  mkdirSync(join(directory, 'action.d'), { recursive: true });
  cpSync('/etc/fail2ban/fail2ban.conf', join(directory, 'fail2ban.conf'));
  symlinkSync('/etc/fail2ban/filter.d', join(directory, 'filter.d'));
  writeFileSync(join(directory, 'fail2ban.local'), '[Definition]\ndbfile = None\nlogtarget = STDOUT\n');
  writeFileSync(join(directory, 'action.d', 'write.conf'), `[Definition]\nactionban = echo '<ip>' >> ${bans}\n`);
  const jail = `[angarium]
enabled = true
filter = courier-auth
backend = polling
logpath = ${log}
maxretry = ${MAX_FAILURES}
findtime = 1h
bantime = 1h
usedns = no
ignoreself = false
action = write
`;
  writeFileSync(join(directory, 'jail.conf'), jail);
}
