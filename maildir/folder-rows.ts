/**
 * What is known of each message of a folder: about 150 octets each besides its name.
 *
 * Row numbers are those of the current table. Rows are added at the end; removal makes a new table. It touches no disk.
 */
import { baseNameOf, flagsInSuffix, sizeInName, uniqueNameOf } from './filename.js';
import { type FlagBits, SEEN } from './flags.js';
import { GrowingMessageTable } from './message-table.js';
import { asUid, type Uid } from './uid.js';

/** The directory that a message file is in. */
export type Place = 'cur' | 'new';

/** A message file as a scan found it. */
export interface FoundFile {
  readonly baseName: string;
  /** The base name without its size, by which the message is known whatever its file is called. */
  readonly uniqueName: string;
  /** From the first colon on; empty if there is none. */
  readonly suffix: string;
  readonly place: Place;
}

/** A message file with its UID. */
export interface NumberedFile extends FoundFile {
  readonly uid: Uid;
}

/** Takes a filename apart. */
export function foundFile(filename: string, place: Place): FoundFile {
  const baseName = baseNameOf(filename);
  return { baseName, uniqueName: uniqueNameOf(baseName), suffix: filename.slice(baseName.length), place };
}

/** Not looked up yet. A small integer, because V8 keeps those without a box. */
export const UNKNOWN = -1;

/** One message. Objects of one shape, so that they stay small. */
export interface Row {
  baseName: string;
  readonly uniqueName: string;
  suffix: string;
  place: Place;
  flags: FlagBits;
  keywords: readonly string[];
  changedAt: number;
  sizeOctets: number;
  modifiedAt: number;
}

/** The keywords of a message that has none. */
export const noKeywords: readonly string[] = Object.freeze([]);

/** The rows of a folder. */
export class FolderRows {
  #table = new GrowingMessageTable(new Uint32Array(0));
  #rows: Row[] = [];
  readonly #uidsByName = new Map<string, Uid>();
  readonly #suffixes = new Map<string, string>();
  /** Messages that have a UID which is not safe on the disk yet: nobody is told of them. In UID order, by name. */
  readonly #staged = new Map<string, { readonly file: NumberedFile; readonly keywords: readonly string[] }>();

  get table(): GrowingMessageTable {
    return this.#table;
  }

  get count(): number {
    return this.#rows.length;
  }

  /** The highest UID, 0 if there are no messages. */
  get lastUid(): number {
    return this.count === 0 ? 0 : this.#table.uidAt(this.count - 1);
  }

  at(row: number): Row {
    const found = this.#rows[row];
    if (found === undefined) throw new RangeError(`row ${row} of ${this.#rows.length}`);
    return found;
  }

  /** The row of a message by its unique name, -1 if it is not known. */
  rowOfName(uniqueName: string): number {
    const uid = this.#uidsByName.get(uniqueName);
    return uid === undefined ? -1 : this.#table.rowOf(uid);
  }

  /** Whether there are messages whose file is still in new. */
  someInNew(): boolean {
    return this.#rows.some(({ place }) => place === 'new');
  }

  /** Whether some message is unseen, or nobody has looked at it yet. */
  someNewOrUnseen(): boolean {
    return this.#rows.some(({ place, flags }) => place === 'new' || (flags & SEEN) === 0);
  }

  /** Takes note of a message that has a UID, but shows it to nobody before publish(). */
  stage(file: NumberedFile, keywords: readonly string[]): void {
    this.#staged.set(file.uniqueName, { file, keywords });
  }

  isStaged(uniqueName: string): boolean {
    return this.#staged.has(uniqueName);
  }

  /** Whether a message of this unique name is known, shown or not. */
  knows(uniqueName: string): boolean {
    return this.#uidsByName.has(uniqueName) || this.#staged.has(uniqueName);
  }

  /** Forgets a staged message: it could not be made safe. */
  unstage(uniqueName: string): void {
    this.#staged.delete(uniqueName);
  }

  /** Shows the staged messages up to a UID. Gives how many there were. */
  publish(lastUid: number, changedAt: number): number {
    const ready = [...this.#staged.values()].filter(({ file }) => file.uid <= lastUid);
    ready.sort((one, other) => one.file.uid - other.file.uid);
    for (const { file, keywords } of ready) {
      this.#staged.delete(file.uniqueName);
      this.append(file, keywords, changedAt);
    }
    return ready.length;
  }

  /** The highest UID in use, staged messages included. */
  get lastNumberedUid(): number {
    let last = this.lastUid;
    for (const { file } of this.#staged.values()) last = Math.max(last, file.uid);
    return last;
  }

  /** Adds a message that is safe on the disk; its UID must be the highest. */
  append(file: NumberedFile, keywords: readonly string[], changedAt: number): void {
    this.#table.append(file.uid);
    this.#rows.push({
      baseName: file.baseName,
      uniqueName: file.uniqueName,
      suffix: this.#interned(file.suffix),
      place: file.place,
      flags: flagsInSuffix(file.suffix),
      keywords,
      changedAt,
      sizeOctets: sizeInName(file.baseName) ?? UNKNOWN,
      modifiedAt: UNKNOWN,
    });
    this.#uidsByName.set(file.uniqueName, file.uid);
  }

  /** Notes where a message's file is now. Gives whether its flags changed. */
  moveFile(row: number, file: FoundFile): boolean {
    const message = this.at(row);
    const flags = flagsInSuffix(file.suffix);
    const changed = flags !== message.flags;
    message.baseName = file.baseName;
    message.suffix = this.#interned(file.suffix);
    message.place = file.place;
    message.flags = flags;
    return changed;
  }

  /** Takes messages out; those who hold the old table keep it. */
  remove(leaving: (row: number) => boolean): void {
    const uids = new Uint32Array(this.count);
    const rows: Row[] = [];
    for (let row = 0; row < this.count; row += 1) {
      const message = this.at(row);
      if (leaving(row)) {
        this.#uidsByName.delete(message.uniqueName);
        continue;
      }
      uids[rows.length] = this.#table.uidAt(row);
      rows.push(message);
    }
    if (rows.length === this.count) return;
    this.#table = new GrowingMessageTable(uids, rows.length);
    this.#rows = rows;
  }

  clear(): void {
    this.remove(() => true);
    this.#uidsByName.clear();
    this.#staged.clear();
  }

  /** All messages in UID order, staged ones too, as the UID list names them. */
  *listed(): Generator<{ uid: Uid; baseName: string }> {
    for (let row = 0; row < this.count; row += 1) {
      yield { uid: asUid(this.#table.uidAt(row)), baseName: this.at(row).baseName };
    }
    const staged = [...this.#staged.values()].map(({ file }) => ({ uid: file.uid, baseName: file.baseName }));
    yield* staged.sort((one, other) => one.uid - other.uid);
  }

  /** A folder has few different suffixes, so each is one string. */
  #interned(suffix: string): string {
    const known = this.#suffixes.get(suffix);
    if (known !== undefined) return known;
    this.#suffixes.set(suffix, suffix);
    return suffix;
  }
}
