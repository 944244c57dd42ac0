/**
 * New UIDVALIDITY values, strictly rising in each maildir.
 *
 * Courier takes the time less 1,000,000,000 seconds (so that 32 bits last until 2137) and sleeps for two seconds after
 * DELETE and RENAME, lest a folder made again gets the old value. We write down the last value given, in
 * `angarium-uidvalidity` in the main maildir. If that file is deleted, the folders that there are tell the highest. Where
 * many are asked for in a row, the note is written ahead, and the values in between are given out from memory.
 */
import { join } from 'node:path';
import { errorCode, MaildirError } from './errors.js';
import { readText, readWhole, replaceFile } from './files.js';
import { folderDirectory, folderPaths } from './folder-name.js';
import { withLock } from './lock.js';
import type { Surroundings } from './surroundings.js';
import { MAX_UID } from './uid.js';
import { parseHead } from './uiddb.js';

/** Courier's epoch of UIDVALIDITY, in seconds since 1970. */
const EPOCH_SECONDS = 1_000_000_000;
/** Only the first line of a list is needed. */
const MAX_NOTE_OCTETS = 64;

interface ForMaildir {
  readonly maildirPath: string;
  /** Asked only when the note of the last value is lost. */
  listFolders(): readonly string[];
  /** Whether the caller already holds the lock of the main maildir (that of INBOX). */
  readonly lockHeld: boolean;
  /** Takes over the syncing of a directory, before anybody is told of the value; else it is synced at once. */
  readonly syncLater?: (directory: string) => void;
}

/** Values that the note on the disk counts as given, and that are not given yet. */
interface Reserve {
  readonly next: number;
  readonly end: number;
}

/** A second value asked for within this time is one of many: a client looks at a maildir that has no lists yet. */
const BURST_MILLISECONDS = 1_000;
const VALUES_IN_A_BURST = 64;
/** Maildirs whose reserve is remembered; it is lost without harm. */
const MAX_RESERVES = 256;

/** What this process may give out without writing a note for each value. */
export class ReservedUidValidities {
  readonly #reserves = new Map<string, Reserve>();
  readonly #lastAskedAt = new Map<string, number>();

  /** Another process may have given higher ones since; then the note is not ours any more, nor is the reserve. */
  take(maildirPath: string, noted: number | undefined): number | undefined {
    const reserve = this.#reserves.get(maildirPath);
    if (reserve === undefined || reserve.next > reserve.end || reserve.end !== noted) return undefined;
    this.#reserves.set(maildirPath, { next: reserve.next + 1, end: reserve.end });
    return reserve.next;
  }

  /** How many values to reserve besides the one that is asked for now. */
  reserveFor(maildirPath: string, now: number): number {
    const last = this.#lastAskedAt.get(maildirPath) ?? Number.NEGATIVE_INFINITY;
    if (this.#lastAskedAt.size >= MAX_RESERVES) this.#lastAskedAt.clear();
    this.#lastAskedAt.set(maildirPath, now);
    return Math.abs(now - last) < BURST_MILLISECONDS ? VALUES_IN_A_BURST : 0;
  }

  reserve(maildirPath: string, reserve: Reserve): void {
    if (this.#reserves.size >= MAX_RESERVES) this.#reserves.clear();
    this.#reserves.set(maildirPath, reserve);
  }
}

/** Gives a UIDVALIDITY that no folder of this maildir ever had, and notes it on the disk. */
export async function newUidValidity(surroundings: Surroundings, maildir: ForMaildir): Promise<number> {
  const { tmp } = folderPaths(maildir.maildirPath);
  const give = async (): Promise<number> => {
    const noted = readNote(surroundings, maildir);
    const reserved = surroundings.uidValidities.take(maildir.maildirPath, noted);
    if (reserved !== undefined) return reserved;
    const last = noted ?? highestInUse(surroundings, maildir);
    const next = Math.max(Math.floor(surroundings.now() / 1000) - EPOCH_SECONDS, last + 1, 1);
    const end = next + surroundings.uidValidities.reserveFor(maildir.maildirPath, surroundings.now());
    if (end > MAX_UID) throw new MaildirError('corrupt', `UIDVALIDITY is used up: ${maildir.maildirPath}`);
    const path = notePath(maildir);
    await replaceFile(surroundings, { tmp, path, purpose: 'uidvalidity', contents: `${end}\n` });
    if (maildir.syncLater !== undefined) maildir.syncLater(maildir.maildirPath);
    else if (surroundings.durable) await surroundings.fileSystem.syncDirectory(maildir.maildirPath);
    surroundings.uidValidities.reserve(maildir.maildirPath, { next: next + 1, end });
    return next;
  };
  return maildir.lockHeld ? give() : withLock(surroundings, tmp, give);
}

/** A value for a folder that we may not write to: it lasts as long as this process, as with Courier. */
export function passingUidValidity(surroundings: Surroundings): number {
  return Math.max(1, Math.floor(surroundings.now() / 1000) - EPOCH_SECONDS);
}

function notePath(maildir: ForMaildir): string {
  return join(maildir.maildirPath, 'angarium-uidvalidity');
}

function readNote(surroundings: Surroundings, maildir: ForMaildir): number | undefined {
  const path = notePath(maildir);
  const text = unlessUnreadable(surroundings, path, () => readText(surroundings.fileSystem, path, MAX_NOTE_OCTETS));
  const value = /^(\d{1,10})\n$/.exec(text ?? '')?.[1];
  return value !== undefined && Number(value) <= MAX_UID ? Number(value) : undefined;
}

function highestInUse(surroundings: Surroundings, maildir: ForMaildir): number {
  let highest = 0;
  for (const name of maildir.listFolders()) {
    const { uidList } = folderPaths(folderDirectory(maildir.maildirPath, name));
    const text = unlessUnreadable(surroundings, uidList, () => readWhole(surroundings.fileSystem, uidList)?.octets);
    const head = text && parseHead(text.toString('latin1', 0, text.indexOf(10)));
    highest = Math.max(highest, head?.uidValidity ?? 0);
  }
  return highest;
}

/** A list that cannot be read keeps its own folder closed, and no other. */
function unlessUnreadable<T>(surroundings: Surroundings, path: string, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    surroundings.warnOnce(`Cannot be read: ${path}: ${String(error)}`);
    return undefined;
  }
}
