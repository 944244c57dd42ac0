/**
 * FileTable: message files by number: their names in one block of octets, found by unique name.
 *
 * Per file it holds the octets of the base name, 12 octets of numbers, and its place in a hash table: some 6. It knows no
 * UIDs and touches no disk. Names that are not UTF-8 are kept (see file-system.ts).
 */
import { octetsFromText, textFromOctets } from './file-system.js';
import type { FlagBits } from './flags.js';
import { leadingNumber, type NameParts, noParts, sameUnique, sizeInOctets, takeApart } from './name-octets.js';
import { Suffixes } from './suffixes.js';

/** The directory that a message file is in. */
export type Place = 'cur' | 'new';

/** A filename as it stands in a directory: octets, without what is around them. */
export interface NameView {
  octets: Buffer;
  start: number;
  end: number;
}

/** Numbers per file: where its base name starts; suffix and place; lengths of base name and unique name. */
const WORDS = 3;
/** Slots of the hash table per file, at least: fewer make long searches. */
const MIN_SLOTS_PER_FILE = 4 / 3;
/** More only waste memory. */
const MOST_SLOTS_PER_FILE = 4;
const SPARE_FILES = 8;
/** So few files are indexed when one is looked for, within some ten microseconds; most folders just lie there. */
const MAX_UNINDEXED_FILES = 256;
/** A name of a directory has at most so many octets. */
const MAX_NAME_OCTETS = 255;

/** Most folders in memory are small or empty; the empty ones share these. */
const noNumbers = new Uint32Array(0);
const noOctets = Buffer.alloc(0);

const parts: NameParts = noParts();

/** Files of messages, numbered from 0 in the order in which they came. */
export class FileTable {
  #count = 0;
  #octets: Buffer = noOctets;
  #usedOctets = 0;
  #wastedOctets = 0;
  #inNew = 0;
  #words: Uint32Array = noNumbers;
  /** Numbers of files plus 1, by hash; 0 is a free slot. Its length is a power of two, or 0: not made yet. */
  #slots: Uint32Array = noNumbers;
  readonly #suffixes = new Suffixes();

  get count(): number {
    return this.#count;
  }

  /** How many of them are in new. */
  get inNew(): number {
    return this.#inNew;
  }

