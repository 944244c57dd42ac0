/**
 * Address fields as nearly all messages have them, written as an envelope has them straight from their octets:
 * `Name <user@host>, "Last, First" <user@host>, user@host, user@host (Name)`.
 *
 * Whatever else is in a field (comments elsewhere, groups, routes, 8-bit octets) is left to addresses.ts, with the
 * same result: this is its short way and never differs from it.
 */
import { MAX_QUOTED_OCTETS } from './limits.js';
import type { OctetWriter } from './octet-writer.js';

/** A longer field may have more addresses than are shown. */
const MAX_FIELD_OCTETS = 8_192;

/** What one address may add to its octets: `("" NIL "" "")`, and NIL for a name. */
const ROOM_PER_OCTET = 12;

/** Writes a list of addresses, or NIL; false, with nothing written, when the field is not plain. */
export function writePlainAddresses(out: OctetWriter, octets: Buffer, start: number, end: number): boolean {
  if (end - start > MAX_FIELD_OCTETS) return false;
  const before = out.length;
  out.need((end - start) * ROOM_PER_OCTET + 32);
  out.octet(LEFT);
  for (let at = start; at < end; ) {
    at = skipBlanks(octets, at, end);
    if (at >= end) break;
    if (octets[at] === COMMA) {
      at += 1;
      continue;
    }
    at = writeAddress(out, octets, at, end);
    if (at < 0) {
      out.length = before;
      return false;
    }
  }
  if (out.length === before + 1) {
    out.length = before;
    out.text('NIL');
  } else {
    out.octet(RIGHT);
  }
  return true;
}

/** Writes the address that begins at `start`; gives the place behind it, or -1 when it is not plain. */
function writeAddress(out: OctetWriter, octets: Buffer, start: number, end: number): number {
  const before = out.length;
  out.octet(LEFT);
  const at = writeName(out, octets, start, end);
  if (at === NO_NAME) {
    out.length = before;
    return writeBare(out, octets, start, end);
  }
  if (at < 0 || at >= end || octets[at] !== LESS) return -1;
  out.text(' NIL ');
  return writeLocalAndHost(out, octets, { start: at + 1, end, inAngle: true });
}

/** Writes `user@host` or `user@host (Name)`; gives the place behind it, or -1. */
function writeBare(out: OctetWriter, octets: Buffer, start: number, end: number): number {
  const before = out.length;
  out.octet(LEFT);
  out.text('NIL NIL ');
  const alone = writeLocalAndHost(out, octets, { start, end, inAngle: false });
  if (alone >= 0) return alone;
  let hostEnd = start;
  while (hostEnd < end && (isWord[octets[hostEnd] ?? 0] === 1 || octets[hostEnd] === AT)) hostEnd += 1;
  const open = skipBlanks(octets, hostEnd, end);
  if (open >= end || octets[open] !== LEFT) return -1;
  out.length = before;
  out.octet(LEFT);
  const close = endOfComment(octets, open + 1, end);
  if (close - open > MAX_QUOTED_OCTETS || close === -1) return -1;
  out.octet(QUOTE);
  copyOctets(out, octets, open + 1, close);
  out.text('" NIL ');
  if (writeLocalAndHost(out, octets, { start, end: hostEnd, inAngle: false }) === -1) return -1;
  const next = skipBlanks(octets, close + 1, end);
  return next >= end || octets[next] === COMMA ? next : -1;
}

/** The end of a comment of words with one space between them; -1 for all others. */
function endOfComment(octets: Buffer, start: number, end: number): number {
  let before = SPACE;
  for (let at = start; at < end; at += 1) {
    const octet = octets[at] ?? 0;
    if (octet === RIGHT) return before === SPACE ? -1 : at;
    if (octet === SPACE ? before === SPACE : !isInComment(octet)) return -1;
    before = octet;
  }
  return -1;
}

function isInComment(octet: number): boolean {
  return octet > SPACE && octet < 0x7f && octet !== LEFT && octet !== QUOTE && octet !== BACKSLASH;
}

/** The field has no name: it begins with a word and an at sign. */
const NO_NAME = -2;

