/**
 * The text of `courierimapuiddb` and of the journal beside it.
 *
 *     1 700000001 4              version, UIDVALIDITY, next UID
 *     1 1700000001.M1.mx         UID, base name
 *     3 1700000009.M7.mx
 *
 * The journal `angarium-uids` holds single assignments, so that a message that arrives does not cost a new list:
 *
 *     1 700000001 36 4 1700000100123.5 87     version, then the list it belongs to: UIDVALIDITY, next UID as the list
 *                                             says it, the first UID given out here, mtime and size of the list
 *     4 1700000099.M9.mx
 *
 * It counts only beside the list that its first line names. What a damaged list still tells is used: each good line
 * keeps its UID. It knows texts only, no files.
 */
import { asUid, HIGHEST_CREDIBLE_UID, MAX_UID, type Uid } from './uid.js';

/** A message that a list names. */
export interface ListedMessage {
  readonly uid: Uid;
  readonly baseName: string;
}

/** What a list tells, good or damaged. */
export interface UidListText {
  /** Undefined if the first line is lost: then nobody knows which UIDs were ever given out. */
  readonly head: { readonly uidValidity: number; readonly uidNext: number } | undefined;
  /** In UID order; each UID once. */
  readonly messages: readonly ListedMessage[];
  /** Lines that made no sense, or contradicted others. */
  readonly badLines: number;
}

/** Reads a list, as much of it as there is. */
export function parseUidList(text: string): UidListText {
  const firstEnd = text.indexOf('\n');
  const head = parseHead(firstEnd < 0 ? '' : text.slice(0, firstEnd));
  const { messages, badLines } = parseLines(text, firstEnd + 1);
  const ordered = inOrder(messages);
  const highest = ordered.at(-1)?.uid ?? 0;
  return {
    head: head && { uidValidity: head.uidValidity, uidNext: Math.max(head.uidNext, highest + 1) },
    messages: ordered,
    badLines:
      badLines + messages.length - ordered.length + (ordered === messages ? 0 : 1) + (head === undefined ? 1 : 0),
  };
}

function parseHead(line: string): { uidValidity: number; uidNext: number } | undefined {
  const found = /^ *1 +(\d{1,10}) +(\d{1,10})\s*$/.exec(line);
  if (found === null) return undefined;
  const [uidValidity, uidNext] = [Number(found[1]), Number(found[2])];
  if (uidValidity < 1 || uidValidity > MAX_UID || uidNext < 1 || uidNext > HIGHEST_CREDIBLE_UID) return undefined;
  return { uidValidity, uidNext };
}

function parseLines(text: string, start: number): { messages: ListedMessage[]; badLines: number } {
  const messages: ListedMessage[] = [];
  let badLines = 0;
  for (let from = start; from < text.length; ) {
    const newline = text.indexOf('\n', from);
    const end = newline < 0 ? text.length : newline;
    const message = parseLine(text, from, end);
    if (message === undefined) badLines += 1;
    else messages.push(message);
    from = end + 1;
  }
  return { messages, badLines };
}

/** One line `UID FILENAME`. It runs once per message at each load, so it builds nothing that it does not give. */
function parseLine(text: string, from: number, end: number): ListedMessage | undefined {
  let at = from;
  let uid = 0;
  for (; at < end; at += 1) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) break;
    uid = uid * 10 + digit;
    if (uid >= HIGHEST_CREDIBLE_UID) return undefined;
  }
  if (uid === 0 || text.charCodeAt(at) !== 32 || at + 1 >= end) return undefined;
  const baseName = text.slice(at + 1, end);
  if (baseName.includes('/') || baseName.includes('\0') || baseName.startsWith('.')) return undefined;
  const colon = baseName.indexOf(':');
  return { uid: asUid(uid), baseName: colon < 0 ? baseName : baseName.slice(0, colon) };
}

/**
 * Brings the messages into UID order. A UID listed twice stays with its first name; the other message is given a new one.
 * A name may remain listed twice: then its last UID, the higher one, is the one that was told last.
 */
function inOrder(messages: readonly ListedMessage[]): readonly ListedMessage[] {
  let last = 0;
  let ascending = true;
  for (const { uid } of messages) {
    ascending &&= uid > last;
    last = uid;
  }
  if (ascending) return messages;
  const taken = new Set<number>();
  const kept = messages.filter(({ uid }) => !taken.has(uid) && taken.add(uid));
  return kept.sort((one, other) => one.uid - other.uid);
}

/** Writes a list. */
export function formatUidList(uidValidity: number, uidNext: number, messages: Iterable<ListedMessage>): string {
  return `1 ${uidValidity} ${uidNext}\n${formatLines(messages)}`;
}

/** Writes lines `UID FILENAME`. */
export function formatLines(messages: Iterable<ListedMessage>): string {
  let text = '';
  for (const { uid, baseName } of messages) text += `${uid} ${baseName}\n`;
  return text;
}

/** The list that a journal belongs to. */
export interface JournalHead {
  readonly uidValidity: number;
  /** Next UID as the list says it: the end of the reserve. */
  readonly listedUidNext: number;
  /** The first UID that was free when the list was written. */
  readonly firstUid: number;
  readonly listModifiedAt: number;
  readonly listSizeOctets: number;
}

/** Writes the first line of a journal. */
export function formatJournalHead(head: JournalHead): string {
  const { uidValidity, listedUidNext, firstUid, listModifiedAt, listSizeOctets } = head;
  return `1 ${uidValidity} ${listedUidNext} ${firstUid} ${listModifiedAt} ${listSizeOctets}\n`;
}

/** What a journal tells. */
export interface JournalText {
  readonly head: JournalHead;
  readonly messages: readonly ListedMessage[];
  /** Whether every line is good, so that the UID after the last one is free. */
  readonly whole: boolean;
}

/** Reads a journal; undefined if its first line makes no sense. After the first bad line nothing is believed. */
export function parseJournal(text: string): JournalText | undefined {
  const firstEnd = text.indexOf('\n');
  const numbers = /^1 (\d{1,10}) (\d{1,10}) (\d{1,10}) ([\d.]+) (\d+)$/.exec(text.slice(0, Math.max(0, firstEnd)));
  if (numbers === null) return undefined;
  const [uidValidity = 0, listedUidNext = 0, firstUid = 0, listModifiedAt = 0, listSizeOctets = 0] = numbers
    .slice(1)
    .map(Number);
  const head = { uidValidity, listedUidNext, firstUid, listModifiedAt, listSizeOctets };
  const messages: ListedMessage[] = [];
  let next = firstUid;
  for (let from = firstEnd + 1; from < text.length; ) {
    const end = text.indexOf('\n', from);
    const message = end < 0 ? undefined : parseLine(text, from, end);
    if (message === undefined || message.uid < next || message.uid >= listedUidNext) {
      return { head, messages, whole: false };
    }
    messages.push(message);
    next = message.uid + 1;
    from = end + 1;
  }
  return { head, messages, whole: true };
}
