/**
 * Looks at a folder's directories and brings its rows up to date.
 *
 * The races, and what is done about them:
 *
 * A file that is renamed while its directory is read may be seen twice, or not at all. `new` is read before `cur`, so a
 * message on its way is seen twice rather than never, and of two names of one message the one that exists counts. A
 * message that is not seen is looked for again before it is given up; it must be missing from a listing during which the
 * directories did not change, or from several.
 *
 * A file that appears twice for good (a restored backup, two programs with a bad clock) is one message; the other file
 * becomes a message when the first is gone.
 *
 * UIDs are assigned under the folder's lock, after the list was read again if somebody wrote it. If they cannot be
 * written down (full disk), the new messages stay unseen until they can; what is known is served meanwhile. A message is
 * shown only when its UID is safe on the disk.
 */
import { errorCode, MaildirError } from './errors.js';
import { compareNames, uniqueNameOf } from './filename.js';
import { unlessMissing } from './files.js';
import { type FoundFile, foundFile, type NumberedFile, noKeywords, type Place } from './folder-rows.js';
import { type FolderState, isYoung } from './folder-state.js';
import { applyKeywords, keywordsInUse } from './keyword-state.js';
import type { KeywordEntries } from './keyword-text.js';
import { withLock } from './lock.js';
import { pathOf } from './message-file.js';
import { Pace } from './pace.js';
import type { Uid } from './uid.js';
import { newUidValidity, passingUidValidity } from './uid-validity.js';

/** A message that several listings in a row did not show is gone, however busy the directory. */
const MAX_LISTINGS = 4;

/** Brings the folder up to date. It must run in the folder's turn. */
export async function scanFolder(state: FolderState, options: { lockHeld: boolean }): Promise<void> {
  state.mustExist();
  await new FolderScan(state, options.lockHeld).run();
}

class FolderScan {
  readonly #state: FolderState;
  readonly #lockHeld: boolean;
  readonly #pace: Pace;
  #before: ReturnType<FolderState['observe']>;
  /** Files without a row, by unique name. */
  readonly #strangers = new Map<string, FoundFile>();
  readonly #wasNew = new Set<string>();
  /** Unique names of what may be no regular file. */
  readonly #others = new Set<string>();
  /** Messages that got their UID just now, in the order of UIDs: shown when that is safe on the disk. */
  #assigned: NumberedFile[] = [];
  #seen = new Uint8Array(0);
  /** What the UID list says, if it had to be read. */
  #listed: Map<string, Uid> | undefined;
  #listLost = false;
  #keywords: KeywordEntries | undefined;
  #firstRecentUid = Number.POSITIVE_INFINITY;
  #changed = false;
  #trouble = false;

  constructor(state: FolderState, lockHeld: boolean) {
    this.#state = state;
    this.#lockHeld = lockHeld;
    this.#pace = new Pace(state.surroundings.now);
    this.#before = state.observe();
  }

