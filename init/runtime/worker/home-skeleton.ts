/**
 * A home directory made from a skeleton (AUTH_MKHOMEDIR_SKEL), as its owner: called in a mail worker, never as root.
 *
 * It appears by one rename. Modes are kept; links are copied as links; what is neither file, directory nor link is left out.
 */
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

/** Copies the skeleton to `home` unless that is there. @throws {Error} of the system, for the log */
export function makeHomeFrom(skeleton: string, home: string): boolean {
  if (statSync(home, { throwIfNoEntry: false }) !== undefined) return false;
  const unfinished = join(dirname(home), `.angarium-home-${process.pid}`);
  // Left over from a process of the same number that was killed.
  rmSync(unfinished, { recursive: true, force: true });
  try {
    copyDirectory(skeleton, unfinished);
    renameSync(unfinished, home);
    return true;
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    if (['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

function copyDirectory(from: string, to: string): void {
  mkdirSync(to, { mode: 0o700 });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) copyDirectory(source, target);
    else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(source), target);
    else if (entry.isFile()) {
      copyFileSync(source, target);
      chmodSync(target, statSync(source).mode & 0o7777);
    }
  }
  chmodSync(to, statSync(from).mode & 0o7777);
}
