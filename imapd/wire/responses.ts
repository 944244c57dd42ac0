/**
 * Completions, continuations and the untagged responses that more than one command sends.
 *
 * Each function gives whole lines as octets. Human texts and response codes are made harmless here; names go out as
 * strings. It knows no session and does not choose when anything is sent.
 */

import { Encoder } from './encoder.js';
import { MAX_TEXT_OCTETS } from './limits.js';
import { NUMBERS_PER_STEP, NumberWriter } from './number-writer.js';
import { type PartialRange, partOf, type ReturnOptions } from './return-options.js';
import { encodeSet } from './sequence-set.js';
import { SMAP_TAG, smapLine } from './smap-tag.js';
import type { StatusItem } from './status-items.js';

/** How a command ended. */
export interface CompletionLine {
  readonly status: 'OK' | 'NO' | 'BAD';
  /** What stands between the brackets: `TRYCREATE`, `COPYUID 1 2 3`. */
  readonly code?: string | undefined;
  readonly text: string;
}

/** A line with a status that no command asked for: `* OK [UIDNEXT 4] …`, `* BYE …`. */
export interface UntaggedStatus {
  readonly status: 'OK' | 'NO' | 'BAD' | 'BYE' | 'PREAUTH';
  readonly code?: string | undefined;
  readonly text: string;
}

/** `response-tagged = tag SP resp-cond-state CRLF`; a tag of `*` is for commands whose tag could not be read. */
export function encodeCompletion(tag: string, completion: CompletionLine): Buffer {
  if (tag === SMAP_TAG) return smapLine(completion, harmless(completion.text));
  return statusLine(new Encoder().atom(tag), completion);
}

/** `* OK [code] text` and its kin. */
export function encodeUntagged(line: UntaggedStatus): Buffer {
  return statusLine(new Encoder().atom('*'), line);
}

/** `continue-req = "+" SP (resp-text / base64) CRLF` */
export function encodeContinuation(text: string): Buffer {
  return new Encoder().atom('+ ').atom(harmless(text)).crlf();
}

function statusLine(line: Encoder, { status, code, text }: UntaggedStatus): Buffer {
  line.sp().atom(status).sp();
  if (code !== undefined) line.atom('[').atom(printable(code)).atom('] ');
  return line.atom(harmless(text)).crlf();
}

