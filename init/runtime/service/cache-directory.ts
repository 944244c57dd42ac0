/**
 * The directory in which the mail workers of one Unix user keep what they learnt about messages: `<cache>/<uid>`, of that
 * user alone. Only root can give it away; without root it is made by the one user that there is.
 *
 * Nothing depends on it: where it cannot be made, workers do without. It knows nothing of what is kept there.
 */
import { lchownSync, lstatSync, mkdirSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Identity } from '../system/drop-privileges.js';

/** Others may enter the cache directory to get to their own. */
const SHARED_MODE = 0o755;
const PRIVATE_MODE = 0o700;
const WRITABLE_BY_OTHERS = 0o022;

/** The directory of a Unix user below the cache directory. */
export function cacheDirectoryOf(cache: string, uid: number): string {
  return join(cache, String(uid));
}

/** Makes the directory of a user if it is not there; gives what is wrong, for the log, or undefined. */
export function makeCacheDirectory(cache: string, { uid, gid }: Identity): string | undefined {
  const directory = cacheDirectoryOf(cache, uid);
  try {
    mkdirSync(cache, { recursive: true, mode: SHARED_MODE });
    if (process.geteuid?.() !== 0) {
      mkdirSync(directory, { recursive: true, mode: PRIVATE_MODE });
      return undefined;
    }
    // Whoever may rename entries there could have root give away what is not theirs.
    const place = statSync(cache);
    if (place.uid !== 0 || (place.mode & WRITABLE_BY_OTHERS) !== 0) {
      return `IMAP_CACHEDIR: ${cache} must belong to root, and nobody else may write to it`;
    }
    return giveDirectory(directory, { uid, gid });
  } catch (error) {
    return `IMAP_CACHEDIR: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function giveDirectory(directory: string, { uid, gid }: Identity): string | undefined {
  const found: Stats | undefined = lstatSync(directory, { throwIfNoEntry: false });
  if (found === undefined) {
    mkdirSync(directory, { mode: PRIVATE_MODE });
    lchownSync(directory, uid, gid);
    return undefined;
  }
  if (found.isDirectory() && found.uid === uid) return undefined;
  return `IMAP_CACHEDIR: ${directory} is not a directory of uid ${uid}; remove it`;
}
