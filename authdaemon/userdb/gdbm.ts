/**
 * GDBM files as `makeuserdb` compiles them: a reader that probes the file, and a writer of whole files. Pure: the reader
 * is given a function that reads octets.
 *
 * The layout is gdbm's on 64-bit little-endian machines:
 *
 *     header     one block: magic, block size, where the directory is, how many hash bits it uses, a free list
 *     directory  2^bits file positions, one per hash prefix; several prefixes may share a bucket
 *     bucket     one block: free list, its own hash bits, and elements { hash, first 4 key octets, position, lengths }
 *     data       key and value, one after the other
 *
 * Everything read is checked against the file's size, so a damaged file gives GdbmError and never a wild read.
 */

const MAGIC = 0x13579acf;
const BLOCK_OCTETS = 4096;
/** The header up to its free list's elements, and where the parts of a bucket begin. */
const HEADER_OCTETS = 56;
const BUCKET_ELEMENTS_AT = 112;
const BUCKET_BITS_AT = 104;
const BUCKET_COUNT_AT = 108;
const ELEMENT_OCTETS = 24;
const FREE_ELEMENT_OCTETS = 16;
const EMPTY = -1;
/** gdbm's own smallest directory fills one block. */
const MIN_DIRECTORY_BITS = 9;
/** A directory larger than this (8 MiB) would need millions of accounts, or is damage. */
const MAX_DIRECTORY_BITS = 20;
/** Elements a bucket is filled with when written; the rest is room for programs that add to the file. */
const FILL_ELEMENTS = 120;
/** A key or value larger than this is damage; a userdb record is one line. */
const MAX_ITEM_OCTETS = 1_048_576;

/** The file is not a GDBM file of this kind, or is damaged. */
export class GdbmError extends Error {}

/** Reads octets of the file; gives fewer at its end. */
export type ReadOctets = (position: number, length: number) => Buffer;

/** A record: key and value, neither with a NUL at its end. */
export interface GdbmRecord {
  readonly key: Buffer;
  readonly value: Buffer;
}

interface Header {
  readonly directoryBits: number;
  readonly directoryAt: number;
  readonly bucketOctets: number;
  readonly bucketElements: number;
}

interface Element {
  readonly hash: number;
  readonly dataAt: number;
  readonly keyOctets: number;
  readonly valueOctets: number;
}

/** gdbm's hash of a key: 31 bits. */
export function gdbmHash(key: Buffer): number {
  let value = Math.imul(0x238f13af, key.length);
  for (let index = 0; index < key.length; index += 1) {
    value = (value + ((key[index] ?? 0) << ((index * 5) % 24))) & 0x7fffffff;
  }
  return (Math.imul(1103515243, value) + 12345) & 0x7fffffff;
}

/** Looks records up in a GDBM file; three small reads for each. */
export class GdbmReader {
  readonly #read: ReadOctets;
  readonly #header: Header;

  /** @throws {GdbmError} when this is not such a file. */
  constructor(read: ReadOctets) {
    this.#read = read;
    this.#header = readHeader(read(0, HEADER_OCTETS));
  }

  /** Gives the value of a key, or undefined. @throws {GdbmError} */
  get(key: Buffer): Buffer | undefined {
    const hash = gdbmHash(key);
    const { bucketElements, directoryBits } = this.#header;
    const bucket = this.#bucket(this.#bucketPosition(hash >>> (31 - directoryBits)));
    for (let step = 0; step < bucketElements; step += 1) {
      const element = elementAt(bucket, (hash + step) % bucketElements);
      if (element === undefined) return undefined;
      if (element.hash !== hash || element.keyOctets !== key.length) continue;
      const record = this.#record(element);
      if (record.key.equals(key)) return record.value;
    }
    return undefined;
  }

