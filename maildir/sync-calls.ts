/**
 * The calls that bring files to the disk: fsync(2), and syncfs(2) for a whole file system where that is worth it.
 *
 * syncfs() also writes what others have changed. It is used where little has been, on file systems on which it costs about
 * what one fsync() costs, and on kernels that tell its failures. That it succeeded says nothing of octets that the kernel
 * had tried to write before it, or for somebody else's call; so each file is asked for such trouble afterwards.
 */
import * as fs from 'node:fs';
import { release } from 'node:os';
import { type CLibrary, cLibrary } from './c-library.js';
import type { SyncCalls, Written } from './sync-queue.js';

/** By the numbers that statfs(2) has for them, as in linux/magic.h. btrfs would end a transaction for it. */
const CHEAP_TYPES: ReadonlySet<number> = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // XFS
]);

/** From this version on, syncfs() tells of what could not be written. */
const HONEST_KERNEL = [5, 8] as const;

/** With more than this to be written, by whomever, each file is synced alone. A slow disk writes as much in half a second. */
const MAX_DIRTY_KIB = 32 * 1024;

const SYNC_FILE_RANGE_WAIT_BEFORE = 1;
/** No file has octets there: the call waits for nothing, and tells of trouble anywhere in the file all the same. */
const BEHIND_ANY_FILE = 2 ** 52;

/** A function of the C library that runs in the thread pool. */
interface InThePool {
  async(descriptor: number, done: (error: Error | null, result: number) => void): void;
}

interface WholeCalls {
  readonly syncfs: InThePool;
  readonly syncFileRange: (descriptor: number, offset: number, octets: number, flags: number) => number;
  readonly library: CLibrary;
}

let calls: WholeCalls | undefined;
let sought = false;

function wholeCalls(): WholeCalls | undefined {
  if (!sought) calls = tellsOfFailures(release()) ? seekCalls() : undefined;
  sought = true;
  return calls;
}

/** @param version as uname(2) has it: `6.1.0-13-amd64` */
function tellsOfFailures(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  return major > HONEST_KERNEL[0] || (major === HONEST_KERNEL[0] && minor >= HONEST_KERNEL[1]);
}

function seekCalls(): WholeCalls | undefined {
  const library = cLibrary();
  try {
    return (
      library && {
        syncfs: library.func('int syncfs(int descriptor)'),
        syncFileRange: library.func(
          'int sync_file_range(int descriptor, int64_t offset, int64_t octets, unsigned int flags)',
        ),
        library,
      }
    );
  } catch {
    return undefined;
  }
}

/** Those of the real disk. */
export const realSyncCalls: SyncCalls = {
  one: (descriptor, done) => fs.fsync(descriptor, done),
  deviceOf(descriptor) {
    try {
      return fs.fstatSync(descriptor).dev;
    } catch {
      return undefined;
    }
  },
  wholeIsCheap(descriptor) {
    if (wholeCalls() === undefined) return false;
    try {
      return CHEAP_TYPES.has(fs.statfsSync(`/proc/self/fd/${descriptor}`).type) && dirtyKib() <= MAX_DIRTY_KIB;
    } catch {
      return false;
    }
  },
  whole(descriptor, done) {
    // The number of its error belongs to a thread of the pool; those who fail alone afterwards tell theirs.
    if (calls === undefined) throw new Error('it was said that this is not cheap');
    calls.syncfs.async(descriptor, (error, result) =>
      done(error ?? (result === 0 ? null : new Error(`syncfs of descriptor ${descriptor}`))),
    );
  },
  written,
};

/** What a call says that a sandbox forbids, or that does not know this kind of file. */
const SAYS_NOTHING: ReadonlySet<string> = new Set(['ENOSYS', 'EPERM', 'EINVAL', 'ESPIPE', 'EOPNOTSUPP']);

function written(descriptor: number): Written {
  if (calls === undefined) return 'unknown';
  if (calls.syncFileRange(descriptor, BEHIND_ANY_FILE, 1, SYNC_FILE_RANGE_WAIT_BEFORE) === 0) return 'written';
  const failure: NodeJS.ErrnoException = calls.library.failure('sync_file_range');
  return SAYS_NOTHING.has(failure.code ?? '') ? 'unknown' : failure;
}

/** What the machine has to write, or is writing. */
function dirtyKib(): number {
  const text = fs.readFileSync('/proc/meminfo', 'latin1');
  let sum = 0;
  for (const [, value] of text.matchAll(/^(?:Dirty|Writeback): *(\d+) kB$/gm)) sum += Number(value);
  return sum;
}
