/**
 * Disks that fail: the power goes after n operations, or one operation fails with an error of the system.
 *
 * Both stand in front of the real disk. After a power cut either everything that was done is still there, or everything
 * that was not synced is undone: contents of files go back to what was synced, entries of directories that were not
 * synced disappear or come back, the last one first. A rename between two directories is as safe as its target.
 */
import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { type FileSystem, type OpenFile, realFileSystem } from '../../maildir/file-system.js';

/** Thrown by every operation after the power went. */
export class PowerLoss extends Error {
  constructor() {
    super('the power is gone');
    this.name = 'PowerLoss';
  }
}

/** An operation with an entry of a directory that is not on the disk yet. */
interface Unsynced {
  readonly directory: string;
  undo(): void;
}

/** A file whose contents may not be on the disk yet. */
interface WrittenFile {
  readonly descriptor: number;
  syncedOctets: number;
}

/** A disk that loses its power. */
export interface MortalDisk {
  readonly fileSystem: FileSystem;
  readonly powerIsGone: boolean;
  /** To be called after the cut: undoes what was not synced, if that is the variant. Always frees what the disk held. */
  afterwards(): void;
}

/** Every operation that changes something counts; reading does not, because a cut before it is a cut after the last change. */
export function losesPowerAfter(operations: number, unsynced: 'kept' | 'lost', scratch: string): MortalDisk {
  return new PowerCut(operations, unsynced, scratch);
}

class PowerCut implements MortalDisk {
  powerIsGone = false;
  readonly fileSystem: FileSystem;
  readonly #unsyncedAre: 'kept' | 'lost';
  readonly #backups: string;
  #left: number;
  #log: Unsynced[] = [];
  readonly #written = new Map<number, WrittenFile>();
  #backupCount = 0;

  constructor(operations: number, unsynced: 'kept' | 'lost', scratch: string) {
    this.#left = operations;
    this.#unsyncedAre = unsynced;
    this.#backups = fs.mkdtempSync(join(scratch, 'backups-'));
    this.fileSystem = this.#build();
  }

  #step(): void {
    this.#read();
    if (this.#left === 0) {
      this.powerIsGone = true;
      throw new PowerLoss();
    }
    this.#left -= 1;
  }

  #read(): void {
    if (this.powerIsGone) throw new PowerLoss();
  }

  #backup(path: string): string | undefined {
    if (fs.lstatSync(path, { throwIfNoEntry: false })?.isFile() !== true) return undefined;
    this.#backupCount += 1;
    const backup = join(this.#backups, String(this.#backupCount));
    fs.linkSync(path, backup);
    return backup;
  }

  #note(path: string, undo: () => void): void {
    this.#log.push({ directory: dirname(path), undo });
  }

  #build(): FileSystem {
    const real = realOperations();
    return {
      *visit(directory, visitor) {
        yield* real.visit(directory, visitor);
      },
      status: (path) => this.#whilePowered(() => real.status(path)),
      keepsFineTimes: (directory) => real.keepsFineTimes(directory),
      mayWrite: (directory) => this.#whilePowered(() => real.mayWrite(directory)),
      open: (path) => this.#whilePowered(() => this.#file(real.open(path), path)),
      create: (path, mode) => {
        this.#step();
        const file = real.create(path, mode);
        this.#note(path, () => fs.unlinkSync(path));
        return this.#file(file, path, 0);
      },
      openToAppend: (path) => this.#whilePowered(() => this.#file(real.openToAppend(path), path)),
      rename: (from, to) => {
        this.#step();
        const backup = this.#backup(to);
        real.rename(from, to);
        this.#note(to, () => {
          fs.renameSync(to, from);
          if (backup !== undefined) fs.linkSync(backup, to);
        });
      },
      link: (from, to) => {
        this.#step();
        real.link(from, to);
        this.#note(to, () => fs.unlinkSync(to));
      },
      unlink: (path) => {
        this.#step();
        const backup = this.#backup(path);
        real.unlink(path);
        if (backup !== undefined) this.#note(path, () => fs.linkSync(backup, path));
      },
      makeDirectory: (path, mode) => {
        this.#step();
        real.makeDirectory(path, mode);
        this.#note(path, () => fs.rmSync(path, { recursive: true, force: true }));
      },
      removeDirectory: (path) => {
        this.#step();
        real.removeDirectory(path);
        this.#note(path, () => fs.mkdirSync(path));
      },
      setModified: (path, modifiedAt) => {
        this.#step();
        real.setModified(path, modifiedAt);
      },
      syncDirectory: async (directory) => {
        this.#step();
        await Promise.resolve();
        this.#log = this.#log.filter((entry) => entry.directory !== directory);
      },
    };
  }

  #whilePowered<T>(run: () => T): T {
    this.#read();
    return run();
  }

  #file(file: OpenFile, path: string, syncedOctets = file.status().sizeOctets): OpenFile {
    const { inode } = file.status();
    if (!this.#written.has(inode)) {
      this.#written.set(inode, { descriptor: fs.openSync(path, 'r+'), syncedOctets });
    }
    return {
      read: (octets, position) => this.#whilePowered(() => file.read(octets, position)),
      write: (octets) => {
        this.#step();
        file.write(octets);
      },
      status: () => this.#whilePowered(() => file.status()),
      sync: async () => {
        this.#step();
        await Promise.resolve();
        const written = this.#written.get(inode);
        if (written !== undefined) written.syncedOctets = fs.fstatSync(written.descriptor).size;
      },
      close: () => file.close(),
    };
  }

  afterwards(): void {
    if (this.powerIsGone && this.#unsyncedAre === 'lost') {
      for (const { undo } of this.#log.reverse()) tolerateMissing(undo);
      for (const { descriptor, syncedOctets } of this.#written.values()) {
        if (fs.fstatSync(descriptor).size > syncedOctets) fs.ftruncateSync(descriptor, syncedOctets);
      }
    }
    for (const { descriptor } of this.#written.values()) fs.closeSync(descriptor);
    fs.rmSync(this.#backups, { recursive: true, force: true });
  }
}

/** What an undone operation was about may have gone with a directory that was undone before. */
function tolerateMissing(run: () => void): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'EEXIST')))
      throw error;
  }
}