  async run(): Promise<void> {
    const state = this.#state;
    state.noteForeign(this.#before);
    const files = await this.#list();
    if (!state.loaded || state.uidList.changedOnDisk()) this.#readUidList();
    this.#seen = new Uint8Array(state.rows.count);
    for (const file of files) {
      this.#match(file);
      await this.#pace.step();
    }
    if (state.readWriteUses > 0 && state.writable) this.#adopt(() => this.#moveNewToCur());
    await this.#removeMissing();
    await this.#loadKeywords();
    await this.#numberStrangers();
    await this.#makeSafe();
    // Messages that another session is adding come first if their UIDs are lower.
    await state.syncs.idle();
    this.#publish();
    state.mustScan = this.#trouble;
    state.scanned(this.#before);
    if (this.#changed) state.notify();
  }

  async #list(): Promise<FoundFile[]> {
    const files: FoundFile[] = [];
    for (const place of ['new', 'cur'] as const satisfies readonly Place[]) {
      const others = new Set<string>();
      for (const names of this.#state.disk.list(this.#state.paths[place], others)) {
        for (const name of names) if (!name.startsWith('.')) files.push(foundFile(name, place));
        await this.#pace.step();
      }
      for (const name of others) this.#others.add(foundFile(name, place).uniqueName);
    }
    return files;
  }

  /** Reads the list; where it contradicts what is in memory, it wins. Rows that it contradicts become strangers. */
  #readUidList(): void {
    const { uidList, rows, surroundings, paths } = this.#state;
    const validityBefore = uidList.uidValidity;
    const { messages, lost } = uidList.read();
    const listed = new Map(messages.map(({ uid, baseName }) => [uniqueNameOf(baseName), uid]));
    this.#listLost = lost;
    this.#listed = listed;
    const renumbered = validityBefore !== 0 && validityBefore !== uidList.uidValidity;
    if (renumbered) {
      surroundings.warn(`Somebody gave ${paths.directory} another UIDVALIDITY; its messages are numbered anew`);
      this.#endViews();
    }
    let unlisted = false;
    const leaving: FoundFile[] = [];
    rows.remove((row) => {
      const { baseName, uniqueName, suffix, place } = rows.at(row);
      const uid = listed.get(uniqueName);
      unlisted ||= uid === undefined;
      const contradicted = renumbered || (uid !== undefined && uid !== rows.table.uidAt(row));
      if (contradicted) leaving.push({ baseName, uniqueName, suffix, place });
      return contradicted;
    });
    // A name that is listed twice counts once, with its higher UID.
    uidList.outOfDate ||= unlisted || listed.size < messages.length;
    for (const file of leaving) this.#strangers.set(file.uniqueName, file);
    if (leaving.length > 0 || renumbered) this.#noteChange();
  }

  /** Sessions that were told the old UIDs keep this object with the rows they know, and can only end. */
  #endViews(): void {
    const state = this.#state;
    if (state.views === 0) return;
    state.removed = 'numbered anew';
    state.notify();
    state.mustExist();
  }

  #match(file: FoundFile): void {
    const { rows } = this.#state;
    const row = rows.rowOfName(file.uniqueName);
    if (row < 0) {
      this.#matchStranger(file);
      return;
    }
    const known = rows.at(row);
    const sameName = known.baseName === file.baseName && known.suffix === file.suffix && known.place === file.place;
    if (this.#seen[row] === 1 && !sameName && !this.#replaces(file, known)) return;
    this.#seen[row] = 1;
    if (!sameName && rows.moveFile(row, file)) known.changedAt = this.#noteChange();
  }

