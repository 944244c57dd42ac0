/**
 * What is known of each message of a folder, in arrays of numbers: some 75 octets each, its name included.
 *
 * Row numbers are those of the current table. Rows are added at the end; removal makes a new table. It touches no disk.
 */

import { octetsFromText } from './file-system.js';
import { FileTable, type NameView, type Place } from './file-table.js';
import { uniqueNameOf } from './filename.js';
import { DELETED, type FlagBits, SEEN } from './flags.js';
import { uniqueNameIn } from './listed-names.js';
import { GrowingMessageTable } from './message-table.js';
import type { Pace } from './pace.js';
import type { Uid } from './uid.js';
import type { ListLines } from './uiddb.js';

/** A message file by its name. */
export interface FoundFile {
  readonly baseName: string;
  /** From the first colon on; empty if there is none. */
  readonly suffix: string;
  readonly place: Place;
}

/** A message file with its UID. */
export interface NumberedFile extends FoundFile {
  readonly uid: Uid;
}

/** How many messages there are of those that STATUS asks for. */
export interface FlagCounts {
  readonly unseen: number;
  readonly deleted: number;
  readonly recent: number;
}

/** Not looked up yet. */
export const UNKNOWN = -1;

/** The keywords of a message that has none. */
export const noKeywords: readonly string[] = Object.freeze([]);

const SPARE_ROWS = 8;
/** Lists of keywords that no message has now are dropped when there are more than these. */
const MIN_KEYWORD_LISTS = 1_024;

interface Staged {
  readonly file: NumberedFile;
  readonly keywords: readonly string[];
}

/** The rows of a folder. */
export class FolderRows {
  #table = new GrowingMessageTable(new Uint32Array(0));
  #files = new FileTable();
  /** How many rows what is made of arrays has room for. */
  #room = 0;
  /** Absent while nothing has changed since all messages were found at once: most folders stay so. */
  #changedAt: Float64Array | undefined;
  #foundAt = 0;
  /** Numbers of keyword lists; absent while no message has keywords. */
  #keywordNumbers: Uint32Array | undefined;
  #keywordLists: (readonly string[])[] = [];
  #keywordListNumbers: Map<string, number> | undefined;
  /** What the disk was asked; absent while it was not. */
  #sizes: Float64Array | undefined;
  #modifiedAt: Float64Array | undefined;
  /** Messages that have a UID which is not safe on the disk yet: nobody is told of them. By unique name. */
  #staged: Map<string, Staged> | undefined;

  get table(): GrowingMessageTable {
    return this.#table;
  }

  get count(): number {
    return this.#files.count;
  }

  /** The names of the files, by row. */
  get files(): FileTable {
    return this.#files;
  }

  /** The highest UID, 0 if there are no messages. */
  get lastUid(): number {
    return this.count === 0 ? 0 : this.#table.uidAt(this.count - 1);
  }

  flagsAt(row: number): FlagBits {
    return this.#files.flagsAt(row);
  }

  baseNameAt(row: number): string {
    return this.#files.baseNameAt(row);
  }

  /** The base name with its suffix. */
  filenameAt(row: number): string {
    return this.#files.baseNameAt(row) + this.#files.suffixAt(row);
  }

  keywordsAt(row: number): readonly string[] {
    return this.#keywordLists[this.#keywordNumbers?.[row] ?? 0] ?? noKeywords;
  }

  /** The change number of the last change, or of the arrival. */
  changedAt(row: number): number {
    if (row >= this.count) return 0;
    return this.#changedAt === undefined ? this.#foundAt : (this.#changedAt[row] ?? 0);
  }

  /** The change number of all messages that were found when the folder was loaded and did not change since. */
  get foundAt(): number {
    return this.#foundAt;
  }

  /** Notes that flags or keywords changed. */
  setChangedAt(row: number, change: number): void {
    this.#changes()[row] = change;
  }

