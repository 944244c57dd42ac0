/**
 * `courierpop3dsizelist`: what POP3 tells of each message in INBOX without opening it: size, unique id, and whether its
 * header holds raw 8-bit text. Courier's file, octet for octet.
 *
 *     /3 NEXTUID VALIDITY
 *     1700000001.M1.mx:2,S 1234 1:1700000000:0
 *
 * It reads and writes octets, and makes nothing per line; what is in cur meanwhile, others know.
 */
import { octetsFromText } from './file-system.js';
import type { NameView } from './file-table.js';
import { decimalIn, putDecimal } from './octets/decimal.js';
import type { Pace } from './pace.js';

/** The version that is written; 2 has no last number. Of any other version only the first line is believed. */
const VERSION = 3;
const READABLE_VERSIONS: ReadonlySet<number> = new Set([2, 3]);

const HEAD = /^\/(\d{1,9}) +(\d{1,15})(?: +(\d{1,15}))?(?: .*)?$/s;

/** Digits of a size or a number, and of the mark for raw octets: what goes beyond is not looked at. */
const MAX_DIGITS = 15;
const MAX_MARK_DIGITS = 9;
/** A line besides its name: three numbers of 15 digits, a mark of 9, what stands between them, and its end. */
const MAX_BESIDE_NAME = 64;

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const COLON = 0x3a;

/** What is known of a message. */
export interface SizeListEntry {
  /** Octets as POP3 sends them. */
  readonly sizeOctets: number;
  /** 0 in lists of old servers: then the name is the unique id. */
  readonly uid: number;
  readonly validity: number;
  /** Not 0: there are raw octets above 127 in the header. */
  readonly utf8: number;
}

/** A line as it is read; one object serves for all of them. */
export interface SizeListLine extends SizeListEntry {
  /** The name in cur when the list was written, with its flags. */
  readonly name: NameView;
}

/** What a list says besides its lines. */
export interface SizeListHead {
  /** The next message gets this number. */
  readonly nextUid: number;
  /** Undefined when the list does not say. */
  readonly validity: number | undefined;
  /** False when it must be written anew to be whole. */
  readonly current: boolean;
}

/** No list: the first message of the maildir gets number 1. */
export const NO_SIZE_LIST: SizeListHead = { nextUid: 1, validity: undefined, current: false };

/**
 * Reads a list, and shows each of its lines. Damaged lines are left out, and so is a last line without its end.
 *
 * A number that an entry has is never given again, whatever the first line says.
 */
export async function parseSizeList(
  octets: Buffer,
  pace: Pace,
  visit: (line: SizeListLine) => void,
): Promise<SizeListHead> {
  const headEnd = octets.indexOf(LF);
  const head = HEAD.exec(octets.toString('latin1', 0, Math.max(0, headEnd)).replace(/\r$/, ''));
  if (head === null) return NO_SIZE_LIST;
  const [, version = '', nextUid = '', validity] = head;
  let next = Math.max(1, Number(nextUid));
  if (READABLE_VERSIONS.has(Number(version))) {
    const line = new ParsedLine(octets);
    for (let at = headEnd + 1; ; ) {
      const end = octets.indexOf(LF, at);
      if (end < 0) break;
      if (line.parse(at, end)) {
        next = Math.max(next, line.uid + 1);
        visit(line);
      }
      at = end + 1;
      const pause = pace.step();
      if (pause !== undefined) await pause;
    }
  }
  const current = Number(version) === VERSION && next === Number(nextUid) && validity !== undefined;
  return { nextUid: next, validity: validity === undefined ? undefined : Number(validity), current };
}

class ParsedLine implements SizeListLine {
  readonly name: NameView;
  sizeOctets = 0;
  uid = 0;
  validity = 0;
  utf8 = 0;

  constructor(octets: Buffer) {
    this.name = { octets, start: 0, end: 0 };
  }

  /** Names may hold blanks: the last two words are what is known. False for a damaged line. */
  parse(start: number, lineEnd: number): boolean {
    const { name } = this;
    const { octets } = name;
    const end = octets[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
    const ids = wordStart(octets, start, end);
    const size = wordStart(octets, start, ids - 1);
    // The name has one octet at least, and a blank behind it.
    if (size - 1 <= start) return false;
    name.start = start;
    name.end = size - 1;
    this.sizeOctets = decimalIn(octets, size, ids - 1, MAX_DIGITS);
    return this.sizeOctets >= 0 && this.#parseIds(octets, ids, end);
  }

  /** `1:1700000000:0`, or without the last number; what stands behind that is not looked at. */
  #parseIds(octets: Buffer, start: number, end: number): boolean {
    const uidEnd = digitsEnd(octets, start, end);
    const validityEnd = digitsEnd(octets, uidEnd + 1, end);
    if (octets[uidEnd] !== COLON) return false;
    this.uid = decimalIn(octets, start, uidEnd, MAX_DIGITS);
    this.validity = decimalIn(octets, uidEnd + 1, validityEnd, MAX_DIGITS);
    this.utf8 = 0;
    if (this.uid < 0 || this.validity < 0) return false;
    if (validityEnd >= end) return true;
    const markEnd = Math.min(digitsEnd(octets, validityEnd + 1, end), validityEnd + 1 + MAX_MARK_DIGITS);
    this.utf8 = decimalIn(octets, validityEnd + 1, markEnd, MAX_MARK_DIGITS);
    return octets[validityEnd] === COLON && this.utf8 >= 0;
  }
}