  /** Gives all records in the file's order. @throws {GdbmError} */
  *records(): Generator<GdbmRecord, void, undefined> {
    const seen = new Set<number>();
    for (let index = 0; index < 2 ** this.#header.directoryBits; index += 1) {
      const position = this.#bucketPosition(index);
      if (seen.has(position)) continue;
      seen.add(position);
      const bucket = this.#bucket(position);
      for (let slot = 0; slot < this.#header.bucketElements; slot += 1) {
        const element = elementAt(bucket, slot);
        if (element !== undefined) yield this.#record(element);
      }
    }
  }

  #bucketPosition(index: number): number {
    const octets = this.#exactly(this.#header.directoryAt + index * 8, 8);
    return safePosition(octets.readBigUInt64LE(0));
  }

  #bucket(position: number): Buffer {
    return this.#exactly(position, this.#header.bucketOctets);
  }

  #record({ dataAt, keyOctets, valueOctets }: Element): GdbmRecord {
    if (keyOctets > MAX_ITEM_OCTETS || valueOctets > MAX_ITEM_OCTETS)
      throw new GdbmError('a record is impossibly long');
    const octets = this.#exactly(dataAt, keyOctets + valueOctets);
    return { key: octets.subarray(0, keyOctets), value: octets.subarray(keyOctets) };
  }

  #exactly(position: number, length: number): Buffer {
    const octets = this.#read(position, length);
    if (octets.length !== length) throw new GdbmError('the file is shorter than it says');
    return octets;
  }
}

function readHeader(octets: Buffer): Header {
  if (octets.length < HEADER_OCTETS) throw new GdbmError('the file is too short to be a GDBM file');
  if (octets.readUInt32LE(0) !== MAGIC) {
    throw new GdbmError('this is not a GDBM file of a 64-bit little-endian machine; run makeuserdb');
  }
  const header: Header = {
    directoryAt: safePosition(octets.readBigUInt64LE(8)),
    directoryBits: octets.readInt32LE(20),
    bucketOctets: octets.readInt32LE(24),
    bucketElements: octets.readInt32LE(28),
  };
  const { bucketOctets, bucketElements, directoryBits } = header;
  const sound =
    directoryBits >= 0 &&
    directoryBits <= MAX_DIRECTORY_BITS &&
    octets.readInt32LE(16) === 2 ** directoryBits * 8 &&
    bucketElements > 0 &&
    bucketOctets <= MAX_ITEM_OCTETS &&
    BUCKET_ELEMENTS_AT + bucketElements * ELEMENT_OCTETS <= bucketOctets;
  if (!sound) throw new GdbmError('the header is damaged');
  return header;
}

function elementAt(bucket: Buffer, slot: number): Element | undefined {
  const at = BUCKET_ELEMENTS_AT + slot * ELEMENT_OCTETS;
  const hash = bucket.readInt32LE(at);
  if (hash === EMPTY) return undefined;
  const keyOctets = bucket.readInt32LE(at + 16);
  const valueOctets = bucket.readInt32LE(at + 20);
  if (hash < 0 || keyOctets < 0 || valueOctets < 0) throw new GdbmError('a bucket is damaged');
  return { hash, dataAt: safePosition(bucket.readBigUInt64LE(at + 8)), keyOctets, valueOctets };
}

function safePosition(position: bigint): number {
  if (position > BigInt(Number.MAX_SAFE_INTEGER)) throw new GdbmError('a position is outside the file');
  return Number(position);
}

interface Placed extends GdbmRecord {
  readonly hash: number;
}

interface Bucket {
  readonly bits: number;
  /** The first directory index that leads here, with directory bits of the whole file. */
  readonly prefix: number;
  readonly records: readonly Placed[];
}

/**
 * Writes a whole GDBM file. Keys must differ; makeuserdb sees to it.
 *
 * @throws {GdbmError} when more keys share a hash than a bucket holds.
 */
