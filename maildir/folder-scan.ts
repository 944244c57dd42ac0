/**
 * Looks at a folder's directories and brings its rows up to date.
 *
 * The races, and what is done about them (those of reading a directory that changes: folder-listing.ts):
 *
 * UIDs are assigned under the folder's lock. If somebody wrote the list since, it is read again, and then the directories,
 * too: a message that came after our listing may stand in that list, and would be left out of ours. If UIDs cannot be
 * written down (full disk), the new messages stay unseen until they can; what is known is served meanwhile. A message is
 * shown only when its UID is safe on the disk.
 */
import { errorCode, MaildirError } from './errors.js';
import type { FileTable } from './file-table.js';
import { FolderListing } from './folder-listing.js';
import { folderPaths } from './folder-name.js';
import { noKeywords } from './folder-rows.js';
import type { FolderState } from './folder-state.js';
import { applyKeywords, keywordsInUse } from './keyword-state.js';
import type { KeywordEntries } from './keyword-text.js';
import { listedUids, namesUnknown } from './listed-names.js';
import { withLock } from './lock.js';
import { MOVED_AT_ONCE, movedToCur } from './new-to-cur.js';
import { type Observation, sameVersions } from './observation.js';
import { Pace } from './pace.js';
import type { Strangers, StrangersInOrder } from './strangers.js';
import type { SyncRequest } from './sync-group.js';
import { tallies } from './tallies.js';
import { newUidValidity, passingUidValidity } from './uid-validity.js';
import type { ListedMessages } from './uiddb.js';

const noEntries: KeywordEntries = new Map();

/** Brings the folder up to date. It must run in the folder's turn. */
export async function scanFolder(state: FolderState, options: { lockHeld: boolean }): Promise<void> {
  state.mustExist();
  await state.numbering(() => new FolderScan(state, options.lockHeld).run());
}

