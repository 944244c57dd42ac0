/**
 * FileSystem: the disk operations that the mail store is built on, and the real ones.
 *
 * All are synchronous, because on a local disk each costs a few microseconds and the thread pool ten times that; only
 * syncing, which really waits, gives promises. Tests put a disk that fails behind the same interface.
 *
 * Names that are not UTF-8 are kept: each stray octet becomes a lone surrogate U+DC80..U+DCFF and back.
 */
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { entriesReader, type NameVisitor } from './directory-entries.js';
import { type FileStatus, quickStatus, quickStatusOf } from './file-status.js';
import { isFineType } from './fine-times.js';
import { directoryByDescriptor, type OpenDirectory } from './open-directory.js';
import { realSyncCalls } from './sync-calls.js';
import { SyncQueue } from './sync-queue.js';

export type { FileStatus, NameVisitor };

/** An open file. */
export interface OpenFile {
  /** Reads into `octets` from a position of the file; gives how many octets were read, 0 at the end. */
  read(octets: Uint8Array, position: number): number;
  /** Writes all octets at the end of what was written before. */
  write(octets: Uint8Array): void;
  /** Of a file that is only read: as it was when it was opened. */
  status(): FileStatus;
  /** Settles when the contents are on the disk. */
  sync(): Promise<void>;
  close(): void;
}

/** What folders need whose messages are links into other maildirs. */
export interface LinkOperations {
  /** Where a symbolic link leads; undefined for what is none. */
  read(path: string): string | undefined;
  /** Makes a symbolic link at a path; EEXIST if there is something. */
  make(target: string, path: string): void;
  /** Whether this process may list a directory and open what is in it. */
  mayRead(directory: string): boolean;
}

/** The disk. Paths are absolute. All throw the errors of the operating system. */
export interface FileSystem {
  /**
   * Shows every name in a directory. It stops after each piece of a large one, so that others may run; going on with the
   * iteration goes on with the directory.
   */
  visit(directory: string, visitor: NameVisitor): Iterable<void>;
  /** Undefined if there is no such file. */
  status(path: string): FileStatus | undefined;
  /** Opens a regular file for reading. Symbolic links are refused (ELOOP). */
  open(path: string): OpenFile;
  /** Makes a new file and opens it for writing; EEXIST if there is one. */
  create(path: string, mode: number): OpenFile;
  /** Opens an existing regular file for adding to its end. */
  openToAppend(path: string): OpenFile;
  rename(from: string, to: string): void;
  /**
   * A directory many of whose entries are to be changed, where the disk has a faster way than paths. It must be closed
   * before anything is waited for.
   */
  within?(directory: string): OpenDirectory | undefined;
  link(from: string, to: string): void;
  unlink(path: string): void;
  makeDirectory(path: string, mode: number): void;
  removeDirectory(path: string): void;
  /** Sets the modification time, in milliseconds since 1970. */
  setModified(path: string, modifiedAt: number): void;
  /** Whether times of files in the directory are surely as fine as this machine's clock. */
  keepsFineTimes(directory: string): boolean;
  /** Whether this process may make and rename files in the directory. */
  mayWrite(directory: string): boolean;
  /** Settles when the entries of the directory are on the disk. */
  syncDirectory(directory: string): Promise<void>;
  /** Where it is missing, there are no folders of other maildirs (shared-folders.ts). */
  readonly links?: LinkOperations;
}

/** A directory larger than this (about 1,000 messages) is read in pieces, as octets. */
const LARGE_DIRECTORY_OCTETS = 65_536;
/** What file systems allow for a name; a few more do no harm. */
const MAX_NAME_OCTETS = 1_024;

/** Whatever this process brings to the disk goes through it. */
const syncs = new SyncQueue(realSyncCalls, () => performance.now());

const realLinks: LinkOperations = {
  read: readLink,
  make: (target, path) => fs.symlinkSync(pathOctets(target), pathOctets(path)),
  mayRead: (directory) => mayAccess(directory, fs.constants.R_OK | fs.constants.X_OK),
};