  #changes(): Float64Array {
    this.#changedAt ??= new Float64Array(this.#room).fill(this.#foundAt);
    return this.#changedAt;
  }

  /** The rows that changed after a change number. */
  changedRows(after: number): number[] {
    if (this.#changedAt === undefined && this.#foundAt <= after) return [];
    const rows: number[] = [];
    const changes = this.#changes();
    for (let row = 0; row < this.count; row += 1) if ((changes[row] ?? 0) > after) rows.push(row);
    return rows;
  }

  setKeywords(row: number, keywords: readonly string[]): void {
    if (keywords.length === 0 && this.#keywordNumbers === undefined) return;
    this.#keywordNumbers ??= new Uint32Array(this.#room);
    this.#keywordNumbers[row] = keywords.length === 0 ? 0 : this.#numberOfKeywords(keywords);
  }

  #numberOfKeywords(keywords: readonly string[]): number {
    const key = keywords.join(' ');
    const known = this.#keywordListNumbers?.get(key);
    if (known !== undefined) return known;
    if (this.#keywordLists.length > Math.max(MIN_KEYWORD_LISTS, this.count * 2)) this.#dropUnusedLists();
    if (this.#keywordLists.length === 0) this.#keywordLists = [noKeywords];
    const number = this.#keywordLists.push(keywords) - 1;
    this.#keywordListNumbers ??= new Map();
    this.#keywordListNumbers.set(key, number);
    return number;
  }

  #dropUnusedLists(): void {
    const numbers = this.#keywordNumbers;
    const before = this.#keywordLists;
    this.#forgetKeywordLists();
    if (numbers === undefined) return;
    for (let row = 0; row < this.count; row += 1) {
      const keywords = before[numbers[row] ?? 0] ?? noKeywords;
      numbers[row] = keywords.length === 0 ? 0 : this.#numberOfKeywords(keywords);
    }
  }

  #forgetKeywordLists(): void {
    this.#keywordLists = [];
    this.#keywordListNumbers = undefined;
  }

  /** Whether some message has keywords, or had. */
  get mayHaveKeywords(): boolean {
    return this.#keywordNumbers !== undefined;
  }

  /** The different lists of keywords that messages have now. */
  keywordLists(): (readonly string[])[] {
    const used = new Set<number>();
    const numbers = this.#keywordNumbers;
    if (numbers !== undefined) for (let row = 0; row < this.count; row += 1) used.add(numbers[row] ?? 0);
    used.delete(0);
    return [...used].map((number) => this.#keywordLists[number] ?? noKeywords);
  }

  /** The size that the name tells, or that the disk told; else UNKNOWN. */
  sizeAt(row: number): number {
    const named = this.#files.sizeAt(row);
    return named >= 0 ? named : (this.#sizes?.[row] ?? UNKNOWN);
  }

  modifiedAt(row: number): number {
    return this.#modifiedAt?.[row] ?? UNKNOWN;
  }

  /** Notes what the disk says of a file. */
  lookedUp(row: number, { sizeOctets, modifiedAt }: { sizeOctets: number; modifiedAt: number }): void {
    if (this.#files.sizeAt(row) < 0) {
      this.#sizes ??= new Float64Array(this.#room).fill(UNKNOWN);
      this.#sizes[row] = sizeOctets;
    }
    this.#modifiedAt ??= new Float64Array(this.#room).fill(UNKNOWN);
    this.#modifiedAt[row] = modifiedAt;
  }

  /** Forgets what the disk said of files: they may be others now. */
  forgetLookups(): void {
    this.#sizes = undefined;
    this.#modifiedAt = undefined;
  }

  /** The row of a message by its unique name, -1 if it is not known. */
  rowOfName(uniqueName: string): number {
    return this.#files.findText(uniqueName);
  }

  /** Whether there are messages whose file is still in new. */
  someInNew(): boolean {
    return this.#files.inNew > 0;
  }

  /** The first row without \Seen, -1 if there is none. */
  firstUnseen(): number {
    for (let row = 0; row < this.count; row += 1) if ((this.#files.flagsAt(row) & SEEN) === 0) return row;
    return -1;
  }

  /** Counts messages by flags; recent are those from a UID on. */
  countFlags(firstRecentUid: number): FlagCounts {
    let [unseen, deleted, recent] = [0, 0, 0];
    for (let row = 0; row < this.count; row += 1) {
      const flags = this.#files.flagsAt(row);
      if ((flags & SEEN) === 0) unseen += 1;
      if ((flags & DELETED) !== 0) deleted += 1;
      if (this.#table.uidAt(row) >= firstRecentUid) recent += 1;
    }
    return { unseen, deleted, recent };
  }

  /** Takes note of a message that has a UID, but shows it to nobody before publish(). */
  stage(file: NumberedFile, keywords: readonly string[]): void {
    this.#staged ??= new Map();
    this.#staged.set(uniqueNameOf(file.baseName), { file, keywords });
  }

  /** Whether there are messages that nobody is told of yet. */
  get someStaged(): boolean {
    return this.#staged !== undefined && this.#staged.size > 0;
  }

  isStaged(uniqueName: string): boolean {
    return this.#staged?.has(uniqueName) === true;
  }

  /** Whether a message of this unique name is known, shown or not. */
  knows(uniqueName: string): boolean {
    return this.isStaged(uniqueName) || this.rowOfName(uniqueName) >= 0;
  }

  /** Whether a message of this name, whatever its flags, is known, shown or not. */
  knowsName(name: NameView): boolean {
    return this.#files.find(name) >= 0 || (this.someStaged && this.isStaged(uniqueNameIn(name)));
  }

  /** Forgets a staged message: it could not be made safe. */
  unstage(uniqueName: string): void {
    this.#staged?.delete(uniqueName);
  }

  /** Shows the staged messages up to a UID. Gives how many there were. */
  publish(lastUid: number, changedAt: number): number {
    const ready = this.#stagedInOrder().filter(({ file }) => file.uid <= lastUid);
    for (const { file, keywords } of ready) {
      this.unstage(uniqueNameOf(file.baseName));
      const octets = octetsFromText(file.baseName + file.suffix);
      this.#files.add({ octets, start: 0, end: octets.length }, file.place);
      this.#appended(file.uid, keywords, changedAt);
    }
    return ready.length;
  }

  #stagedInOrder(): Staged[] {
    const all = [...(this.#staged?.values() ?? [])];
    return all.sort((one, other) => one.file.uid - other.file.uid);
  }

  /** The highest UID in use, staged messages included. */
  get lastNumberedUid(): number {
    let last = this.lastUid;
    for (const { file } of this.#staged?.values() ?? []) last = Math.max(last, file.uid);
    return last;
  }

  /** The lowest UID of those that nobody is told of yet. */
  get firstStagedUid(): number | undefined {
    let first: number | undefined;
    for (const { file } of this.#staged?.values() ?? []) first = Math.min(first ?? file.uid, file.uid);
    return first;
  }

  /** Makes room for so many more messages, whose names are as long as those of `files` on average. */
  expect(files: FileTable, more: number): void {
    this.#files.reserveLike(files, more);
    this.#grow(this.count + more);
    this.#table.reserve(this.count + more);
  }

  /** Takes all messages of a folder that had none: these files in this order. */
  fill(
    files: FileTable,
    { order, uids }: { readonly order: Uint32Array; readonly uids: Uint32Array },
    changedAt: number,
  ): void {
    this.#files = files.inOrder(order);
    this.#table = new GrowingMessageTable(uids);
    this.#room = order.length;
    this.#changedAt = undefined;
    this.#foundAt = changedAt;
  }

  /** Adds a message that is safe on the disk; its UID must be the highest. */
  append(
    uid: number,
    { from, file }: { readonly from: FileTable; readonly file: number },
    keywords: readonly string[],
    changedAt: number,
  ): void {
    from.addTo(this.#files, file);
    this.#appended(uid, keywords, changedAt);
  }

  #appended(uid: number, keywords: readonly string[], changedAt: number): void {
    const row = this.#files.count - 1;
    if (row >= this.#room) this.#grow(row + (row >>> 3) + SPARE_ROWS);
    this.#table.append(uid);
    this.setChangedAt(row, changedAt);
    this.setKeywords(row, keywords);
  }

  #grow(rows: number): void {
    if (rows <= this.#room) return;
    this.#room = rows;
    if (this.#changedAt !== undefined) this.#changedAt = longer(this.#changedAt, rows, 0);
    if (this.#sizes !== undefined) this.#sizes = longer(this.#sizes, rows, UNKNOWN);
    if (this.#modifiedAt !== undefined) this.#modifiedAt = longer(this.#modifiedAt, rows, UNKNOWN);
    if (this.#keywordNumbers === undefined) return;
    const numbers = new Uint32Array(rows);
    numbers.set(this.#keywordNumbers);
    this.#keywordNumbers = numbers;
  }

  /** Notes where a message's file is now. Gives whether its flags changed. */
  moveFile(row: number, name: NameView, place: Place): boolean {
    const before = this.#files.flagsAt(row);
    this.#files.rename(row, name, place);
    return this.#files.flagsAt(row) !== before;
  }

  /** Notes another suffix and place of a message's file. */
  setSuffix(row: number, suffix: string, place: Place): void {
    this.#files.setSuffix(row, suffix, place);
  }

  /** Takes messages out; those who hold the old table keep it. */
  remove(leaving: (row: number) => boolean): void {
    const before = this.count;
    const leaves = new Uint8Array(before);
    let kept = before;
    for (let row = 0; row < before; row += 1) {
      if (!leaving(row)) continue;
      leaves[row] = 1;
      kept -= 1;
    }
    if (kept === before) return;
    const uids = new Uint32Array(kept);
    let at = 0;
    for (let row = 0; row < before; row += 1) {
      if (leaves[row] === 1) continue;
      uids[at] = this.#table.uidAt(row);
      at += 1;
    }
    const room = Math.max(kept, kept * 2 < before ? 0 : this.#room);
    this.#room = room;
    if (this.#changedAt !== undefined) this.#changedAt = withoutRows(this.#changedAt, leaves, room, 0);
    if (this.#sizes !== undefined) this.#sizes = withoutRows(this.#sizes, leaves, room, UNKNOWN);
    if (this.#modifiedAt !== undefined) this.#modifiedAt = withoutRows(this.#modifiedAt, leaves, room, UNKNOWN);
    if (this.#keywordNumbers !== undefined) {
      this.#keywordNumbers = Uint32Array.from(withoutRows(Float64Array.from(this.#keywordNumbers), leaves, room, 0));
    }
    this.#files.keep((row) => leaves[row] !== 1);
    this.#table = new GrowingMessageTable(uids);
  }

  clear(): void {
    this.remove(() => true);
    this.#staged = undefined;
    this.forgetLookups();
    this.#keywordNumbers = undefined;
    this.#forgetKeywordLists();
  }

  /**
   * Writes the lines of the UID list for all messages, staged ones too, in UID order. Meanwhile staged messages may be
   * shown; nothing else may change.
   */
  async writeList(lines: ListLines, pace: Pace): Promise<void> {
    const { count } = this;
    const staged = this.#stagedInOrder();
    for (let row = 0; row < count; row += 1) {
      lines.add(this.#table.uidAt(row), this.#files.baseView(row));
      const pause = pace.step();
      if (pause !== undefined) await pause;
    }
    for (const { file } of staged) lines.addText(file.uid, file.baseName);
  }
}

function longer(numbers: Float64Array, length: number, filling: number): Float64Array {
  const result = new Float64Array(length);
  result.set(numbers);
  if (filling !== 0) result.fill(filling, numbers.length);
  return result;
}

/** The numbers of the rows that do not leave, in front; `leaves` tells the rows in use. */
function withoutRows(numbers: Float64Array, leaves: Uint8Array, length: number, filling: number): Float64Array {
  const result = new Float64Array(length);
  let at = 0;
  for (let row = 0; row < leaves.length; row += 1) {
    if (leaves[row] === 1) continue;
    result[at] = numbers[row] ?? filling;
    at += 1;
  }
  if (filling !== 0) result.fill(filling, at);
  return result;
}
