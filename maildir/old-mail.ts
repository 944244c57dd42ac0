/**
 * Removes messages that lie in a folder for too long: trash, spam.
 *
 * A message is as old as the ctime of its file, as in Courier: the time counts from when it was moved there or last
 * flagged, not from when it was written. Files are removed by name without loading the folder; sessions that look at it
 * see that as the doing of another program. A file that is renamed in between is found under its new name next time.
 */
import { type FileSystem, textFromOctets } from './file-system.js';
import { baseNameOf, flagsInSuffix, sizeInName } from './filename.js';
import { unlessMissing } from './files.js';
import type { FolderPaths } from './folder-name.js';
import { Pace } from './pace.js';
import type { MaildirQuota } from './quota/maildir-quota.js';
import { type MailAmount, NOTHING, negative, sum } from './quota/quota-limits.js';

const DOT = 0x2e;

/** Where to look, and what to remove. */
export interface OldMailOrder {
  readonly disk: FileSystem;
  readonly paths: FolderPaths;
  readonly folderName: string;
  readonly quota: MaildirQuota;
  /** Milliseconds since 1970; what is older goes. */
  readonly before: number;
  /** For pauses, in which others run. */
  readonly now: () => number;
}

/** Removes old messages; gives how many. */
export async function removeOldMail(order: OldMailOrder): Promise<number> {
  const { disk, paths, quota } = order;
  const pace = new Pace(order.now);
  let removed = 0;
  let counted = NOTHING;
  for (const directory of [paths.new, paths.cur]) {
    for (const name of await namesOfMail(disk, directory, pace)) {
      const amount = removeIfOld(order, directory, name);
      const pause = pace.step();
      if (pause !== undefined) await pause;
      if (amount === undefined) continue;
      removed += 1;
      counted = sum(counted, amount);
    }
  }
  if (quota.isSet) quota.book(negative(counted));
  return removed;
}

async function namesOfMail(disk: FileSystem, directory: string, pace: Pace): Promise<string[]> {
  const names: string[] = [];
  const visit = (octets: Buffer, start: number, end: number): void => {
    if (octets[start] !== DOT) names.push(textFromOctets(octets.subarray(start, end)));
  };
  for (const _piece of disk.visit(directory, visit)) await pace.look();
  return names;
}

/** Gives what the quota loses by it; undefined if the file stays. */
function removeIfOld(
  { disk, folderName, quota, before }: OldMailOrder,
  directory: string,
  name: string,
): MailAmount | undefined {
  const path = `${directory}/${name}`;
  const status = disk.status(path);
  if (status?.kind !== 'file' || status.changedAt >= before) return undefined;
  if (unlessMissing(() => disk.unlink(path) ?? true) === undefined) return undefined;
  const baseName = baseNameOf(name);
  if (!quota.counts(folderName, flagsInSuffix(name.slice(baseName.length)))) return NOTHING;
  return { octets: sizeInName(baseName) ?? status.sizeOctets, messages: 1 };
}
