/**
 * The UIDs of a folder on the disk: `courierimapuiddb` and the journal beside it.
 *
 * The races, and what is done about them:
 *
 * Courier rewrites the whole list for every message that comes, which makes n messages cost n². Here a rewrite during a
 * burst raises the list's NEXTUID by a reserve, and single UIDs out of it are appended to the journal. Whoever takes the
 * list over without knowing the journal (Courier) goes on above the reserve, so no UID is given twice; the messages in
 * the journal then get new UIDs, once. When the folder has been quiet for some seconds, everything goes back into the
 * list with the exact NEXTUID, and the journal is removed.
 *
 * The journal names the version of the list that it belongs to (UIDVALIDITY, NEXTUID, mtime and size). When anybody
 * writes a new list, the journal no longer counts, and neither does the rest of its reserve. A copied maildir whose
 * mtimes changed just loses the rest of the reserve. Numbering by lines in the journal alone was turned down, because a
 * journal left over from an older list could then have given UIDs out again.
 *
 * Assigning happens under the folder's lock, after both files were looked at again. Writing never touches the old list
 * before the new one is complete: a full disk leaves the list as it was, and the new messages without UIDs.
 */
import { errorCode } from './errors.js';
import type { FileStatus } from './file-system.js';
import { readIfThere, replaceFile, sameFile, unlessMissing, unlinkIfThere, type Version, versionOf } from './files.js';
import type { FolderPaths } from './folder-name.js';
import { Pace } from './pace.js';
import type { Surroundings } from './surroundings.js';
import type { SyncRequest } from './sync-group.js';
import { tallies } from './tallies.js';
import { formatJournalHead, type ListedMessages, ListLines, parseJournal, parseUidList } from './uiddb.js';

/** Without additions for this long, a folder is quiet, and its journal is folded into the list. */
export const QUIET_MILLISECONDS = 5_000;
/** The first rewrite of a burst is exact, like Courier's; the following ones reserve more and more. */
const RESERVES = [0, 32, 128, 512] as const;
const LARGEST_FIXED_RESERVE = 512;

/**
 * After another server wrote the list, no reserve is made for this long. Courier would number the messages in our journal
 * anew each time; so while both work on a folder, the list is written as often as Courier writes it.
 */
const SHARED_MILLISECONDS = 10 * 60_000;

/** What reading gave. */
export interface ReadUidList {
  readonly messages: ListedMessages;
  /** Whether the list or its first line is gone and nothing in memory can replace it. */
  readonly lost: boolean;
}

/** All messages of a folder that have UIDs, in UID order, for writing them into the list. */
export interface KnownMessages {
  readonly count: number;
  writeList(lines: ListLines, pace: Pace): Promise<void>;
}

/** Messages that are to be given UIDs. */
export interface NewMessages {
  readonly count: number;
  /** Writes their lines, with UIDs from `firstUid` on. */
  write(lines: ListLines, firstUid: number): Promise<void> | void;
  /** All other messages. */
  readonly known: KnownMessages;
}

interface Listing {
  readonly known: KnownMessages;
  readonly fresh?: ListLines;
}

const nothing = Buffer.alloc(0);
/** What a line has about; more only costs a larger buffer. */
const OCTETS_PER_LINE = 64;

/** The list and its journal, with what this process knows of them. */
export class UidList {
  uidValidity = 0;
  uidNext = 1;
  /** Whether the list names messages that are gone, or misses some that are known. */
  outOfDate = false;

  readonly #surroundings: Surroundings;
  readonly #paths: FolderPaths;
  /** Whether the files were read or written; undefined versions are of files that are not there. */
  #looked = false;
  #list: Version | undefined;
  #journal: Version | undefined;
  /** End of the reserve while the journal may be appended to. */
  #reserveEnd = 0;
  #rewritesInBurst = 0;
  #lastAssignedAt = Number.NEGATIVE_INFINITY;
  #lastForeignAt = Number.NEGATIVE_INFINITY;
  #unsynced: { readonly directories: Set<string>; readonly files: Set<string> } | undefined;

  constructor(surroundings: Surroundings, paths: FolderPaths) {
    this.#surroundings = surroundings;
    this.#paths = paths;
  }

