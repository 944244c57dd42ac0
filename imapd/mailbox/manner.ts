/**
 * Manner: how a client is told of messages, by what it has enabled (RFC 5161): with mod-sequences, or by UIDs. Most
 * clients enable nothing of it and share one object.
 */
import type { MessageTable } from '../../maildir/message-table.js';
import { compactSet } from '../wire/sequence-set.js';
import { flagsFetchLine, imapWording, modSequenceLine, type UpdateWording } from './mailbox-updates.js';

/** What of a client's ENABLE changes the answers that it gets. */
export interface Manner {
  /** The words that it enabled, in capitals. */
  readonly enabled: readonly string[];
  /** CONDSTORE: every FETCH response that tells flags has MODSEQ (RFC 7162 section 3.1). */
  readonly modSequences: boolean;
  /** QRESYNC: VANISHED in place of EXPUNGE (RFC 7162 section 3.2). */
  readonly vanished: boolean;
  readonly wording: UpdateWording;
}

/** Of a client that has enabled nothing. */
export const plainManner: Manner = { enabled: [], modSequences: false, vanished: false, wording: imapWording };

/** The manner of a client that has enabled these words. */
export function mannerOf(enabled: readonly string[]): Manner {
  const vanished = enabled.includes('QRESYNC');
  const modSequences = vanished || enabled.includes('CONDSTORE');
  const wording = vanished ? vanishedWording : modSequences ? condstoreWording : imapWording;
  return { enabled, modSequences, vanished, wording };
}

const condstoreWording: UpdateWording = { ...imapWording, modSequences: true, modSequence: modSequenceLine };

/** RFC 7162 section 3.2.10: VANISHED, and UIDs in what nobody asked for. */
const vanishedWording: UpdateWording = {
  ...condstoreWording,
  expunged: (rows, view) => (rows.length === 0 ? '' : `* VANISHED ${compactSet(uidsIn(rows, view))}\r\n`),
  modSequence: (sequenceNumber, told) => modSequenceLine(sequenceNumber, told, true),
  flags: (sequenceNumber, flags) => flagsFetchLine(sequenceNumber, flags, true),
};

function uidsIn(rows: readonly number[], view: MessageTable): number[] {
  return rows.map((row) => view.uidAt(row));
}
