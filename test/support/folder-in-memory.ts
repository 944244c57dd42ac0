/**
 * A folder without a disk, for tests of what sessions tell: it keeps the rules of Folder and MessageTable, and does what
 * a test says.
 */
import type { FlagBits } from '../../maildir/flags.js';
import type { Folder, FolderUse } from '../../maildir/folder.js';
import { GrowingMessageTable, type MessageTable } from '../../maildir/message-table.js';

interface Row {
  bits: FlagBits;
  keywords: readonly string[];
  changedAt: number;
}

/** Messages 1 to n, and what happens to them. */
export class FolderInMemory {
  readonly name = 'INBOX';
  readonly uidValidity = 7;
  readonly writable = true;
  changeNumber = 1;
  keywordsChangedAt = 1;
  keywords: string[] = [];
  uidNext: number;
  #table: GrowingMessageTable;
  readonly #rows = new Map<number, Row>();
  #firstUnclaimed = 1;

  constructor(messages: number) {
    this.uidNext = messages + 1;
    const uids = Array.from({ length: messages }, (_, row) => row + 1);
    for (const uid of uids) this.#rows.set(uid, { bits: 0, keywords: [], changedAt: 1 });
    this.#table = new GrowingMessageTable(Uint32Array.from(uids));
  }

  get table(): MessageTable {
    return this.#table;
  }

  get firstUnclaimedUid(): number {
    return this.#firstUnclaimed;
  }

  claimRecent(): number {
    const first = this.#firstUnclaimed;
    this.#firstUnclaimed = this.uidNext;
    return first;
  }

  /** The part of a Folder that SelectedMailbox uses. */
  asFolder(): Folder {
    return this as unknown as Folder;
  }

  async open(): Promise<FolderUse> {
    const folder = this.asFolder();
    return { folder, watch: () => undefined, unwatch: () => undefined, close: () => undefined };
  }

  flagsAt(row: number): FlagBits {
    return this.#row(row).bits;
  }

  keywordsAt(row: number): readonly string[] {
    return this.#row(row).keywords;
  }

  changedAt(row: number): number {
    return this.#row(row).changedAt;
  }

  rowsChangedAfter(change: number): number[] {
    return Array.from({ length: this.#table.count }, (_, row) => row).filter((row) => this.changedAt(row) > change);
  }

  arrive(): void {
    this.changeNumber += 1;
    this.#rows.set(this.uidNext, { bits: 0, keywords: [], changedAt: this.changeNumber });
    this.#table.append(this.uidNext);
    this.uidNext += 1;
  }

  remove(uids: readonly number[]): void {
    const gone = uids.filter((uid) => this.#rows.delete(uid));
    if (gone.length > 0) this.#newTable();
  }

  /** What a confused program can do: a message that was gone has its UID again. */
  comeBack(uid: number): void {
    if (this.#rows.has(uid) || uid >= this.uidNext) return;
    this.#rows.set(uid, { bits: 0, keywords: [], changedAt: this.changeNumber + 1 });
    this.#newTable();
  }

  setFlags(uid: number, bits: FlagBits, keywords: readonly string[] = []): void {
    const row = this.#rows.get(uid);
    if (row === undefined) return;
    this.changeNumber += 1;
    Object.assign(row, { bits, keywords, changedAt: this.changeNumber });
    const added = keywords.filter((keyword) => !this.keywords.includes(keyword));
    if (added.length === 0) return;
    this.keywords.push(...added);
    this.keywordsChangedAt = this.changeNumber;
  }

  #newTable(): void {
    this.changeNumber += 1;
    this.#table = new GrowingMessageTable(Uint32Array.from([...this.#rows.keys()].sort((a, b) => a - b)));
  }

  #row(row: number): Row {
    const found = this.#rows.get(this.#table.uidAt(row));
    if (found === undefined) throw new Error(`row ${row} has no message`);
    return found;
  }
}
