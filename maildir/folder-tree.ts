/**
 * Making, deleting and renaming the directories of folders.
 *
 * A folder appears and disappears by one rename, so a crash never leaves half of one: it is built in tmp of the main
 * maildir, and goes back there to be taken apart. What a crash leaves in tmp is removed by purgeTmp().
 *
 * Folders are not nested on the disk, so a tree is renamed folder by folder, subfolders first. If that fails, what was
 * renamed goes back. After a crash in the middle the same RENAME can be given again and completes, because the folder
 * itself is the last to go.
 */
import { join } from 'node:path';
import { errorCode, MaildirError } from './errors.js';
import { type FileStatus, type FileSystem, namesIn } from './file-system.js';
import { replaceFile, unlessMissing } from './files.js';
import { folderDirectory, folderPaths, isFolderName } from './folder-name.js';
import { Pace } from './pace.js';
import type { Surroundings } from './surroundings.js';
import { newUidValidity } from './uid-validity.js';
import { ListLines } from './uiddb.js';

/** Part of the name of a directory in tmp that is on its way in or out. */
export const PASSING_DIRECTORY = 'angarium-folder';
/** A folder holds directories one deep; a user may have put more into it. */
const MAX_DEPTH = 16;

/** The maildir that a tree is changed in. */
export interface TreePlace {
  readonly surroundings: Surroundings;
  readonly path: string;
  readonly listFolders: () => readonly string[];
}

/** What is known of the `cur` of folders, by their names. */
export type CurStatuses = Map<string, FileStatus>;

/** What is needed to list folders. */
interface FoldersWanted {
  /** Is filled. */
  readonly curStatuses?: CurStatuses | undefined;
  /** In a maildir of somebody else, a folder that one may not enter is none. */
  readonly onlyEnterable?: boolean;
}

/**
 * The names of a maildir's folders: INBOX, then all with a `cur`. Links and stray files are none. While it is the same
 * ones, it is the same array.
 */
export function listFolderNames(
  { fileSystem: disk, folderEntries }: Surroundings,
  maildirPath: string,
  { curStatuses, onlyEnterable = false }: FoldersWanted,
): readonly string[] {
  const found = folderEntries.of({ disk, maildirPath, isName: isFolderName });
  const missing = new Set<string>();
  for (const { entry, name, surely } of found.entries) {
    const directory = `${maildirPath}/${entry}`;
    const cur = !(surely || isDirectory(disk, directory))
      ? undefined
      : onlyEnterable
        ? statusUnlessRefused(disk, `${directory}/cur`)
        : disk.status(`${directory}/cur`);
    if (cur?.kind === 'directory') curStatuses?.set(name, cur);
    else missing.add(name);
  }
  return missing.size === 0 ? found.names : found.names.filter((name) => !missing.has(name));
}

function statusUnlessRefused(disk: FileSystem, path: string): FileStatus | undefined {
  try {
    return disk.status(path);
  } catch (error) {
    if (errorCode(error) === 'EACCES') return undefined;
    throw error;
  }
}

function isDirectory(disk: FileSystem, path: string): boolean {
  return disk.status(path)?.kind === 'directory';
}

/** Whether a directory is a folder. */
export function isFolderDirectory(disk: FileSystem, directory: string): boolean {
  return isDirectory(disk, directory) && isDirectory(disk, `${directory}/cur`);
}

/** Makes a folder. @throws {MaildirError} 'folder exists' */
export async function createFolderDirectory(place: TreePlace, name: string): Promise<void> {
  const { surroundings, path } = place;
  const disk = surroundings.fileSystem;
  const directory = folderDirectory(path, name);
  if (name === 'INBOX' || isFolderDirectory(disk, directory)) throw new MaildirError('folder exists', directory);
  const uidValidity = await newUidValidity(surroundings, {
    maildirPath: path,
    listFolders: place.listFolders,
    lockHeld: false,
  });
  const passing = passingDirectory(place);
  try {
    await buildFolder(surroundings, passing, uidValidity);
    disk.rename(passing, directory);
  } catch (error) {
    await removeTree(surroundings, passing);
    if (errorCode(error) !== 'ENOTEMPTY' && errorCode(error) !== 'EEXIST') throw error;
    if (isFolderDirectory(disk, directory)) throw new MaildirError('folder exists', directory, error);
    // What another program left half made is completed.
    await buildFolder(surroundings, directory, uidValidity);
  }
  if (surroundings.durable) await disk.syncDirectory(path);
}