class FolderScan {
  readonly #state: FolderState;
  readonly #lockHeld: boolean;
  readonly #pace: Pace;
  #before: Observation;
  readonly #listing: FolderListing;
  readonly #strangers: Strangers;
  /** Strangers that got their UIDs just now, in the order of UIDs: shown when those are safe on the disk. */
  #assigned: StrangersInOrder = { order: new Uint32Array(0), uids: new Uint32Array(0) };
  /** What the UID list says, if it had to be read. */
  #listed: ListedMessages | undefined;
  #everyLineKnown = false;
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
    this.#listing = new FolderListing(state, this.#pace, () => this.#noteChange());
    this.#strangers = this.#listing.strangers;
  }

  async run(): Promise<void> {
    const state = this.#state;
    state.noteForeign(this.#before);
    if (!state.loaded || state.uidList.changedOnDisk()) await this.#readUidList();
    if (!state.loaded) this.#listing.expect(this.#before, this.#listed);
    await this.#listing.list();
    const leftInNew = state.readWriteUses > 0 && state.writable && !(await this.#moveNewToCur());
    await this.#removeMissing();
    await this.#loadKeywords();
    await this.#numberStrangers();
    await this.#makeSafe();
    // Messages that another session is adding come first if their UIDs are lower.
    await state.syncs.idle();
    await this.#publish();
    // While a message has two files each look is a real one: the second becomes a message as soon as the first is gone.
    state.mustScan = this.#trouble || this.#listing.someTwice;
    state.someTwice = this.#listing.someTwice;
    state.scanned(this.#before);
    if (leftInNew) state.onLeftInNew();
    if (this.#changed) state.notify();
  }

  /** Reads the list; where it contradicts what is in memory, it wins. Rows that it contradicts become strangers. */
  async #readUidList(): Promise<void> {
    const { uidList, rows, surroundings, paths } = this.#state;
    const validityBefore = uidList.uidValidity;
    const { messages, lost } = await uidList.read(this.#pace);
    this.#listLost = lost;
    this.#listed = messages;
    const renumbered = validityBefore !== 0 && validityBefore !== uidList.uidValidity;
    if (renumbered) {
      tallies.uidvalidity_changes_total += 1;
      surroundings.warn(`Somebody gave ${paths.directory} another UIDVALIDITY; its messages are numbered anew`);
      this.#endViews();
    }
    if (rows.count === 0) {
      if (renumbered) this.#noteChange();
      return;
    }
    const { uids, listedTwice } = await listedUids(rows.files, messages, this.#pace);
    uidList.outOfDate ||= listedTwice;
    let [unlisted, contradicted] = [false, false];
    rows.remove((row) => {
      if (row >= uids.length) return false;
      const uid = uids[row] ?? 0;
      unlisted ||= uid === 0;
      if (!renumbered && (uid === 0 || uid === rows.table.uidAt(row))) return false;
      contradicted = true;
      this.#strangers.addRow(rows.files, row);
      return true;
    });
    uidList.outOfDate ||= unlisted;
    if (contradicted || renumbered) this.#noteChange();
  }

  /** Sessions that were told the old UIDs keep this object with the rows they know, and can only end. */
  #endViews(): void {
    const state = this.#state;
    if (state.views === 0) return;
    state.removed = 'numbered anew';
    state.notify();
    state.mustExist();
  }

  /** False when there are so many that it is done later. */
  async #moveNewToCur(): Promise<boolean> {
    const { rows } = this.#state;
    const listing = this.#listing;
    if (rows.files.inNew + listing.strangers.files.inNew > MOVED_AT_ONCE) return false;
    await this.#moveEach(
      rows.files,
      (row) => listing.saw(row),
      (row) => listing.unsee(row),
    );
    const { strangers } = listing;
    await this.#moveEach(
      strangers.files,
      () => true,
      (stranger) => strangers.settle(stranger),
    );
    return true;
  }

  /** Runs in slices of our own changes; the directories stay known if they were. */
  async #moveEach(files: FileTable, wanted: (file: number) => boolean, gone: (file: number) => void): Promise<void> {
    for (let file = 0; file < files.count; ) {
      while (file < files.count && !files.isInNew(file)) file += 1;
      if (file === files.count) return;
      const known = sameVersions(this.#state.observe(), this.#before);
      let pause: Promise<void> | undefined;
      for (; file < files.count && pause === undefined; file += 1) {
        if (!files.isInNew(file) || !wanted(file)) continue;
        if (!movedToCur(this.#state, { files, file }, this.#listing.someTwice)) gone(file);
        pause = this.#pace.step();
      }
      if (known) this.#before = this.#state.observe();
      await pause;
    }
  }

  async #removeMissing(): Promise<void> {
    const { rows } = this.#state;
    const listing = this.#listing;
    await listing.lookForMissing(this.#before, this.#listed);
    if (!listing.someMissing) return;
    rows.remove((row) => !listing.saw(row));
    this.#state.uidList.outOfDate = true;
    this.#noteChange();
  }

  async #loadKeywords(): Promise<void> {
    const state = this.#state;
    if (state.surroundings.keywords === 'off') return;
    if (this.#strangers.files.count === 0 && !state.keywordsMayDiffer(this.#before)) return;
    const exists = (uniqueName: string): boolean =>
      state.rows.knows(uniqueName) || this.#strangers.files.findText(uniqueName) >= 0;
    if (this.#before.keywords === undefined) {
      this.#keywords = noEntries;
      if (applyKeywords(state, noEntries)) this.#changed = true;
      return;
    }
    const known = sameVersions(state.observe(), this.#before);
    try {
      this.#keywords = await state.keywordFiles.load(exists, state.writable);
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
    await this.#stageListed();
    const need = await this.#strangers.waiting(state, this.#pace);
    if (need.length === 0 && !this.#listLost) return;
    try {
      if (!state.writable) this.#assignUnwritten(need);
      else if (this.#lockHeld) await this.#assignLocked(need);
      else await this.#withLock(() => this.#assignLocked(need));
    } catch (error) {
      const trouble = errorCode(error) !== undefined || (error instanceof MaildirError && error.kind === 'locked');
      if (!trouble || state.uidList.uidValidity === 0) throw error;
      state.surroundings.warnOnce(`New messages have no UIDs yet: ${state.paths.directory}: ${String(error)}`);
      this.#trouble = true;
    }
  }

  /** A client may ask for all folders of a maildir at once, and each may have something to number. */
  #withLock(run: () => Promise<void>): Promise<void> {
    const { surroundings, paths, place } = this.#state;
    return withLock(surroundings, paths.tmp, run, { spare: { tmp: folderPaths(place.maildirPath).tmp, after: 1 } });
  }

  async #assignLocked(found: Uint32Array): Promise<void> {
    const state = this.#state;
    let need = found;
    if (state.uidList.changedOnDisk()) {
      await this.#readUidList();
      const before = state.observe();
      await this.#listing.list();
      await this.#listing.lookForMissing(before, this.#listed);
      await this.#stageListed();
      need = await this.#strangers.waiting(state, this.#pace);
    }
    if (need.length === 0 && !this.#listLost) return;
    if (this.#listLost) {
      const lockHeld = state.paths.directory === state.place.maildirPath;
      const syncLater = (request: SyncRequest): void => state.uidList.mustSync(request);
      this.#begin(await newUidValidity(state.surroundings, { ...state.place, lockHeld, syncLater }));
    }
    const first = await state.uidList.assign({
      count: need.length,
      write: async (lines, firstUid) => {
        for (let index = 0; index < need.length; index += 1) {
          lines.add(firstUid + index, this.#strangers.files.baseView(need[index] ?? 0));
          const pause = this.#pace.step();
          if (pause !== undefined) await pause;
        }
      },
      known: state.rows,
    });
    this.#noteAssigned(need, first);
  }

  #assignUnwritten(need: Uint32Array): void {
    const { uidList, surroundings } = this.#state;
    if (this.#listLost) this.#begin(passingUidValidity(surroundings));
    this.#noteAssigned(need, uidList.assignUnwritten(need.length));
  }

  #noteAssigned(strangers: Uint32Array, firstUid: number): void {
    const uids = new Uint32Array(strangers.length);
    for (let index = 0; index < uids.length; index += 1) uids[index] = firstUid + index;
    this.#assigned = { order: strangers, uids };
    if (strangers.length > 0) this.#firstRecentUid = Math.min(this.#firstRecentUid, firstUid);
  }

  /** A list that is lost begins anew; what its good lines say stays. */
  #begin(uidValidity: number): void {
    const { uidList, rows, surroundings, paths } = this.#state;
    if ((this.#listed?.count ?? 0) > 0) {
      tallies.uidvalidity_changes_total += 1;
      surroundings.warn(`UIDVALIDITY of ${paths.directory} was lost: it is new now`);
    }
    uidList.begin(uidValidity, rows.lastNumberedUid);
    this.#listLost = false;
  }

  /**
   * Strangers that have a UID already are shown at once; only behind messages that are still being made safe they wait.
   * One whose UID is lower than what sessions were told of cannot be put in between: such a message, once given up and
   * now back, gets a new UID.
   */
  async #stageListed(): Promise<void> {
    const { rows } = this.#state;
    const listed = this.#listed;
    if (listed === undefined || this.#strangers.files.count === 0) return;
    const last = rows.lastNumberedUid;
    const uids = await this.#strangers.listed(listed, last, this.#pace);
    if (uids.listedTwice) this.#state.uidList.outOfDate = true;
    this.#everyLineKnown = uids.order.length === listed.count;
    if (uids.order.length === 0) return;
    const change = this.#noteChange();
    for (let index = 0; index < uids.order.length; index += 1) {
      const stranger = uids.order[index] ?? 0;
      if (!this.#strangers.wasNew(stranger)) continue;
      this.#firstRecentUid = Math.min(this.#firstRecentUid, uids.uids[index] ?? 0);
      break;
    }
    if (last > rows.lastUid) this.#stageAll(uids);
    else await this.#show(uids, change);
    for (const stranger of uids.order) this.#strangers.settle(stranger);
    keywordsInUse(this.#state);
  }

  #stageAll({ order, uids }: StrangersInOrder): void {
    order.forEach((stranger, index) => {
      const file = this.#strangers.numbered(stranger, uids[index] ?? 0);
      this.#state.rows.stage(file, this.#keywordsOf(stranger));
    });
  }

  /** Makes rows of strangers, which follow the rows that there are. */
  async #show({ order, uids }: StrangersInOrder, firstChange: number): Promise<void> {
    const { rows } = this.#state;
    let change = firstChange;
    if (rows.count === 0 && !this.#state.loaded) {
      rows.fill(this.#strangers.files, { order, uids }, change);
      for (const [uniqueName, { keywords }] of this.#keywords ?? []) {
        const row = rows.rowOfName(uniqueName);
        if (row >= 0) rows.setKeywords(row, keywords);
      }
      return;
    }
    rows.expect(this.#strangers.files, order.length);
    for (let index = 0; index < order.length; index += 1) {
      const file = order[index] ?? 0;
      const keywords = this.#keywordsOf(file);
      rows.append(uids[index] ?? 0, { from: this.#strangers.files, file }, keywords, change);
      const pause = this.#pace.step();
      if (pause === undefined) continue;
      await pause;
      // Sessions may have been told of all changes up to then.
      change = this.#noteChange();
    }
  }

  #keywordsOf(stranger: number): readonly string[] {
    if (this.#keywords === undefined || this.#keywords.size === 0) return noKeywords;
    return this.#keywords.get(this.#strangers.files.uniqueNameAt(stranger))?.keywords ?? noKeywords;
  }

  /** Messages whose UIDs cannot be made safe now keep them, and are shown when the next scan made them safe. */
  async #makeSafe(): Promise<void> {
    const state = this.#state;
    try {
      await state.syncWithUids({});
    } catch (error) {
      this.#stageAll(this.#assigned);
      throw error;
    }
  }

  async #publish(): Promise<void> {
    const state = this.#state;
    const last = state.rows.lastNumberedUid;
    if (last > state.rows.lastUid || this.#assigned.order.length > 0) {
      const change = this.#noteChange();
      state.rows.publish(last, change);
      await this.#show(this.#assigned, change);
      keywordsInUse(state);
    }
    if (state.numberedAs !== state.uidList.uidValidity) {
      state.numberedAs = state.uidList.uidValidity;
      state.firstUnclaimedUid = Math.min(this.#firstRecentUid, state.uidList.uidNext);
    }
    state.loaded = true;
    if (this.#listed !== undefined && !this.#everyLineKnown && !state.uidList.outOfDate) {
      state.uidList.outOfDate = await namesUnknown([state.rows], this.#listed, this.#pace);
    }
  }

  #noteChange(): number {
    this.#changed = true;
    return this.#state.nextChange();
  }
}
