/**
 * What the parts of a folder share: its rows, its lists on the disk, and what was last seen of its directories.
 *
 * A folder is looked at again only when it may have changed: when the mtime of cur, new or courierimapkeywords, or the
 * UID list, are not what they were before the last scan. An mtime tells nothing about a second change within the same
 * tick of the file system's clock. So an mtime is trusted only when it was old at the time of the scan; a younger one
 * makes the next look scan again, unless scanning would then take more than a small part of the time.
 *
 * Our own changes move the mtimes, too. If the directories were as known just before, what they say just after is taken
 * as known, and young. A change that another process makes in between, in those microseconds, is found by the scan that
 * a young mtime causes. In a large folder that scan does not keep the client waiting that made the change: it follows a
 * second later.
 */
import { MaildirError } from './errors.js';
import type { FileStatus, FileSystem } from './file-system.js';
import type { FolderPaths } from './folder-name.js';
import { FolderRows } from './folder-rows.js';
import { KeywordFiles } from './keywords.js';
import type { ModSequences } from './modseq/mod-sequences.js';
import {
  isYoung,
  MTIME_GRANULARITY_MILLISECONDS,
  type Observation,
  observe,
  type Seen,
  sameVersion,
  sameVersions,
  seenIn,
} from './observation.js';
import { Turns } from './pace.js';
import type { MaildirQuota } from './quota/maildir-quota.js';
import type { Surroundings } from './surroundings.js';
import { SyncGroup, type SyncRequest } from './sync-group.js';
import { UidList } from './uid-list.js';

/** A scan that takes no longer is not worth putting off. */
const SHORT_SCAN_MILLISECONDS = 3;
/** Scans that are made only because an mtime is young take at most this part of the time: one twentieth. */
const YOUNG_SCAN_SHARE = 20;

/** Where a folder stands and what it needs from its maildir. */
export interface FolderPlace {
  readonly name: string;
  readonly maildirPath: string;
  readonly paths: FolderPaths;
  readonly listFolders: () => readonly string[];
  readonly quota: MaildirQuota;
  /** For a folder whose messages are links into another maildir. */
  readonly linked?: LinkedFolder;
  /** Its disk shows \Seen as one reader has it. */
  readonly forOneReader?: boolean;
}

/** What keeps the links as the files are. */
export interface LinkedFolder {
  /** Makes the links right; gives a promise only when there may be something to do. */
  follow(): Promise<void> | undefined;
  /** The directories with the files, to be watched, too. */
  readonly directories: readonly string[];
}

/** The shared state of one folder. */
export class FolderState {
  readonly surroundings: Surroundings;
  readonly place: FolderPlace;
  readonly rows = new FolderRows();
  readonly uidList: UidList;
  readonly keywordFiles: KeywordFiles;
  readonly syncs: SyncGroup;
  readonly turns = new Turns();

  loaded = false;
  /** Why this object is of no use any more: the folder was deleted or renamed, or others numbered its messages anew. */
  removed: 'no such folder' | 'numbered anew' | undefined;
  /** Something was found that only a scan can put right. */
  mustScan = false;
  readWriteUses = 0;
  uses = 0;
  /** Those of the uses that know UIDs of the folder. */
  views = 0;
  changeNumber = 1;
  /** Present from the moment on when somebody uses mod-sequences, as long as the folder is loaded. */
  modSequences: ModSequences | undefined;
  /** How often a look found that another program changed something in cur; forgetting the folder counts, too. */
  foreignChanges = 1;
  firstUnclaimedUid = 1;
  /** The UIDVALIDITY that firstUnclaimedUid belongs to. */
  numberedAs = 0;
  keywords: readonly string[] = [];
  keywordsChangedAt = 1;
  /** Whether the last scan found two files of one message. */
  someTwice = false;
  /** Whether a name in cur may be taken by a second file: others changed cur since the last scan, or that found some. */
  mayHoldSecondFiles = true;
  /** Is asked for a look at the folder in a while. */
  onDoubt: (milliseconds: number) => void = () => undefined;
  /** Is told that a scan left messages in new that are to be moved. */
  onLeftInNew: () => void = () => undefined;

