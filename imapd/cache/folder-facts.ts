/**
 * FolderFacts: what is known of the messages of one folder, as octets. Who learns something keeps it here, and looks here
 * before opening a file.
 *
 * When a record is believed: it must be of the message's unique name, and made from a file with the size, the mtime and
 * the inode that the message's file has. That is checked with one look at the file (no opening) before the first use of
 * what was loaded, and again when another program has changed something in cur since. Between two such changes a file
 * can only become another one by being written in place, which no program that knows maildirs does; whoever opens a file
 * compares all the same, and calls `forget`.
 *
 * It parses no payload, and reads and writes no file; fact-file.ts does that for it.
 */
import { MaildirError } from '../../maildir/errors.js';
import type { FileFingerprint, Folder } from '../../maildir/folder.js';
import { FactArenas, type Use, useOf } from './fact-arenas.js';
import * as record from './fact-record.js';
import { FACT_GROUPS, type FactGroup, MAX_PAYLOAD_OCTETS, RECORD_HEAD_OCTETS } from './fact-record.js';
import { FactSlots } from './fact-slots.js';
import { type KeptColumn, KeptColumns } from './kept-columns.js';

export {
  type FactGroup,
  HEADER_FACTS,
  ID_FACTS,
  MAX_PAYLOAD_OCTETS,
  PREVIEW_FACTS,
  SEARCH_FACTS,
  STRUCTURE_FACTS,
} from './fact-record.js';

/** A record's payload where it lies. Filled in by `look`, never copied; valid until something is waited for. */
export interface FactView {
  octets: Buffer;
  start: number;
  end: number;
  /** Size of the message's file. */
  fileOctets: number;
  /** Milliseconds since 1970. */
  internalDate: number;
}

/** A view of nothing, to be filled in. One for a whole command. */
export function emptyView(): FactView {
  return { octets: Buffer.alloc(0), start: 0, end: 0, fileOctets: 0, internalDate: 0 };
}

/** Whom the facts of a folder tell of what happens to them. */
export interface FactsOwner {
  /** So many more octets are held. False: there is no room. May give up what is held for another use. */
  mayGrow(octets: number, use: Use): boolean;
  /** There is something that the file lacks. */
  learnt(): void;
}

/** Octets of the file. */
export interface LoadedOctets {
  readonly end: number;
  /** Nothing comes behind the end. */
  readonly last: boolean;
}

/** Memory is tidied up when more than half of it, and more than this, is records that nobody can see any more. */
const MIN_DEAD_OCTETS = 256 * 1024;

/** What is known of the messages of one folder. */
export class FolderFacts {
  readonly folder: Folder;
  readonly #owner: FactsOwner;
  #arenas = new FactArenas();
  readonly #slots: FactSlots;
  #usedOctets = 0;
  /** The message that was last looked for in vain, and the count of foreign changes at that moment. */
  #soughtRow = -1;
  #soughtAt = 0;
  readonly #columns = new KeptColumns();
  /** The message whose unique name was hashed last. */
  #hashedUid = 0;
  #hashed: record.NameHash = { low: 0, high: 0 };
  /** How often something that was known turned out to be of another file. */
  #mistakes = 0;

  /** Made by FactCache only. */
  constructor(folder: Folder, owner: FactsOwner) {
    this.folder = folder;
    this.#owner = owner;
    this.#slots = new FactSlots(folder, (place) =>
      record.recordOctetsAt(this.#arenas.of(place), FactArenas.position(place)),
    );
  }

