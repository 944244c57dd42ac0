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
import { textFromOctets } from './file-system.js';
import { FileTable, type NameView, type Place } from './file-table.js';
import { baseNameOf, uniqueNameOf } from './filename.js';
import { unlessMissing } from './files.js';
import { type NumberedFile, noKeywords } from './folder-rows.js';
import { type FolderState, isYoung } from './folder-state.js';
import { applyKeywords, keywordsInUse } from './keyword-state.js';
import type { KeywordEntries } from './keyword-text.js';
import { withLock } from './lock.js';
import { filePath } from './message-file.js';
import { inNameOrder } from './name-order.js';
import { Pace } from './pace.js';
import { asUid } from './uid.js';
import { newUidValidity, passingUidValidity } from './uid-validity.js';
import type { ListedMessages } from './uiddb.js';

/** A message that several listings in a row did not show is gone, however busy the directory. */
const MAX_LISTINGS = 4;

const DOT = 0x2e;
/** Room for what is known of the first strangers. */
const FIRST_STRANGERS = 64;
/** What is known of a stranger besides its file. */
const SETTLED = 1;
const WAS_NEW = 2;
const MAY_BE_NO_FILE = 4;

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
  /** Files without a row. */
  readonly #strangers = new FileTable();
  /** SETTLED, WAS_NEW and MAY_BE_NO_FILE of each stranger. */
  #marks = new Uint8Array(0);
  readonly #name: NameView = { octets: Buffer.alloc(0), start: 0, end: 0 };
  /** Strangers that got their UIDs just now, in the order of UIDs: shown when those are safe on the disk. */
  #assigned: Uint32Array = new Uint32Array(0);
  #firstAssignedUid = 0;
  #seen = new Uint8Array(0);
  /** What the UID list says, if it had to be read. */
  #listed: ListedMessages | undefined;
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
    if (!state.loaded || state.uidList.changedOnDisk()) await this.#readUidList();
    this.#seen = new Uint8Array(state.rows.count);
    await this.#matchAll();
    if (state.readWriteUses > 0 && state.writable) await this.#moveNewToCur();
    await this.#removeMissing();
    await this.#loadKeywords();
    await this.#numberStrangers();
    await this.#makeSafe();
    // Messages that another session is adding come first if their UIDs are lower.
    await state.syncs.idle();
    await this.#publish();
    state.mustScan = this.#trouble;
    state.scanned(this.#before);
    if (this.#changed) state.notify();
  }

  async #matchAll(): Promise<void> {
    for (const place of ['new', 'cur'] as const satisfies readonly Place[]) {
      const visitor = (octets: Buffer, start: number, end: number, regular: boolean): void => {
        if (octets[start] !== DOT) this.#match(octets, [start, end], place, regular);
      };
      for (const _piece of this.#state.disk.visit(this.#state.paths[place], visitor)) await this.#pace.look();
    }
  }

  /** Reads the list; where it contradicts what is in memory, it wins. Rows that it contradicts become strangers. */
  async #readUidList(): Promise<void> {
    const { uidList, rows, surroundings, paths } = this.#state;
    const validityBefore = uidList.uidValidity;
    const { messages, lost } = uidList.read();
    this.#listLost = lost;
    this.#listed = messages;
    const renumbered = validityBefore !== 0 && validityBefore !== uidList.uidValidity;
    if (renumbered) {
      surroundings.warn(`Somebody gave ${paths.directory} another UIDVALIDITY; its messages are numbered anew`);
      this.#endViews();
    }
    if (rows.count === 0) {
      if (renumbered) this.#noteChange();
      return;
    }
    const uids = await this.#listedUidsOfRows(messages);
    let [unlisted, contradicted] = [false, false];
    rows.remove((row) => {
      if (row >= uids.length) return false;
      const uid = uids[row] ?? 0;
      unlisted ||= uid === 0;
      if (!renumbered && (uid === 0 || uid === rows.table.uidAt(row))) return false;
      contradicted = true;
      this.#addStranger(rows.files.addTo(this.#strangers, row), 0);
      return true;
    });
    uidList.outOfDate ||= unlisted;
    if (contradicted || renumbered) this.#noteChange();
  }

  /** What the list says of each row; 0 if it says nothing. A name that is listed twice counts once, with its higher UID. */
  async #listedUidsOfRows(listed: ListedMessages): Promise<Uint32Array> {
    const { rows, uidList } = this.#state;
    const uids = new Uint32Array(rows.count);
    for (let line = 0; line < listed.count; line += 1) {
      const row = rows.files.find(this.#line(listed, line));
      if (row >= 0 && row < uids.length) {
        if (uids[row] !== 0) uidList.outOfDate = true;
        uids[row] = listed.uidAt(line);
      }
      const pause = this.#pace.step();
      if (pause !== undefined) await pause;
    }
    return uids;
  }

  #line(listed: ListedMessages, line: number): NameView {
    return this.#view(listed.octets, listed.startAt(line), listed.endAt(line));
  }

  #view(octets: Buffer, start: number, end: number): NameView {
    this.#name.octets = octets;
    this.#name.start = start;
    this.#name.end = end;
    return this.#name;
  }

  /** Sessions that were told the old UIDs keep this object with the rows they know, and can only end. */
  #endViews(): void {
    const state = this.#state;
    if (state.views === 0) return;
    state.removed = 'numbered anew';
    state.notify();
    state.mustExist();
  }

  #match(octets: Buffer, [start, end]: readonly [number, number], place: Place, regular: boolean): void {
    const { rows } = this.#state;
    const name = this.#view(octets, start, end);
    const row = rows.files.find(name);
    if (row < 0) {
      this.#matchStranger(name, place, regular);
      return;
    }
    const sameName = rows.files.hasName(row, name, place);
    if (this.#seen[row] === 1 && !sameName && !this.#replaces(name, place, { files: rows.files, file: row })) return;
    this.#seen[row] = 1;
    if (!sameName && rows.moveFile(row, name, place)) rows.setChangedAt(row, this.#noteChange());
  }

  #matchStranger(name: NameView, place: Place, regular: boolean): void {
    const { rows } = this.#state;
    const strangers = this.#strangers;
    const known = strangers.find(name);
    const mark = (place === 'new' ? WAS_NEW : 0) | (regular ? 0 : MAY_BE_NO_FILE);
    if (known < 0) {
      if (rows.someStaged && rows.isStaged(uniqueNameIn(name))) return;
      this.#addStranger(strangers.add(name, place), mark);
      return;
    }
    if (!strangers.hasName(known, name, place)) {
      if (!this.#replaces(name, place, { files: strangers, file: known })) return;
      strangers.rename(known, name, place);
    }
    this.#marks[known] = (this.#marks[known] ?? 0) | mark;
  }

  #addStranger(stranger: number, mark: number): void {
    if (stranger >= this.#marks.length) {
      const larger = new Uint8Array(stranger * 2 + FIRST_STRANGERS);
      larger.set(this.#marks);
      this.#marks = larger;
    }
    this.#marks[stranger] = mark;
  }

  /** Whether the second name of a message is the one that counts: the first does not exist any more. */
  #replaces(name: NameView, place: Place, first: { readonly files: FileTable; readonly file: number }): boolean {
    const { disk, surroundings, paths } = this.#state;
    const second = `${paths[place]}/${textOf(name)}`;
    if (disk.status(this.#pathIn(first.files, first.file)) === undefined) return true;
    if (disk.status(second) === undefined) return false;
    surroundings.warnOnce(`Two files of one message; the second is left alone: ${second}`);
    // Each look is a real one from now on: the second becomes a message as soon as the first is gone.
    this.#trouble = true;
    return false;
  }

  #pathIn(files: FileTable, file: number): string {
    return filePath(this.#state, files, file);
  }

  async #moveNewToCur(): Promise<void> {
    const { rows } = this.#state;
    const seen = this.#seen;
    await this.#moveEach(
      rows.files,
      (row) => seen[row] === 1,
      (row) => {
        seen[row] = 0;
      },
    );
    const marks = this.#marks;
    await this.#moveEach(
      this.#strangers,
      () => true,
      (stranger) => {
        marks[stranger] = (marks[stranger] ?? 0) | SETTLED;
      },
    );
  }

  /** Runs in slices of our own changes; the directories stay known if they were. */
  async #moveEach(files: FileTable, wanted: (file: number) => boolean, gone: (file: number) => void): Promise<void> {
    for (let file = 0; file < files.count; ) {
      while (file < files.count && !files.isInNew(file)) file += 1;
      if (file === files.count) return;
      const known = this.#state.observe().version === this.#before.version;
      let pause: Promise<void> | undefined;
      for (; file < files.count && pause === undefined; file += 1) {
        if (!files.isInNew(file) || !wanted(file)) continue;
        if (!this.#movedToCur(files, file)) gone(file);
        pause = this.#pace.step();
      }
      if (known) this.#before = this.#state.observe();
      await pause;
    }
  }

  /** False if another program took the file away meanwhile. */
  #movedToCur(files: FileTable, file: number): boolean {
    const { disk, surroundings, paths } = this.#state;
    const suffix = files.suffixAt(file) || ':2,';
    const from = this.#pathIn(files, file);
    const to = `${paths.cur}/${files.baseNameAt(file)}${suffix}`;
    if (disk.status(to) !== undefined) return true;
    try {
      disk.rename(from, to);
      files.setSuffix(file, suffix, 'cur');
      return true;
    } catch (error) {
      const code = errorCode(error);
      if (code === undefined) throw error;
      if (code === 'ENOENT') return false;
      surroundings.warnOnce(`ERR: rename(${from},${to}) failed: ${String(error)}`);
      return true;
    }
  }

  async #removeMissing(): Promise<void> {
    const { rows } = this.#state;
    let last = this.#before;
    for (let listings = 1; listings < MAX_LISTINGS && this.#seen.includes(0); listings += 1) {
      const now = this.#state.observe();
      if (now.version === last.version && (listings > 1 || !isYoung(now))) break;
      last = now;
      await this.#matchAll();
    }
    if (!this.#seen.includes(0)) return;
    rows.remove((row) => this.#seen[row] === 0);
    this.#state.uidList.outOfDate = true;
    this.#noteChange();
  }

  async #loadKeywords(): Promise<void> {
    const state = this.#state;
    if (state.surroundings.keywords === 'off') return;
    if (this.#strangers.count === 0 && !state.keywordsMayDiffer(this.#before)) return;
    const exists = (uniqueName: string): boolean =>
      state.rows.knows(uniqueName) || this.#strangers.findText(uniqueName) >= 0;
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
    await this.#stageListed();
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

  async #assignLocked(found: Uint32Array): Promise<void> {
    const state = this.#state;
    let need = found;
    if (state.uidList.changedOnDisk()) {
      await this.#readUidList();
      await this.#stageListed();
      need = this.#regularStrangers();
    }
    if (this.#listLost) {
      const lockHeld = state.paths.directory === state.place.maildirPath;
      this.#begin(await newUidValidity(state.surroundings, { ...state.place, lockHeld }));
    }
    const first = await state.uidList.assign({
      count: need.length,
      write: (lines, firstUid) => {
        need.forEach((stranger, index) => {
          lines.add(firstUid + index, this.#strangers.baseView(stranger));
        });
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
    this.#assigned = strangers;
    this.#firstAssignedUid = firstUid;
    if (strangers.length > 0) this.#firstRecentUid = Math.min(this.#firstRecentUid, firstUid);
  }

  /** A list that is lost begins anew; what its good lines say stays. */
  #begin(uidValidity: number): void {
    const { uidList, rows, surroundings, paths } = this.#state;
    if ((this.#listed?.count ?? 0) > 0) surroundings.warn(`UIDVALIDITY of ${paths.directory} was lost: it is new now`);
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
    if (listed === undefined || this.#strangers.count === 0) return;
    const last = rows.lastNumberedUid;
    const uids = await this.#listedUidsOfStrangers(listed, last);
    if (uids === undefined) return;
    const change = this.#noteChange();
    const wait = last > rows.lastUid;
    if (!wait) rows.expect(this.#strangers, uids.ready);
    for (let line = 0; line < listed.count; line += 1) {
      const stranger = (uids.ofLines[line] ?? 0) - 1;
      const uid = listed.uidAt(line);
      if (stranger < 0 || uids.ofStrangers[stranger] !== uid) continue;
      const keywords = this.#keywordsOf(stranger);
      if (wait) rows.stage(this.#numberedFile(stranger, uid), keywords);
      else rows.append(uid, { from: this.#strangers, file: stranger }, keywords, change);
      if (((this.#marks[stranger] ?? 0) & WAS_NEW) !== 0) this.#firstRecentUid = Math.min(this.#firstRecentUid, uid);
      this.#marks[stranger] = (this.#marks[stranger] ?? 0) | SETTLED;
      const pause = this.#pace.step();
      if (pause !== undefined) await pause;
    }
    keywordsInUse(this.#state);
  }

  /** Who is meant by each line above a UID (stranger plus 1), and the UID of each stranger; undefined if none has one. */
  async #listedUidsOfStrangers(listed: ListedMessages, above: number): Promise<StrangersUids | undefined> {
    const ofLines = new Uint32Array(listed.count);
    const ofStrangers = new Uint32Array(this.#strangers.count);
    let ready = 0;
    for (let line = 0; line < listed.count; line += 1) {
      const uid = listed.uidAt(line);
      const stranger = uid > above ? this.#strangers.find(this.#line(listed, line)) : -1;
      const pause = this.#pace.step();
      if (pause !== undefined) await pause;
      if (stranger < 0 || ((this.#marks[stranger] ?? 0) & SETTLED) !== 0) continue;
      if (ofStrangers[stranger] === 0) ready += 1;
      else this.#state.uidList.outOfDate = true;
      ofLines[line] = stranger + 1;
      ofStrangers[stranger] = uid;
    }
    return ready === 0 ? undefined : { ofLines, ofStrangers, ready };
  }

  #keywordsOf(stranger: number): readonly string[] {
    if (this.#keywords === undefined || this.#keywords.size === 0) return noKeywords;
    return this.#keywords.get(this.#strangers.uniqueNameAt(stranger))?.keywords ?? noKeywords;
  }

  #numberedFile(stranger: number, uid: number): NumberedFile {
    const files = this.#strangers;
    return {
      uid: asUid(uid),
      baseName: files.baseNameAt(stranger),
      suffix: files.suffixAt(stranger),
      place: files.placeAt(stranger),
    };
  }

  /** Messages whose UIDs cannot be made safe now keep them, and are shown when the next scan made them safe. */
  async #makeSafe(): Promise<void> {
    const state = this.#state;
    try {
      await state.syncWithUids({});
    } catch (error) {
      this.#assigned.forEach((stranger, index) => {
        const file = this.#numberedFile(stranger, this.#firstAssignedUid + index);
        state.rows.stage(file, this.#keywordsOf(stranger));
      });
      throw error;
    }
  }

  /** Directories, links and devices in cur are no messages. They are looked at once, when they would get a UID. */
  #regularStrangers(): Uint32Array {
    const { disk, surroundings } = this.#state;
    const files = this.#strangers;
    const waiting = new Uint32Array(files.count);
    let count = 0;
    for (let stranger = 0; stranger < files.count; stranger += 1) {
      const mark = this.#marks[stranger] ?? 0;
      if ((mark & SETTLED) !== 0) continue;
      if ((mark & MAY_BE_NO_FILE) !== 0) {
        const path = this.#pathIn(files, stranger);
        const status = unlessMissing(() => disk.status(path));
        if (status !== undefined && status.kind !== 'file') surroundings.warnOnce(`Not a message, not served: ${path}`);
        if (status?.kind !== 'file') continue;
      }
      waiting[count] = stranger;
      count += 1;
    }
    return inNameOrder(files, waiting.subarray(0, count));
  }

  async #publish(): Promise<void> {
    const state = this.#state;
    const last = state.rows.lastNumberedUid;
    if (last > state.rows.lastUid || this.#assigned.length > 0) {
      const change = this.#noteChange();
      state.rows.publish(last, change);
      state.rows.expect(this.#strangers, this.#assigned.length);
      for (let index = 0; index < this.#assigned.length; index += 1) {
        const file = this.#assigned[index] ?? 0;
        const uid = this.#firstAssignedUid + index;
        state.rows.append(uid, { from: this.#strangers, file }, this.#keywordsOf(file), change);
        const pause = this.#pace.step();
        if (pause !== undefined) await pause;
      }
      keywordsInUse(state);
    }
    if (state.numberedAs !== state.uidList.uidValidity) {
      state.numberedAs = state.uidList.uidValidity;
      state.firstUnclaimedUid = Math.min(this.#firstRecentUid, state.uidList.uidNext);
    }
    state.loaded = true;
    if (this.#listed !== undefined) await this.#lookForMissingLines(this.#listed);
  }

  /** A list that names messages which are gone is to be written again. */
  async #lookForMissingLines(listed: ListedMessages): Promise<void> {
    const { rows, uidList } = this.#state;
    for (let line = 0; line < listed.count && !uidList.outOfDate; line += 1) {
      const name = this.#line(listed, line);
      if (rows.files.find(name) < 0 && !rows.isStaged(uniqueNameIn(name))) uidList.outOfDate = true;
      const pause = this.#pace.step();
      if (pause !== undefined) await pause;
    }
  }

  #noteChange(): number {
    this.#changed = true;
    return this.#state.nextChange();
  }
}

interface StrangersUids {
  readonly ofLines: Uint32Array;
  readonly ofStrangers: Uint32Array;
  readonly ready: number;
}

function textOf({ octets, start, end }: NameView): string {
  return textFromOctets(octets.subarray(start, end));
}

function uniqueNameIn(name: NameView): string {
  return uniqueNameOf(baseNameOf(textOf(name)));
}