async function buildFolder(surroundings: Surroundings, directory: string, uidValidity: number): Promise<void> {
  const disk = surroundings.fileSystem;
  const paths = folderPaths(directory);
  for (const path of [directory, paths.tmp, paths.new, paths.cur]) unlessThere(() => disk.makeDirectory(path, 0o700));
  unlessThere(() => disk.create(join(directory, 'maildirfolder'), 0o600).close());
  const lines = new ListLines();
  lines.addHead(uidValidity, 1);
  await replaceFile(surroundings, { tmp: paths.tmp, path: paths.uidList, purpose: 'uiddb', contents: lines.octets() });
  if (surroundings.durable) await disk.syncDirectory(directory);
}

function unlessThere(run: () => void): void {
  try {
    run();
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
}

function passingDirectory({ path, surroundings }: TreePlace): string {
  return join(folderPaths(path).tmp, surroundings.names.forPurpose(PASSING_DIRECTORY));
}

/** Deletes a folder; its subfolders stay. */
export async function deleteFolderDirectory(place: TreePlace, name: string): Promise<void> {
  const { surroundings, path } = place;
  const passing = passingDirectory(place);
  surroundings.fileSystem.rename(folderDirectory(path, name), passing);
  if (surroundings.durable) await surroundings.fileSystem.syncDirectory(path);
  await removeTree(surroundings, passing);
}

/** Removes a directory with all that is in it; links are removed, not followed. What resists is left, for later. */
export async function removeTree(surroundings: Surroundings, directory: string): Promise<void> {
  try {
    await removeLevel(surroundings.fileSystem, { directory, depth: 0, pace: new Pace(surroundings.now) });
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    surroundings.warnOnce(`Left over in tmp: ${directory}: ${String(error)}`);
  }
}

interface Level {
  readonly directory: string;
  readonly depth: number;
  readonly pace: Pace;
}

async function removeLevel(disk: FileSystem, { directory, depth, pace }: Level): Promise<void> {
  if (depth > MAX_DEPTH) throw Object.assign(new Error(`too deep: ${directory}`), { code: 'ELOOP' });
  const names = unlessMissing(() => namesIn(disk, directory));
  if (names === undefined) return;
  for (const name of names) {
    const path = join(directory, name);
    if (disk.status(path)?.kind === 'directory') await removeLevel(disk, { directory: path, depth: depth + 1, pace });
    else unlessMissing(() => disk.unlink(path));
    const pause = pace.step();
    if (pause !== undefined) await pause;
  }
  disk.removeDirectory(directory);
}

/** A folder and its new name. */
export interface FolderRename {
  readonly from: string;
  readonly to: string;
}

/** The folders that a rename touches, subfolders first. @throws {MaildirError} 'no such folder', 'folder exists' */
export function planRename(folders: readonly string[], { from, to }: FolderRename): FolderRename[] {
  const plan = folders
    .filter((name) => name === from || name.startsWith(`${from}.`))
    .sort((one, other) => (one < other ? 1 : -1))
    .map((name) => ({ from: name, to: to + name.slice(from.length) }));
  if (plan.length === 0) throw new MaildirError('no such folder', from);
  const existing = new Set(folders);
  const taken = plan.find((rename) => existing.has(rename.to));
  if (taken !== undefined) throw new MaildirError('folder exists', taken.to);
  return plan;
}

/** Renames directories, all or none, and the hierarchy ACLs of the whole. */
export async function renameFolderDirectories(
  place: TreePlace,
  plan: readonly FolderRename[],
  whole: FolderRename,
): Promise<void> {
  const { surroundings, path } = place;
  const disk = surroundings.fileSystem;
  const done: FolderRename[] = [];
  try {
    for (const rename of plan) {
      disk.rename(folderDirectory(path, rename.from), folderDirectory(path, rename.to));
      done.push(rename);
    }
  } catch (error) {
    for (const { from, to } of done.reverse()) disk.rename(folderDirectory(path, to), folderDirectory(path, from));
    throw error;
  }
  renameHierarchyAcls(place, whole);
  if (surroundings.durable) await disk.syncDirectory(path);
}

/** courierimaphieracl holds the ACLs of names without a directory: `A.B` for INBOX.A.B. */
function renameHierarchyAcls({ surroundings, path }: TreePlace, rename: FolderRename): void {
  const disk = surroundings.fileSystem;
  const directory = join(path, 'courierimaphieracl');
  const [from, to] = [rename.from.slice('INBOX.'.length), rename.to.slice('INBOX.'.length)];
  const entries = unlessMissing(() => namesIn(disk, directory)) ?? [];
  for (const entry of entries) {
    if (entry !== from && !entry.startsWith(`${from}.`)) continue;
    unlessMissing(() => disk.rename(join(directory, entry), join(directory, to + entry.slice(from.length))));
  }
}
