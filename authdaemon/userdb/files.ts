/**
 * The userdb files on disk: editing a source, compiling it (makeuserdb), under Courier's locks.
 *
 *     userdb             the source: a file, or a directory whose files are all read; nobody but its owner may read it
 *     userdb.dat         compiled, without passwords, 0644
 *     userdbshadow.dat   compiled passwords, 0600
 *     userdb.lock        flock(2) of whoever compiles
 *     .lock.FILE         flock(2) of whoever edits FILE; the new text is written to .tmp.FILE
 *
 * Every file is written whole under another name, synced, and renamed: after a crash there is the old one or the new
 * one. The passwords are renamed first, so that a reader who sees a new account also sees its password.
 */
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import koffi from 'koffi';
import { octetsFromText, textFromOctets } from '../octet-text.js';
import { type GdbmRecord, writeGdbm } from './gdbm.js';
import { splitPasswords, type UserdbFields } from './record.js';
import { editSource, parseSource, type SourceEdit, type SourceRecord } from './source.js';

/** Directories inside directories: more is a loop or a mistake. */
const MAX_DEPTH = 16;
/** Names of files that packages and editors leave behind: two versions of an account are none of them right. */
const LEFTOVERS = /~$|\.rpmsave$|\.rpmnew$|\.dpkg-[a-z]+$|\.dist$/;

/** The files cannot be read, compiled or changed; the text is for the administrator. */
export class UserdbFailure extends Error {
  /** What makeuserdb and userdb exit with, as Courier's do. */
  readonly exitCode: number;

  constructor(text: string, exitCode = 1) {
    super(text);
    this.exitCode = exitCode;
  }
}

/** The names that belong to a source. */
export interface UserdbPaths {
  readonly source: string;
  readonly compiled: string;
  readonly shadow: string;
  readonly lock: string;
}

/** Gives the names that belong to the source at `source`. */
export function userdbPaths(source: string): UserdbPaths {
  return { source, compiled: `${source}.dat`, shadow: `${source}shadow.dat`, lock: `${source}.lock` };
}

/**
 * Compiles a source into its two files and gives warnings about it.
 *
 * @throws {UserdbFailure} The compiled files are then as they were.
 */
export async function compileUserdb(source: string): Promise<string[]> {
  const paths = userdbPaths(source);
  const state = statOf(source);
  if (state === undefined) throw new UserdbFailure(`${source}: not found.`, 2);
  return withLock(paths.lock, 0o644, () => {
    refuseOpenSource(source, statSync(source));
    const { open, shadow, warnings } = collectRecords(source);
    replaceFile(paths.shadow, writeGdbm(shadow), 0o600);
    replaceFile(paths.compiled, writeGdbm(open), 0o644);
    return warnings;
  });
}

/**
 * Changes one record of a source file. The file keeps its mode and owner; a new one gets mode 0600.
 *
 * @throws {UserdbFailure}
 */
export async function editUserdb(file: string, name: string, edit: SourceEdit): Promise<void> {
  await changeSourceFile(file, (before) => editSource(before, name, edit));
}

/**
 * Changes the text of a source file under its lock, as editUserdb() does for one record.
 *
 * @throws {UserdbFailure}
 */
export async function changeSourceFile(file: string, change: (before: string) => string): Promise<void> {
  await withLock(join(dirname(file), `.lock.${basename(file)}`), 0o600, () => {
    const state = statOf(file);
    if (state?.isDirectory() === true) throw new UserdbFailure(`${file}: not a file.`, 25);
    const before = state === undefined ? '' : textFromOctets(readFileSync(file));
    const after = change(before);
    if (after !== before)
      replaceFile(file, octetsFromText(after), 0o600, join(dirname(file), `.tmp.${basename(file)}`));
  });
}

/**
 * Gives the source file a record came from: makeuserdb noted it in `_`, `sub/two/` for files of a directory.
 *
 * @throws {UserdbFailure} It would be outside the source.
 */
export function sourceFileOf(source: string, fields: UserdbFields): string {
  const inside = (fields.get('_') ?? '').replace(/\/$/, '');
  const safe = inside.split('/').every((part) => part !== '..' && part !== '.') && !inside.startsWith('/');
  if (!safe) throw new UserdbFailure('the record names a source file outside userdb');
  return inside === '' ? source : join(source, inside);
}

/** A file of a source, and what stands in it. */
export interface SourceContents {
  readonly path: string;
  readonly records: readonly SourceRecord[];
}

/** Reads all files of a source. @throws {UserdbFailure} */
export function readSources(source: string): SourceContents[] {
  if (statOf(source) === undefined) throw new UserdbFailure(`${source}: not found.`, 2);
  return sourceFiles(source, '', []).map(({ path }) => ({ path, records: parseSource(readSource(path)).records }));
}

/** Reads the text of a source file. @throws {UserdbFailure} */
export function readSource(file: string): string {
  const state = statOf(file);
  if (state === undefined) throw new UserdbFailure(`${file}: not found.`, 2);
  if (!state.isFile()) throw new UserdbFailure(`${file}: not a file.`, 25);
  return textFromOctets(readFileSync(file));
}

