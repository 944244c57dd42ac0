/**
 * What the directories of a folder say at one moment, and when that can be trusted.
 *
 * An mtime tells nothing about a second change within the same tick of the file system's clock: a second where nothing
 * better is known, some milliseconds on a local disk. It knows no messages.
 */
import { MaildirError } from './errors.js';
import type { FileSystem } from './file-system.js';
import type { Version } from './files.js';
import type { FolderPaths } from './folder-name.js';
import type { Surroundings } from './surroundings.js';

/** File systems that maildirs live on keep times to the second at worst (ext3, NFS servers over it). */
export const MTIME_GRANULARITY_MILLISECONDS = 1_100;
/** Where times are fine, the kernel's clock goes on every ten milliseconds at worst; the rest is for one that is late. */
const FINE_GRANULARITY_MILLISECONDS = 50;

/** By what a directory with the same entries is known again; its size says nothing that its mtime does not. */
export type DirectoryVersion = Pick<Version, 'inode' | 'modifiedAt'>;

/** What is remembered of an observation. */
export interface Seen {
  readonly cur: DirectoryVersion;
  readonly new: DirectoryVersion;
  readonly keywords: DirectoryVersion | undefined;
  readonly newestChange: number;
  readonly at: number;
  readonly fine: boolean;
}

/** The directories of a folder at one moment. */
export interface Observation extends Seen {
  readonly cur: Version;
  readonly new: Version;
  /** Undefined if there are no keywords. */
  readonly keywords: Version | undefined;
  readonly newestChange: number;
  readonly at: number;
  /** Whether the file system keeps times as finely as this machine tells them. */
  readonly fine: boolean;
}

/** What is needed to look. */
export interface Observed extends Pick<Surroundings, 'keywords' | 'now'> {
  readonly fileSystem: Pick<FileSystem, 'status'>;
  readonly paths: FolderPaths;
  readonly fine: boolean;
}

/** Looks at the directories of a folder. @throws {MaildirError} 'no such folder' when they are gone */
export function observe({ fileSystem, keywords, now, paths, fine }: Observed): Observation {
  const cur = fileSystem.status(paths.cur);
  const fresh = fileSystem.status(paths.new);
  if (cur?.kind !== 'directory' || fresh?.kind !== 'directory') {
    throw new MaildirError('no such folder', paths.directory);
  }
  const words = keywords === 'off' ? undefined : fileSystem.status(paths.keywords);
  const newestChange = Math.max(cur.modifiedAt, fresh.modifiedAt, words?.modifiedAt ?? 0);
  return { cur, new: fresh, keywords: words, newestChange, at: now(), fine };
}

/** What is to be remembered of an observation: each folder in memory has one. */
export function seenIn({ cur, new: fresh, keywords, newestChange, at, fine }: Observation): Seen {
  return {
    cur: directoryVersion(cur),
    new: directoryVersion(fresh),
    keywords: keywords && directoryVersion(keywords),
    newestChange,
    at,
    fine,
  };
}

function directoryVersion({ inode, modifiedAt }: DirectoryVersion): DirectoryVersion {
  return { inode, modifiedAt };
}

/** Whether two looks at a directory found the same entries. */
export function sameVersion(one: DirectoryVersion | undefined, other: DirectoryVersion | undefined): boolean {
  return one?.inode === other?.inode && one?.modifiedAt === other?.modifiedAt;
}

/** Whether two observations of a folder found the same directories. */
export function sameVersions(one: Seen, other: Seen): boolean {
  return (
    sameVersion(one.cur, other.cur) && sameVersion(one.new, other.new) && sameVersion(one.keywords, other.keywords)
  );
}

/** Whether an observation could hide a second change within the same tick. */
export function isYoung({ newestChange, at, fine }: Pick<Observation, 'newestChange' | 'at' | 'fine'>): boolean {
  // A whole second may be one that somebody rounded.
  const isFine = fine && newestChange % 1000 !== 0;
  return newestChange > at - (isFine ? FINE_GRANULARITY_MILLISECONDS : MTIME_GRANULARITY_MILLISECONDS);
}
