/**
 * FactArenas: the records of one folder in memory, one behind the other in a few large buffers, so that ten thousand of
 * them are ten thousand numbers and no objects. What is in an arena and was not written yet is what the file lacks.
 *
 * A record's place is one number: which arena, and where in it. It knows no rows and no files.
 */
import {
  ALIGNMENT,
  asRecordOctets,
  type NewRecord,
  type RecordOctets,
  recordOctets,
  recordOctetsAt,
  sealRecords,
  writeRecord,
} from './fact-record.js';

/** A buffer full of records. */
export interface Arena extends RecordOctets {
  octets: Buffer;
  view: DataView;
  used: number;
  /** How much of it is in the file. */
  written: number;
  /** Whether it came from the file: what was learnt since counts more. */
  readonly loaded: boolean;
}

/** Bits of a place for the position inside an arena, in units of ALIGNMENT: arenas of up to 16 MiB. */
const POSITION_BITS = 21;
const POSITION_MASK = (1 << POSITION_BITS) - 1;
const MAX_ARENAS = (1 << (32 - POSITION_BITS)) - 1;

/** The first arena of a folder; later ones are as large as all before, up to the maximum. */
const MIN_ARENA_OCTETS = 8 * 1024;
const MAX_ARENA_OCTETS = 1024 * 1024;

/** Records in memory. A place is never 0. */
export class FactArenas {
  readonly #arenas: Arena[] = [];
  /** Octets of memory. */
  heldOctets = 0;
  /** Octets that are not in the file. */
  unwrittenOctets = 0;

  /** The arena of a place. Only for places that this object gave. */
  of(place: number): Arena {
    const arena = this.#arenas[(place >>> POSITION_BITS) - 1];
    if (arena === undefined) throw new RangeError(`place ${place}`);
    return arena;
  }

  /** Where in its arena a place is. */
  static position(place: number): number {
    return (place & POSITION_MASK) * ALIGNMENT;
  }

  /** Whether there is no number left for a further arena. */
  get full(): boolean {
    return this.#arenas.length >= MAX_ARENAS;
  }

  /** How much more memory a record of so many octets takes: most often none. */
  growthFor(octets: number): number {
    const last = this.#arenas.at(-1);
    if (last !== undefined && !last.loaded && last.used + octets <= last.octets.length) return 0;
    return Math.max(octets, MIN_ARENA_OCTETS, Math.min(this.heldOctets, MAX_ARENA_OCTETS));
  }

  /** Adds a record; undefined when no more can be numbered. */
  add(record: NewRecord): number | undefined {
    const length = recordOctets(record.payload.length);
    const arena = this.#arenaWithRoom(length);
    if (arena === undefined) return undefined;
    const at = arena.used;
    writeRecord(arena, at, record);
    arena.used += length;
    this.unwrittenOctets += length;
    return this.placeIn(this.#arenas.length - 1, at);
  }

  /** Adds a copy of a record of other arenas. */
  addCopy(from: Arena, position: number): number | undefined {
    const length = recordOctetsAt(from, position);
    const arena = this.#arenaWithRoom(length);
    if (arena === undefined) return undefined;
    const at = arena.used;
    from.octets.copy(arena.octets, at, position, position + length);
    arena.used += length;
    this.unwrittenOctets += length;
    return this.placeIn(this.#arenas.length - 1, at);
  }

  /** Takes over octets read from the file; gives the number of their arena. Room for it was asked for with `full`. */
  adopt(records: RecordOctets): number {
    this.#arenas.push({ ...records, used: 0, written: 0, loaded: true });
    this.heldOctets += records.octets.length;
    return this.#arenas.length - 1;
  }

  /** What was adopted under this number turned out to hold so many octets of records; they are in the file. */
  settle(arenaNumber: number, octets: number): void {
    const arena = this.#arenas[arenaNumber];
    if (arena === undefined) return;
    arena.used = octets;
    arena.written = octets;
    if (octets > arena.octets.length / 2) return;
    this.heldOctets -= arena.octets.length - octets;
    const smaller = Buffer.allocUnsafeSlow(octets);
    arena.octets.copy(smaller, 0, 0, octets);
    Object.assign(arena, asRecordOctets(smaller));
  }

  placeIn(arenaNumber: number, position: number): number {
    return (((arenaNumber + 1) << POSITION_BITS) | (position / ALIGNMENT)) >>> 0;
  }

  /** The next octets that the file lacks, whole records with their checksums, not much more than asked for. */
  nextUnwritten(maxOctets: number): Buffer[] {
    const pieces: Buffer[] = [];
    let sum = 0;
    for (const arena of this.#arenas) {
      const { octets, used, written } = arena;
      if (used === written) continue;
      sealRecords(arena, written, used);
      pieces.push(octets.subarray(written, used));
      sum += used - written;
      if (sum >= maxOctets) break;
    }
    return pieces;
  }

  /** So many octets, as `nextUnwritten` gave them, are in the file now. */
  noteWritten(octets: number): void {
    let left = octets;
    for (const arena of this.#arenas) {
      const count = Math.min(left, arena.used - arena.written);
      arena.written += count;
      left -= count;
    }
    this.unwrittenOctets -= octets - left;
  }

  /** The file is gone: it lacks everything. */
  noteLost(): void {
    this.unwrittenOctets = 0;
    for (const arena of this.#arenas) {
      arena.written = 0;
      this.unwrittenOctets += arena.used;
    }
  }

  clear(): void {
    this.#arenas.length = 0;
    this.heldOctets = 0;
    this.unwrittenOctets = 0;
  }

  #arenaWithRoom(octets: number): Arena | undefined {
    const size = this.growthFor(octets);
    if (size === 0) return this.#arenas.at(-1);
    if (this.full) return undefined;
    // Not from Node's pool, which other buffers would keep alive.
    const arena = { ...asRecordOctets(Buffer.allocUnsafeSlow(size)), used: 0, written: 0, loaded: false };
    this.#arenas.push(arena);
    this.heldOctets += size;
    return arena;
  }
}
