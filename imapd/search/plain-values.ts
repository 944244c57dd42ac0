/**
 * Values of header fields as nearly all messages have them, looked at in octets: what SEARCH, SORT and THREAD make of them
 * is found without a string. Whatever has to be decoded, or is unusual, is left to the functions for strings, with the same
 * result: this is their short way and never differs from it.
 */
import { MAX_REFERENCES } from '../message/limits.js';
import type { OctetWriter } from '../message/octet-writer.js';
import { MAX_ID_LENGTH } from '../message/sort.js';

/** Where something lies. One for many uses, filled in again and again. */
export interface Place {
  start: number;
  end: number;
}

/**
 * Writes a value as `foldedWords` gives it; false, with nothing written, if it has to be decoded. Line ends go.
 */
export function writeFoldedAscii(out: OctetWriter, octets: Buffer, { start, end }: Readonly<Place>): boolean {
  out.need(end - start);
  const written = out.octets;
  let to = out.length;
  for (let at = start; at < end; at += 1) {
    const octet = octets[at] ?? 0;
    if (octet > LAST_LINE_END && octet !== EQUALS) {
      const folded = lowerCase[octet] ?? 0;
      if (folded === NOT_ASCII) return false;
      written[to++] = folded;
      continue;
    }
    const next = at + 1 < end ? octets[at + 1] : SPACE;
    // It may begin an encoded word, also across a line end.
    if (octet === EQUALS && (next === QUESTION || next === LF || next === CR)) return false;
    if (octet !== LF && (octet !== CR || next !== LF)) written[to++] = octet;
  }
  out.length = to;
  return true;
}

/**
 * Finds the base subject of a subject that was folded (see `baseSubject`), and whether it is that of a reply; undefined if
 * it takes a closer look.
 */
export function findPlainSubject(octets: Buffer, { start, end }: Readonly<Place>, base: Place): boolean | undefined {
  const last = octets[end - 1];
  if (end > start && (last === RIGHT || last === RIGHT_SQUARE || last === SPACE)) return undefined;
  for (let at = start; at < end; at += 1) {
    const octet = octets[at] ?? 0;
    if (octet < SPACE || (octet === SPACE && octets[at + 1] === SPACE && at + 1 < end)) return undefined;
  }
  let isReply = false;
  base.start = start;
  base.end = end;
  for (;;) {
    while (base.start < end && octets[base.start] === SPACE) base.start += 1;
    if (base.start < end && octets[base.start] === LEFT_SQUARE) {
      const behind = endOfBlob(octets, base.start, end);
      if (behind < 0) return isReply;
      // There is something behind it: the subject does not end with one.
      base.start = behind;
      continue;
    }
    const word = endOfReplyWord(octets, base.start, end);
    if (word < 0) return isReply;
    let colon = word;
    while (colon < end && octets[colon] === SPACE) colon += 1;
    if (colon < end && octets[colon] === LEFT_SQUARE) return undefined;
    if (colon >= end || octets[colon] !== COLON) return isReply;
    isReply = true;
    base.start = colon + 1;
  }
}

/** Behind `[blob]`; -1 if that is none. */
function endOfBlob(octets: Buffer, start: number, end: number): number {
  let at = start + 1;
  while (at < end && octets[at] !== LEFT_SQUARE && octets[at] !== RIGHT_SQUARE) at += 1;
  return at < end && octets[at] === RIGHT_SQUARE ? at + 1 : -1;
}

/** Behind `re`, `fw` or `fwd`; -1 for anything else. */
function endOfReplyWord(octets: Buffer, start: number, end: number): number {
  if (end - start < 3) return -1;
  const first = octets[start];
  const second = octets[start + 1];
  if (first === R && second === E) return start + 2;
  if (first !== F || second !== W) return -1;
  return octets[start + 2] === D ? start + 3 : start + 2;
}

/**
 * Finds the mailbox of the first address of a field (see `firstMailbox`), not in lower case; false if that is not plain.
 * Line ends in the field are passed over where they may be, since they do not count.
 */
export function findPlainMailbox(octets: Buffer, { start, end }: Readonly<Place>, mailbox: Place): boolean {
  for (let at = start; at < end; at += 1) {
    const octet = octets[at] ?? 0;
    if (octet === LESS) {
      mailbox.start = at + 1;
      const close = endOfPlainAddress(octets, at + 1, end, mailbox);
      return close >= 0 && close < end && octets[close] === GREATER && isEndOfAddress(octets, close + 1, end);
    }
    if (octet === AT) {
      mailbox.start = start;
      const close = endOfPlainAddress(octets, start, end, mailbox);
      return close >= 0 && mailbox.end === at && isEndOfAddress(octets, endOfPlainComment(octets, close, end), end);
    }
    if (octet === QUOTE) {
      at += 1;
      while (at < end && octets[at] !== QUOTE) at += octets[at] === BACKSLASH ? 2 : 1;
      if (at >= end) return false;
    } else if (isSpecial[octet] === 1) return false;
  }
  return false;
}

