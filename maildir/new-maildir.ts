/**
 * Making a maildir where there is none yet, for somebody who logs in for the first time.
 *
 * It appears by one rename, with tmp, new and cur in it, so nobody meets half of one: neither a delivery nor a second
 * session. Everything is for its owner alone, who is whoever runs this.
 */
import { dirname, join } from 'node:path';
import { diskErrors, errorCode } from './errors.js';
import type { FileSystem } from './file-system.js';

const OWNERS_ALONE = 0o700;

/**
 * Makes a maildir, and the directories above it that are missing. One that somebody else has made meanwhile is left alone.
 *
 * `passing` is a part of a name that nobody else uses at this moment.
 *
 * @throws {MaildirError} 'not permitted' above all: the owner may not write where it should be
 */
export function makeMaildir(disk: FileSystem, path: string, passing: string): void {
  diskErrors(path, () => {
    makeAbove(disk, dirname(path));
    const unfinished = join(dirname(path), `.${passing}`);
    disk.makeDirectory(unfinished, OWNERS_ALONE);
    for (const part of ['tmp', 'new', 'cur']) disk.makeDirectory(join(unfinished, part), OWNERS_ALONE);
    try {
      disk.rename(unfinished, path);
    } catch (error) {
      for (const part of ['tmp', 'new', 'cur']) disk.removeDirectory(join(unfinished, part));
      disk.removeDirectory(unfinished);
      if (errorCode(error) !== 'ENOTEMPTY' && errorCode(error) !== 'EEXIST') throw error;
    }
  });
}

function makeAbove(disk: FileSystem, directory: string): void {
  if (disk.status(directory) !== undefined || dirname(directory) === directory) return;
  makeAbove(disk, dirname(directory));
  try {
    disk.makeDirectory(directory, OWNERS_ALONE);
  } catch (error) {
    // Another session of the same moment was faster.
    if (errorCode(error) !== 'EEXIST') throw error;
  }
}