export function writeGdbm(records: readonly GdbmRecord[]): Buffer {
  const placed = records.map((record) => ({ ...record, hash: gdbmHash(record.key) }));
  const buckets = split(placed, 0, 0);
  const bits = Math.max(MIN_DIRECTORY_BITS, ...buckets.map((bucket) => bucket.bits));
  const directoryOctets = 2 ** bits * 8;
  const bucketsAt = BLOCK_OCTETS + directoryOctets;
  const dataAt = bucketsAt + buckets.length * BLOCK_OCTETS;
  const dataOctets = records.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
  const fileOctets = Math.ceil((dataAt + dataOctets) / BLOCK_OCTETS) * BLOCK_OCTETS;

  const file = Buffer.alloc(fileOctets);
  writeHeader(file, bits);
  let position = dataAt;
  buckets.forEach((bucket, index) => {
    const at = bucketsAt + index * BLOCK_OCTETS;
    const first = bucket.prefix << (bits - bucket.bits);
    for (let entry = first; entry < first + 2 ** (bits - bucket.bits); entry += 1) {
      file.writeBigUInt64LE(BigInt(at), BLOCK_OCTETS + entry * 8);
    }
    position = writeBucket(file, { at, bucket, dataAt: position });
  });
  return file;
}

/** Splits records by the leading bits of their hashes until each bucket has room. */
function split(records: readonly Placed[], bits: number, prefix: number): Bucket[] {
  if (records.length <= FILL_ELEMENTS) return [{ bits, prefix, records }];
  if (bits === MAX_DIRECTORY_BITS) throw new GdbmError('too many names have the same hash');
  const mask = 1 << (30 - bits);
  const zeros = records.filter(({ hash }) => (hash & mask) === 0);
  const ones = records.filter(({ hash }) => (hash & mask) !== 0);
  return [...split(zeros, bits + 1, prefix * 2), ...split(ones, bits + 1, prefix * 2 + 1)];
}

function writeHeader(file: Buffer, directoryBits: number): void {
  file.writeUInt32LE(MAGIC, 0);
  file.writeInt32LE(BLOCK_OCTETS, 4);
  file.writeBigUInt64LE(BigInt(BLOCK_OCTETS), 8);
  file.writeInt32LE(2 ** directoryBits * 8, 16);
  file.writeInt32LE(directoryBits, 20);
  file.writeInt32LE(BLOCK_OCTETS, 24);
  file.writeInt32LE(Math.floor((BLOCK_OCTETS - BUCKET_ELEMENTS_AT) / ELEMENT_OCTETS), 28);
  file.writeBigUInt64LE(BigInt(file.length), 32);
  file.writeInt32LE(Math.floor((BLOCK_OCTETS - HEADER_OCTETS) / FREE_ELEMENT_OCTETS), 40);
}

function writeBucket(file: Buffer, place: { at: number; bucket: Bucket; dataAt: number }): number {
  const { at, bucket } = place;
  const elements = Math.floor((BLOCK_OCTETS - BUCKET_ELEMENTS_AT) / ELEMENT_OCTETS);
  file.writeInt32LE(bucket.bits, at + BUCKET_BITS_AT);
  file.writeInt32LE(bucket.records.length, at + BUCKET_COUNT_AT);
  for (let slot = 0; slot < elements; slot += 1) {
    file.writeInt32LE(EMPTY, at + BUCKET_ELEMENTS_AT + slot * ELEMENT_OCTETS);
  }
  let dataAt = place.dataAt;
  for (const { key, value, hash } of bucket.records) {
    let slot = hash % elements;
    while (file.readInt32LE(at + BUCKET_ELEMENTS_AT + slot * ELEMENT_OCTETS) !== EMPTY) slot = (slot + 1) % elements;
    const element = at + BUCKET_ELEMENTS_AT + slot * ELEMENT_OCTETS;
    file.writeInt32LE(hash, element);
    key.copy(file, element + 4, 0, 4);
    file.writeBigUInt64LE(BigInt(dataAt), element + 8);
    file.writeInt32LE(key.length, element + 16);
    file.writeInt32LE(value.length, element + 20);
    key.copy(file, dataAt);
    value.copy(file, dataAt + key.length);
    dataAt += key.length + value.length;
  }
  return dataAt;
}
