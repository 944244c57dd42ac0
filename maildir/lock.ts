/**
 * `tmp/courier.lock`: the lock of a folder, as Courier takes it.
 *
 * A file of a unique name holds `PID:HOSTNAME`; it is linked to `courier.lock`, which works on NFS too, and the link
 * count says whether that succeeded. A lock of a process of this host that is gone, or one that nobody released for two
 * minutes, is taken away. Two processes that take the same dead lock away at the same moment could both believe they
 * hold it; so a lock is moved aside before it is removed, and only the file that was judged dead is removed.
 *
 * A folder that cannot be written to is used without a lock, as Courier up to 5.3 does.
 */
import { join } from 'node:path';
import { errorCode, MaildirError } from './errors.js';
import { processIsRunning } from './file-system.js';
import { createUnique, readWhole, unlessMissing, unlinkIfThere, versionOf } from './files.js';
import type { Surroundings } from './surroundings.js';

/** Courier removes a lock of another host after this time. */
const STALE_AFTER_MILLISECONDS = 120_000;
/** Longer than a stale lock lives. */
const MAX_WAIT_MILLISECONDS = 150_000;
const FIRST_PAUSE_MILLISECONDS = 5;
const LONGEST_PAUSE_MILLISECONDS = 200;

/** Errors that mean "this folder is not ours to write to". */
const readOnlyCodes = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOENT']);

/**
 * Runs while the lock of the folder with this `tmp` is held.
 *
 * @throws {MaildirError} `'locked'` when somebody else holds it for minutes
 */
export async function withLock<T>(surroundings: Surroundings, tmp: string, run: () => Promise<T>): Promise<T> {
  if (!surroundings.useLocks) return run();
  const own = await takeLock(surroundings, tmp);
  if (own === undefined) return run();
  try {
    return await run();
  } finally {
    releaseLock(surroundings, tmp, own);
  }
}

/** Gives the inode of the lock, or undefined where no lock can be had. */
async function takeLock(surroundings: Surroundings, tmp: string): Promise<number | undefined> {
  const disk = surroundings.fileSystem;
  let unique: string;
  try {
    unique = writeLockFile(surroundings, tmp);
  } catch (error) {
    if (readOnlyCodes.has(errorCode(error) ?? '')) return undefined;
    throw error;
  }
  try {
    const started = surroundings.now();
    let pause = FIRST_PAUSE_MILLISECONDS;
    while (!tryLink(surroundings, unique, tmp)) {
      if (removeDeadLock(surroundings, tmp)) continue;
      if (Math.abs(surroundings.now() - started) > MAX_WAIT_MILLISECONDS) throw new MaildirError('locked', tmp);
      await surroundings.wait(pause);
      pause = Math.min(pause * 2, LONGEST_PAUSE_MILLISECONDS);
    }
    return disk.status(unique)?.inode;
  } finally {
    unlinkIfThere(disk, unique);
  }
}

function writeLockFile(surroundings: Surroundings, tmp: string): string {
  const name = (): string => surroundings.names.forPurpose('courierlock');
  const { path, file } = createUnique(surroundings.fileSystem, tmp, { name, mode: 0o644 });
  try {
    file.write(Buffer.from(`${surroundings.processId}:${surroundings.hostName}`));
    return path;
  } catch (error) {
    unlinkIfThere(surroundings.fileSystem, path);
    throw error;
  } finally {
    file.close();
  }
}

/** The link count decides: over NFS, link() may say that it failed although it did not. */
function tryLink(surroundings: Surroundings, unique: string, tmp: string): boolean {
  const disk = surroundings.fileSystem;
  try {
    disk.link(unique, lockPath(tmp));
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
  return disk.status(unique)?.links === 2;
}

/** Whether the lock went away, or was taken away because its owner did. */
function removeDeadLock(surroundings: Surroundings, tmp: string): boolean {
  const disk = surroundings.fileSystem;
  const found = readWhole(disk, lockPath(tmp), 1_024);
  if (found === undefined) return true;
  const [pid = '', ...host] = found.octets.toString('latin1').split(':');
  const ofThisHost = host.join(':') === surroundings.hostName;
  const gone = ofThisHost && (Number(pid) === surroundings.processId || !processIsRunning(Number(pid)));
  if (!gone && surroundings.now() - found.status.modifiedAt < STALE_AFTER_MILLISECONDS) return false;

  const aside = join(tmp, surroundings.names.forPurpose('deadlock'));
  if (unlessMissing(() => disk.rename(lockPath(tmp), aside) ?? true) === undefined) return true;
  if (versionOf(disk.status(aside)) === versionOf(found.status)) unlinkIfThere(disk, aside);
  else disk.rename(aside, lockPath(tmp));
  return true;
}

function releaseLock(surroundings: Surroundings, tmp: string, own: number): void {
  const disk = surroundings.fileSystem;
  // Held for so long that another took it away: then it is not ours any more.
  if (disk.status(lockPath(tmp))?.inode === own) unlinkIfThere(disk, lockPath(tmp));
}

function lockPath(tmp: string): string {
  return join(tmp, 'courier.lock');
}
