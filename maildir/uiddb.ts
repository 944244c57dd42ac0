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

import { octetsFromText, textFromOctets } from './file-system.js';
import type { NameView } from './file-table.js';
import type { Pace } from './pace.js';
import { asUid, HIGHEST_CREDIBLE_UID, MAX_UID, type Uid } from './uid.js';

const LF = 10;
const SPACE = 0x20;
const SLASH = 0x2f;
const DOT = 0x2e;
const COLON = 0x3a;
const DIGIT_0 = 0x30;

/** The messages that a list names, in UID order; their names stay in the octets that were read. */
export class ListedMessages {
  readonly #octets: Buffer;
  /** Per message: UID, where its base name starts and ends. */
  #words: Uint32Array;
  readonly #view: NameView;
  #count = 0;

  constructor(octets: Buffer, expected = 0) {
    this.#octets = octets;
    this.#view = { octets, start: 0, end: 0 };
    this.#words = new Uint32Array(expected * 3);
  }

  get count(): number {
    return this.#count;
  }

  get octets(): Buffer {
    return this.#octets;
  }

  uidAt(index: number): Uid {
    return asUid(this.#words[index * 3] ?? 0);
  }

  startAt(index: number): number {
    return this.#words[index * 3 + 1] ?? 0;
  }

  endAt(index: number): number {
    return this.#words[index * 3 + 2] ?? 0;
  }

  /** Where a base name lies: good until the next call. */
  nameAt(index: number): NameView {
    this.#view.start = this.startAt(index);
    this.#view.end = this.endAt(index);
    return this.#view;
  }

  baseNameAt(index: number): string {
    return textFromOctets(this.#octets.subarray(this.startAt(index), this.endAt(index)));
  }

  /** Forgets them all. */
  clear(): void {
    this.#count = 0;
  }

  /** The highest UID; 0 if there are no messages. */
  get lastUid(): number {
    return this.#count === 0 ? 0 : this.uidAt(this.#count - 1);
  }

  add(uid: number, start: number, end: number): void {
    const at = this.#count * 3;
    if (at + 3 > this.#words.length) {
      const larger = new Uint32Array(at + (at >>> 1) + 48);
      larger.set(this.#words);
      this.#words = larger;
    }
    this.#words[at] = uid;
    this.#words[at + 1] = start;
    this.#words[at + 2] = end;
    this.#count += 1;
  }

  /**
   * These messages in UID order. A UID listed twice stays with its first name; the other message is given a new one. A
   * name may remain listed twice: then its last UID, the higher one, is the one that was told last.
   */
  inOrder(): ListedMessages {
    let ascending = true;
    for (let index = 1; index < this.#count; index += 1) ascending &&= this.uidAt(index) > this.uidAt(index - 1);
    if (ascending) return this;
    const taken = new Set<number>();
    const kept: number[] = [];
    for (let index = 0; index < this.#count; index += 1) {
      const uid = this.uidAt(index);
      if (!taken.has(uid)) kept.push(index);
      taken.add(uid);
    }
    kept.sort((one, other) => this.uidAt(one) - this.uidAt(other));
    const ordered = new ListedMessages(this.#octets, kept.length);
    for (const index of kept) ordered.add(this.uidAt(index), this.startAt(index), this.endAt(index));
    return ordered;
  }

  /** These and those of a journal. For the names and UIDs that are here, the journal is not asked. */
  mergedWith(noted: ListedMessages): ListedMessages {
    if (noted.count === 0) return this;
    const all = new ListedMessages(Buffer.concat([this.#octets, noted.octets]), this.#count + noted.count);
    const uids = new Set<number>();
    const names = new Set<string>();
    const separate = noted.uidAt(0) > this.lastUid;
    for (let index = 0; index < this.#count; index += 1) {
      all.add(this.uidAt(index), this.startAt(index), this.endAt(index));
      if (separate) continue;
      uids.add(this.uidAt(index));
      names.add(this.baseNameAt(index));
    }
    const moved = this.#octets.length;
    for (let index = 0; index < noted.count; index += 1) {
      if (uids.has(noted.uidAt(index)) || (!separate && names.has(noted.baseNameAt(index)))) continue;
      all.add(noted.uidAt(index), moved + noted.startAt(index), moved + noted.endAt(index));
    }
    return all.inOrder();
  }
}

/** What a list tells, good or damaged. */
export interface UidListText {
  /** Undefined if the first line is lost: then nobody knows which UIDs were ever given out. */
  readonly head: { readonly uidValidity: number; readonly uidNext: number } | undefined;
  /** In UID order; each UID once. */
  readonly messages: ListedMessages;
  /** Lines that made no sense, or contradicted others. */
  readonly badLines: number;
}

/** A line of a list has some 50 octets. */
const OCTETS_PER_LINE = 40;

/** Reads a list, as much of it as there is. */
export async function parseUidList(octets: Buffer, pace: Pace): Promise<UidListText> {
  const firstEnd = octets.indexOf(LF);
  const head = parseHead(firstEnd < 0 ? '' : octets.toString('latin1', 0, firstEnd));
  const messages = new ListedMessages(octets, Math.ceil(octets.length / OCTETS_PER_LINE));
  let badLines = head === undefined ? 1 : 0;
  for (let from = firstEnd + 1; from < octets.length; ) {
    const end = lineEnd(octets, from);
    if (!parseLine(octets, from, end, messages)) badLines += 1;
    from = end + 1;
    const pause = pace.step();
    if (pause !== undefined) await pause;
  }
  const ordered = messages.inOrder();
  badLines += messages.count - ordered.count + (ordered === messages ? 0 : 1);
  return {
    head: head && { uidValidity: head.uidValidity, uidNext: Math.max(head.uidNext, ordered.lastUid + 1) },
    messages: ordered,
    badLines,
  };
}

/** Reads the first line of a list. */
export function parseHead(line: string): { uidValidity: number; uidNext: number } | undefined {
  const found = /^ *1 +(\d{1,10}) +(\d{1,10})\s*$/.exec(line);
  if (found === null) return undefined;
  const [uidValidity, uidNext] = [Number(found[1]), Number(found[2])];
  if (uidValidity < 1 || uidValidity > MAX_UID || uidNext < 1 || uidNext > HIGHEST_CREDIBLE_UID) return undefined;
  return { uidValidity, uidNext };
}

function lineEnd(octets: Buffer, from: number): number {
  let at = from;
  while (at < octets.length && octets[at] !== LF) at += 1;
  return at;
}

/** One line `UID FILENAME`; false if it makes no sense. It runs once per message at each load. */
function parseLine(octets: Buffer, from: number, end: number, messages: ListedMessages): boolean {
  let at = from;
  let uid = 0;
  for (; at < end; at += 1) {
    const digit = (octets[at] ?? 0) - DIGIT_0;
    if (digit < 0 || digit > 9) break;
    uid = uid * 10 + digit;
    if (uid >= HIGHEST_CREDIBLE_UID) return false;
  }
  const start = at + 1;
  if (uid === 0 || octets[at] !== SPACE || start >= end || octets[start] === DOT) return false;
  let baseEnd = end;
  for (at = start; at < end; at += 1) {
    const octet = octets[at];
    if (octet === SLASH || octet === 0) return false;
    if (octet === COLON && baseEnd === end) baseEnd = at;
  }
  messages.add(uid, start, baseEnd);
  return true;
}

/** Lines `UID FILENAME`, put together as octets. */
export class ListLines {
  #octets: Buffer;
  #length = 0;

  constructor(expectedOctets = 256) {
    this.#octets = Buffer.allocUnsafe(expectedOctets);
  }

  /** Adds the first line of a list. */
  addHead(uidValidity: number, uidNext: number): void {
    this.#addOctets(Buffer.from(`1 ${uidValidity} ${uidNext}\n`, 'latin1'));
  }

  /** It runs once per message for each list: octet by octet it takes a third of what Node's calls take. */
  add(uid: number, { octets, start, end }: NameView): void {
    this.#makeRoom(end - start + 12);
    const target = this.#octets;
    let digits = 1;
    for (let limit = 10; uid >= limit; limit *= 10) digits += 1;
    let at = this.#length + digits;
    for (let place = at - 1, rest = uid; place >= this.#length; place -= 1) {
      const next = Math.floor(rest / 10);
      target[place] = DIGIT_0 + rest - next * 10;
      rest = next;
    }
    target[at] = SPACE;
    at += 1;
    for (let from = start; from < end; from += 1, at += 1) target[at] = octets[from] ?? 0;
    target[at] = LF;
    this.#length = at + 1;
  }

  addText(uid: number, baseName: string): void {
    const octets = octetsFromText(baseName);
    this.add(uid, { octets, start: 0, end: octets.length });
  }

  /** Adds the lines of another. */
  addLines(lines: ListLines): void {
    this.#addOctets(lines.octets());
  }

  #addOctets(octets: Buffer): void {
    this.#makeRoom(octets.length);
    octets.copy(this.#octets, this.#length);
    this.#length += octets.length;
  }

  #makeRoom(octets: number): void {
    if (this.#length + octets <= this.#octets.length) return;
    const larger = Buffer.allocUnsafe((this.#length + octets) * 2);
    this.#octets.copy(larger, 0, 0, this.#length);
    this.#octets = larger;
  }

  octets(): Buffer {
    return this.#octets.subarray(0, this.#length);
  }
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
  readonly messages: ListedMessages;
  /** Whether every line is good, so that the UID after the last one is free. */
  readonly whole: boolean;
}

/** Reads a journal; undefined if its first line makes no sense. After the first bad line nothing is believed. */
export function parseJournal(octets: Buffer): JournalText | undefined {
  const firstEnd = Math.max(0, octets.indexOf(LF));
  const line = octets.toString('latin1', 0, firstEnd);
  const numbers = /^1 (\d{1,10}) (\d{1,10}) (\d{1,10}) ([\d.]+) (\d+)$/.exec(line);
  if (numbers === null) return undefined;
  const [uidValidity = 0, listedUidNext = 0, firstUid = 0, listModifiedAt = 0, listSizeOctets = 0] = numbers
    .slice(1)
    .map(Number);
  const head = { uidValidity, listedUidNext, firstUid, listModifiedAt, listSizeOctets };
  const messages = new ListedMessages(octets);
  const one = new ListedMessages(octets, 1);
  let next = firstUid;
  for (let from = firstEnd + 1; from < octets.length; ) {
    const end = lineEnd(octets, from);
    one.clear();
    const good = end < octets.length && parseLine(octets, from, end, one);
    const uid = one.lastUid;
    if (!good || uid < next || uid >= listedUidNext) return { head, messages, whole: false };
    messages.add(uid, one.startAt(0), one.endAt(0));
    next = uid + 1;
    from = end + 1;
  }
  return { head, messages, whole: true };
}