/** A disk one of whose operations fails. */
export interface FailingDisk {
  readonly fileSystem: FileSystem;
  /** Whether the operation that was to fail was reached. */
  readonly hasFailed: boolean;
}

/** Lets the operation number `step` (from 0) fail with a code such as `'ENOSPC'`; all others work. Syncing only pretends. */
export function failsOnceAt(step: number, code: string): FailingDisk {
  let left = step;
  const disk = { hasFailed: false, fileSystem: realOperations() };
  const maybeFail = (what: string): void => {
    left -= 1;
    if (left !== -1) return;
    disk.hasFailed = true;
    throw Object.assign(new Error(`${code}: made to fail, ${what}`), { code });
  };
  const before = <T>(what: string, run: () => T): T => {
    maybeFail(what);
    return run();
  };
  const faulty = (file: OpenFile): OpenFile => ({
    read: (octets, position) => before('read', () => file.read(octets, position)),
    write: (octets) => {
      // A full disk takes part of it.
      if (left === 0 && octets.length > 1) file.write(octets.subarray(0, octets.length >> 1));
      maybeFail('write');
      file.write(octets);
    },
    status: () => file.status(),
    sync: async () => maybeFail('sync'),
    close: () => file.close(),
  });
  const real = realOperations();
  disk.fileSystem = {
    *visit(directory, visitor) {
      maybeFail('visit');
      yield* real.visit(directory, visitor);
    },
    status: (path) => before('status', () => real.status(path)),
    keepsFineTimes: (directory) => real.keepsFineTimes(directory),
    mayWrite: (directory) => real.mayWrite(directory),
    open: (path) => before('open', () => faulty(real.open(path))),
    create: (path, mode) => before('create', () => faulty(real.create(path, mode))),
    openToAppend: (path) => before('openToAppend', () => faulty(real.openToAppend(path))),
    rename: (from, to) => before('rename', () => real.rename(from, to)),
    link: (from, to) => before('link', () => real.link(from, to)),
    unlink: (path) => before('unlink', () => real.unlink(path)),
    makeDirectory: (path, mode) => before('makeDirectory', () => real.makeDirectory(path, mode)),
    removeDirectory: (path) => before('removeDirectory', () => real.removeDirectory(path)),
    setModified: (path, modifiedAt) => before('setModified', () => real.setModified(path, modifiedAt)),
    syncDirectory: async () => maybeFail('syncDirectory'),
  };
  return disk;
}

/** The real disk, whose syncing only pretends: the machine that runs the tests does not lose its power. */
function realOperations(): FileSystem {
  return { ...realFileSystem, syncDirectory: () => Promise.resolve() };
}
