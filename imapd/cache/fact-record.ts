/**
 * Records of facts: how one group of facts about one message lies in memory and in the file of its folder, which are the
 * same octets. All numbers are little-endian; a record begins at a multiple of 8 octets in memory, anywhere in a file.
 *
 *     0  4   marker                        24  8   size of the message's file (double)
 *     4  4   CRC-32 of all that follows    32  8   mtime in whole milliseconds (double)
 *     8  4   group in the upper 8 bits,    40  8   inode (double)
 *            octets of payload in 24       48  n   payload, filled up with zeros to a multiple of 8
 *     12 4   UID
 *     16 8   hash of the unique name
 *
 * The UID only says where to look: a record is of a message when the hash of its unique name and the fingerprint of its
 * file agree. It knows no folder and no disk.
 */
import { crc32 } from 'node:zlib';
import type { FileFingerprint } from '../../maildir/folder.js';

/** Facts of one kind, learnt together. */
export type FactGroup = 0 | 1 | 2 | 3 | 4;

/** ENVELOPE and the common header fields as they go on the wire. */
export const HEADER_FACTS = 0;
/** RFC822.SIZE, BODYSTRUCTURE and BODY as they go on the wire. */
export const STRUCTURE_FACTS = 1;
/** What SEARCH, SORT and THREAD compare. */
export const SEARCH_FACTS = 2;
/** The beginning of the text, in UTF-8. */
export const PREVIEW_FACTS = 3;
/** The hash that EMAILID is made of. */
export const ID_FACTS = 4;
export const FACT_GROUPS = 5;

/** Records begin with a multiple of this. */
export const ALIGNMENT = 8;
/** Octets of a record before its payload. */
export const RECORD_HEAD_OCTETS = 48;
/** A message about which there is more to say than this is rare, and its file is soon read again. */
export const MAX_PAYLOAD_OCTETS = 256 * 1024;

const MARKER = Buffer.from([0xa5, 0x46, 0x61, 0xc7]);
const MARKER_WORD = MARKER.readUInt32LE(0);
const LENGTH_BITS = 24;
const LENGTH_MASK = (1 << LENGTH_BITS) - 1;

/** A unique name in 64 bits. Together with UID and fingerprint no accident makes two messages the same. */
export interface NameHash {
  readonly low: number;
  readonly high: number;
}

/** Hashes a unique name: two multiplicative hashes side by side. */
export function hashOfName(uniqueName: string): NameHash {
  let low = 0xdeadbeef;
  let high = 0x41c6ce57;
  for (let at = 0; at < uniqueName.length; at += 1) {
    const code = uniqueName.charCodeAt(at);
    low = Math.imul(low ^ code, 2_654_435_761);
    high = Math.imul(high ^ code, 1_597_334_677);
  }
  low = Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909);
  high = Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909);
  return { low: low >>> 0, high: high >>> 0 };
}

/** Octets with records in them. The view is of the same octets: it reads numbers at the cost of a memory access. */
export interface RecordOctets {
  readonly octets: Buffer;
  readonly view: DataView;
}

/** Gives octets their view. */
export function asRecordOctets(octets: Buffer): RecordOctets {
  return { octets, view: new DataView(octets.buffer, octets.byteOffset, octets.length) };
}

/** Octets of a record with so much payload, filled up. */
export function recordOctets(payloadOctets: number): number {
  return RECORD_HEAD_OCTETS + Math.ceil(payloadOctets / ALIGNMENT) * ALIGNMENT;
}

/** What stands at the head of a record. */
export interface NewRecord {
  readonly group: FactGroup;
  readonly uid: number;
  readonly name: NameHash;
  readonly file: FileFingerprint;
  readonly payload: Buffer;
}

/** Writes a record, without its checksum. There is room for it. */
export function writeRecord({ octets, view }: RecordOctets, at: number, record: NewRecord): void {
  const { group, uid, name, file, payload } = record;
  view.setUint32(at, MARKER_WORD, true);
  view.setUint32(at + 4, 0, true);
  view.setUint32(at + 8, (group << LENGTH_BITS) | payload.length, true);
  view.setUint32(at + 12, uid, true);
  view.setUint32(at + 16, name.low, true);
  view.setUint32(at + 20, name.high, true);
  view.setFloat64(at + 24, file.sizeOctets, true);
  view.setFloat64(at + 32, Math.floor(file.modifiedAt), true);
  view.setFloat64(at + 40, file.inode, true);
  const start = at + RECORD_HEAD_OCTETS;
  const end = at + recordOctets(payload.length);
  octets.set(payload, start);
  for (let filled = start + payload.length; filled < end; filled += 1) octets[filled] = 0;
}