  /** Whether another process wrote the list or the journal since they were read or written here. */
  changedOnDisk(): boolean {
    return (
      this.listChangedOnDisk() || !sameFile(this.#surroundings.fileSystem.status(this.#paths.uidJournal), this.#journal)
    );
  }

  /** The same for the list alone. */
  listChangedOnDisk(): boolean {
    return !this.#looked || !sameFile(this.#surroundings.fileSystem.status(this.#paths.uidList), this.#list);
  }

  /** Reads both files. What is damaged is used as far as it goes, and the log is told. */
  async read(pace: Pace): Promise<ReadUidList> {
    const disk = this.#surroundings.fileSystem;
    const list = readIfThere(disk, this.#paths.uidList);
    const journal = readIfThere(disk, this.#paths.uidJournal);
    const found = await parseUidList(list?.octets ?? nothing, pace);
    const noted = journal && parseJournal(journal.octets);
    if (list !== undefined && found.badLines > 0) this.#warnOfDamage(found.badLines, found.head !== undefined);

    const rewritten = this.#looked && !sameFile(this.#list, list?.status);
    if (rewritten && noted?.head.listModifiedAt !== list?.status.modifiedAt) {
      this.#lastForeignAt = this.#surroundings.now();
    }
    this.#looked = true;
    this.#list = versionOf(list?.status);
    this.#journal = versionOf(journal?.status);
    this.#reserveEnd = 0;
    this.outOfDate = found.badLines > 0 || found.head === undefined;
    if (list === undefined && this.uidValidity !== 0) {
      this.#surroundings.warnOnce(`Gone: ${this.#paths.uidList}: it is written again from memory`);
    }
    if (found.head === undefined) return { messages: found.messages, lost: this.uidValidity === 0 };

    const sameFolder = this.uidValidity === found.head.uidValidity;
    this.uidValidity = found.head.uidValidity;
    if (noted === undefined || noted.head.uidValidity !== this.uidValidity) {
      this.uidNext = Math.max(found.head.uidNext, sameFolder ? this.uidNext : 1);
      return { messages: found.messages, lost: false };
    }
    const belongs =
      noted.head.listedUidNext === found.head.uidNext &&
      noted.head.listModifiedAt === list?.status.modifiedAt &&
      noted.head.listSizeOctets === list.status.sizeOctets;
    const usable = belongs && noted.whole;
    if (usable) this.#reserveEnd = found.head.uidNext;
    const afterNoted = Math.max(noted.messages.lastUid, noted.head.firstUid - 1) + 1;
    const next = usable ? afterNoted : Math.max(found.head.uidNext, afterNoted);
    this.uidNext = Math.max(next, sameFolder ? this.uidNext : 1);
    return { messages: found.messages.mergedWith(noted.messages), lost: false };
  }

  /** Begins a list with a new UIDVALIDITY, for a folder that has none or has lost it. Nothing is written yet. */
  begin(uidValidity: number, lastUid: number): void {
    this.uidValidity = uidValidity;
    this.uidNext = lastUid + 1;
    this.#reserveEnd = 0;
    this.outOfDate = true;
  }

  /**
   * Gives UIDs to new messages and writes them down. The folder's lock must be held and the files be as last read.
   *
   * @returns the first of them; the others follow
   */
  async assign({ count, write, known }: NewMessages): Promise<number> {
    const first = this.uidNext;
    const fresh = new ListLines(count * OCTETS_PER_LINE);
    await write(fresh, first);
    const next = first + count;
    if (next <= this.#reserveEnd && this.#appendToJournal(fresh)) this.uidNext = next;
    else await this.#rewrite({ known, fresh }, next, this.#nextReserve(known.count + count));
    this.#lastAssignedAt = this.#surroundings.now();
    return first;
  }

  /** Gives UIDs that only this process knows: for a folder that we may not write to. */
  assignUnwritten(count: number): number {
    const first = this.uidNext;
    this.uidNext += count;
    return first;
  }

  /** Whether there is something to fold: also a journal that no longer counts, because Courier wrote the list. */
  get needsFolding(): boolean {
    return this.outOfDate || this.#journal !== undefined;
  }

  /** Whether nothing was assigned for a while. */
  get quiet(): boolean {
    return Math.abs(this.#surroundings.now() - this.#lastAssignedAt) >= QUIET_MILLISECONDS;
  }

  /** Writes the exact list and removes the journal. The folder's lock must be held and the files be as last read. */
  async fold(known: KnownMessages): Promise<void> {
    await this.#rewrite({ known }, this.uidNext, 0);
    await this.#syncNow();
  }

  /** Has others synced together with what was assigned; also takes back what could not be synced. */
  mustSync({ directories = [], files = [] }: SyncRequest): void {
    this.#unsynced ??= { directories: new Set(), files: new Set() };
    for (const path of directories) this.#unsynced.directories.add(path);
    for (const path of files) this.#unsynced.files.add(path);
  }

  /** The paths that must be synced before anybody is told of what was assigned. */
  takeUnsynced(): SyncRequest {
    const { directories = [], files = [] } = this.#unsynced ?? {};
    this.#unsynced = undefined;
    return { directories: [...directories], files: [...files] };
  }

  #nextReserve(count: number): number {
    if (Math.abs(this.#surroundings.now() - this.#lastForeignAt) < SHARED_MILLISECONDS) return 0;
    if (this.quiet) this.#rewritesInBurst = 0;
    const fixed = RESERVES[this.#rewritesInBurst];
    this.#rewritesInBurst += 1;
    return fixed ?? Math.max(LARGEST_FIXED_RESERVE, Math.floor(count / 4));
  }

  /** Whether it could be appended; if the journal is gone, the list must be rewritten. */
  #appendToJournal(messages: ListLines): boolean {
    const { fileSystem } = this.#surroundings;
    const file = unlessMissing(() => fileSystem.openToAppend(this.#paths.uidJournal));
    if (file === undefined) return false;
    const reserveEnd = this.#reserveEnd;
    // A line that was written in part makes the journal useless; only a complete one makes it good again.
    this.#reserveEnd = 0;
    try {
      file.write(messages.octets());
      this.#journal = versionOf(file.status());
    } finally {
      file.close();
    }
    this.#reserveEnd = reserveEnd;
    this.mustSync({ files: [this.#paths.uidJournal] });
    return true;
  }

  async #rewrite({ known, fresh }: Listing, uidNext: number, reserve: number): Promise<void> {
    const { tmp, uidList: path, directory } = this.#paths;
    const lines = new ListLines((known.count + 1) * OCTETS_PER_LINE + (fresh?.octets().length ?? 0));
    lines.addHead(this.uidValidity, uidNext + reserve);
    await known.writeList(lines, new Pace(this.#surroundings.now));
    if (fresh !== undefined) lines.addLines(fresh);
    this.#reserveEnd = 0;
    // A first list is synced together with its directory, before anybody is told of it: many folders in one go.
    const syncLater = fresh !== undefined && this.#looked && this.#list === undefined && this.#journal === undefined;
    const replacement = { tmp, path, purpose: 'uiddb', contents: lines.octets(), syncLater };
    const status = await replaceFile(this.#surroundings, replacement);
    this.mustSync({ directories: [directory], files: syncLater ? [path] : [] });
    this.#list = versionOf(status);
    this.outOfDate = false;
    this.uidNext = uidNext + reserve;
    if (reserve === 0) await this.#removeJournal();
    else await this.#beginJournal(uidNext, status);
  }

  /** Begins the journal beside a list just written. Without it the reserve cannot be used, and that is all. */
  async #beginJournal(firstUid: number, list: FileStatus): Promise<void> {
    const contents = formatJournalHead({
      uidValidity: this.uidValidity,
      listedUidNext: this.uidNext,
      firstUid,
      listModifiedAt: list.modifiedAt,
      listSizeOctets: list.sizeOctets,
    });
    const { tmp, uidJournal: path } = this.#paths;
    try {
      this.#journal = versionOf(await replaceFile(this.#surroundings, { tmp, path, purpose: 'uids', contents }));
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      return;
    }
    this.#reserveEnd = this.uidNext;
    this.uidNext = firstUid;
  }

  async #removeJournal(): Promise<void> {
    if (this.#looked && this.#journal === undefined) return;
    // The list must be on the disk before the journal leaves it.
    await this.#syncNow();
    unlinkIfThere(this.#surroundings.fileSystem, this.#paths.uidJournal);
    this.#journal = undefined;
  }

  async #syncNow(): Promise<void> {
    if (this.#surroundings.durable) await this.#surroundings.fileSystem.syncDirectory(this.#paths.directory);
    this.#unsynced?.directories.delete(this.#paths.directory);
  }

  #warnOfDamage(badLines: number, headGood: boolean): void {
    const { warnOnce } = this.#surroundings;
    tallies.uid_list_repairs_total += 1;
    const kept = headGood ? 'UIDVALIDITY and all good lines are kept' : 'its first line is lost; good lines are kept';
    warnOnce(`Damaged: ${this.#paths.uidList}: ${badLines} bad lines; ${kept}`);
  }
}