/** The real disk. */
export const realFileSystem: FileSystem = {
  *visit(directory, visitor) {
    const path = pathOctets(directory);
    const reader = fs.statSync(path).size > LARGE_DIRECTORY_OCTETS ? entriesReader() : undefined;
    if (reader === undefined) {
      visitAtOnce(path, visitor);
      return;
    }
    const descriptor = openDescriptor(path);
    try {
      while (reader(descriptor, visitor)) yield;
    } finally {
      fs.closeSync(descriptor);
    }
  },
  status: (path) => statusOf(pathOctets(path)),
  open: (path) => openFile(path, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK),
  create: (path, mode) => {
    // Nothing was there before, so it is a regular file.
    const how = fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL;
    return new RealFile(fs.openSync(pathOctets(path), how, mode), undefined);
  },
  openToAppend: (path) => openFile(path, fs.constants.O_RDWR | fs.constants.O_APPEND | fs.constants.O_NOFOLLOW),
  rename: (from, to) => fs.renameSync(pathOctets(from), pathOctets(to)),
  within(directory) {
    // A disk that was made from this one has calls of its own, and they must see everything.
    if (this !== realFileSystem) return undefined;
    return directoryByDescriptor({ open: () => openDescriptor(pathOctets(directory)), close: fs.closeSync });
  },
  link: (from, to) => fs.linkSync(pathOctets(from), pathOctets(to)),
  unlink: (path) => fs.unlinkSync(pathOctets(path)),
  makeDirectory: (path, mode) => void fs.mkdirSync(pathOctets(path), mode),
  removeDirectory: (path) => fs.rmdirSync(pathOctets(path)),
  setModified: (path, modifiedAt) => fs.lutimesSync(pathOctets(path), modifiedAt / 1000, modifiedAt / 1000),
  keepsFineTimes(directory) {
    try {
      return isFineType(fs.statfsSync(pathOctets(directory)).type);
    } catch {
      return false;
    }
  },
  mayWrite: (directory) => mayAccess(directory, fs.constants.W_OK | fs.constants.X_OK),
  async syncDirectory(directory) {
    const descriptor = openDescriptor(pathOctets(directory));
    try {
      await syncs.sync(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
  },
  links: realLinks,
};

function mayAccess(directory: string, how: number): boolean {
  try {
    fs.accessSync(pathOctets(directory), how);
    return true;
  } catch {
    return false;
  }
}

function readLink(path: string): string | undefined {
  try {
    return textFromOctets(fs.readlinkSync(pathOctets(path), { encoding: 'buffer' }));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // EINVAL: there is something, and it is no link.
    if (code === 'EINVAL' || code === 'ENOENT') return undefined;
    throw error;
  }
}

function openDescriptor(directory: string | Buffer): number {
  return fs.openSync(directory, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
}

/** A regular file that is open. Pipes and devices that a user put into his maildir are refused. */
function openFile(path: string, how: number): OpenFile {
  const descriptor = fs.openSync(pathOctets(path), how);
  const status = statusOfOpen(descriptor);
  if (status.kind !== 'file') {
    fs.closeSync(descriptor);
    throw Object.assign(new Error(`not a regular file: ${path}`), { code: 'EINVAL' });
  }
  return new RealFile(descriptor, (how & (fs.constants.O_WRONLY | fs.constants.O_RDWR)) === 0 ? status : undefined);
}

function statusOfOpen(descriptor: number): FileStatus {
  const quick = quickStatusOf(descriptor);
  return quick !== 'ask node' ? quick : statusFrom(fs.fstatSync(descriptor));
}

/** An object without closures: one is made for every message that is read. */
class RealFile implements OpenFile {
  readonly #descriptor: number;
  /** Of a file that is only read. */
  readonly #status: FileStatus | undefined;

  constructor(descriptor: number, status: FileStatus | undefined) {
    this.#descriptor = descriptor;
    this.#status = status;
  }

  read(octets: Uint8Array, position: number): number {
    return fs.readSync(this.#descriptor, octets, 0, octets.length, position);
  }

  write(octets: Uint8Array): void {
    for (let written = 0; written < octets.length; ) {
      written += fs.writeSync(this.#descriptor, octets, written, octets.length - written, null);
    }
  }

  status(): FileStatus {
    return this.#status ?? statusOfOpen(this.#descriptor);
  }

  sync(): Promise<void> {
    return syncs.sync(this.#descriptor);
  }

  close(): void {
    fs.closeSync(this.#descriptor);
  }
}

/** Gives undefined if there is no such file. */
export function statusOf(path: string | Buffer): FileStatus | undefined {
  const quick = typeof path === 'string' ? quickStatus(path) : 'ask node';
  if (quick !== 'ask node') return quick;
  const stats = fs.lstatSync(path, { throwIfNoEntry: false });
  return stats === undefined ? undefined : statusFrom(stats);
}

/** What Node says of a file, in our words. */
export function statusFrom(stats: fs.Stats): FileStatus {
  return {
    kind: stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : 'other',
    inode: stats.ino,
    device: stats.dev,
    links: stats.nlink,
    owner: stats.uid,
    group: stats.gid,
    mode: stats.mode & 0o7777,
    sizeOctets: stats.size,
    modifiedAt: stats.mtimeMs,
    changedAt: stats.ctimeMs,
  };
}

/** As Latin-1, each character is an octet of the name. */
function visitAtOnce(path: string | Buffer, visitor: NameVisitor): void {
  const octets = Buffer.allocUnsafe(MAX_NAME_OCTETS);
  for (const entry of fs.readdirSync(path, { encoding: 'latin1', withFileTypes: true })) {
    visitor(octets, 0, octets.write(entry.name, 'latin1'), entry.isFile(), entry.isDirectory());
  }
}

/** The names in a directory that is never large. */
export function namesIn(disk: Pick<FileSystem, 'visit'>, directory: string): string[] {
  const names: string[] = [];
  const visit: NameVisitor = (octets, start, end) => {
    names.push(textFromOctets(octets.subarray(start, end)));
  };
  // One piece after the other: whoever asks for names wants them all.
  for (const _piece of disk.visit(directory, visit));
  return names;
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Decodes UTF-8; where that fails, octets above 127 each become a lone surrogate. */
export function textFromOctets(octets: Uint8Array): string {
  try {
    return strictUtf8.decode(octets);
  } catch {
    return Array.from(octets, (octet) => String.fromCharCode(octet < 0x80 ? octet : 0xdc00 + octet)).join('');
  }
}

/** The inverse of textFromOctets. */
export function octetsFromText(text: string): Buffer {
  // The first look is many times faster than the second, which knows halves of characters from whole ones.
  if (!/[\ud800-\udfff]/.test(text) || !/\p{Surrogate}/u.test(text)) return Buffer.from(text, 'utf8');
  const pieces: Buffer[] = [];
  for (const piece of text.split(/(\p{Surrogate})/u)) {
    const code = piece.length === 1 ? piece.charCodeAt(0) : 0;
    pieces.push(code >= 0xdc80 && code <= 0xdcff ? Buffer.of(code - 0xdc00) : Buffer.from(piece, 'utf8'));
  }
  return Buffer.concat(pieces);
}

/** ES2024, which Node has had since version 20. */
type WellFormed = string & { isWellFormed(): boolean };

function pathOctets(path: string): string | Buffer {
  // What stands for stray octets is a half of a character; the engine knows of most texts that they hold none.
  return (path as WellFormed).isWellFormed() ? path : octetsFromText(path);
}

const RUN_OCTETS = 16;
let run: Buffer | undefined;

/**
 * 16 octets that are the same as long as the operating system runs, and others after a power cut. Where it does not say,
 * they are this process's own.
 */
export function bootRun(): Buffer {
  run ??= readBootRun() ?? randomBytes(RUN_OCTETS);
  return run;
}

function readBootRun(): Buffer | undefined {
  try {
    const octets = Buffer.from(
      fs.readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').replace(/[^\da-f]/g, ''),
      'hex',
    );
    return octets.length === RUN_OCTETS ? octets : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Whether a process of this machine lives, whoever owns it. One that has died and that nobody waits for (a container
 * without an init) is dead, although a signal can still be sent to it.
 */
export function processIsRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  try {
    const status = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !/^[ZX]/.test(status.slice(status.lastIndexOf(')') + 2));
  } catch {
    return true;
  }
}
