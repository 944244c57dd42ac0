/**
 * New UIDVALIDITY values, strictly rising in each maildir.
 *
 * Courier takes the time less 1,000,000,000 seconds (so that 32 bits last until 2137) and sleeps for two seconds after
 * DELETE and RENAME, lest a folder made again gets the old value. We write down the last value given, in
 * `angarium-uidvalidity` in the main maildir. If that file is deleted, the folders that there are tell the highest. Where
 * many are asked for in a row, the note is written ahead, and the values in between are given out from memory.
 */
import { errorCode, MaildirError } from './errors.js';
import { readIfThere, readText, replaceFile, sameFile, type Version } from './files.js';
import { folderDirectory, folderPaths } from './folder-name.js';
import { withLock } from './lock.js';
import type { Surroundings } from './surroundings.js';
import type { SyncRequest } from './sync-group.js';
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
  /** Takes over syncing, before anybody is told of the value. Who gives it holds the folder's lock. */
  readonly syncLater?: (request: SyncRequest) => void;
}

/** Values that the note on the disk counts as given, and that are not given yet. */
interface Reserve {
  next: number;
  readonly end: number;
  /** The note that says so, safe on the disk. */
  readonly note: Version;
}

/** A second value asked for within this time is one of many: a client looks at a maildir that has no lists yet. */
const BURST_MILLISECONDS = 1_000;
/** The longer a burst, the fewer notes: each is this many times as large as the one before. */
const FIRST_RESERVE = 64;
const GROWTH = 4;
const LARGEST_RESERVE = 4_096;
/** Maildirs whose reserve is remembered; it is lost without harm. */
const MAX_RESERVES = 256;

/** What this process may give out without writing a note for each value. */
export class ReservedUidValidities {
  readonly #reserves = new Map<string, Reserve>();
  readonly #bursts = new Map<string, { askedAt: number; reserved: number }>();

  /** Another process may have given higher ones since; then the note is not ours any more, nor is the reserve. */
  take(maildirPath: string, note: Version | undefined): number | undefined {
    const reserve = this.#reserves.get(maildirPath);
    if (reserve === undefined || reserve.next > reserve.end || !sameFile(reserve.note, note)) return undefined;
    reserve.next += 1;
    return reserve.next - 1;
  }

  /** How many values to reserve besides the one that is asked for now. */
  reserveFor(maildirPath: string, now: number): number {
    const last = this.#bursts.get(maildirPath);
    if (this.#bursts.size >= MAX_RESERVES) this.#bursts.clear();
    const inBurst = last !== undefined && Math.abs(now - last.askedAt) < BURST_MILLISECONDS;
    const reserved = inBurst ? Math.min(LARGEST_RESERVE, Math.max(FIRST_RESERVE, last.reserved * GROWTH)) : 0;
    this.#bursts.set(maildirPath, { askedAt: now, reserved });
    return reserved;
  }

  reserve(maildirPath: string, reserve: Reserve): void {
    if (this.#reserves.size >= MAX_RESERVES) this.#reserves.clear();
    this.#reserves.set(maildirPath, reserve);
  }
}

/** Gives a UIDVALIDITY that no folder of this maildir ever had, and notes it on the disk. */
export async function newUidValidity(surroundings: Surroundings, maildir: ForMaildir): Promise<number> {
  const { uidValidities } = surroundings;
  // Without the lock another process may give out higher values, but none for a folder whose own lock the caller holds.
  const atHand = maildir.syncLater && uidValidities.take(maildir.maildirPath, noteVersion(surroundings, maildir));
  if (atHand !== undefined) return atHand;
  const give = async (): Promise<number> =>
    uidValidities.take(maildir.maildirPath, noteVersion(surroundings, maildir)) ??
    (await giveNext(surroundings, maildir));
  return maildir.lockHeld ? give() : withLock(surroundings, folderPaths(maildir.maildirPath).tmp, give);
}

async function giveNext(surroundings: Surroundings, maildir: ForMaildir): Promise<number> {
  const { uidValidities, fileSystem, durable } = surroundings;
  const { maildirPath, syncLater } = maildir;
  const last = readNote(surroundings, maildir) ?? highestInUse(surroundings, maildir);
  const next = Math.max(Math.floor(surroundings.now() / 1000) - EPOCH_SECONDS, last + 1, 1);
  const reserved = uidValidities.reserveFor(maildirPath, surroundings.now());
  const end = next + reserved;
  if (end > MAX_UID) throw new MaildirError('corrupt', `UIDVALIDITY is used up: ${maildirPath}`);
  const { tmp } = folderPaths(maildirPath);
  const path = notePath(maildir);
  // Whoever takes a value from the reserve must not need to sync anything for it.
  const canWait = syncLater !== undefined && reserved === 0;
  const isFirst = canWait && noteVersion(surroundings, maildir) === undefined;
  const replacement = { tmp, path, purpose: 'uidvalidity', contents: `${end}\n`, syncLater: isFirst };
  const note = await replaceFile(surroundings, replacement);
  if (canWait) syncLater({ directories: [maildirPath], files: isFirst ? [path] : [] });
  else if (durable) await fileSystem.syncDirectory(maildirPath);
  if (reserved > 0) uidValidities.reserve(maildirPath, { next: next + 1, end, note });
  return next;
}

function noteVersion(surroundings: Surroundings, maildir: ForMaildir): Version | undefined {
  return surroundings.fileSystem.status(notePath(maildir));
}

/** A value for a folder that we may not write to: it lasts as long as this process, as with Courier. */
export function passingUidValidity(surroundings: Surroundings): number {
  return Math.max(1, Math.floor(surroundings.now() / 1000) - EPOCH_SECONDS);
}

function notePath(maildir: ForMaildir): string {
  return `${maildir.maildirPath}/angarium-uidvalidity`;
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
    const text = unlessUnreadable(surroundings, uidList, () => readIfThere(surroundings.fileSystem, uidList)?.octets);
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