  /** Shows what is known of a message. False: nothing, or nothing that is still of this file. Row of the current table. */
  look(row: number, group: FactGroup, view: FactView): boolean {
    this.#follow(row);
    const slot = this.#slots.firstOf(row) + group;
    const place = this.#slots.placeIn(slot);
    const now = this.folder.foreignChanges;
    if (place === 0 || (this.#slots.checkedAt(slot) !== now && !this.#check(row, group))) {
      this.#soughtRow = row;
      this.#soughtAt = now;
      return false;
    }
    const arena = this.#arenas.of(place);
    const at = FactArenas.position(place);
    view.octets = arena.octets;
    view.start = at + RECORD_HEAD_OCTETS;
    view.end = view.start + record.payloadOctetsAt(arena, at);
    view.fileOctets = record.fileOctetsAt(arena, at);
    view.internalDate = record.modifiedAt(arena, at);
    return true;
  }

  /** Remembers what was found in a file; copies the payload. More than MAX_PAYLOAD_OCTETS is not kept. */
  keep(row: number, group: FactGroup, payload: Buffer, file: FileFingerprint): void {
    this.#follow(row);
    if (payload.length > MAX_PAYLOAD_OCTETS) return;
    this.#dropOthers(row, file);
    const octets = record.recordOctets(payload.length);
    const growth = this.#arenas.growthFor(octets, useOf(group));
    if (growth > 0 && !this.#owner.mayGrow(growth, useOf(group))) return;
    // To make room, all that was known of this folder may have been let go of, and its slots.
    this.#follow(row);
    const slots = this.#slots;
    const slot = slots.firstOf(row) + group;
    const known = this.#holdsSome(row);
    const place = this.#arenas.add({
      group,
      uid: this.folder.table.uidAt(row),
      name: this.#nameHash(row),
      file,
      payload,
    });
    if (place === undefined) return;
    slots.put(slot, place, octets);
    this.#usedOctets += octets;
    // The file was opened after it was looked for in vain; if another program changed something since, it may be the
    // one before: then it is checked at its first use.
    const now = this.folder.foreignChanges;
    if (!known) slots.noteChecked(slot, this.#soughtRow === row && this.#soughtAt === now ? now : 0);
    this.#soughtRow = -1;
    this.#owner.learnt();
  }

  /** Nothing that is known of this message is true: its file is another one. */
  forget(row: number): void {
    this.#follow(row);
    this.#mistakes += 1;
    const first = this.#slots.firstOf(row);
    for (let slot = first; slot < first + FACT_GROUPS; slot += 1) this.#slots.drop(slot);
  }

  /**
   * A number that stays the same as long as every file is known to be the one that it was: what was made of many records
   * is true for so long. The folder must have been looked at.
   */
  get files(): number {
    return this.folder.foreignChanges + this.#mistakes;
  }

  /** What was made of all records together and is still true of their files; messages may have come and gone. */
  keptColumn(name: string): KeptColumn | undefined {
    return this.#columns.get(name, this.files);
  }

  /** Keeps what was made of all records together since `files` was what it is given here, if there is room. */
  keepColumn(name: string, column: KeptColumn, files: number): void {
    if (files !== this.files) return;
    const growth = column.numbers.byteLength - (this.keptColumn(name)?.numbers.byteLength ?? 0);
    if (growth > 0 && !this.#owner.mayGrow(growth, 'search')) return;
    this.#columns.set(name, column, files);
  }

  /** Memory in use. */
  get heldOctets(): number {
    return this.#arenas.heldOctets + this.#slots.heldOctets + this.#columns.heldOctets;
  }

  /** The records, for the file. */
  get arenas(): FactArenas {
    return this.#arenas;
  }

  /** Whether so much of the records is of no use that they should be written anew. */
  get wasteful(): boolean {
    return this.deadOctets > Math.max(MIN_DEAD_OCTETS, this.liveOctets);
  }

  /** Octets of records that nobody can see any more. */
  get deadOctets(): number {
    return this.#usedOctets - this.liveOctets;
  }

  /** Octets of records that can be seen. */
  get liveOctets(): number {
    return this.#slots.liveOctets;
  }

  /**
   * Takes records that were read from the file, for all of which there is room. Gives how many octets were looked at.
   */
  adopt(octets: Buffer, { end, last }: LoadedOctets): number {
    this.#follow(this.folder.table.count - 1);
    const records = record.asRecordOctets(octets);
    const arenaNumber = this.#arenas.adopt(records);
    const found = { at: 0, octets: 0 };
    let usedTo = 0;
    let readTo = 0;
    for (;;) {
      record.findRecord(records, { start: readTo, end, last }, found);
      readTo = found.at;
      if (found.octets === 0) break;
      readTo += found.octets;
      const slot = this.#slotFor(records, found.at);
      if (slot < 0) continue;
      if (useOf(record.groupAt(records, found.at)) === 'search') {
        this.#placeLoaded(slot, found, this.#arenas.addCopy(records, found.at, 'loaded'));
        continue;
      }
      this.#placeLoaded(slot, found, this.#arenas.placeIn(arenaNumber, usedTo));
      // Records of no use, and damage, leave gaps; those that follow move up.
      if (found.at !== usedTo) octets.copyWithin(usedTo, found.at, readTo);
      usedTo += found.octets;
    }
    this.#arenas.settle(arenaNumber, usedTo);
    return readTo;
  }

  /** Takes what SEARCH looks at alone, as far as there is room; undefined when that is over. */
  adoptSearched(octets: Buffer, { end, last }: LoadedOctets): number | undefined {
    this.#follow(this.folder.table.count - 1);
    const records = record.asRecordOctets(octets);
    const found = { at: 0, octets: 0 };
    for (let readTo = 0; ; readTo = found.at + found.octets) {
      record.findRecord(records, { start: readTo, end, last }, found);
      if (found.octets === 0) return found.at;
      if (useOf(record.groupAt(records, found.at)) === 'fetch') continue;
      const slot = this.#slotFor(records, found.at);
      if (slot < 0) continue;
      const growth = this.#arenas.growthFor(found.octets, 'loaded');
      if (growth > 0 && !this.#owner.mayGrow(growth, 'search')) return undefined;
      this.#follow(this.folder.table.count - 1);
      this.#placeLoaded(slot, found, this.#arenas.addCopy(records, found.at, 'loaded'));
    }
  }

  /** Gives up what FETCH tells, to make room for what SEARCH looks at. What was not written is lost. */
  dropFetched(): void {
    this.#slots.dropFetched();
    this.#usedOctets -= this.#arenas.dropFetched();
  }

  /** Forgets everything, to make room. What was not written is lost. */
  clear(): void {
    this.#arenas.clear();
    this.#columns.clear();
    this.#slots.clear();
    this.#usedOctets = 0;
  }

  /** Leaves the records that nobody can see behind. The file lacks everything afterwards. */
  compact(): void {
    this.#follow(this.folder.table.count - 1);
    const arenas = new FactArenas();
    this.#slots.moveAll((place) => arenas.addCopy(this.#arenas.of(place), FactArenas.position(place)) ?? 0);
    this.#arenas = arenas;
    this.#usedOctets = this.liveOctets;
  }

  /** The slot of the record at `at`, if it is of use; else -1. */
  #slotFor(records: record.RecordOctets, at: number): number {
    const slot = this.#slots.slotOf(record.uidAt(records, at), record.groupAt(records, at));
    const before = slot < 0 ? 0 : this.#slots.placeIn(slot);
    return before !== 0 && !this.#arenas.of(before).loaded ? -1 : slot;
  }

  /** Makes a loaded record the one that counts from now on. */
  #placeLoaded(slot: number, { octets }: record.FoundRecord, place: number | undefined): void {
    if (place === undefined) return;
    this.#slots.put(slot, place, octets);
    this.#usedOctets += octets;
    // What was learnt meanwhile of another group was learnt from a file that this record may not be of.
    this.#slots.noteChecked(slot, 0);
  }

  /** Compares the records of a message with its file; drops those of another one. Gives whether one of `group` is left. */
  #check(row: number, group: FactGroup): boolean {
    const first = this.#slots.firstOf(row);
    const now = this.folder.foreignChanges;
    let file: FileFingerprint;
    try {
      file = this.folder.fingerprintAt(row);
    } catch (error) {
      // Gone, or unreadable: whoever opens the file next hears why.
      if (error instanceof MaildirError) return false;
      throw error;
    }
    this.#dropOthers(row, file, this.#nameHash(row));
    this.#slots.noteChecked(first, now);
    return this.#slots.placeIn(first + group) !== 0;
  }

