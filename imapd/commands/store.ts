/**
 * STORE and UID STORE: changes flags and keywords.
 */

import { ALL_FLAGS, DELETED, type FlagChange, type FlagLimits, SEEN } from '../../maildir/flags.js';
import type { Span } from '../../maildir/spans.js';
import { CommandFailure, type Completion, no, ok } from '../completion.js';
import { bitsFromFlags, changedBits } from '../mailbox/flag-bits.js';
import { imapWording, isSpeakable } from '../mailbox/mailbox-updates.js';
import type { SelectedMailbox } from '../mailbox/selected-mailbox.js';
import type { OctetWriter } from '../message/octet-writer.js';
import type { Session } from '../session/session.js';
import { whileWorking } from '../session/while-working.js';
import { flagLimits, requireSelectedRight } from '../sharing/require-right.js';
import type { Cursor } from '../wire/cursor.js';
import { compactSet, type SequenceSet } from '../wire/sequence-set.js';

interface StoreArguments {
  readonly messages: SequenceSet;
  readonly by: 'uid' | 'sequence number';
  readonly operation: 'add' | 'remove' | 'replace';
  readonly flags: ReturnType<Cursor['flagList']>;
  readonly silent: boolean;
  /** Only messages that have not changed after this mod-sequence. */
  readonly unchangedSince: number | undefined;
}

/**
 * `store = "STORE" SP sequence-set [store-modifiers] SP store-att-flags`
 * `store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag)))` (RFC 9051 section 9)
 */
export function parseStore(cursor: Cursor, by: StoreArguments['by']): StoreArguments {
  cursor.sp();
  const messages = cursor.sequenceSet();
  cursor.sp();
  const unchangedSince = parseModifier(cursor);
  const operation = cursor.take('+') ? 'add' : cursor.take('-') ? 'remove' : 'replace';
  cursor.expect('FLAGS');
  const silent = cursor.take('.SILENT');
  cursor.sp();
  const flags = cursor.flagList();
  cursor.end();
  return { messages, by, operation, flags, silent, unchangedSince };
}

/** `store-modifiers = SP "(" "UNCHANGEDSINCE" SP mod-sequence-valzer ")"` (RFC 7162 section 7), from behind the space. */
function parseModifier(cursor: Cursor): number | undefined {
  if (cursor.peekOctet() !== 0x28) return undefined;
  const modSequence = cursor.nested(() => {
    cursor.expect('UNCHANGEDSINCE ');
    return cursor.number64();
  });
  cursor.sp();
  return modSequence;
}

/**
 * Changes flags, and tells the client the result unless it asked for silence.
 *
 * RFC 9051 section 6.4.6. New keywords are announced before the messages that have them. What others changed in these
 * messages, before or meanwhile, is told to a client that asked for silence, too, after the command and together with
 * its own change: flags as they were before it would make the client wonder which of the two came last. Where a message
 * has left, the others are changed all the same, and the client is told NO (RFC 2180 section 4.2) unless it asked for
 * silence.
 */
export async function store(
  session: Session,
  { messages, by, silent, unchangedSince, ...wanted }: StoreArguments,
): Promise<Completion> {
  const mailbox = session.selected;
  if (mailbox.readOnly) throw new CommandFailure('Current box is selected READ-ONLY.', 'READ-ONLY');
  const ranges = mailbox.pickRows(messages, by);
  const within = flagLimits(mailbox.place.rights);
  if (within !== undefined) requireRightToSome(mailbox, wanted, within);
  const namesKeywords = session.settings.keywords !== 'off' && within?.keywords !== false;
  const keywords = namesKeywords ? wanted.flags.keywords.filter(isSpeakable) : [];
  const change = { operation: wanted.operation, flags: bitsFromFlags(wanted.flags.system), keywords, within };

  if (!silent) for (const update of mailbox.changes({ expunges: false })) session.write(update);
  const uids = mailbox.pickUids(messages, by);
  // Whether silence hides something from the client is all that these are for.
  const expected = silent ? new ExpectedFlags(mailbox, uids, change) : undefined;
  const condition = await unchangedCondition(session, unchangedSince);
  const changing = mailbox.folder.showFlags(uids, condition === undefined ? change : { ...change, ...condition });
  const { safe } = await whileWorking(session, changing);
  // Keywords that are new come before the messages that have them; those that went away are told after the command.
  if (keywords.length > 0) for (const line of mailbox.keywordChanges()) session.write(line);

  if (session.manner.wording !== imapWording) {
    await safe;
    const gone = await tellModSequences(session, { ranges, by, expected, failed: condition?.failed ?? [] });
    const failed = numbersOf(mailbox, condition?.failed ?? [], by);
    if (failed.length > 0) return ok('Conditional STORE failed.', `MODIFIED ${compactSet(failed)}`);
    return gone > 0 && !silent ? no('Some messages are gone.', 'EXPUNGEISSUED') : ok('STORE completed.');
  }
  if (expected !== undefined) {
    await safe;
    expected.noteTold();
    return ok('STORE completed.');
  }
  // All who look at the mailbox see these flags already; only the OK says that they stay.
  const gone = await tellFlags(session, ranges, by);
  await safe;
  return gone > 0 ? no('Some messages are gone.', 'EXPUNGEISSUED') : ok('STORE completed.');
}