/** Text must not be empty, must not look like a response code, and stays on one line. */
function harmless(text: string): string {
  const shown = printable(text.slice(0, MAX_TEXT_OCTETS)).trimEnd();
  return shown === '' ? 'Ok' : shown.replace(/^\[/, '(');
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?');
}

/** `* 231 EXISTS` */
export function encodeExists(count: number): Buffer {
  return new Encoder(24).atom('* ').number(count).atom(' EXISTS').crlf();
}

/** `* 2 RECENT` */
export function encodeRecent(count: number): Buffer {
  return new Encoder(24).atom('* ').number(count).atom(' RECENT').crlf();
}

/** `* 17 EXPUNGE` */
export function encodeExpunge(sequenceNumber: number): Buffer {
  return new Encoder(24).atom('* ').number(sequenceNumber).atom(' EXPUNGE').crlf();
}

/** `* CAPABILITY IMAP4rev1 IDLE`, also for ENABLED. */
export function encodeWords(name: 'CAPABILITY' | 'ENABLED', words: Iterable<string>): Buffer {
  const line = new Encoder().atom('* ').atom(name);
  for (const word of words) line.sp().atom(word);
  return line.crlf();
}

/** `* FLAGS (\Answered \Flagged NonJunk)` */
export function encodeFlags(flags: Iterable<string>): Buffer {
  const line = new Encoder().atom('* FLAGS ');
  return line.list(flags, (flag) => line.atom(flag)).crlf();
}

/** `* OK [PERMANENTFLAGS (\Answered \*)] text` */
export function encodePermanentFlags(flags: Iterable<string>, text: string): Buffer {
  return encodeUntagged({ status: 'OK', code: `PERMANENTFLAGS (${[...flags].join(' ')})`, text });
}

/** One mailbox, as LIST and LSUB tell it. */
export interface ListedMailbox {
  /** `\HasChildren`, `\Subscribed`, … in the order they are sent. */
  readonly attributes: readonly string[];
  /** Encoded for the wire. */
  readonly name: Buffer | string;
  /** Why an unselected parent is listed (RFC 5258 section 4). */
  readonly childInfo?: readonly string[];
  /** What Courier's own forms of LIST add, from the space on. */
  readonly extension?: Buffer | undefined;
}

/** `* LIST (\HasNoChildren) "." "INBOX.Sent"` */
export function encodeList(command: 'LIST' | 'LSUB' | 'XLIST', delimiter: string, mailbox: ListedMailbox): Buffer {
  const line = new Encoder().atom('* ').atom(command).sp();
  line.list(mailbox.attributes, (attribute) => line.atom(attribute));
  line.sp().quoted(delimiter).sp().mailbox(mailbox.name);
  const { childInfo, extension } = mailbox;
  if (childInfo !== undefined && childInfo.length > 0) {
    line.atom(' ("CHILDINFO" ');
    line.list(childInfo, (word) => line.quoted(word)).atom(')');
  }
  if (extension !== undefined) line.raw(extension);
  return line.crlf();
}

/** `* STATUS INBOX.Sent (MESSAGES 231 UIDNEXT 44292)`, items in the order the client asked for them. */
export function encodeStatus(
  name: Buffer | string,
  items: readonly StatusItem[],
  counts: Readonly<Partial<Record<StatusItem, number | string | null>>>,
): Buffer {
  const line = new Encoder().atom('* STATUS ').mailbox(name).sp();
  const value = (count: number | string | null): Encoder => {
    if (typeof count === 'number') return line.number(count);
    return count === null ? line.nil() : line.atom(`(${count})`);
  };
  return line
    .list(items, (item) => {
      line.atom(item).sp();
      const count = counts[item];
      value(count === undefined ? 0 : count);
    })
    .crlf();
}

/** What stands around the numbers: `* `, line end, and the longest ` (MODSEQ n)`. */
const MODSEQ_OCTETS = 48;

/** `* SEARCH 2 84 882 (MODSEQ 917162500)`, `* SORT …`; without numbers just the name. In steps. */
export function* encodeNumbers(
  name: 'SEARCH' | 'SORT',
  numbers: readonly number[],
  modSequence?: number,
): Generator<void, Buffer, void> {
  const out = new NumberWriter(numbers.length, name.length + MODSEQ_OCTETS);
  out.text(`* ${name}`);
  for (let at = 0; at < numbers.length; at += NUMBERS_PER_STEP) {
    if (at > 0) yield;
    out.numbers(SPACE, numbers, at, Math.min(at + NUMBERS_PER_STEP, numbers.length));
  }
  out.text(modSequence === undefined ? '\r\n' : ` (MODSEQ ${modSequence})\r\n`);
  return out.octets();
}

const SPACE = 0x20;

/** Where messages were found that are not in the selected mailbox, or may not be (RFC 7377 section 2.1). */
export interface FoundIn {
  /** Encoded for the wire. */
  readonly name: Buffer;
  readonly uidValidity: number;
}

/** What an ESEARCH response tells (RFC 9051 section 7.3.4); absent means not asked for or nothing found. */
export interface SearchResult {
  readonly tag: string;
  /** The numbers are UIDs. */
  readonly uid: boolean;
  readonly min?: number | undefined;
  readonly max?: number | undefined;
  readonly count?: number | undefined;
  /** Ascending for SEARCH; in their order for SORT. */
  readonly all?: readonly number[] | undefined;
  /** A piece of the numbers, and which piece it is (RFC 5267 section 4.4). */
  readonly partial?: { readonly range: PartialRange; readonly numbers: readonly number[] } | undefined;
  /** The highest of the messages found (RFC 7162 section 3.1.10). */
  readonly modSequence?: number | undefined;
  /** Of each of the numbers that are told (RFC 6203 section 4). */
  readonly relevancies?: readonly number[] | undefined;
  readonly mailbox?: FoundIn | undefined;
}

/** `* ESEARCH (TAG "a2") UID MIN 3 COUNT 7 ALL 3:5,9`, in steps. */
export function* encodeEsearch({
  tag,
  uid,
  min,
  max,
  count,
  all,
  partial,
  modSequence,
  relevancies,
  mailbox,
}: SearchResult): Generator<void, Buffer, void> {
  const line = new Encoder().atom('* ESEARCH (TAG ').quoted(tag);
  if (mailbox !== undefined)
    line.atom(' MAILBOX ').mailbox(mailbox.name).atom(' UIDVALIDITY ').number(mailbox.uidValidity);
  line.atom(')');
  if (uid) line.atom(' UID');
  if (min !== undefined) line.atom(' MIN ').number(min);
  if (max !== undefined) line.atom(' MAX ').number(max);
  if (count !== undefined) line.atom(' COUNT ').number(count);
  if (all !== undefined && all.length > 0) line.atom(' ALL ').raw(yield* encodeSet(all));
  if (partial !== undefined) {
    line.atom(' PARTIAL (').atom(rangeText(partial.range)).sp();
    if (partial.numbers.length === 0) line.atom('NIL)');
    else line.raw(yield* encodeSet(partial.numbers)).atom(')');
  }
  if (modSequence !== undefined) line.atom(' MODSEQ ').number(modSequence);
  if (relevancies !== undefined) line.atom(' RELEVANCY ').list(relevancies, (each) => line.number(each));
  return line.crlf();
}

function rangeText({ first, last, fromEnd }: PartialRange): string {
  return fromEnd ? `-${first}:-${last}` : `${first}:${last}`;
}

/** Who asked for numbers, and in which form: RETURN's words, or undefined for the answer that RFC 3501 knows. */
export interface NumbersWanted {
  readonly tag: string;
  readonly by: 'uid' | 'sequence number';
  readonly options: ReturnOptions | undefined;
  /** Of the messages found, where the client asked for it. */
  readonly modSequence?: number | undefined;
  /** Of each of them. */
  readonly relevancies?: readonly number[] | undefined;
  readonly mailbox?: FoundIn;
}

/** The answer to SEARCH or SORT: `* SEARCH 2 84`, or ESEARCH with what RETURN asks for. In steps. */
export function encodeFound(
  name: 'SEARCH' | 'SORT',
  numbers: readonly number[],
  { tag, by, options, modSequence, relevancies, mailbox }: NumbersWanted,
): Generator<void, Buffer, void> {
  if (options === undefined) return encodeNumbers(name, numbers, modSequence);
  const { words, partial } = options;
  return encodeEsearch({
    tag,
    uid: by === 'uid',
    min: words.includes('MIN') ? numbers[0] : undefined,
    max: words.includes('MAX') ? numbers.at(-1) : undefined,
    count: words.includes('COUNT') ? numbers.length : undefined,
    all: words.includes('ALL') ? numbers : undefined,
    partial: partial && { range: partial, numbers: partOf(numbers, partial) },
    modSequence,
    relevancies: words.includes('RELEVANCY')
      ? partial && relevancies
        ? partOf(relevancies, partial)
        : relevancies
      : undefined,
    mailbox,
  });
}

/** `* UIDBATCHES (TAG "a1") 215295:99696,99695:1` */
export function encodeUidBatches(
  tag: string,
  ranges: readonly { readonly high: number; readonly low: number }[],
): Buffer {
  const line = new Encoder().atom('* UIDBATCHES (TAG ').quoted(tag).atom(')');
  if (ranges.length > 0) line.sp().atom(ranges.map(({ high, low }) => `${high}:${low}`).join(','));
  return line.crlf();
}

/** Begins `* 12 FETCH (`; the caller writes the items and ends with `)` and `crlf`. */
export function beginFetch(sequenceNumber: number, expectedOctets?: number): Encoder {
  return new Encoder(expectedOctets).atom('* ').number(sequenceNumber).atom(' FETCH (');
}