/** Writes words and quoted strings up to `<` as one string, or NIL; gives the place of the `<`, NO_NAME, or -1. */
function writeName(out: OctetWriter, octets: Buffer, start: number, end: number): number {
  const written = out.octets;
  const first = out.length;
  let to = first;
  written[to++] = QUOTE;
  let at = start;
  let spaced = false;
  while (at < end && octets[at] !== LESS) {
    if (spaced) written[to++] = SPACE;
    let next = at;
    if (octets[at] === QUOTE) {
      const stop = endOfQuoted(octets, at + 1, end);
      // Of empty quotes the general way knows what becomes of the space behind them.
      if (stop <= at + 1) return -1;
      to = copyQuoted(written, to, octets, { start: at + 1, end: stop });
      next = stop + 1;
    } else {
      // Looked at and copied in one go: names are much of what an envelope is made of.
      for (; next < end; next += 1) {
        const octet = octets[next] ?? 0;
        if (isWord[octet] !== 1) break;
        written[to++] = octet;
      }
      if (next === at) return -1;
      if (at === start && next < end && octets[next] === AT) return NO_NAME;
    }
    at = skipBlanks(octets, next, end);
    spaced = at > next;
  }
  if (to - first > MAX_QUOTED_OCTETS) return -1;
  if (to === first + 1) {
    out.text('NIL');
    return at;
  }
  written[to++] = QUOTE;
  out.length = to;
  return at;
}

/** Copies what stands in quotes, without line ends; gives where it ends. */
function copyQuoted(written: Buffer, start: number, octets: Buffer, quoted: { start: number; end: number }): number {
  let to = start;
  for (let from = quoted.start; from < quoted.end; from += 1) {
    let octet = octets[from] ?? 0;
    if (octet === CR || octet === LF) continue;
    if (octet === BACKSLASH) {
      // What needs no backslash is written without it, as everywhere else.
      from += 1;
      octet = octets[from] ?? 0;
      if (octet === QUOTE || octet === BACKSLASH) written[to++] = BACKSLASH;
    }
    written[to++] = octet;
  }
  return to;
}

interface LocalAndHost {
  readonly start: number;
  readonly end: number;
  readonly inAngle: boolean;
}

/** Writes `local@host`, up to `>` if it is in angle brackets; gives the place behind, where the address must end. */
function writeLocalAndHost(out: OctetWriter, octets: Buffer, { start, end, inAngle }: LocalAndHost): number {
  out.octet(QUOTE);
  const at = copyWord(out, octets, start, end);
  if (at === start || at >= end || octets[at] !== AT) return -1;
  out.text('" "');
  const hostEnd = copyWord(out, octets, at + 1, end);
  if (hostEnd === at + 1 || hostEnd - start > MAX_QUOTED_OCTETS) return -1;
  out.text('")');
  if (inAngle && (hostEnd >= end || octets[hostEnd] !== GREATER)) return -1;
  const next = skipBlanks(octets, inAngle ? hostEnd + 1 : hostEnd, end);
  return next >= end || octets[next] === COMMA ? next : -1;
}

/** Short runs of octets are copied one by one: that is faster than a call. */
function copyOctets(out: OctetWriter, octets: Buffer, start: number, end: number): void {
  const written = out.octets;
  let to = out.length;
  for (let from = start; from < end; from += 1) written[to++] = octets[from] ?? 0;
  out.length = to;
}

/** Blanks and the line ends of folding; a CR alone is none of them. */
function skipBlanks(octets: Buffer, start: number, end: number): number {
  let at = start;
  for (; at < end; at += 1) {
    const octet = octets[at];
    if (octet === SPACE || octet === TAB || octet === LF) continue;
    if (octet !== CR || octets[at + 1] !== LF) break;
  }
  return at;
}

/** Copies a word; gives where it ends. */
function copyWord(out: OctetWriter, octets: Buffer, start: number, end: number): number {
  const written = out.octets;
  let to = out.length;
  let at = start;
  for (; at < end; at += 1) {
    const octet = octets[at] ?? 0;
    if (isWord[octet] !== 1) break;
    written[to++] = octet;
  }
  out.length = to;
  return at;
}

/** The place of the closing quote; -1 if there is none, or something that needs care before it. */
function endOfQuoted(octets: Buffer, start: number, end: number): number {
  for (let at = start; at < end; at += 1) {
    const octet = octets[at] ?? 0;
    if (octet === QUOTE) return at;
    if (octet === CR && octets[at + 1] === LF) continue;
    if (octet === BACKSLASH) {
      at += 1;
      const escaped = octets[at] ?? 0;
      if (at >= end || escaped < SPACE || escaped > 0x7e) return -1;
      continue;
    }
    if (octet > 0x7e || (octet < SPACE && octet !== TAB && octet !== LF)) return -1;
  }
  return -1;
}

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const LEFT = 0x28;
const RIGHT = 0x29;
const COMMA = 0x2c;
const LESS = 0x3c;
const GREATER = 0x3e;
const AT = 0x40;
const BACKSLASH = 0x5c;

/** 1 for printable octets that neither end a word nor need care in a quoted string. */
const isWord = Uint8Array.from({ length: 256 }, (_, octet) =>
  octet > 0x20 && octet < 0x7f && !'<>@,;:"([\\'.includes(String.fromCharCode(octet)) ? 1 : 0,
);
