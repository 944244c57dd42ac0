/**
 * Folder: the messages of one folder, shared by all sessions of this process that use it.
 *
 * It answers what is known from memory, and passes on what needs the disk: folder-scan.ts finds out what there is,
 * receive.ts, change-messages.ts and transfer.ts change it, one after the other in the folder's turn.
 */

import { type ConditionalChange, changeFlags, removeMessages, type ShownChange } from './change-messages.js';
import { diskErrors, diskErrorsSoon } from './errors.js';
import type { FileStatus } from './file-system.js';
import type { FlagBits, FlagChange, FlagLimits } from './flags.js';
import { FolderCounter, type FolderCounts } from './folder-counts.js';
import { FoldTimer, foldNow } from './folder-fold.js';
import { UNKNOWN } from './folder-rows.js';
import { scanFolder } from './folder-scan.js';
import type { FolderState } from './folder-state.js';
import { type FolderUse, listening, OpenFolder, type UseListener } from './folder-use.js';
import type { Maildir } from './maildir.js';
import { type MessageFile, openMessageFile, withMessagePath } from './message-file.js';
import type { MessageTable } from './message-table.js';
import { SequenceUse } from './modseq/sequence-use.js';
import { MoveTimer, moveNewToCur } from './new-to-cur.js';
import { type CostingMessage, checkRoom } from './quota/folder-quota.js';
import { addMessages, type MessageWriter, type NewMessage, TmpMessage } from './receive.js';
import { copyMessages, moveMessages, type TransferredUids } from './transfer.js';
import type { Uid } from './uid.js';
import { type FolderWatch, followed } from './watch.js';

export type { FolderCounts, FolderUse, MessageFile, MessageWriter, NewMessage, TransferredUids };

/** By what a file is known again: another file under its name has another one. */
export interface FileFingerprint {
  readonly sizeOctets: number;
  /** Milliseconds since 1970, whole ones. */
  readonly modifiedAt: number;
  readonly inode: number;
}

/**
 * Is told of folders that are in memory while nobody uses them: the last use was closed, or a folder was touched without
 * being opened, by STATUS or APPEND.
 */
export type FolderListener = (folder: Folder, how: 'closed' | 'touched') => void;

/**
 * One folder. Its methods throw MaildirError; after the folder was deleted or renamed, 'no such folder', and after
 * another program gave it another UIDVALIDITY, 'numbered anew'.
 */
export class Folder implements UseListener {
  readonly name: string;
  readonly maildir: Maildir;
  readonly #state: FolderState;
  readonly #foldTimer: FoldTimer;
  readonly #moveTimer: MoveTimer;
  readonly #counter: FolderCounter;
  readonly #onIdle: FolderListener;
  #watch: FolderWatch | undefined;
  #refreshing: Promise<void> | undefined;
  #cancelLook: (() => void) | undefined;

  /** Made by Maildir only. */
  constructor(maildir: Maildir, state: FolderState, onIdle: FolderListener) {
    this.maildir = maildir;
    this.name = state.place.name;
    this.#state = state;
    this.#onIdle = onIdle;
    this.#foldTimer = new FoldTimer(state);
    this.#moveTimer = new MoveTimer(state);
    this.#counter = new FolderCounter(state);
    state.onDoubt = (milliseconds) => this.#lookLater(milliseconds);
    state.onLeftInNew = () => this.#moveTimer.schedule();
  }

  get uidValidity(): number {
    return this.#state.uidList.uidValidity;
  }

  get uidNext(): number {
    return this.#state.uidNext;
  }

  /** The current table. */
  get table(): MessageTable {
    return this.#state.rows.table;
  }

  /** Rises whenever anything changed: arrival, flags, keywords, removal. */
  get changeNumber(): number {
    return this.#state.changeNumber;
  }

  /**
   * Rises when a look finds that another program changed something in cur, so that a file may have been replaced under
   * its name. Deliveries into new and changes of our own do not count.
   */
  get foreignChanges(): number {
    return this.#state.foreignChanges;
  }

  /** A name for the folder that stays when it is renamed, and that no other folder of its maildir has. */
  get id(): string {
    return `F${this.uidValidity.toString(36)}-${this.#state.inode.toString(36)}`;
  }

