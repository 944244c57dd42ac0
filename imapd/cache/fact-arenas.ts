/**
 * FactArenas: the records of one folder in memory, one behind the other in a few large buffers, so that ten thousand of
 * them are ten thousand numbers and no objects. What is in an arena and was not written yet is what the file lacks.
 *
 * SEARCH looks at all messages each time, FETCH mostly at some. So what SEARCH looks at lies apart from the rest, which
 * can be given up alone.
 *
 * A record's place is one number: which arena, and where in it. It knows no rows and no files.
 */
import {
  ALIGNMENT,
  asRecordOctets,
  type FactGroup,
  groupAt,
  type NewRecord,
  type RecordOctets,
  recordOctets,
  recordOctetsAt,
  SEARCH_FACTS,
  sealRecords,
  writeRecord,
} from './fact-record.js';

/** What records are for; those of one arena are for the same. */
export type Use = 'search' | 'fetch';

/** What the records of a group are for. */
export function useOf(group: FactGroup | number): Use {
  return group === SEARCH_FACTS ? 'search' : 'fetch';
}

/** A buffer full of records. */
export interface Arena extends RecordOctets {
  readonly use: Use;
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

/** More than this share of a loaded arena is in use, or it is copied into a smaller one. */
const MIN_SHARE_USED = 0.9;

const NO_OCTETS = asRecordOctets(Buffer.alloc(0));

/** Records in memory. A place is never 0. */
export class FactArenas {
  /** Arenas without octets can be replaced by others; their numbers are free. */
  readonly #arenas: Arena[] = [];
  /** The numbers of the arenas that are being filled: with what is learnt, for each use, and with what was loaded. */
  readonly #filling: Record<Use | 'loaded', number> = { search: -1, fetch: -1, loaded: -1 };
  /** Octets of memory. */
  heldOctets = 0;
  /** Octets that are not in the file, and should be. */
  unwrittenOctets = 0;
  /** Whether there was no room for what FETCH tells: nobody would load it again, so it is not written. */
  #isTooMuch = false;

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
  growthFor(octets: number, use: Use | 'loaded'): number {
    const last = this.#arenas[this.#filling[use]];
    if (last !== undefined && last.used + octets <= last.octets.length) return 0;
    return Math.max(octets, MIN_ARENA_OCTETS, Math.min(this.heldOctets, MAX_ARENA_OCTETS));
  }

  /** Adds a record; undefined when no more can be numbered. */
  add(record: NewRecord): number | undefined {
    const length = recordOctets(record.payload.length);
    const use = useOf(record.group);
    const arena = this.#arenaWithRoom(length, use);
    if (arena === undefined) return undefined;
    const at = arena.used;
    writeRecord(arena, at, record);
    arena.used += length;
    if (use === 'fetch' && this.#isTooMuch) arena.written += length;
    else this.unwrittenOctets += length;
    return this.placeIn(this.#filling[use], at);
  }

  /** Adds a copy of a record; `loaded` for one for SEARCH that stands in the file. */
  addCopy(from: RecordOctets, position: number, how?: 'loaded'): number | undefined {
    const length = recordOctetsAt(from, position);
    const target = how ?? useOf(groupAt(from, position));
    const arena = this.#arenaWithRoom(length, target);
    if (arena === undefined) return undefined;
    const at = arena.used;
    from.octets.copy(arena.octets, at, position, position + length);
    arena.used += length;
    if (arena.loaded) arena.written += length;
    else this.unwrittenOctets += length;
    return this.placeIn(this.#filling[target], at);
  }

  /** Takes over octets read from the file; gives the number of their arena. Room for it was asked for with `full`. */
  adopt(records: RecordOctets): number {
    this.heldOctets += records.octets.length;
    return this.#number({ ...records, use: 'fetch', used: 0, written: 0, loaded: true });
  }

  /** What was adopted under this number turned out to hold so many octets of records; they are in the file. */
  settle(arenaNumber: number, octets: number): void {
    const arena = this.#arenas[arenaNumber];
    if (arena === undefined) return;
    arena.used = octets;
    arena.written = octets;
    if (octets > arena.octets.length * MIN_SHARE_USED) return;
    this.heldOctets -= arena.octets.length - octets;
    const smaller = Buffer.allocUnsafeSlow(octets);
    arena.octets.copy(smaller, 0, 0, octets);
    Object.assign(arena, asRecordOctets(smaller));
  }

  /** Gives up all that FETCH tells; gives how many octets it took. Nobody may look at its places any more. */
  dropFetched(): number {
    let sum = 0;
    for (const arena of this.#arenas) {
      if (arena.use !== 'fetch') continue;
      this.heldOctets -= arena.octets.length;
      this.unwrittenOctets -= arena.used - arena.written;
      sum += arena.used;
      Object.assign(arena, NO_OCTETS, { used: 0, written: 0 });
    }
    this.#filling.fetch = -1;
    this.#isTooMuch = true;
    return sum;
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
    this.#filling.search = -1;
    this.#filling.fetch = -1;
    this.#filling.loaded = -1;
    this.#isTooMuch = false;
    this.heldOctets = 0;
    this.unwrittenOctets = 0;
  }

  #arenaWithRoom(octets: number, target: Use | 'loaded'): Arena | undefined {
    const size = this.growthFor(octets, target);
    if (size === 0) return this.#arenas[this.#filling[target]];
    if (this.full) return undefined;
    const loaded = target === 'loaded';
    // Not from Node's pool, which other buffers would keep alive.
    const records = asRecordOctets(Buffer.allocUnsafeSlow(size));
    this.heldOctets += size;
    this.#filling[target] = this.#number({ ...records, use: loaded ? 'search' : target, used: 0, written: 0, loaded });
    return this.#arenas[this.#filling[target]];
  }

  /** Gives an arena the number by which its places are found. */
  #number(arena: Arena): number {
    const free = this.#arenas.findIndex(({ octets }) => octets.length === 0);
    if (free < 0) return this.#arenas.push(arena) - 1;
    this.#arenas[free] = arena;
    return free;
  }
}
