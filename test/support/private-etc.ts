/**
 * A copy of /etc for one test process and the programs it starts: accounts, PAM services and Courier's settings can be
 * made at will. The machine's own /etc is never touched, and nothing is left, however the test ends: the copy lies in a
 * file system of a mount namespace that ends with its last process. Root only.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import koffi from 'koffi';
import { searchPath } from './paths.js';

/** CLONE_NEWNS of unshare(2). */
const NEW_MOUNT_NAMESPACE = 0x20000;

/** An account to make. */
export interface TestAccount {
  readonly name: string;
  readonly password?: string;
  readonly gecos?: string;
  /** Further arguments of useradd. */
  readonly options?: readonly string[];
}

/**
 * Gives this process an /etc of its own, from now on; synchronous calls of node:fs and child processes see it. Gives a
 * directory that is as private, for files that only they need.
 */
export function enterPrivateEtc(): string {
  const unshare = koffi.load('libc.so.6').func('int unshare(int flags)');
  if (unshare(NEW_MOUNT_NAMESPACE) !== 0) throw new Error('unshare(2) is not permitted; these tests need root');
  const directory = mkdtempSync(join(tmpdir(), 'private-etc-'));
  sh(`
    mount --make-rprivate /
    mount -t tmpfs -o mode=755 tmpfs ${directory}
    cp -a /etc ${directory}/etc
    mount --bind ${directory}/etc /etc
    mkdir ${directory}/files`);
  // Outside of the namespace it is an empty directory.
  process.once('exit', () => {
    execFileSync('umount', ['-l', directory], { stdio: 'ignore' });
    rmSync(directory, { recursive: true, force: true });
  });
  return join(directory, 'files');
}

/** Makes accounts with useradd. */
export function addAccounts(accounts: readonly TestAccount[]): void {
  for (const { name, password, gecos = '', options = [] } of accounts) {
    execFileSync('useradd', ['-M', '-l', '-c', gecos, ...options, name], { stdio: ['ignore', 'ignore', 'ignore'] });
    if (password !== undefined) {
      execFileSync('chpasswd', ['-c', 'SHA512', '-s', '1000'], { input: `${name}:${password}\n` });
    }
  }
}

/** Writes a service of PAM. */
export function writePamService(name: string, ...lines: readonly string[]): void {
  writeFileSync(`/etc/pam.d/${name}`, `${lines.join('\n')}\n`);
}

/** Runs a script that must succeed. */
export function sh(script: string): string {
  const environment = { PATH: searchPath, LC_ALL: 'C' };
  return execFileSync('/bin/sh', ['-eu', '-c', script], { encoding: 'utf8', env: environment, cwd: '/' });
}