interface Collected {
  readonly open: readonly GdbmRecord[];
  readonly shadow: readonly GdbmRecord[];
  readonly warnings: string[];
}

function collectRecords(source: string): Collected {
  const open = new Map<string, GdbmRecord>();
  const shadow: GdbmRecord[] = [];
  const warnings: string[] = [];
  for (const { path, label } of sourceFiles(source, '', warnings)) {
    const { records, strayLines } = parseSource(textFromOctets(readFileSync(path)));
    for (const line of strayLines) warnings.push(`${path}:${line}: no TAB after the name; the line is left out`);
    for (const { name, value } of records) {
      // Courier's words; it also stops here.
      if (open.has(name))
        throw new UserdbFailure(`Cannot store record for ${name} - duplicate or out of disk space.\n`);
      const key = octetsFromText(name);
      const parts = splitPasswords(value);
      const openValue = [parts.open, `_=${label}`].filter((part) => part !== '').join('|');
      open.set(name, { key, value: octetsFromText(openValue) });
      if (parts.shadow !== '') shadow.push({ key, value: octetsFromText(parts.shadow) });
    }
  }
  return { open: [...open.values()], shadow, warnings };
}

interface SourceFile {
  readonly path: string;
  /** What makeuserdb notes as the record's place: '' for a single file, else `sub/two/`. */
  readonly label: string;
}

function sourceFiles(path: string, label: string, warnings: string[], depth = 0): SourceFile[] {
  if (!statSync(path).isDirectory()) return [{ path, label }];
  if (depth > MAX_DEPTH) throw new UserdbFailure(`${path}: too many directories inside one another`);
  const names = readdirSync(path)
    .filter((name) => !name.startsWith('.'))
    .sort();
  return names.flatMap((name) => {
    const inner = join(path, name);
    if (LEFTOVERS.test(name)) {
      warnings.push(`${inner}: looks like what an editor or a package left behind; the file is left out`);
      return [];
    }
    return sourceFiles(inner, `${label}${name}/`, warnings, depth + 1);
  });
}

function refuseOpenSource(source: string, state: Stats): void {
  if ((state.mode & 0o077) !== 0) throw new UserdbFailure(`${source}: MAY NOT HAVE GROUP OR WORLD PERMISSIONS!!`, 255);
}

/** Writes a file whole: under another name, synced, renamed, and the directory synced. */
function replaceFile(path: string, octets: Buffer, mode: number, temporary = `${path}.tmp`): void {
  const before = statOf(path);
  const file = openSync(temporary, 'w', 0o600);
  try {
    // The compiled files have their fixed mode; a source keeps what the administrator gave it.
    fchmodSync(file, path.endsWith('.dat') ? mode : (before?.mode ?? mode) & 0o7777);
    if (before !== undefined && process.getuid?.() === 0) fchownSync(file, before.uid, before.gid);
    for (let written = 0; written < octets.length; ) written += writeSync(file, octets, written);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  const directory = openSync(dirname(path), 'r');
  fsyncSync(directory);
  closeSync(directory);
}

const LOCK_EXCLUSIVE = 2;
let flock: ((file: number, operation: number) => Promise<number>) | undefined;

/** Runs `change` while holding flock(2) on `path`, waiting for others first; Courier's tools take the same lock. */
export async function withLock<T>(path: string, mode: number, change: () => T | Promise<T>): Promise<T> {
  const file = openLock(path, mode);
  // Closing the file lets the lock go, whatever happened.
  try {
    if ((await loadFlock()(file, LOCK_EXCLUSIVE)) !== 0) throw new UserdbFailure(`${path}: cannot be locked`);
    return await change();
  } finally {
    closeSync(file);
  }
}

function openLock(path: string, mode: number): number {
  try {
    return openSync(path, 'a', mode);
  } catch (error) {
    const { code = '', errno = 1 } = error as NodeJS.ErrnoException;
    throw new UserdbFailure(`Can't open ${path}: ${explainCode(code)}`, Math.abs(errno));
  }
}

/** Names the reason of a failed system call in the system's usual words. */
export function explainCode(code: string): string {
  const texts: Readonly<Record<string, string>> = {
    ENOENT: 'No such file or directory',
    ENOTDIR: 'Not a directory',
    EACCES: 'Permission denied',
    EROFS: 'Read-only file system',
    ENOSPC: 'No space left on device',
  };
  return texts[code] ?? code;
}

function loadFlock(): (file: number, operation: number) => Promise<number> {
  if (flock === undefined) {
    const call = koffi.load('libc.so.6').func('int flock(int file, int operation)');
    flock = (file, operation) =>
      new Promise((resolve, reject) => {
        call.async(file, operation, (error: unknown, result: number) => {
          if (error instanceof Error) reject(error);
          else resolve(result);
        });
      });
  }
  return flock;
}

function statOf(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}