  #matchStranger(file: FoundFile): void {
    const { uniqueName } = file;
    if (this.#state.rows.isStaged(uniqueName)) return;
    const known = this.#strangers.get(uniqueName);
    if (known !== undefined && this.#path(known) !== this.#path(file) && !this.#replaces(file, known)) return;
    this.#strangers.set(uniqueName, file);
    if (file.place === 'new') this.#wasNew.add(uniqueName);
  }

  /** Whether the second name of a message is the one that counts: the first does not exist any more. */
  #replaces(second: FoundFile, first: FoundFile): boolean {
    const { disk, surroundings } = this.#state;
    if (disk.status(this.#path(first)) === undefined) return true;
    if (disk.status(this.#path(second)) === undefined) return false;
    surroundings.warnOnce(`Two files of one message; the second is left alone: ${this.#path(second)}`);
    // Each look is a real one from now on: the second becomes a message as soon as the first is gone.
    this.#trouble = true;
    return false;
  }

  #path(file: FoundFile): string {
    return pathOf(this.#state, file);
  }

  /** Runs a change of our own; the directories stay known if they were. */
  #adopt(change: () => void): void {
    const known = this.#state.observe().version === this.#before.version;
    change();
    if (known) this.#before = this.#state.observe();
  }

  #moveNewToCur(): void {
    const { rows } = this.#state;
    for (let row = 0; row < rows.count; row += 1) {
      const message = rows.at(row);
      if (message.place !== 'new' || this.#seen[row] !== 1) continue;
      const moved = this.#movedToCur(message);
      if (moved === undefined) this.#seen[row] = 0;
      else rows.moveFile(row, moved);
    }
    for (const [uniqueName, file] of this.#strangers) {
      if (file.place !== 'new') continue;
      const moved = this.#movedToCur(file);
      if (moved === undefined) this.#strangers.delete(uniqueName);
      else this.#strangers.set(uniqueName, moved);
    }
  }

  /** Undefined if another program took the file away meanwhile. */
  #movedToCur(file: FoundFile): FoundFile | undefined {
    const { disk, surroundings } = this.#state;
    const moved: FoundFile = { ...file, suffix: file.suffix || ':2,', place: 'cur' };
    if (disk.status(this.#path(moved)) !== undefined) return file;
    try {
      disk.rename(this.#path(file), this.#path(moved));
      return moved;
    } catch (error) {
      const code = errorCode(error);
      if (code === undefined) throw error;
      if (code === 'ENOENT') return undefined;
      surroundings.warnOnce(`ERR: rename(${this.#path(file)},${this.#path(moved)}) failed: ${String(error)}`);
      return file;
    }
  }

  async #removeMissing(): Promise<void> {
    const { rows } = this.#state;
    let last = this.#before;
    for (let listings = 1; listings < MAX_LISTINGS && this.#seen.includes(0); listings += 1) {
      const now = this.#state.observe();
      if (now.version === last.version && (listings > 1 || !isYoung(now))) break;
      last = now;
      for (const file of await this.#list()) this.#match(file);
    }
    if (!this.#seen.includes(0)) return;
    rows.remove((row) => this.#seen[row] === 0);
    this.#state.uidList.outOfDate = true;
    this.#noteChange();
  }

  async #loadKeywords(): Promise<void> {
    const state = this.#state;
    if (state.surroundings.keywords === 'off') return;
    if (this.#strangers.size === 0 && !state.keywordsMayDiffer(this.#before)) return;
    const exists = (uniqueName: string): boolean => state.rows.knows(uniqueName) || this.#strangers.has(uniqueName);
    const known = state.observe().version === this.#before.version;
    try {
      this.#keywords =
        this.#before.keywordsVersion === '' ? new Map() : await state.keywordFiles.load(exists, state.writable);
    } catch (error) {
      // Keywords are the least of what a folder holds: without them the mail is still served.
      if (errorCode(error) === undefined) throw error;
      state.surroundings.warnOnce(`Keywords cannot be loaded: ${state.paths.keywords}: ${String(error)}`);
      this.#trouble = true;
      return;
    }
    if (known) this.#before = state.observe();
    if (applyKeywords(state, this.#keywords)) this.#changed = true;
  }

  /** Stages every stranger that the list knows, and gets UIDs for the others. */
  async #numberStrangers(): Promise<void> {
    const state = this.#state;
    this.#stageListed();
    const need = this.#regularStrangers();
    if (need.length === 0 && !this.#listLost) return;
    try {
      if (!state.writable) this.#assignUnwritten(need);
      else if (this.#lockHeld) await this.#assignLocked(need);
      else await withLock(state.surroundings, state.paths.tmp, () => this.#assignLocked(need));
    } catch (error) {
      const trouble = errorCode(error) !== undefined || (error instanceof MaildirError && error.kind === 'locked');
      if (!trouble || state.uidList.uidValidity === 0) throw error;
      state.surroundings.warnOnce(`New messages have no UIDs yet: ${state.paths.directory}: ${String(error)}`);
      this.#trouble = true;
    }
  }

  async #assignLocked(found: readonly FoundFile[]): Promise<void> {
    const state = this.#state;
    let need = found;
    if (state.uidList.changedOnDisk()) {
      this.#readUidList();
      this.#stageListed();
      need = this.#regularStrangers();
    }
    if (this.#listLost) {
      const lockHeld = state.paths.directory === state.place.maildirPath;
      this.#begin(await newUidValidity(state.surroundings, { ...state.place, lockHeld }));
    }
    const uids = await state.uidList.assign(
      need.map(({ baseName }) => baseName),
      () => state.rows.listed(),
    );
    this.#stageAssigned(need, uids);
  }

  #assignUnwritten(need: readonly FoundFile[]): void {
    const { uidList, surroundings } = this.#state;
    if (this.#listLost) this.#begin(passingUidValidity(surroundings));
    this.#stageAssigned(need, uidList.assignUnwritten(need.map(({ baseName }) => baseName)));
  }

  /** A list that is lost begins anew; what its good lines say stays. */
  #begin(uidValidity: number): void {
    const { uidList, rows, surroundings, paths } = this.#state;
    if ((this.#listed?.size ?? 0) > 0) surroundings.warn(`UIDVALIDITY of ${paths.directory} was lost: it is new now`);
    uidList.begin(uidValidity, rows.lastNumberedUid);
    this.#listLost = false;
  }

  /**
   * Strangers that have a UID already are shown at once; only behind messages that are still being made safe they wait.
   * One whose UID is lower than what sessions were told of cannot be put in between: such a message, once given up and
   * now back, gets a new UID.
   */
  #stageListed(): void {
    const { rows } = this.#state;
    const last = rows.lastNumberedUid;
    const ready: NumberedFile[] = [];
    for (const { baseName, uniqueName, suffix, place } of this.#strangers.values()) {
      const uid = this.#listed?.get(uniqueName);
      if (uid === undefined || uid <= last) continue;
      ready.push({ baseName, uniqueName, suffix, place, uid });
      if (this.#wasNew.has(uniqueName)) this.#firstRecentUid = Math.min(this.#firstRecentUid, uid);
    }
    if (ready.length === 0) return;
    ready.sort((one, other) => one.uid - other.uid);
    const change = this.#noteChange();
    const wait = last > rows.lastUid;
    for (const file of ready) {
      if (wait) rows.stage(file, this.#keywordsOf(file));
      else rows.append(file, this.#keywordsOf(file), change);
    }
    if (ready.length === this.#strangers.size) this.#strangers.clear();
    else for (const { uniqueName } of ready) this.#strangers.delete(uniqueName);
    keywordsInUse(this.#state);
  }

  #keywordsOf({ uniqueName }: FoundFile): readonly string[] {
    return this.#keywords?.get(uniqueName)?.keywords ?? noKeywords;
  }

  #stageAssigned(files: readonly FoundFile[], uids: readonly Uid[]): void {
    this.#assigned = files.map(({ baseName, uniqueName, suffix, place }, index) => {
      const uid = uids[index];
      if (uid === undefined) throw new RangeError('files and UIDs differ');
      return { baseName, uniqueName, suffix, place, uid };
    });
    this.#strangers.clear();
    this.#firstRecentUid = Math.min(this.#firstRecentUid, uids[0] ?? Number.POSITIVE_INFINITY);
  }

  /** Messages whose UIDs cannot be made safe now keep them, and are shown when the next scan made them safe. */
  async #makeSafe(): Promise<void> {
    const state = this.#state;
    try {
      await state.syncWithUids({});
    } catch (error) {
      for (const file of this.#assigned) state.rows.stage(file, this.#keywordsOf(file));
      throw error;
    }
  }

  /** Directories, links and devices in cur are no messages. They are looked at once, when they would get a UID. */
  #regularStrangers(): FoundFile[] {
    const { disk, surroundings } = this.#state;
    for (const uniqueName of this.#others) {
      const file = this.#strangers.get(uniqueName);
      if (file === undefined) continue;
      const status = unlessMissing(() => disk.status(this.#path(file)));
      if (status?.kind === 'file') continue;
      this.#strangers.delete(uniqueName);
      if (status !== undefined) surroundings.warnOnce(`Not a message, not served: ${this.#path(file)}`);
    }
    return [...this.#strangers.values()].sort((one, other) => compareNames(one.baseName, other.baseName));
  }

  #publish(): void {
    const state = this.#state;
    const last = state.rows.lastNumberedUid;
    if (last > state.rows.lastUid || this.#assigned.length > 0) {
      const change = this.#noteChange();
      state.rows.publish(last, change);
      for (const file of this.#assigned) state.rows.append(file, this.#keywordsOf(file), change);
      keywordsInUse(state);
    }
    if (state.numberedAs !== state.uidList.uidValidity) {
      state.numberedAs = state.uidList.uidValidity;
      state.firstUnclaimedUid = Math.min(this.#firstRecentUid, state.uidList.uidNext);
    }
    state.loaded = true;
    for (const uniqueName of this.#listed?.keys() ?? []) {
      if (!state.rows.knows(uniqueName)) state.uidList.outOfDate = true;
    }
  }

  #noteChange(): number {
    this.#changed = true;
    return this.#state.nextChange();
  }
}