  /** The folder's mod-sequences, for those who use them. Made when asked for: most folders' are never used. */
  get sequences(): SequenceUse {
    return new SequenceUse(this.#state, this, this.#counter);
  }

  /** Whether this object is of no use any more; the maildir makes a new one for those who ask. */
  get ended(): boolean {
    return this.#state.removed !== undefined;
  }

  /** Whether this process may change files in cur. */
  get writable(): boolean {
    return !this.ended && this.#state.writable;
  }

  /** Loads the folder or brings it up to date. The first read-write use moves messages from new to cur. */
  async open(access: 'read-write' | 'read-only'): Promise<FolderUse> {
    const state = this.#state;
    const readWrite = access === 'read-write' ? 1 : 0;
    state.readWriteUses += readWrite;
    state.uses += 1;
    if (readWrite > 0 && state.readWriteUses === 1 && state.rows.someInNew()) state.mustScan = true;
    try {
      await this.refresh();
    } catch (error) {
      state.readWriteUses -= readWrite;
      state.uses -= 1;
      throw error;
    }
    return new OpenFolder(this, { state, told: this, readWrite: readWrite > 0 });
  }

  /** For uses of this folder: it is watched as long as somebody listens. */
  listenersChanged(): void {
    this.#watch = followed(this.#state, this.#watch);
  }

  /** Calls back when the folder may have changed, also while nobody has it open; until the function it gives is called. */
  listen(onMayHaveChanged: () => void): () => void {
    return listening(this.#state, this, onMayHaveChanged);
  }

  /** For uses of this folder: the last of them was closed. */
  unused(): void {
    this.#onIdle(this, 'closed');
  }

  /** Brings the folder up to date, for STATUS: nothing is moved, no message is claimed as recent. */
  async counts({ sizes } = { sizes: true }): Promise<FolderCounts> {
    await this.refresh();
    const counts = this.#counter.counts();
    const sizeOctets = sizes ? await this.#counter.sumOfSizes((row) => this.sizeOctetsAt(row)) : 0;
    this.#touched();
    return sizes ? { ...counts, sizeOctets } : counts;
  }

  /**
   * The same without sizes, at once, if what is in memory is what is on the disk; else undefined, and counts() must look.
   *
   * @param knownCur what was seen of cur since somebody asked
   */
  countsAtHand(knownCur?: FileStatus): FolderCounts | undefined {
    const state = this.#state;
    return diskErrors(state.paths.directory, () => {
      state.mustExist();
      if (state.place.linked !== undefined || !state.areCountsCurrent(knownCur)) return undefined;
      this.#touched();
      return this.#counter.counts();
    });
  }

  /** After something that may have loaded or changed the folder. */
  #touched(): void {
    this.#foldTimer.schedule();
    if (this.#state.uses === 0 && !this.ended) this.#onIdle(this, 'touched');
  }

  /** Looks at the disk if the folder may have changed. Sessions that ask while a look is waiting share it. */
  async refresh(): Promise<void> {
    const state = this.#state;
    await diskErrorsSoon(state.paths.directory, async () => {
      state.mustExist();
      if (state.place.linked !== undefined) await state.place.linked.follow();
      if (!state.isCurrent()) await this.#scanSoon();
      if (state.uidList.needsFolding && state.uidList.quiet) this.#foldTimer.schedule();
    });
  }

  /** One look serves all who doubted. What it finds, those who watch are told at once, and others when they ask. */
  #lookLater(milliseconds: number): void {
    const { surroundings, turns } = this.#state;
    this.#cancelLook ??= surroundings.after(milliseconds, () => {
      this.#cancelLook = undefined;
      if (this.ended || !this.#state.loaded) return;
      turns
        .take(() => scanFolder(this.#state, { lockHeld: false }))
        .catch((error: unknown) => surroundings.warnOnce(`${this.#state.paths.directory}: ${String(error)}`));
    });
  }

  /** Gives whether messages are left in new that somebody was told of. */
  #endTimers(): boolean {
    this.#foldTimer.cancel();
    this.#cancelLook?.();
    this.#cancelLook = undefined;
    return this.#moveTimer.cancel();
  }

  #scanSoon(): Promise<void> {
    this.#refreshing ??= this.#state.turns.take(async () => {
      // Whoever asks from now on needs a look of his own: this one may have passed what he wants to see.
      this.#refreshing = undefined;
      await scanFolder(this.#state, { lockHeld: false });
    });
    return this.#refreshing;
  }

  /** The first UID that nobody was told of as \Recent; from now on all are claimed. */
  claimRecent(): number {
    const first = this.#state.firstUnclaimedUid;
    this.#state.firstUnclaimedUid = Math.max(first, this.#state.rows.lastUid + 1);
    return first;
  }

  /** The first UID that nobody was told of as \Recent, without claiming any. */
  get firstUnclaimedUid(): number {
    return this.#state.firstUnclaimedUid;
  }

  /** The first row of the current table without \Seen, -1 if there is none. */
  firstUnseen(): number {
    return this.#counter.firstUnseen();
  }

  flagsAt(row: number): FlagBits {
    return this.#state.rows.flagsAt(row);
  }

  keywordsAt(row: number): readonly string[] {
    return this.#state.rows.keywordsAt(row);
  }

  /** The change number of the last change of flags or keywords, or of the arrival. */
  changedAt(row: number): number {
    return this.#state.rows.changedAt(row);
  }

  /** The rows of the current table whose flags or keywords changed, or that arrived, after a change number. */
  rowsChangedAfter(change: number): readonly number[] {
    return this.#state.rows.changedRows(change);
  }

  /** The file's size: what its name says, else what the disk says. @throws {MaildirError} 'message gone' */
  sizeOctetsAt(row: number): number {
    const { rows } = this.#state;
    if (rows.sizeAt(row) === UNKNOWN) this.fingerprintAt(row);
    return rows.sizeAt(row);
  }

  /** The file's mtime in milliseconds since 1970. @throws {MaildirError} 'message gone' */
  internalDateAt(row: number): number {
    const { rows } = this.#state;
    if (rows.modifiedAt(row) === UNKNOWN) this.fingerprintAt(row);
    return rows.modifiedAt(row);
  }

  /** What the disk says of the message's file now. @throws {MaildirError} 'message gone' */
  fingerprintAt(row: number): FileFingerprint {
    const state = this.#state;
    return diskErrors(state.paths.directory, () =>
      withMessagePath(state, state.rows.table.uidAt(row), (path) => {
        const status = state.disk.status(path);
        if (status === undefined) throw Object.assign(new Error(`not there: ${path}`), { code: 'ENOENT' });
        const { sizeOctets, inode } = status;
        const fingerprint = { sizeOctets, modifiedAt: Math.floor(status.modifiedAt), inode };
        state.rows.lookedUp(row, fingerprint);
        return fingerprint;
      }),
    );
  }

  /** The name of the message that never changes, for caches. */
  uniqueNameAt(row: number): string {
    return this.#state.rows.files.uniqueNameAt(row);
  }

  /** The name of the message's file up to its flags, as Courier's lists have it. */
  baseNameAt(row: number): string {
    return this.#state.rows.baseNameAt(row);
  }

  /**
   * Gives a message another internal date, in milliseconds since 1970.
   *
   * @throws {MaildirError} 'message gone'
   */
  setInternalDate(row: number, internalDate: number): void {
    const state = this.#state;
    diskErrors(state.paths.directory, () =>
      withMessagePath(state, state.rows.table.uidAt(row), (path) => state.disk.setModified(path, internalDate)),
    );
    this.fingerprintAt(row);
  }

  /** The keywords in use in this folder, in an order that stays. */
  get keywords(): readonly string[] {
    return this.#state.keywords;
  }

  /** The change number at which `keywords` last changed. */
  get keywordsChangedAt(): number {
    return this.#state.keywordsChangedAt;
  }

  /**
   * Opens a message file, also when another program renamed it. With `into`, the file is read into it at once as far as
   * it has room; if all of it fits, it is `whole`, and the file is closed again already.
   *
   * @throws {MaildirError} 'message gone'
   */
  openMessage(uid: number, into?: Buffer): MessageFile {
    return diskErrors(this.#state.paths.directory, () => {
      const file = openMessageFile(this.#state, uid, into);
      const row = this.table.rowOf(uid);
      if (row >= 0) {
        const modifiedAt = Math.floor(file.internalDate);
        this.#state.rows.lookedUp(row, { sizeOctets: file.sizeOctets, modifiedAt });
      }
      return file;
    });
  }

  /** Changes flags and keywords; messages that are gone are skipped. Settles when the change is on the disk. */
  async changeFlags(uids: readonly number[], change: FlagChange): Promise<void> {
    await (await this.showFlags(uids, change)).safe;
  }

  /** The same, but settles when everybody sees the change; `safe` settles when it is on the disk. */
  showFlags(uids: readonly number[], change: ConditionalChange): Promise<ShownChange> {
    return this.#inTurn(() => changeFlags(this.#state, uids, change));
  }

  /** Begins to receive a message into tmp. */
  beginMessage(): MessageWriter {
    this.#state.mustExist();
    return diskErrors(this.#state.paths.tmp, () => new TmpMessage(this.#state));
  }

  /**
   * Looks whether messages of these flags and sizes would find room. Gives undefined where there is no limit.
   *
   * @throws {MaildirError} 'over quota'
   */
  checkRoom(messages: readonly CostingMessage[]): Promise<void> | undefined {
    return diskErrors(this.#state.paths.directory, () => checkRoom(this.#state, messages));
  }

  /** Adds received messages, all or none; gives their UIDs when they are on the disk. */
  async addMessages(messages: readonly NewMessage[]): Promise<Uid[]> {
    return diskErrorsSoon(this.#state.paths.directory, async () => {
      const uids = await addMessages(this.#state, messages);
      this.#touched();
      return uids;
    });
  }

  /** Copies messages, all or none; those that are gone are left out. The copies have the flags that `within` allows. */
  async copyTo(target: Folder, uids: readonly number[], within?: FlagLimits): Promise<TransferredUids> {
    return this.#transfer(target, () => copyMessages(this.#state, target.#state, { uids, within }));
  }

  /** Moves messages, all or none; each is always in exactly one of the folders. */
  async moveTo(target: Folder, uids: readonly number[], within?: FlagLimits): Promise<TransferredUids> {
    return this.#transfer(target, () => moveMessages(this.#state, target.#state, { uids, within }));
  }

  async #transfer(target: Folder, run: () => Promise<TransferredUids>): Promise<TransferredUids> {
    return diskErrorsSoon(this.#state.paths.directory, async () => {
      if (!this.#state.loaded) await this.refresh();
      const transferred = await run();
      this.#touched();
      target.#touched();
      return transferred;
    });
  }

  /** Removes messages; gives those that are gone now. Settles when that is on the disk. */
  async removeMessages(uids: readonly number[]): Promise<Uid[]> {
    return this.#inTurn(() => removeMessages(this.#state, uids));
  }

  async #inTurn<T>(run: () => Promise<T>): Promise<T> {
    return diskErrorsSoon(this.#state.paths.directory, async () => {
      if (!this.#state.loaded) await this.refresh();
      const result = await this.#state.turns.take(() => {
        this.#state.mustExist();
        return run();
      });
      this.#touched();
      return result;
    });
  }

  /** For LIST's \Marked; undefined if memory does not know and the disk must be asked. */
  hasNewOrUnseen(): boolean | undefined {
    if (!this.#state.isCurrent()) return undefined;
    return this.#state.rows.someInNew() || this.firstUnseen() >= 0;
  }

  /** Whether somebody has it open or listens to it, or it holds messages. */
  get inUse(): boolean {
    return this.#state.uses > 0 || this.#state.loaded || this.#state.isWatched;
  }

  /** How many messages are held in memory. */
  get heldMessages(): number {
    return this.#state.loaded ? this.#state.rows.count : 0;
  }

  /** Brings the lists on the disk to rest; if `unload`, forgets the messages unless somebody came meanwhile. */
  async rest(options: { unload: boolean }): Promise<void> {
    const leftInNew = this.#endTimers();
    await this.#state.turns.take(async () => {
      if (this.ended || !this.#state.loaded) return;
      if (leftInNew) await moveNewToCur(this.#state);
      await foldNow(this.#state);
      if (options.unload && this.#state.uses === 0) this.#state.unload();
    });
  }

  /** Has those who watch the folder look again: something else than its messages may have changed. */
  wake(): void {
    this.#state.notify();
  }

  /** The folder was deleted or renamed: sessions that still use it are told at once, and by every operation. */
  async end(): Promise<void> {
    this.#endTimers();
    this.#watch?.close();
    this.#watch = undefined;
    this.#state.removed = 'no such folder';
    this.#state.notify();
    await this.#state.turns.take(() => Promise.resolve());
  }
}