  /** Makes room for so many files with so many octets of base names in all. */
  reserve(files: number, octets: number): void {
    if (files * WORDS > this.#words.length) {
      const words = new Uint32Array(files * WORDS);
      words.set(this.#words.subarray(0, this.#count * WORDS));
      this.#words = words;
    }
    if (octets > this.#octets.length) {
      const larger = Buffer.allocUnsafeSlow(octets);
      this.#octets.copy(larger, 0, 0, this.#usedOctets);
      this.#octets = larger;
    }
    if (files * MIN_SLOTS_PER_FILE > this.#slots.length) this.#index(files);
  }

  /** Makes room for so many more files whose names are as long as those of another table on average. */
  reserveLike(other: FileTable, more: number): void {
    const octets = other.#count === 0 ? 0 : Math.ceil((other.#usedOctets / other.#count) * more);
    this.reserve(this.#count + more, this.#usedOctets + octets);
  }

  /** To be called when nobody will look for files soon. The index of few files is let go until somebody does. */
  rest(): void {
    if (this.#count <= MAX_UNINDEXED_FILES) this.#slots = noNumbers;
  }

  /** The file whose unique name is that of the name given; -1 if there is none. */
  find({ octets, start, end }: NameView): number {
    if (this.#count === 0) return -1;
    if (this.#slots.length === 0) this.#index(this.#words.length / WORDS);
    takeApart(octets, start, end, parts);
    return this.#find(octets, start);
  }

  /** The file of a unique name, or of any base name with it. */
  findText(name: string): number {
    const octets = octetsFromText(name);
    return this.find({ octets, start: 0, end: octets.length });
  }

  /** After takeApart(). */
  #find(octets: Buffer, start: number): number {
    const mask = this.#slots.length - 1;
    const { baseEnd, uniqueEnd, hash } = parts;
    const uniqueLength = uniqueEnd < 0 ? 0 : uniqueEnd - start;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const file = (this.#slots[slot] ?? 0) - 1;
      if (file < 0) return -1;
      const at = this.#words[file * WORDS] ?? 0;
      const lengths = this.#words[file * WORDS + 2] ?? 0;
      const same =
        uniqueLength > 0 && lengths >>> 8 > 0
          ? lengths >>> 8 === uniqueLength && sameOctets(this.#octets, at, octets, start, uniqueLength)
          : sameUnique(this.#octets, [at, at + (lengths & 0xff)], octets, [start, baseEnd]);
      if (same) return file;
    }
  }

  /** Adds a file, which must not be there; gives its number. */
  add({ octets, start, end }: NameView, place: Place): number {
    takeApart(octets, start, end, parts);
    const { baseEnd } = parts;
    const suffix = this.#suffixes.numberIn(octets, baseEnd, end, textFromOctets);
    return this.#add(octets, start, this.#kind(suffix, place));
  }

  /** Adds a file unless one of this unique name is there; gives its number, or -1 less the number of the known one. */
  addIfNew(name: NameView, place: Place): number {
    if (this.#count === 0) return this.add(name, place);
    const known = this.find(name);
    if (known >= 0) return -1 - known;
    const { octets, start, end } = name;
    const suffix = this.#suffixes.numberIn(octets, parts.baseEnd, end, textFromOctets);
    return this.#add(octets, start, this.#kind(suffix, place));
  }

  /** A table of these files in this order. Names and hashes are not looked at again. */
  inOrder(order: Uint32Array): FileTable {
    const result = new FileTable();
    const numbers = new Uint32Array(this.#count);
    const words = new Uint32Array(order.length * WORDS);
    for (let index = 0; index < order.length; index += 1) {
      const file = order[index] ?? 0;
      numbers[file] = index + 1;
      words[index * WORDS] = this.#words[file * WORDS] ?? 0;
      words[index * WORDS + 1] = result.#kind(
        result.#suffixes.numberAs(this.#suffixes, (this.#words[file * WORDS + 1] ?? 0) >>> 1),
        this.placeAt(file),
      );
      words[index * WORDS + 2] = this.#words[file * WORDS + 2] ?? 0;
    }
    result.#words = words;
    result.#count = order.length;
    for (let file = 0; file < order.length; file += 1) if (result.isInNew(file)) result.#inNew += 1;
    // Without spare room: what is added later goes into a block of its own, not into this one behind our back.
    result.#octets = copyIfWasteful(this.#octets, this.#usedOctets);
    result.#usedOctets = this.#usedOctets;
    if (order.length <= MAX_UNINDEXED_FILES) return result;
    if (order.length === this.#count && this.#slots.length < order.length * MOST_SLOTS_PER_FILE) {
      result.#slots = this.#slots.map((file) => (file === 0 ? 0 : (numbers[file - 1] ?? 0)));
    } else {
      result.#index(order.length);
    }
    return result;
  }

  /** Adds a file of this table to another; gives its number there. */
  addTo(other: FileTable, file: number): number {
    const start = this.#start(file);
    takeApart(this.#octets, start, start + this.#baseLength(file), parts);
    const suffix = other.#suffixes.numberAs(this.#suffixes, (this.#words[file * WORDS + 1] ?? 0) >>> 1);
    return other.#add(this.#octets, start, this.#kind(suffix, this.placeAt(file)));
  }

  /** After takeApart(). */
  #add(octets: Buffer, start: number, kind: number): number {
    const { baseEnd, uniqueEnd, hash } = parts;
    const file = this.#count;
    if ((file + 1) * WORDS > this.#words.length) this.reserve(file + (file >>> 1) + SPARE_FILES, 0);
    if (this.#slots.length === 0) this.#index(this.#words.length / WORDS);
    this.#words[file * WORDS] = this.#store(octets, start, baseEnd);
    this.#words[file * WORDS + 1] = kind;
    this.#inNew += kind & 1;
    this.#words[file * WORDS + 2] = lengthsOf(start, baseEnd, uniqueEnd);
    this.#count += 1;
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = file + 1;
    return file;
  }

  /** Gives where the octets are now. */
  #store(octets: Buffer, start: number, end: number): number {
    const length = end - start;
    if (length > MAX_NAME_OCTETS) throw new RangeError('a name longer than names can be');
    const at = this.#usedOctets;
    if (at + length > this.#octets.length) this.reserve(0, at + (at >>> 1) + SPARE_FILES * length);
    const target = this.#octets;
    // Names are short: a call would take longer.
    for (let from = start, to = at; from < end; from += 1, to += 1) target[to] = octets[from] ?? 0;
    this.#usedOctets += length;
    return at;
  }

  #kind(suffix: number, place: Place): number {
    return suffix * 2 + (place === 'new' ? 1 : 0);
  }

  /** Whether the file has exactly this name, in this place. */
  hasName(file: number, { octets, start, end }: NameView, place: Place): boolean {
    takeApart(octets, start, end, parts);
    const { baseEnd } = parts;
    if (!this.#hasBase(file, octets, start, baseEnd)) return false;
    const kind = this.#words[file * WORDS + 1] ?? 0;
    return kind === this.#kind(this.#suffixes.numberIn(octets, baseEnd, end, textFromOctets), place);
  }

  #hasBase(file: number, octets: Buffer, start: number, baseEnd: number): boolean {
    const length = this.#baseLength(file);
    return length === baseEnd - start && sameOctets(this.#octets, this.#start(file), octets, start, length);
  }

  /** Gives a file another name with the same unique name, and another place. */
  rename(file: number, { octets, start, end }: NameView, place: Place): void {
    takeApart(octets, start, end, parts);
    const { baseEnd, uniqueEnd } = parts;
    const suffix = this.#suffixes.numberIn(octets, baseEnd, end, textFromOctets);
    this.#setKind(file, this.#kind(suffix, place));
    if (this.#hasBase(file, octets, start, baseEnd)) return;
    this.#wastedOctets += this.#baseLength(file);
    this.#words[file * WORDS] = this.#store(octets, start, baseEnd);
    this.#words[file * WORDS + 2] = lengthsOf(start, baseEnd, uniqueEnd);
  }

  /** Gives a file another suffix and place. */
  setSuffix(file: number, suffix: string, place: Place): void {
    this.#setKind(file, this.#kind(this.#suffixes.numberOf(suffix), place));
  }

  #setKind(file: number, kind: number): void {
    this.#inNew += (kind & 1) - ((this.#words[file * WORDS + 1] ?? 0) & 1);
    this.#words[file * WORDS + 1] = kind;
  }

  /** Takes out the files that are not to stay; the others keep their order and are numbered anew. */
  keep(stays: (file: number) => boolean): void {
    let kept = 0;
    for (let file = 0; file < this.#count; file += 1) {
      if (!stays(file)) {
        this.#wastedOctets += this.#baseLength(file);
        this.#inNew -= (this.#words[file * WORDS + 1] ?? 0) & 1;
        continue;
      }
      if (kept < file) this.#words.copyWithin(kept * WORDS, file * WORDS, (file + 1) * WORDS);
      kept += 1;
    }
    this.#count = kept;
    if (kept * 2 * WORDS < this.#words.length) this.#words = this.#words.slice(0, kept * WORDS);
    if (this.#wastedOctets * 2 > this.#usedOctets) this.#compact();
    this.#index(this.#words.length / WORDS);
  }

  #compact(): void {
    const octets = Buffer.allocUnsafeSlow(this.#usedOctets - this.#wastedOctets);
    let used = 0;
    for (let file = 0; file < this.#count; file += 1) {
      const start = this.#start(file);
      this.#octets.copy(octets, used, start, start + this.#baseLength(file));
      this.#words[file * WORDS] = used;
      used += this.#baseLength(file);
    }
    this.#octets = octets;
    this.#usedOctets = used;
    this.#wastedOctets = 0;
  }

  /** Makes the hash table anew, with room for so many files. */
  #index(files: number): void {
    let length = 8;
    while (length < files * MIN_SLOTS_PER_FILE) length *= 2;
    const slots = new Uint32Array(length);
    const mask = length - 1;
    // What was taken apart is still needed by whoever made room in between.
    const own = noParts();
    for (let file = 0; file < this.#count; file += 1) {
      const start = this.#start(file);
      takeApart(this.#octets, start, start + this.#baseLength(file), own);
      let slot = own.hash & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = file + 1;
    }
    this.#slots = slots;
  }

  #start(file: number): number {
    return this.#words[file * WORDS] ?? 0;
  }

  #baseLength(file: number): number {
    return (this.#words[file * WORDS + 2] ?? 0) & 0xff;
  }

  /** Where the base name of a file lies; good until files are added or taken out. */
  baseView(file: number): NameView {
    const start = this.#start(file);
    return { octets: this.#octets, start, end: start + this.#baseLength(file) };
  }

  baseNameAt(file: number): string {
    const start = this.#start(file);
    return asText(this.#octets, start, start + this.#baseLength(file));
  }

  uniqueNameAt(file: number): string {
    const start = this.#start(file);
    const length = (this.#words[file * WORDS + 2] ?? 0) >>> 8;
    if (length > 0) return asText(this.#octets, start, start + length);
    return this.baseNameAt(file).replace(/,S=\d+/g, '');
  }

  suffixAt(file: number): string {
    return this.#suffixes.textOf((this.#words[file * WORDS + 1] ?? 0) >>> 1);
  }

  placeAt(file: number): Place {
    return this.isInNew(file) ? 'new' : 'cur';
  }

  isInNew(file: number): boolean {
    return ((this.#words[file * WORDS + 1] ?? 0) & 1) === 1;
  }

  flagsAt(file: number): FlagBits {
    return this.#suffixes.flagsOf((this.#words[file * WORDS + 1] ?? 0) >>> 1);
  }

  /** The size that the name tells; -1 if it tells none. */
  sizeAt(file: number): number {
    const start = this.#start(file);
    return sizeInOctets(this.#octets, start, start + this.#baseLength(file));
  }

  leadingNumberAt(file: number): number {
    const start = this.#start(file);
    return leadingNumber(this.#octets, start, start + this.#baseLength(file));
  }
}

/** Zero as the second length stands for a unique name with a hole. */
function lengthsOf(start: number, baseEnd: number, uniqueEnd: number): number {
  return (baseEnd - start) | ((uniqueEnd < 0 ? 0 : uniqueEnd - start) << 8);
}

function copyIfWasteful(octets: Buffer, used: number): Buffer {
  if (octets.length - used < used >>> 3) return octets.subarray(0, used);
  const copy = Buffer.allocUnsafeSlow(used);
  octets.copy(copy, 0, 0, used);
  return copy;
}

function sameOctets(one: Buffer, start: number, other: Buffer, otherStart: number, length: number): boolean {
  // From the end: names of one folder begin alike.
  for (let index = length - 1; index >= 0; index -= 1) {
    if (one[start + index] !== other[otherStart + index]) return false;
  }
  return true;
}

function asText(octets: Buffer, start: number, end: number): string {
  const text = octets.toString('latin1', start, end);
  return /[^\0-\x7f]/.test(text) ? textFromOctets(octets.subarray(start, end)) : text;
}