  #listeners: Set<() => void> | undefined;
  #missing: Set<number> | undefined;
  #hiddenFrom: number | undefined;
  #seen: Seen | undefined;
  #fineTimes: boolean | undefined;
  /** Whether a change of our own is what happened last in what was seen. */
  #seenIsOurs = false;
  #scannedAt = 0;
  #scanMilliseconds = 0;

  constructor(surroundings: Surroundings, place: FolderPlace) {
    this.surroundings = surroundings;
    this.place = place;
    this.uidList = new UidList(surroundings, place.paths);
    this.keywordFiles = new KeywordFiles(surroundings, place.paths);
    this.syncs = new SyncGroup(surroundings);
  }

  get disk(): FileSystem {
    return this.surroundings.fileSystem;
  }

  get paths(): FolderPaths {
    return this.place.paths;
  }

  /**
   * The UID of the next message that anybody is told of. Those that are still being numbered or made safe have theirs
   * already, or will have one below what is reserved in the list; who hears of a higher number takes them for seen.
   */
  get uidNext(): number {
    const { rows, uidList } = this;
    const hiddenFrom = this.#hiddenFrom ?? Number.POSITIVE_INFINITY;
    return Math.max(rows.lastUid + 1, Math.min(hiddenFrom, rows.firstStagedUid ?? uidList.uidNext));
  }

  /** Numbers messages, in the folder's turn: until it is over, those that are not shown yet do not count in uidNext. */
  async numbering<T>(run: () => Promise<T>): Promise<T> {
    this.#hiddenFrom = this.uidNext;
    try {
      return await run();
    } finally {
      this.#hiddenFrom = undefined;
    }
  }

  get writable(): boolean {
    return this.disk.mayWrite(this.paths.cur) && this.disk.mayWrite(this.paths.tmp);
  }

  /** @throws {MaildirError} 'no such folder', 'numbered anew' */
  mustExist(): void {
    if (this.removed !== undefined) throw new MaildirError(this.removed, this.place.name);
  }

  /** A new change number, for what is changing now. */
  nextChange(): number {
    this.changeNumber = this.modSequences?.numberAfter(this.changeNumber) ?? this.changeNumber + 1;
    return this.changeNumber;
  }

  /** The inode of cur: it stays when the folder is renamed. */
  get inode(): number {
    return this.#seen?.cur.inode ?? this.disk.status(this.paths.cur)?.inode ?? 0;
  }

