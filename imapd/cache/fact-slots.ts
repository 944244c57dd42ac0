/**
 * FactSlots: where the record of each group lies, by the row of its message, and when it was last compared with the
 * message's file. They go along with the folder's table: messages leave with their slots, and those that arrive get some.
 *
 * It knows places as numbers, and no records.
 */
import type { Folder } from '../../maildir/folder.js';
import type { MessageTable } from '../../maildir/message-table.js';
import { type Use, useOf } from './fact-arenas.js';
import { FACT_GROUPS, HEADER_FACTS, ID_FACTS, PREVIEW_FACTS, STRUCTURE_FACTS } from './fact-record.js';

/** Per row: the places of its records, and at which count of foreign changes they were last checked. */
const STRIDE = FACT_GROUPS + 1;
const CHECKED = FACT_GROUPS;

/** Room for a few arrivals. */
const SPARE_ROWS = 16;

/** The slots of one folder. A row has one for each group, numbered one after the other; an empty one holds 0. */
export class FactSlots {
  readonly #folder: Folder;
  readonly #octetsOf: (place: number) => number;
  #table: MessageTable;
  #slots = new Uint32Array(0);
  readonly #live: Record<Use, number> = { search: 0, fetch: 0 };

  /** @param octetsOf says how long the record in a place is */
  constructor(folder: Folder, octetsOf: (place: number) => number) {
    this.#folder = folder;
    this.#octetsOf = octetsOf;
    this.#table = folder.table;
  }

  /** Octets of the records that are in slots. */
  get liveOctets(): number {
    return this.#live.search + this.#live.fetch;
  }

  /** Memory in use. */
  get heldOctets(): number {
    return this.#slots.byteLength;
  }

  /** The slot of a group; -1 if the message is not there. */
  slotOf(uid: number, group: number): number {
    const row = this.#table.rowOf(uid);
    return row < 0 ? -1 : row * STRIDE + group;
  }

  /** The first of a row's slots. */
  firstOf(row: number): number {
    return row * STRIDE;
  }

  placeIn(slot: number): number {
    return this.#slots[slot] ?? 0;
  }

  /** Puts another record into a slot. */
  put(slot: number, place: number, octets: number): void {
    this.drop(slot);
    this.#slots[slot] = place;
    this.#live[useOf(slot % STRIDE)] += octets;
  }

  /** Empties a slot. */
  drop(slot: number): void {
    const place = this.placeIn(slot);
    if (place === 0) return;
    this.#live[useOf(slot % STRIDE)] -= this.#octetsOf(place);
    this.#slots[slot] = 0;
  }

  /** Records were moved: `move` gives the new place of each. */
  moveAll(move: (place: number) => number): void {
    for (let slot = 0; slot < this.#slots.length; slot += 1) {
      const place = this.placeIn(slot);
      if (slot % STRIDE !== CHECKED && place !== 0) this.#slots[slot] = move(place);
    }
  }

  /** Empties all slots of what FETCH tells. */
  dropFetched(): void {
    for (let slot = 0; slot < this.#slots.length; slot += STRIDE) {
      this.#slots[slot + HEADER_FACTS] = 0;
      this.#slots[slot + STRUCTURE_FACTS] = 0;
      this.#slots[slot + PREVIEW_FACTS] = 0;
      this.#slots[slot + ID_FACTS] = 0;
    }
    this.#live.fetch = 0;
  }

  clear(): void {
    this.#slots = new Uint32Array(0);
    this.#live.search = 0;
    this.#live.fetch = 0;
  }

  /** The count of foreign changes when the row's records were last compared with its file. */
  checkedAt(slot: number): number {
    return this.placeIn(slot - (slot % STRIDE) + CHECKED);
  }

  noteChecked(slot: number, foreignChanges: number): void {
    this.#slots[slot - (slot % STRIDE) + CHECKED] = foreignChanges;
  }

  /** Goes along with the folder: rows that were added, and tables from which messages are gone. True for another table. */
  follow(row: number): boolean {
    const { table } = this.#folder;
    const moves = table !== this.#table;
    if (moves) this.#moveTo(table);
    if ((row + 1) * STRIDE <= this.#slots.length) return moves;
    const rows = Math.max(table.count, row + 1);
    const slots = new Uint32Array((rows + (rows >>> 2) + SPARE_ROWS) * STRIDE);
    slots.set(this.#slots);
    this.#slots = slots;
    return moves;
  }

  /** Takes the slots along to another table. Both are in UID order. */
  #moveTo(table: MessageTable): void {
    const before = this.#table;
    const held = Math.min(before.count, this.#slots.length / STRIDE);
    const slots = new Uint32Array((table.count + SPARE_ROWS) * STRIDE);
    this.#table = table;
    let row = 0;
    for (let from = 0; from < held; from += 1) {
      const uid = before.uidAt(from);
      while (row < table.count && table.uidAt(row) < uid) row += 1;
      const stays = row < table.count && table.uidAt(row) === uid;
      const first = this.firstOf(from);
      for (let at = 0; at < STRIDE; at += 1) {
        if (stays) slots[row * STRIDE + at] = this.placeIn(first + at);
        else if (at !== CHECKED) this.drop(first + at);
      }
    }
    this.#slots = slots;
  }
}
