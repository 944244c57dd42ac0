/**
 * Where the sandbox can run when root starts it: the server's processes are other users, who must be able to read the
 * program and to reach the mail.
 *
 * A checkout in /root or in a private temporary directory is closed to them; then what runs is a copy in /var/tmp, and
 * `var` in the checkout points there.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, existsSync, lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Copies what runs to /var/tmp, runs it there, and gives its exit code. */
export async function runCopy(root: string, dist: string): Promise<number> {
  const place = join('/var/tmp', `angarium-sandbox-${createHash('sha256').update(root).digest('hex').slice(0, 12)}`);
  mkdirSync(place, { recursive: true, mode: 0o755 });
  const entry = lstatSync(place);
  if (!entry.isDirectory() || entry.uid !== 0) throw new Error(`${place} is not a directory of root; remove it`);
  chmodSync(place, 0o755);
  for (const name of ['dist', 'node_modules', 'etc']) rmSync(join(place, name), { recursive: true, force: true });
  cpSync(dist, join(place, 'dist'), { recursive: true });
  for (const name of ['etc', 'package.json', 'package-lock.json', ...packages(root)]) {
    if (existsSync(join(root, name)))
      cpSync(join(root, name), join(place, name), { recursive: true, dereference: true });
  }
  const state = join(root, 'var');
  if (lstatSync(state, { throwIfNoEntry: false }) === undefined) symlinkSync(join(place, 'var'), state);
  process.stdout.write(`Other users cannot enter ${root}: this runs from a copy in ${place}.\n`);
  return await run(join(place, 'dist', 'init', 'sandbox.js'));
}

/** The packages that are needed to run, by the lock file. */
function packages(root: string): string[] {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean }>;
  };
  return Object.entries(lock.packages).flatMap(([path, { dev }]) => (path === '' || dev === true ? [] : [path]));
}

function run(program: string): Promise<number> {
  const child = spawn(process.execPath, [program], { stdio: 'inherit', detached: true });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)));
}
