/**
 * The octets of `angarium-changes`: what was said of a folder's messages, and under which mod-sequence (RFC 7162).
 *
 *     0   8   `ANGCHANG`
 *     8   4   version of the format; all numbers are little-endian
 *     12  4   UIDVALIDITY
 *     16  8   the highest mod-sequence when the file was made (a double, as all mod-sequences here)
 *     24  8   the mod-sequence up to which it is not known which messages left
 *     32  8   inode of this file: a copy of it is another file, and may be older than what clients know
 *     40  16  the run of the operating system: what was told before a power cut need not have survived it
 *     56  4   CRC-32 of all before
 *     60  4   a number that no other file has: an inode is given again to a new file
 *
 * Then batches, each appended in one write by whichever process has something to say:
 *
 *     0   4   octets of its records
 *     4   4   who wrote it, 8 4 his how-manieth
 *     12  4   0: the state when the file was made; 1: changes
 *     16  4   next UID: messages below it that are not named are gone
 *     20  4   CRC-32 of all before and of the records
 *     24      records of 24 octets: first and last UID, mod-sequence, flags, 1 if they are gone, mark of the keywords
 *
 * The order in the file decides. A change whose mod-sequence is not above all in the batches before it means the next one
 * above them, and whoever reads the file finds the same. It knows octets only, no files.
 */
import { randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** Octets before the first batch. */
export const HEAD_OCTETS = 64;
const BATCH_HEAD_OCTETS = 24;
const RECORD_OCTETS = 24;
const FORMAT_VERSION = 1;
const MAGIC = Buffer.from('ANGCHANG', 'latin1');
const HEAD_CHECKED_OCTETS = 56;

/** Microseconds since 1970 in the year 2112: what is above it is no mod-sequence of ours. */
const MAX_MOD_SEQUENCE = 2 ** 52;

function isModSequence(number: number): boolean {
  return Number.isInteger(number) && number >= 0 && number <= MAX_MOD_SEQUENCE;
}

/** What the first octets of the file say. */
export interface ChangesHead {
  readonly uidValidity: number;
  readonly highest: number;
  readonly forgottenUpTo: number;
  readonly inode: number;
  /** 16 octets. */
  readonly run: Buffer;
}

/** Writes the head. */
export function encodeHead({ uidValidity, highest, forgottenUpTo, inode, run }: ChangesHead): Buffer {
  const octets = Buffer.alloc(HEAD_OCTETS);
  MAGIC.copy(octets);
  octets.writeUInt32LE(FORMAT_VERSION, 8);
  octets.writeUInt32LE(uidValidity, 12);
  octets.writeDoubleLE(highest, 16);
  octets.writeDoubleLE(forgottenUpTo, 24);
  octets.writeDoubleLE(inode, 32);
  run.copy(octets, 40, 0, 16);
  octets.writeUInt32LE(crc32(octets.subarray(0, HEAD_CHECKED_OCTETS)), HEAD_CHECKED_OCTETS);
  octets.writeUInt32LE(randomInt(2 ** 32), HEAD_CHECKED_OCTETS + 4);
  return octets;
}

/** Reads the head; undefined if it is none of ours. */
export function decodeHead(octets: Buffer): ChangesHead | undefined {
  if (octets.length < HEAD_OCTETS || !octets.subarray(0, 8).equals(MAGIC)) return undefined;
  if (octets.readUInt32LE(8) !== FORMAT_VERSION) return undefined;
  if (octets.readUInt32LE(HEAD_CHECKED_OCTETS) !== crc32(octets.subarray(0, HEAD_CHECKED_OCTETS))) return undefined;
  const [highest, forgottenUpTo] = [octets.readDoubleLE(16), octets.readDoubleLE(24)];
  if (!isModSequence(highest) || !isModSequence(forgottenUpTo)) return undefined;
  return {
    uidValidity: octets.readUInt32LE(12),
    highest,
    forgottenUpTo,
    inode: octets.readDoubleLE(32),
    run: octets.subarray(40, 56),
  };
}

/** What is said of the messages from one UID to another, both included. */
export interface ChangeRecord {
  first: number;
  last: number;
  modSequence: number;
  flags: number;
  gone: boolean;
  /** See keyword-mark.ts. */
  keywords: number;
}

/** An object that records can be read into. */
export function emptyRecord(): ChangeRecord {
  return { first: 0, last: 0, modSequence: 0, flags: 0, gone: false, keywords: 0 };
}

/** Who writes a batch, and what it is. */
export interface BatchHead {
  readonly writer: number;
  readonly serial: number;
  readonly kind: 'state' | 'changes';
  readonly uidNext: number;
}

/** Records put together; neighbours of which the same is said become one. */
export class BatchWriter {
  #octets = Buffer.alloc(BATCH_HEAD_OCTETS + 16 * RECORD_OCTETS);
  #length = BATCH_HEAD_OCTETS;
  readonly #last = emptyRecord();
  /** The highest mod-sequence in it. */
  highest = 0;

  get isEmpty(): boolean {
    return this.#length === BATCH_HEAD_OCTETS && this.#last.first === 0;
  }

  add(record: Readonly<ChangeRecord>): void {
    const last = this.#last;
    const follows =
      record.first === last.last + 1 &&
      record.modSequence === last.modSequence &&
      record.flags === last.flags &&
      record.gone === last.gone &&
      record.keywords === last.keywords;
    if (follows) {
      last.last = record.last;
      return;
    }
    this.#writeLast();
    Object.assign(last, record);
    this.highest = Math.max(this.highest, record.modSequence);
  }

  #writeLast(): void {
    const { first, last, modSequence, flags, gone, keywords } = this.#last;
    if (first === 0) return;
    if (this.#length + RECORD_OCTETS > this.#octets.length) {
      const larger = Buffer.alloc(this.#octets.length * 2);
      this.#octets.copy(larger);
      this.#octets = larger;
    }
    const at = this.#length;
    this.#octets.writeUInt32LE(first, at);
    this.#octets.writeUInt32LE(last, at + 4);
    this.#octets.writeDoubleLE(modSequence, at + 8);
    this.#octets[at + 16] = flags;
    this.#octets[at + 17] = gone ? 1 : 0;
    this.#octets.writeUInt32LE(keywords, at + 20);
    this.#length += RECORD_OCTETS;
    this.#last.first = 0;
  }

  /** The whole batch. Nothing can be added afterwards. */
  finish({ writer, serial, kind, uidNext }: BatchHead): Buffer {
    this.#writeLast();
    const octets = this.#octets.subarray(0, this.#length);
    octets.writeUInt32LE(octets.length - BATCH_HEAD_OCTETS, 0);
    octets.writeUInt32LE(writer, 4);
    octets.writeUInt32LE(serial, 8);
    octets.writeUInt32LE(kind === 'state' ? 0 : 1, 12);
    octets.writeUInt32LE(uidNext, 16);
    octets.writeUInt32LE(checksum(octets), 20);
    return octets;
  }
}

function checksum(batch: Buffer): number {
  return crc32(batch.subarray(BATCH_HEAD_OCTETS), crc32(batch.subarray(0, 20)));
}

/** A batch that was read, where it lies. */
export interface Batch extends BatchHead {
  readonly records: Buffer;
}

/** Reads batches. `whole` is false when what follows them makes no sense. */
export function readBatches(octets: Buffer): { readonly batches: readonly Batch[]; readonly whole: boolean } {
  const batches: Batch[] = [];
  for (let at = 0; at < octets.length; ) {
    const batch = readBatch(octets.subarray(at));
    if (batch === undefined) return { batches, whole: false };
    batches.push(batch);
    at += BATCH_HEAD_OCTETS + batch.records.length;
  }
  return { batches, whole: true };
}

function readBatch(octets: Buffer): Batch | undefined {
  if (octets.length < BATCH_HEAD_OCTETS) return undefined;
  const length = octets.readUInt32LE(0);
  if (length % RECORD_OCTETS !== 0 || BATCH_HEAD_OCTETS + length > octets.length) return undefined;
  if (octets.readUInt32LE(20) !== checksum(octets.subarray(0, BATCH_HEAD_OCTETS + length))) return undefined;
  const records = octets.subarray(BATCH_HEAD_OCTETS, BATCH_HEAD_OCTETS + length);
  for (let at = 0; at < length; at += RECORD_OCTETS) {
    if (!isModSequence(records.readDoubleLE(at + 8))) return undefined;
    if (records.readUInt32LE(at) > records.readUInt32LE(at + 4)) return undefined;
  }
  return {
    writer: octets.readUInt32LE(4),
    serial: octets.readUInt32LE(8),
    kind: octets.readUInt32LE(12) === 0 ? 'state' : 'changes',
    uidNext: octets.readUInt32LE(16),
    records,
  };
}

/** Shows each record of a batch, in one object. */
export function eachRecord(records: Buffer, visit: (record: Readonly<ChangeRecord>) => void): void {
  const record = emptyRecord();
  for (let at = 0; at < records.length; at += RECORD_OCTETS) {
    record.first = records.readUInt32LE(at);
    record.last = records.readUInt32LE(at + 4);
    record.modSequence = records.readDoubleLE(at + 8);
    record.flags = records[at + 16] ?? 0;
    record.gone = records[at + 17] === 1;
    record.keywords = records.readUInt32LE(at + 20);
    visit(record);
  }
}