/** Puts the checksums into records that stand one behind the other. */
export function sealRecords(records: RecordOctets, start: number, end: number): void {
  for (let at = start; at < end; ) {
    const next = at + recordOctetsAt(records, at);
    records.view.setUint32(at + 4, crc32(records.octets.subarray(at + 8, next)), true);
    at = next;
  }
}

/** The group of the record at a position. The following say what else stands in it. */
export function groupAt({ view }: RecordOctets, at: number): number {
  return view.getUint32(at + 8, true) >>> LENGTH_BITS;
}

/** The UID of the message when this was learnt: where to look for it. */
export function uidAt({ view }: RecordOctets, at: number): number {
  return view.getUint32(at + 12, true);
}

/** Octets of the payload alone. */
export function payloadOctetsAt({ view }: RecordOctets, at: number): number {
  return view.getUint32(at + 8, true) & LENGTH_MASK;
}

/** Octets of the whole record, filled up. */
export function recordOctetsAt(records: RecordOctets, at: number): number {
  return recordOctets(payloadOctetsAt(records, at));
}

/** Size of the message's file. */
export function fileOctetsAt({ view }: RecordOctets, at: number): number {
  return view.getFloat64(at + 24, true);
}

/** The mtime of the message's file, which is its internal date, in milliseconds. */
export function modifiedAt({ view }: RecordOctets, at: number): number {
  return view.getFloat64(at + 32, true);
}

/** Whether a record is of this message. */
export function isOfName({ view }: RecordOctets, at: number, { low, high }: NameHash): boolean {
  return view.getUint32(at + 16, true) === low && view.getUint32(at + 20, true) === high;
}

/** Whether a record was made from the file that has this fingerprint. */
export function isOfFile({ view }: RecordOctets, at: number, file: FileFingerprint): boolean {
  return (
    view.getFloat64(at + 24, true) === file.sizeOctets &&
    view.getFloat64(at + 32, true) === Math.floor(file.modifiedAt) &&
    view.getFloat64(at + 40, true) === file.inode
  );
}

/** What `findRecord` came to: a whole record, or how far it looked before it needs more octets. */
export interface FoundRecord {
  at: number;
  /** 0 if there is no whole record between `at` and the end. */
  octets: number;
}

/** Octets to look for records in. */
export interface RecordRange {
  readonly start: number;
  readonly end: number;
  /** Whether nothing comes behind the end, so that half a record there is garbage. */
  readonly last: boolean;
}

/**
 * Finds the next whole and undamaged record. What is between is garbage: the half record of a writer that died, or worse.
 * Without one, `found.at` is where the search must go on when there are more octets.
 */
export function findRecord(records: RecordOctets, { start, end, last }: RecordRange, found: FoundRecord): void {
  const { octets, view } = records;
  found.octets = 0;
  let at = start;
  while (end - at >= RECORD_HEAD_OCTETS) {
    if (view.getUint32(at, true) === MARKER_WORD) {
      const length = plausibleOctetsAt(records, at);
      const whole = at + length <= end;
      if (!whole && !last) break;
      if (whole && length > 0 && crc32(octets.subarray(at + 8, at + length)) === view.getUint32(at + 4, true)) {
        found.octets = length;
        break;
      }
    }
    const marker = octets.subarray(at + 1, end).indexOf(MARKER);
    // The first octets of a marker may stand at the very end.
    at = marker >= 0 ? at + 1 + marker : Math.max(at + 1, end - MARKER.length + 1);
  }
  found.at = Math.min(at, end);
}

/** 0 for what cannot be a record. */
function plausibleOctetsAt(records: RecordOctets, at: number): number {
  const payload = payloadOctetsAt(records, at);
  return payload <= MAX_PAYLOAD_OCTETS && groupAt(records, at) < FACT_GROUPS ? recordOctets(payload) : 0;
}