  /** Until when everything was seen that others did, in milliseconds since 1970, for one who has just looked. */
  get seenUntil(): number {
    if (this.#seen === undefined) return 0;
    return isYoung(this.#seen) ? this.#seen.newestChange : this.surroundings.now();
  }

  /** Settles when these directories, and the UIDs that were assigned so far, are on the disk. */
  async syncWithUids({ directories = [], files = [] }: SyncRequest): Promise<void> {
    const uids = this.uidList.takeUnsynced();
    try {
      await this.syncs.sync({
        directories: [...directories, ...(uids.directories ?? [])],
        files: [...files, ...(uids.files ?? [])],
      });
    } catch (error) {
      this.uidList.mustSync(uids);
      throw error;
    }
  }

  /** Notes that the file of a message was looked for and not found. */
  noteMissing(uid: number): void {
    this.#missing ??= new Set();
    this.#missing.add(uid);
  }

  /** Whether the file of a message was looked for and not found since the last scan. */
  isMissing(uid: number): boolean {
    return this.#missing?.has(uid) === true;
  }

  /** Whether somebody wants to be told when the folder may have changed. */
  get isWatched(): boolean {
    return this.#listeners !== undefined;
  }

  listen(listener: () => void): void {
    this.#listeners ??= new Set();
    this.#listeners.add(listener);
  }

  unlisten(listener: () => void): void {
    this.#listeners?.delete(listener);
    if (this.#listeners?.size === 0) this.#listeners = undefined;
  }

  /** Tells the sessions that watch this folder. */
  notify(): void {
    for (const listener of this.#listeners ?? []) listener();
  }

  /** Looks at the directories. @throws {MaildirError} 'no such folder' when they are gone */
  observe(): Observation {
    const { fileSystem, keywords, now } = this.surroundings;
    this.#fineTimes ??= fileSystem.keepsFineTimes(this.paths.directory);
    return observe({ fileSystem, keywords, now, paths: this.paths, fine: this.#fineTimes });
  }

  /** Whether a scan would find nothing new, as far as the directories tell. */
  isCurrent(): boolean {
    if (!this.loaded || this.mustScan || this.#seen === undefined || this.uidList.changedOnDisk()) return false;
    return sameVersions(this.observe(), this.#seen) && this.#mayBeTrusted(this.#seen);
  }

  /**
   * The same for numbers alone, in fewer looks: keywords count nothing, and whoever writes into the journal puts a message
   * into cur, or has found one in new.
   *
   * @param knownCur what was seen of cur since somebody asked
   */
  areCountsCurrent(knownCur?: FileStatus): boolean {
    const seen = this.#seen;
    if (!this.loaded || this.mustScan || seen === undefined || this.uidList.listChangedOnDisk()) return false;
    const { disk, paths } = this;
    if (!sameVersion(knownCur ?? disk.status(paths.cur), seen.cur)) return false;
    return sameVersion(disk.status(paths.new), seen.new) && this.#mayBeTrusted(seen);
  }

  /** Whether what was seen is old enough, or a look at it again is not worth it. */
  #mayBeTrusted(seen: Seen): boolean {
    if (!isYoung(seen)) return true;
    const sinceScan = Math.abs(this.surroundings.now() - this.#scannedAt);
    if (sinceScan < this.#scanMilliseconds * YOUNG_SCAN_SHARE) return true;
    if (!this.#seenIsOurs || this.#scanMilliseconds <= SHORT_SCAN_MILLISECONDS) return false;
    this.onDoubt(Math.max(MTIME_GRANULARITY_MILLISECONDS, this.#scanMilliseconds * YOUNG_SCAN_SHARE));
    return true;
  }

  /** Whether the keywords on the disk may differ from those that were loaded. */
  keywordsMayDiffer(before: Observation): boolean {
    return (
      this.#seen === undefined ||
      !sameVersion(before.keywords, this.#seen.keywords) ||
      isYoung({ ...before, newestChange: before.keywords?.modifiedAt ?? 0 })
    );
  }

  /** Counts what a look at the directories, before anything of our own is changed, says about the doings of others. */
  noteForeign(found: Observation): void {
    if (this.#seen === undefined || sameVersion(this.#seen.cur, found.cur)) return;
    this.foreignChanges += 1;
    this.rows.forgetLookups();
  }

  /** Takes what was observed before a scan as known. */
  scanned(before: Observation): void {
    this.#seen = seenIn(before);
    this.#seenIsOurs = false;
    this.#scannedAt = this.surroundings.now();
    this.#scanMilliseconds = Math.max(0, this.#scannedAt - before.at);
    this.#missing = undefined;
    this.rows.files.rest();
  }

  /** Forgets the messages, to make room; what was claimed as recent stays. */
  unload(): void {
    this.rows.clear();
    this.modSequences = undefined;
    this.loaded = false;
    this.#seen = undefined;
    this.foreignChanges += 1;
  }

  /** Takes over what the directories say after a change of our own, made in one go. */
  ownChange<T>(change: () => T): T {
    const known = this.#seen !== undefined && sameVersions(this.observe(), this.#seen);
    this.mayHoldSecondFiles = !known || this.someTwice;
    try {
      return change();
    } finally {
      if (known) {
        this.#seen = seenIn(this.observe());
        this.#seenIsOurs = true;
      }
    }
  }
}