  /** What is learnt of a message at once is kept as several records. */
  #nameHash(row: number): record.NameHash {
    const uid = this.folder.table.uidAt(row);
    if (this.#hashedUid !== uid) this.#hashed = record.hashOfName(this.folder.uniqueNameAt(row));
    this.#hashedUid = uid;
    return this.#hashed;
  }

  /** Drops what is known of a message from another file than this one, or of another name. */
  #dropOthers(row: number, file: FileFingerprint, name?: record.NameHash): void {
    const first = this.#slots.firstOf(row);
    for (let slot = first; slot < first + FACT_GROUPS; slot += 1) {
      const place = this.#slots.placeIn(slot);
      if (place === 0) continue;
      const arena = this.#arenas.of(place);
      const at = FactArenas.position(place);
      if (record.isOfFile(arena, at, file) && (name === undefined || record.isOfName(arena, at, name))) continue;
      this.#mistakes += 1;
      this.#slots.drop(slot);
    }
  }

  #holdsSome(row: number): boolean {
    const first = this.#slots.firstOf(row);
    for (let slot = first; slot < first + FACT_GROUPS; slot += 1) if (this.#slots.placeIn(slot) !== 0) return true;
    return false;
  }

  #follow(row: number): void {
    if (!this.#slots.follow(row)) return;
    this.#soughtRow = -1;
    this.#hashedUid = 0;
  }
}
