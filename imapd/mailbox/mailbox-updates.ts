/**
 * The untagged responses that keep a client's picture of the selected mailbox right: EXPUNGE, EXISTS, RECENT, FLAGS,
 * PERMANENTFLAGS, and FETCH with nothing but FLAGS.
 *
 * They hold numbers and flags only, so they are text here; it knows no mailbox.
 */

import { ANSWERED, DELETED, DRAFT, FLAGGED, type FlagBits, type FlagLimits, SEEN } from '../../maildir/flags.js';
import type { MessageTable } from '../../maildir/message-table.js';

/** Courier's order, which log readers and test suites have grown used to. */
const systemFlags: readonly (readonly [FlagBits, string])[] = [
  [DRAFT, '\\Draft'],
  [ANSWERED, '\\Answered'],
  [FLAGGED, '\\Flagged'],
  [DELETED, '\\Deleted'],
  [SEEN, '\\Seen'],
];

const allSystemFlags = systemFlags.map(([, name]) => name).join(' ');

const RECENT = 32;

/** The words of every combination of the five flags and \Recent, made once: flags are what is written most. */
const flagWords: readonly string[] = Array.from({ length: 64 }, (_, bits) =>
  [...systemFlags, [RECENT, '\\Recent'] as const]
    .filter(([bit]) => (bits & bit) !== 0)
    .map(([, name]) => name)
    .join(' '),
);

const NO_FLAGS = Buffer.from('()');
const flagLists: readonly Buffer[] = flagWords.map((words) => Buffer.from(`(${words})`));