/**
 * RFC 4314 section 4: who may change some of the flags is not refused, and the others stay as they are.
 *
 * @throws {CommandFailure} NOPERM for who may change none of them
 */
function requireRightToSome(
  mailbox: SelectedMailbox,
  { operation, flags }: Pick<StoreArguments, 'operation' | 'flags'>,
  within: FlagLimits,
): void {
  const bits = bitsFromFlags(flags.system);
  const asked = operation === 'replace' ? ALL_FLAGS : bits;
  const askedKeywords = operation === 'replace' || flags.keywords.length > 0;
  if ((asked & within.flags) !== 0 || (askedKeywords && within.keywords)) return;
  if (asked === 0 && !askedKeywords) return;
  const right = (bits & SEEN) !== 0 ? 's' : (bits & DELETED) !== 0 ? 't' : 'w';
  requireSelectedRight(mailbox, right, 'STORE');
}

/** Messages that a conditional STORE leaves as they are. */
interface Condition {
  readonly only: (uid: number) => boolean;
  /** UIDs, ascending, when the change was made. */
  readonly failed: readonly number[];
}

/** RFC 7162 section 3.1.3. What other processes did is looked at first; within this one nothing can come between. */
async function unchangedCondition(session: Session, since: number | undefined): Promise<Condition | undefined> {
  if (since === undefined) return undefined;
  await session.useModSequences();
  const { folder } = session.selected;
  const kept = await folder.sequences.keep();
  const failed: number[] = [];
  const only = (uid: number): boolean => {
    const row = folder.table.rowOf(uid);
    const unchanged = row < 0 || kept.at(row) <= since;
    if (!unchanged) failed.push(uid);
    return unchanged;
  };
  return { only, failed };
}

interface ModSequenceAnswer {
  readonly ranges: readonly Span[];
  readonly by: StoreArguments['by'];
  /** Present if the client asked for silence. */
  readonly expected: ExpectedFlags | undefined;
  readonly failed: readonly number[];
}

/** Writes a response with MODSEQ for each message, in silence without the flags; gives how many messages are gone. */
async function tellModSequences(session: Session, answer: ModSequenceAnswer): Promise<number> {
  const { ranges, by, expected } = answer;
  const mailbox = session.selected;
  const failed = new Set(answer.failed);
  await mailbox.folder.sequences.settle();
  expected?.noteTold();
  if (failed.size > 0) for (const line of mailbox.keywordChanges()) session.write(line);
  if (expected !== undefined && !session.manner.modSequences) return 0;
  let gone = 0;
  for (const [first, last] of ranges) {
    for (let row = first; row <= last; row += 1) {
      const uid = mailbox.uidOf(row + 1);
      // What others did meanwhile is told together with the flags after the command.
      if (expected !== undefined && !failed.has(uid) && !mailbox.knowsFlagsOf(uid)) continue;
      const silent = expected !== undefined && !failed.has(uid);
      const line = silent ? mailbox.modSequenceLineAt(row, by) : mailbox.flagsLineAt(row, by);
      if (line === undefined) gone += 1;
      else session.write(Buffer.from(line));
      if (session.full) await session.flush();
      const turn = session.pace();
      if (turn !== undefined) await turn;
    }
  }
  return gone;
}

