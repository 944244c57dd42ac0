/**
 * Manner: how a client is told of messages and mailboxes, by what it has enabled (RFC 5161): with mod-sequences, by UIDs,
 * with names in UTF-8. Most clients enable nothing of it and share one object.
 */
import type { MessageTable } from '../../maildir/message-table.js';
import { utf8FromEncoded } from '../wire/modified-utf7.js';
import { compactSet } from '../wire/sequence-set.js';
import { flagsFetchLine, imapWording, modSequenceLine, type UpdateWording, uidFetchLine } from './mailbox-updates.js';

/** What of a client's ENABLE changes the answers that it gets. */
export interface Manner {
  /** The words that it enabled, in capitals. */
  readonly enabled: readonly string[];
  /** CONDSTORE: every FETCH response that tells flags has MODSEQ (RFC 7162 section 3.1). */
  readonly modSequences: boolean;
  /** QRESYNC: it may come back with what it knows, and hears of the mailbox that it leaves (RFC 7162 section 3.2). */
  readonly resync: boolean;
  /** UIDONLY: no message has a number (RFC 9586). */
  readonly uidsOnly: boolean;
  /** IMAP4rev2: no \Recent, ESEARCH in place of SEARCH, and UIDs in what nobody asked for (RFC 9051 appendix E). */
  readonly rev2: boolean;
  /** UTF8=ACCEPT: mailbox names are in UTF-8, both ways (RFC 6855 section 3). */
  readonly utf8Names: boolean;
  readonly wording: UpdateWording;
  /** A mailbox name as it is written to this client, from modified UTF-7. */
  spoken(name: Buffer): Buffer;
}

/** Of a client that has enabled nothing. */
export const plainManner: Manner = {
  enabled: [],
  modSequences: false,
  resync: false,
  uidsOnly: false,
  rev2: false,
  utf8Names: false,
  wording: imapWording,
  spoken: asItIs,
};

/** The manner of a client that has enabled these words. */
export function mannerOf(enabled: readonly string[]): Manner {
  const resync = enabled.includes('QRESYNC');
  const modSequences = resync || enabled.includes('CONDSTORE');
  const uidsOnly = enabled.includes('UIDONLY');
  const rev2 = enabled.includes('IMAP4REV2');
  const utf8Names = rev2 || enabled.includes('UTF8=ACCEPT');
  const spoken = utf8Names ? utf8FromEncoded : asItIs;
  const wording = wordingOf({ resync, modSequences, uidsOnly, rev2 });
  return { enabled, modSequences, resync, uidsOnly, rev2, utf8Names, wording, spoken };
}

function asItIs(name: Buffer): Buffer {
  return name;
}

type TellingOfMessages = Pick<Manner, 'resync' | 'modSequences' | 'uidsOnly' | 'rev2'>;

function wordingOf({ rev2, ...telling }: TellingOfMessages): UpdateWording {
  const wording = rev1WordingOf(telling);
  if (!rev2) return wording;
  const exists = (count: number): string => `* ${count} EXISTS\r\n`;
  if (wording.uidsOnly === true) return { ...wording, recent: false, exists };
  return { ...wording, recent: false, exists, flags: vanishedWording.flags };
}

function rev1WordingOf({ resync, modSequences, uidsOnly }: Omit<TellingOfMessages, 'rev2'>): UpdateWording {
  if (uidsOnly) return { ...uidsOnlyWording, modSequences };
  return resync ? vanishedWording : modSequences ? condstoreWording : imapWording;
}

const condstoreWording: UpdateWording = { ...imapWording, modSequences: true, modSequence: modSequenceLine };

/** RFC 7162 section 3.2.10: VANISHED, and UIDs in what nobody asked for. */
const vanishedWording: UpdateWording = {
  ...condstoreWording,
  expunged: (rows, view) => (rows.length === 0 ? '' : `* VANISHED ${compactSet(uidsIn(rows, view))}\r\n`),
  modSequence: (sequenceNumber, told) => modSequenceLine(sequenceNumber, told, true),
  flags: (sequenceNumber, flags) => flagsFetchLine(sequenceNumber, flags, true),
};

/** RFC 9586 section 3: UIDs in place of numbers, everywhere. */
const uidsOnlyWording: UpdateWording = {
  ...vanishedWording,
  uidsOnly: true,
  modSequence: (_number, { uid, modSequence = 1 }) => `* ${uid} UIDFETCH (MODSEQ (${modSequence}))\r\n`,
  flags: (_number, flags) => uidFetchLine(flags),
};

function uidsIn(rows: readonly number[], view: MessageTable): number[] {
  return rows.map((row) => view.uidAt(row));
}

/** The same with UIDs in what is told of flags. */
export function withUids(wording: UpdateWording): UpdateWording {
  if (wording.uidsOnly === true) return wording;
  return { ...wording, flags: (sequenceNumber, flags) => flagsFetchLine(sequenceNumber, flags, true) };
}