const KEYWORD = /^[!#$&'+,\-./0-9:;<=>?@A-Z[^_`a-z|}~]+$/;

/** Whether a keyword can be said in IMAP; Courier's files may hold what another program put there. */
export function isSpeakable(keyword: string): boolean {
  return KEYWORD.test(keyword);
}

/** `\Seen \Recent $Junk`: the flags of a message, between the parentheses of FLAGS. */
export function flagsText(bits: FlagBits, recent: boolean, keywords: readonly string[]): string {
  const words = flagWords[(bits & 31) | (recent ? RECENT : 0)] ?? '';
  if (keywords.length === 0) return words;
  const all = words === '' ? [] : [words];
  for (const keyword of keywords) if (isSpeakable(keyword)) all.push(keyword);
  return all.join(' ');
}

/** The system flags as FETCH tells them: `(\Seen)`. */
export function usualFlags(bits: FlagBits, recent: boolean): Buffer {
  return flagLists[(bits & 31) | (recent ? RECENT : 0)] ?? NO_FLAGS;
}

/** What a message's flags are, for those who write them. */
export interface MessageFlags {
  readonly bits: FlagBits;
  readonly keywords: readonly string[];
  readonly recent: boolean;
}

/** Flags of a message, as they are told. */
export interface ToldFlags extends MessageFlags {
  readonly uid: number;
  /** Where the client is told of mod-sequences. */
  readonly modSequence?: number | undefined;
}

/** `* 4 FETCH (FLAGS (\Seen))`, with the UID where the client expects it. RFC 9051 section 7.5.2. */
export function flagsFetchLine(sequenceNumber: number, flags: ToldFlags, withUid: boolean): string {
  const words = flagsText(flags.bits, flags.recent, flags.keywords);
  const modSequence = flags.modSequence === undefined ? '' : ` MODSEQ (${flags.modSequence})`;
  return withUid
    ? `* ${sequenceNumber} FETCH (UID ${flags.uid} FLAGS (${words})${modSequence})\r\n`
    : `* ${sequenceNumber} FETCH (FLAGS (${words})${modSequence})\r\n`;
}

/** `* 4 FETCH (MODSEQ (12121230956))`. RFC 7162 section 3.1.3: a silent STORE tells it all the same. */
export function modSequenceLine(
  sequenceNumber: number,
  { uid, modSequence = 1 }: Pick<ToldFlags, 'uid' | 'modSequence'>,
  withUid: boolean,
): string {
  return `* ${sequenceNumber} FETCH (${withUid ? `UID ${uid} ` : ''}MODSEQ (${modSequence}))\r\n`;
}

/** `* 25996 UIDFETCH (FLAGS (\Seen))`. RFC 9586 section 3.3. */
export function uidFetchLine({ uid, modSequence, ...flags }: ToldFlags): string {
  const words = flagsText(flags.bits, flags.recent, flags.keywords);
  return `* ${uid} UIDFETCH (FLAGS (${words})${modSequence === undefined ? '' : ` MODSEQ (${modSequence})`})\r\n`;
}

/** How what has changed in a selected mailbox is told to its client. Each text is whole lines, or empty. */
export interface UpdateWording {
  /** Whether the client is told which keywords there are, and what it may do. */
  readonly describesMailbox: boolean;
  /** False: the client knows no \Recent (RFC 9051 appendix E). */
  readonly recent?: boolean;
  /** Whether messages are told by their UIDs, and have no numbers (RFC 9586). */
  readonly uidsOnly?: boolean;
  /** Whether flags are told with their mod-sequences. */
  readonly modSequences?: boolean;
  /** @param rows of the messages in the client's view, ascending, as they were before all of them left */
  expunged(rows: readonly number[], view: MessageTable): string;
  /** @param arrived whether there are more than before; there may be fewer */
  exists(exists: number, recent: number, arrived: boolean): string;
  /** Where modSequences is true: that alone. */
  modSequence?(sequenceNumber: number, told: Pick<ToldFlags, 'uid' | 'modSequence'>, withUid: boolean): string;
  /** @param withUid the client expects the UID in any case: its command named UIDs */
  flags(sequenceNumber: number, flags: ToldFlags, withUid?: boolean): string;
}

/** RFC 9051 section 7. Each EXPUNGE counts those before it as gone already. */
export const imapWording: UpdateWording = {
  describesMailbox: true,
  expunged: (rows) => rows.map((row, gone) => expungeLine(row + 1 - gone)).join(''),
  exists: existsLines,
  flags: (sequenceNumber, flags, withUid = false) => flagsFetchLine(sequenceNumber, flags, withUid),
};

/** `* 44 EXPUNGE`. RFC 9051 section 7.5.1. */
export function expungeLine(sequenceNumber: number): string {
  return `* ${sequenceNumber} EXPUNGE\r\n`;
}

/** EXISTS and RECENT, which Courier always sends together. RFC 3501 sections 7.3.1 and 7.3.2. */
export function existsLines(exists: number, recent: number): string {
  return `* ${exists} EXISTS\r\n* ${recent} RECENT\r\n`;
}

/** What flags there are, and which of them a client may change for good. */
export interface FlagsOffer {
  readonly keywords: readonly string[];
  readonly readOnly: boolean;
  /** Whether a client may invent keywords: `\*`. */
  readonly newKeywords: boolean;
  /** What the client may change; absent: everything. */
  readonly limits?: FlagLimits | undefined;
  /** Whether the client knows \Recent. */
  readonly recent: boolean;
}

/** FLAGS and PERMANENTFLAGS. RFC 9051 sections 7.3.5 and 7.1. */
export function flagsLines({ keywords, readOnly, newKeywords, limits, recent }: FlagsOffer): string {
  const known = keywords.filter(isSpeakable);
  const flags = `* FLAGS (${[...known, allSystemFlags, ...(recent ? ['\\Recent'] : [])].join(' ')})\r\n`;
  if (readOnly) return `${flags}* OK [PERMANENTFLAGS ()] No permanent flags permitted\r\n`;
  const words = limits === undefined ? allSystemFlags : (flagWords[limits.flags] ?? '');
  const settable = limits?.keywords === false ? [] : [...known, ...(newKeywords ? ['\\*'] : [])];
  const permanent = [...settable, ...(words === '' ? [] : [words])].join(' ');
  return `${flags}* OK [PERMANENTFLAGS (${permanent})] Limited\r\n`;
}
