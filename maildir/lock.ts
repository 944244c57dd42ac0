/**
 * `tmp/courier.lock`: the lock of a folder, as Courier takes it.
 *
 * A file of a unique name holds `PID:HOSTNAME`; it is linked to `courier.lock`, which works on NFS too, and the link
 * count says whether that succeeded. A lock of a process of this host that is gone, or one that nobody released for two
 * minutes, is taken away. Two processes that take the same dead lock away at the same moment could both believe they
 * hold it; so a lock is moved aside before it is removed, and only the file that was judged dead is removed.
 *
 * A folder that cannot be written to is used without a lock, as Courier up to 5.3 does.
 *
 * Those of this process who want the same lock wait for each other without touching the disk. So a lock in our own name
 * that nobody here holds was left behind by a process that had our number before.
 */
import { errorCode, MaildirError } from './errors.js';
import { processIsRunning } from './file-system.js';
import { createUnique, readWhole, sameFile, unlessMissing, unlinkIfThere } from './files.js';
import { Turns } from './pace.js';
import type { Surroundings } from './surroundings.js';

/** Courier removes a lock of another host after this time. */
const STALE_AFTER_MILLISECONDS = 120_000;
/** Longer than a stale lock lives. */
const MAX_WAIT_MILLISECONDS = 150_000;
const FIRST_PAUSE_MILLISECONDS = 5;
const LONGEST_PAUSE_MILLISECONDS = 200;

/** Errors that mean "this folder is not ours to write to". */
const readOnlyCodes = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOENT']);

/** Where files that become locks may be kept, when many are taken in a row. */
export interface SparePlace {
  /** On the same file system. */
  readonly tmp: string;
  /** How many locks of this maildir in a row need none. */
  readonly after: number;
}

/** What may be said of a lock. */
export interface LockOptions {
  readonly spare?: SparePlace;
}

/**
 * Runs while the lock of the folder with this `tmp` is held.
 *
 * @throws {MaildirError} `'locked'` when somebody else holds it for minutes
 */
export function withLock<T>(
  surroundings: Surroundings,
  tmp: string,
  run: () => Promise<T>,
  { spare }: LockOptions = {},
): Promise<T> {
  return surroundings.lockQueues.take(tmp, async () => {
    const own = surroundings.useLocks ? await takeLock(surroundings, { tmp, spare }) : undefined;
    if (own === undefined) return run();
    try {
      return await run();
    } finally {
      releaseLock(surroundings, tmp, own);
    }
  });
}

interface Queue {
  readonly turns: Turns;
  waiting: number;
}

/** Who wants or holds which lock in this process. */
export class LockQueues {
  readonly #queues = new Map<string, Queue>();

  /** Runs when all that asked for the lock of this `tmp` before are done. */
  async take<T>(tmp: string, run: () => Promise<T>): Promise<T> {
    const queue = this.#queues.get(tmp) ?? { turns: new Turns(), waiting: 0 };
    this.#queues.set(tmp, queue);
    queue.waiting += 1;
    try {
      return await queue.turns.take(run);
    } finally {
      queue.waiting -= 1;
      if (queue.waiting === 0) this.#queues.delete(tmp);
    }
  }
}

interface LockPlace {
  readonly tmp: string;
  readonly spare: SparePlace | undefined;
}

/** A lock that is held. */
interface HeldLock {
  readonly inode: number | undefined;
  /** The file under its other name, if that is kept for the next lock. */
  readonly spare?: { readonly tmp: string; readonly path: string };
}

/** Gives undefined where no lock can be had. */
async function takeLock(surroundings: Surroundings, place: LockPlace): Promise<HeldLock | undefined> {
  const { tmp, spare } = place;
  if (spare !== undefined && surroundings.lockFiles.inRow(spare.tmp, surroundings.now()) > spare.after) {
    const path = unlessUnusable(() => spareFile(surroundings, spare.tmp));
    const inode = path === undefined ? undefined : await linkedSpare(surroundings, path, tmp);
    if (path !== undefined && inode !== undefined) return { inode, spare: { tmp: spare.tmp, path } };
  }
  const unique = unlessUnusable(() => writeLockFile(surroundings, tmp));
  if (unique === undefined) return undefined;
  try {
    return { inode: await linked(surroundings, unique, tmp) };
  } finally {
    unlinkIfThere(surroundings.fileSystem, unique);
  }
}

/** Gives undefined if the file cannot become this lock, because the folder is on another file system: no failure. */
async function linkedSpare(surroundings: Surroundings, path: string, tmp: string): Promise<number | undefined> {
  try {
    return await linked(surroundings, path, tmp);
  } catch (error) {
    unlinkIfThere(surroundings.fileSystem, path);
    if (errorCode(error) === undefined) throw error;
    return undefined;
  }
}

/** A file whose age is that of the lock: others take away what is too old. */
function spareFile(surroundings: Surroundings, tmp: string): string {
  const { fileSystem: disk, lockFiles, now } = surroundings;
  const known = lockFiles.take(tmp);
  if (known === undefined) return writeLockFile(surroundings, tmp);
  // The link count decides who has a lock, so a file whose last lock could not be removed cannot be another.
  if (disk.status(known)?.links === 1 && unlessMissing(() => disk.setModified(known, now()) ?? true)) return known;
  unlinkIfThere(disk, known);
  return writeLockFile(surroundings, tmp);
}

function unlessUnusable(make: () => string): string | undefined {
  try {
    return make();
  } catch (error) {
    if (readOnlyCodes.has(errorCode(error) ?? '')) return undefined;
    throw error;
  }
}

/** Waits until the file is the lock; gives its inode. */
async function linked(surroundings: Surroundings, unique: string, tmp: string): Promise<number | undefined> {
  const started = surroundings.now();
  let pause = FIRST_PAUSE_MILLISECONDS;
  for (;;) {
    const inode = tryLink(surroundings, unique, tmp);
    if (inode !== undefined) return inode;
    if (removeDeadLock(surroundings, tmp)) continue;
    if (Math.abs(surroundings.now() - started) > MAX_WAIT_MILLISECONDS) throw new MaildirError('locked', tmp);
    await surroundings.wait(pause);
    pause = Math.min(pause * 2, LONGEST_PAUSE_MILLISECONDS);
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
function tryLink(surroundings: Surroundings, unique: string, tmp: string): number | undefined {
  const disk = surroundings.fileSystem;
  try {
    disk.link(unique, lockPath(tmp));
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
  const status = disk.status(unique);
  return status?.links === 2 ? status.inode : undefined;
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

  const aside = `${tmp}/${surroundings.names.forPurpose('deadlock')}`;
  if (unlessMissing(() => disk.rename(lockPath(tmp), aside) ?? true) === undefined) return true;
  if (sameFile(disk.status(aside), found.status)) unlinkIfThere(disk, aside);
  else disk.rename(aside, lockPath(tmp));
  return true;
}

function releaseLock(surroundings: Surroundings, tmp: string, { inode, spare }: HeldLock): void {
  const { fileSystem: disk, lockFiles } = surroundings;
  // Held for so long that another took it away: then it is not ours any more.
  const isOurs = disk.status(lockPath(tmp))?.inode === inode;
  if (isOurs) unlinkIfThere(disk, lockPath(tmp));
  if (spare === undefined) return;
  if (isOurs) lockFiles.keep(surroundings, spare.tmp, spare.path);
  else unlinkIfThere(disk, spare.path);
}

function lockPath(tmp: string): string {
  return `${tmp}/courier.lock`;
}