/** Where the last word before `end` begins; `start` if there is no blank before it. */
function wordStart(octets: Buffer, start: number, end: number): number {
  let at = end;
  while (at > start && octets[at - 1] !== SPACE) at -= 1;
  return at;
}

function digitsEnd(octets: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end && (octets[at] ?? 0) >= 0x30 && (octets[at] ?? 0) <= 0x39) at += 1;
  return at;
}

/** Writes a list, line by line. */
export class SizeListWriter {
  #octets: Buffer;
  #length: number;

  /** @param expectedOctets so many are room enough, if that is known */
  constructor({ nextUid, validity }: { nextUid: number; validity: number }, expectedOctets = 0) {
    this.#octets = Buffer.allocUnsafe(expectedOctets + MAX_BESIDE_NAME);
    this.#length = this.#octets.write(`/${VERSION} ${nextUid} ${validity}\n`, 'latin1');
  }

  /** Adds a line: the base name of a message, the rest of its name, and what is known of it. */
  add({ octets, start, end }: NameView, suffix: string, { sizeOctets, uid, validity, utf8 }: SizeListEntry): void {
    this.#makeRoom(end - start + suffix.length * 3 + MAX_BESIDE_NAME);
    const to = this.#octets;
    let at = this.#length;
    // Names are short: a call would take longer.
    for (let from = start; from < end; from += 1, at += 1) to[at] = octets[from] ?? 0;
    at = putSuffix(to, at, suffix);
    to[at] = SPACE;
    at = putDecimal(to, at + 1, sizeOctets);
    to[at] = SPACE;
    at = putDecimal(to, at + 1, uid);
    to[at] = COLON;
    at = putDecimal(to, at + 1, validity);
    to[at] = COLON;
    at = putDecimal(to, at + 1, utf8);
    to[at] = LF;
    this.#length = at + 1;
  }

  /** All that was written. */
  get octets(): Buffer {
    return this.#octets.subarray(0, this.#length);
  }

  #makeRoom(octets: number): void {
    if (this.#length + octets <= this.#octets.length) return;
    const larger = Buffer.allocUnsafe((this.#length + octets) * 2);
    this.#octets.copy(larger, 0, 0, this.#length);
    this.#octets = larger;
  }
}

/** Nearly always it is ASCII; see octetsFromText() for the rest. */
function putSuffix(to: Buffer, start: number, suffix: string): number {
  for (let index = 0; index < suffix.length; index += 1) {
    const code = suffix.charCodeAt(index);
    if (code > 0x7f) return start + octetsFromText(suffix).copy(to, start);
    to[start + index] = code;
  }
  return start + suffix.length;
}

/** What stands before the number in a unique id, and between that and the validity. */
const UID = Buffer.from('UID', 'latin1');
const DASH = 0x2d;

/**
 * What UIDL says of a message: it stays as long as the message does, and no other ever has it.
 *
 * @param baseName asked for in lists of old servers only
 */
export function uniqueIdOf({ uid, validity }: Pick<SizeListEntry, 'uid' | 'validity'>, baseName: () => string): string {
  if (uid === 0) return idFromName(baseName());
  return validity === 0 ? `UID${uid}` : `UID${uid}-${validity}`;
}

/** Writes the same for a message that has a number; gives where what follows is to be written. */
export function putUniqueId(to: Buffer, start: number, uid: number, validity: number): number {
  for (let index = 0; index < UID.length; index += 1) to[start + index] = UID[index] ?? 0;
  const at = putDecimal(to, start + UID.length, uid);
  if (validity === 0) return at;
  to[at] = DASH;
  return putDecimal(to, at + 1, validity);
}

/** `+XX` for what may not stand in a unique id (RFC 1939 section 7), and for quotes and the plus itself. */
function idFromName(name: string): string {
  const colon = name.indexOf(':');
  const octets = octetsFromText(colon < 0 ? name : name.slice(0, colon));
  return Array.from(octets, (octet) => {
    const isPlain = octet >= 0x21 && octet <= 0x7e && octet !== 0x22 && octet !== 0x27 && octet !== 0x2b;
    return isPlain ? String.fromCharCode(octet) : `+${octet.toString(16).toUpperCase().padStart(2, '0')}`;
  }).join('');
}