function numbersOf(mailbox: SelectedMailbox, uids: readonly number[], by: StoreArguments['by']): readonly number[] {
  return by === 'uid' ? uids : uids.flatMap((uid) => mailbox.sequenceNumberOf(uid) ?? []);
}

/** Lines that are written without a look at the clock or at what is collected: a fraction of a millisecond. */
const LINES_AT_ONCE = 512;

/** What a line has beside the words of its flags, and more. */
const LINE_OCTETS = 80;

/** Writes a FETCH response for each message; gives how many messages are gone. */
async function tellFlags(session: Session, ranges: readonly Span[], by: StoreArguments['by']): Promise<number> {
  const mailbox = session.selected;
  let gone = 0;
  let lines = 0;
  for (const [first, last] of ranges) {
    for (let row = first; row <= last; row += 1) {
      const words = mailbox.flagsTextAt(row);
      const uid = mailbox.uidOf(row + 1);
      if (words === undefined) gone += 1;
      else writeFlags(session.output.room(LINE_OCTETS + words.length), { row, uid, words, by });
      mailbox.told(uid);
      lines += 1;
      if (lines % LINES_AT_ONCE > 0) continue;
      if (session.full) await session.flush();
      await session.pace();
    }
  }
  return gone;
}

interface FlagsOfMessage {
  readonly row: number;
  readonly uid: number;
  readonly words: string;
  readonly by: StoreArguments['by'];
}

/** RFC 9051 section 7.5.2; with the UID where the client expects it. */
function writeFlags(out: OctetWriter, { row, uid, words, by }: FlagsOfMessage): void {
  out.text('* ');
  out.number(row + 1);
  out.text(' FETCH (');
  if (by === 'uid') {
    out.text('UID ');
    out.number(uid);
    out.octet(BLANK);
  }
  out.text('FLAGS (');
  out.text(words);
  out.text('))\r\n');
}

const BLANK = 0x20;

/** Instead of flags, for a message that has left or whose flags the client did not know. */
const UNKNOWN = -1;

/** What a change makes of the flags of messages when nobody else touches them. Nothing is made per message. */
class ExpectedFlags {
  readonly #mailbox: SelectedMailbox;
  readonly #uids: readonly number[];
  readonly #bits: Int8Array;
  readonly #keywords: (readonly string[])[] = [];

  constructor(mailbox: SelectedMailbox, uids: readonly number[], change: FlagChange) {
    this.#mailbox = mailbox;
    this.#uids = uids;
    this.#bits = new Int8Array(uids.length).fill(UNKNOWN);
    const { folder } = mailbox;
    for (const [index, uid] of uids.entries()) {
      const row = folder.table.rowOf(uid);
      this.#keywords.push(row < 0 ? [] : changedKeywords(folder.keywordsAt(row), change));
      if (row >= 0 && mailbox.knowsFlagsOf(uid)) this.#bits[index] = changedBits(folder.flagsAt(row), change);
    }
  }

  /** Where the flags are what was expected, a client that asked for silence knows them. */
  noteTold(): void {
    const { folder } = this.#mailbox;
    for (const [index, uid] of this.#uids.entries()) {
      const row = folder.table.rowOf(uid);
      if (row < 0 || folder.flagsAt(row) !== this.#bits[index]) continue;
      if (isSameSet(folder.keywordsAt(row), this.#keywords[index] ?? [])) this.#mailbox.told(uid);
    }
  }
}

function changedKeywords(before: readonly string[], { operation, keywords, within }: FlagChange): readonly string[] {
  if (within?.keywords === false) return before;
  if (operation === 'replace') return keywords;
  if (keywords.length === 0) return before;
  return operation === 'add' ? [...before, ...keywords] : before.filter((keyword) => !keywords.includes(keyword));
}

function isSameSet(some: readonly string[], others: readonly string[]): boolean {
  if (some === others || (some.length === 0 && others.length === 0)) return true;
  const wanted = new Set(others);
  return some.every((keyword) => wanted.has(keyword)) && new Set(some).size === wanted.size;
}