/** Behind the host of `mailbox@host`, whose mailbox ends at `mailbox.end`; -1 if there is anything else. */
function endOfPlainAddress(octets: Buffer, start: number, end: number, mailbox: Place): number {
  let at = start;
  while (at < end && isMailboxOctet[octets[at] ?? 0] === 1) at += 1;
  mailbox.end = at;
  if (at === start || at >= end || octets[at] !== AT) return -1;
  const host = at + 1;
  at = host;
  while (at < end && isHostOctet[octets[at] ?? 0] === 1) at += 1;
  return at === host ? -1 : at;
}

/** Behind ` (comment)`, if there is one. */
function endOfPlainComment(octets: Buffer, start: number, end: number): number {
  if (start + 1 >= end || octets[start] !== SPACE || octets[start + 1] !== LEFT) return start;
  let at = start + 2;
  while (at < end && octets[at] !== LEFT && octets[at] !== RIGHT && octets[at] !== BACKSLASH) at += 1;
  return at < end && octets[at] === RIGHT ? at + 1 : start;
}

function isEndOfAddress(octets: Buffer, at: number, end: number): boolean {
  return at === end || octets[at] === COMMA;
}

/** Writes ASCII octets in lower case. */
export function writeLowerCase(out: OctetWriter, octets: Buffer, { start, end }: Readonly<Place>): void {
  out.need(end - start);
  const written = out.octets;
  let to = out.length;
  for (let at = start; at < end; at += 1) written[to++] = lowerCase[octets[at] ?? 0] ?? 0;
  out.length = to;
}

/**
 * Writes the Message-IDs of a value (see `messageIds`), each with a space before it, or only the first, without one. Gives
 * how many there are; -1, with nothing written, if there is anything but IDs and white space.
 */
export function writePlainIds(out: OctetWriter, octets: Buffer, { start, end }: Readonly<Place>, all: boolean): number {
  const before = out.length;
  out.need(end - start);
  let to = before;
  let count = 0;
  for (let at = start; at < end; ) {
    const octet = octets[at] ?? 0;
    if (octet === SPACE || octet === TAB || octet === LF || octet === CR) {
      at += 1;
      continue;
    }
    const open = at + 1;
    at = open;
    while (at < end && isIdOctet[octets[at] ?? 0] === 1) at += 1;
    const length = at - open;
    if (octet !== LESS || at >= end || octets[at] !== GREATER || length === 0 || length > MAX_ID_LENGTH) return -1;
    count += 1;
    if (count > MAX_REFERENCES) return -1;
    at += 1;
    if (count > 1 && !all) continue;
    const written = out.octets;
    if (all) written[to++] = SPACE;
    for (let from = open; from < open + length; from += 1) written[to++] = octets[from] ?? 0;
  }
  out.length = to;
  return count;
}

const NOT_ASCII = 0xff;
const LAST_LINE_END = 0x0d;
const [TAB, LF, CR, SPACE] = [0x09, 0x0a, 0x0d, 0x20];
const [QUOTE, LEFT, RIGHT, COMMA, COLON] = [0x22, 0x28, 0x29, 0x2c, 0x3a];
const [LESS, EQUALS, GREATER, QUESTION, AT] = [0x3c, 0x3d, 0x3e, 0x3f, 0x40];
const [LEFT_SQUARE, BACKSLASH, RIGHT_SQUARE] = [0x5b, 0x5c, 0x5d];
const [D, E, F, R, W] = [0x64, 0x65, 0x66, 0x72, 0x77];

function octetsThat(hold: (octet: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, octet) => (hold(octet) ? 1 : 0));
}

function isOneOf(characters: string): (octet: number) => boolean {
  return (octet) => characters.includes(String.fromCharCode(octet));
}

const LETTERS_AND_DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const isMailboxOctet = octetsThat(isOneOf(`${LETTERS_AND_DIGITS}.+_-`));
const isHostOctet = octetsThat(isOneOf(`${LETTERS_AND_DIGITS}.-`));
/** What makes an address more than plain, outside quotes. */
const isSpecial = octetsThat(isOneOf('>,;:([\\'));
/** What stands in a Message-ID as it is. */
const isIdOctet = octetsThat((octet) => octet > 0x20 && octet < 0x7f && !isOneOf('"<>\\')(octet));
const lowerCase = Uint8Array.from({ length: 256 }, (_, octet) =>
  octet > 0x7f ? NOT_ASCII : octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet,
);
