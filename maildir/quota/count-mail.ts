/**
 * Counts the mail of a maildir for its quota, straight from the names of the files.
 *
 * What counts is what counts in Courier: the messages in new and cur of INBOX and of each folder, but not those of the
 * folder Trash, and not those that are marked \Deleted. Symbolic links to folders belong to others. Lists, caches and
 * what is on its way in tmp do not count.
 */
import { type FileSystem, textFromOctets } from '../file-system.js';
import { baseNameOf, flagsInSuffix, sizeInName } from '../filename.js';
import { DELETED } from '../flags.js';
import { Pace } from '../pace.js';
import { type MailAmount, NOTHING, sum } from './quota-limits.js';

/** Courier's word, whatever IMAP_TRASHFOLDERNAME says: delivery agents do not know that setting. */
const TRASH = '.Trash';
const DOT = 0x2e;

/** Whether mail in a folder counts for the quota. `trashCounts` is for sites whose Courier was built so. */
export function folderCounts(folderName: string, trashCounts: boolean): boolean {
  return trashCounts || folderName !== `INBOX${TRASH}`;
}

/** What was counted. */
export interface CountedMail extends MailAmount {
  /** Whether nobody changed a folder while it was counted. */
  readonly settled: boolean;
}

/** Where and how to count. */
export interface CountedPlace {
  readonly disk: FileSystem;
  readonly maildirPath: string;
  readonly trashCounts: boolean;
  /** Milliseconds, for pauses. */
  readonly now: () => number;
}

/** Counts all mail of a maildir; others may run meanwhile. */
export async function countMail(place: CountedPlace): Promise<CountedMail> {
  const { disk } = place;
  const pace = new Pace(place.now);
  const before = new Map<string, number>();
  let total = NOTHING;
  for (const directory of mailDirectories(place)) {
    const status = disk.status(directory);
    if (status?.kind !== 'directory') continue;
    before.set(directory, status.modifiedAt);
    total = sum(total, await countDirectory(place, directory, pace));
    const pause = pace.look();
    if (pause !== undefined) await pause;
  }
  const settled = [...before].every(([directory, modifiedAt]) => disk.status(directory)?.modifiedAt === modifiedAt);
  return { ...total, settled };
}

async function countDirectory({ disk, trashCounts }: CountedPlace, directory: string, pace: Pace): Promise<MailAmount> {
  let [octets, messages] = [0, 0];
  const unsized: string[] = [];
  const visit = (name: Buffer, start: number, end: number): void => {
    const size = name[start] === DOT ? 'does not count' : sizeOf(name.toString('latin1', start, end), trashCounts);
    if (size === 'does not count') return;
    if (size === undefined) unsized.push(textFromOctets(name.subarray(start, end)));
    else {
      octets += size;
      messages += 1;
    }
  };
  for (const _piece of disk.visit(directory, visit)) await pace.look();
  for (const name of unsized) {
    const file = disk.status(`${directory}/${name}`);
    if (file !== undefined) {
      octets += file.sizeOctets;
      messages += 1;
    }
    const pause = pace.step();
    if (pause !== undefined) await pause;
  }
  return { octets, messages };
}

function mailDirectories({ disk, maildirPath, trashCounts }: CountedPlace): string[] {
  const folders = [maildirPath];
  const visit = (name: Buffer, start: number, end: number): void => {
    if (name[start] !== DOT) return;
    const folder = textFromOctets(name.subarray(start, end));
    if (folder === '.' || folder === '..' || (folder === TRASH && !trashCounts)) return;
    if (disk.status(`${maildirPath}/${folder}`)?.kind === 'directory') folders.push(`${maildirPath}/${folder}`);
  };
  for (const _piece of disk.visit(maildirPath, visit));
  return folders.flatMap((folder) => [`${folder}/new`, `${folder}/cur`]);
}

/** The size that a name tells, in octets; undefined if the file must be asked. */
function sizeOf(name: string, trashCounts: boolean): number | undefined | 'does not count' {
  const baseName = baseNameOf(name);
  const isDeleted = (flagsInSuffix(name.slice(baseName.length)) & DELETED) !== 0;
  return isDeleted && !trashCounts ? 'does not count' : sizeInName(baseName);
}
