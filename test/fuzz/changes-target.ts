/**
 * The file of mod-sequences: whatever stands in it, it is read to mod-sequences, or not believed; nothing else happens.
 */
import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import { GrowingMessageTable } from '../../maildir/message-table.js';
import { BatchWriter, decodeHead, encodeHead, HEAD_OCTETS, readBatches } from '../../maildir/modseq/change-records.js';
import { GoneUids } from '../../maildir/modseq/gone-uids.js';
import { ListedState } from '../../maildir/modseq/listed-state.js';

const BATCH_HEAD_OCTETS = 24;

function seed(): Buffer {
  const head = encodeHead({ uidValidity: 7, highest: 100, forgottenUpTo: 50, inode: 5, run: Buffer.alloc(16, 1) });
  const [state, changes] = [new BatchWriter(), new BatchWriter()];
  state.add({ first: 1, last: 5, modSequence: 60, flags: 8, gone: false, keywords: 0 });
  state.add({ first: 6, last: 6, modSequence: 70, flags: 0, gone: false, keywords: 9 });
  changes.add({ first: 2, last: 3, modSequence: 110, flags: 0, gone: true, keywords: 0 });
  return Buffer.concat([
    head,
    state.finish({ writer: 1, serial: 1, kind: 'state', uidNext: 7 }),
    changes.finish({ writer: 2, serial: 1, kind: 'changes', uidNext: 9 }),
  ]);
}

/** A file as a server writes it. */
export const changesSeeds: readonly Buffer[] = [seed()];

/** Reads octets as the file, also with a checksum that fits: a user may write whatever he likes into his maildir. */
export function checkChanges(octets: Buffer): void {
  readAll(octets);
  const forged = Buffer.from(octets);
  if (forged.length < HEAD_OCTETS + BATCH_HEAD_OCTETS) return;
  const batch = forged.subarray(HEAD_OCTETS);
  const length = Math.floor((batch.length - BATCH_HEAD_OCTETS) / 24) * 24;
  batch.writeUInt32LE(length, 0);
  const records = batch.subarray(BATCH_HEAD_OCTETS, BATCH_HEAD_OCTETS + length);
  batch.writeUInt32LE(crc32(records, crc32(batch.subarray(0, 20))), 20);
  readAll(forged);
}

function readAll(octets: Buffer): void {
  decodeHead(octets);
  const { batches } = readBatches(octets.subarray(Math.min(HEAD_OCTETS, octets.length)));
  const table = new GrowingMessageTable(Uint32Array.of(1, 2, 5, 6, 4_294_967_290));
  const listed = new ListedState(table, new GoneUids(0), 1);
  try {
    for (const batch of batches) listed.take(batch);
  } catch (error) {
    // More messages than there can be: the file is not believed.
    if (!(error instanceof RangeError)) throw error;
  }
  assert.ok(Number.isSafeInteger(listed.highest));
}
