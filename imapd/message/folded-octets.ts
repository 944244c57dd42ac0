/**
 * Header values with encoded words (RFC 2047), folded as SEARCH compares them straight from their octets. Words beyond
 * Latin-1 are left to folded-words.ts, those that stand together as one text: the same names are in many fields, and seldom
 * the same field. Whatever is unusual is left to it as a whole. The result is the same: this is its short way and never
 * differs from it.
 */
import { foldedWords } from './folded-words.js';
import type { OctetWriter } from './octet-writer.js';

/** An encoded word in a value, as it was found last. */
const word = { isKnown: false, isUtf8: false, isBase64: false, start: 0, end: 0, next: 0 };

/** What a word's octets are: decoded, not yet put together to characters. One octet of UTF-8 may be waiting for another. */
let waiting = 0;

/** Writes the value that lies from `start` to `end`, folded, as UTF-8; false, with nothing written, if it takes more. */
export function writeFoldedOctets(out: OctetWriter, octets: Buffer, start: number, end: number): boolean {
  const before = out.length;
  // A character of one octet may take three: a letter and its accent.
  out.need((end - start) * 3);
  for (let at = start; at < end; ) {
    const octet = octets[at] ?? 0;
    const next = at + 1 < end ? octets[at + 1] : SPACE;
    const isWord = octet === EQUALS && next === QUESTION;
    // What begins a word may be cut by a line end.
    const isUnusual = octet > 0x7f || (octet === EQUALS && (next === LF || next === CR));
    if (isUnusual || (isWord && !writeWordsAt(out, octets, at, end))) {
      out.length = before;
      return false;
    }
    if (!isWord && octet !== LF && (octet !== CR || next !== LF)) out.octets[out.length++] = folded[octet] ?? 0;
    at = isWord ? word.next : at + 1;
  }
  return true;
}

/** Writes the word that begins there and those behind it with nothing but blanks between; false if one is unusual. */
function writeWordsAt(out: OctetWriter, octets: Buffer, at: number, end: number): boolean {
  const before = out.length;
  if (!findWord(octets, at, end)) return false;
  if (writeWords(out, octets, end)) return true;
  out.length = before;
  const wordsEnd = endOfWords(octets, at, end);
  if (wordsEnd < 0) return false;
  word.next = wordsEnd;
  // What is before and behind them is ASCII, or words of their own: nothing joins across the ends when it is folded.
  const text = foldedWords(octets.toString('latin1', at, wordsEnd));
  // At most three octets for each unit of UTF-16, and what is behind them may need as much as at first.
  out.need(text.length * 3 + (end - wordsEnd) * 3);
  out.length += out.octets.write(text, out.length, 'utf8');
  return true;
}

/** The end of the last of the words that stand together; -1 if one of them is unusual. */
function endOfWords(octets: Buffer, start: number, end: number): number {
  for (let at = start; ; ) {
    if (!findWord(octets, at, end)) return -1;
    const { next } = word;
    at = next;
    while (at < end && isBlank(octets[at])) at += 1;
    if (at + 1 >= end || octets[at] !== EQUALS || octets[at + 1] !== QUESTION) return next;
  }
}

/** Writes the word that was found and those behind it; false where they are not of Latin-1, or unusual. */
function writeWords(out: OctetWriter, octets: Buffer, end: number): boolean {
  waiting = 0;
  for (;;) {
    const { isKnown, isUtf8, next } = word;
    if (!isKnown || !(word.isBase64 ? writeBase64(out, octets) : writeQuoted(out, octets))) return false;
    let at = next;
    while (at < end && isBlank(octets[at])) at += 1;
    const more = at + 1 < end && octets[at] === EQUALS && octets[at + 1] === QUESTION;
    if (more && !findWord(octets, at, end)) return false;
    // A character may be cut between words of one character set.
    if (waiting !== 0 && (!more || word.isUtf8 !== isUtf8)) return false;
    if (more) continue;
    word.next = next;
    return true;
  }
}

/** `=?charset?encoding?text?=`. Languages, line ends and 8-bit octets are unusual. `isKnown`: the character set is, here. */
function findWord(octets: Buffer, start: number, end: number): boolean {
  const charset = start + 2;
  let at = charset;
  while (at < end && isText[octets[at] ?? 0] === 1 && octets[at] !== ASTERISK) at += 1;
  if (at === charset || at - charset > MAX_NAME_OCTETS) return false;
  word.isUtf8 = isName(octets, charset, at, UTF_8);
  word.isKnown = word.isUtf8 || isName(octets, charset, at, ISO_8859_1) || isName(octets, charset, at, US_ASCII);
  const encoding = (octets[at + 1] ?? 0) | 0x20;
  if (at + 3 >= end || octets[at] !== QUESTION || octets[at + 2] !== QUESTION) return false;
  if (encoding !== B && encoding !== Q) return false;
  word.isBase64 = encoding === B;
  word.start = at + 3;
  at += 3;
  while (at < end && isText[octets[at] ?? 0] === 1) at += 1;
  word.end = at;
  word.next = at + 2;
  return at + 1 < end && octets[at] === QUESTION && octets[at + 1] === EQUALS;
}

function isName(octets: Buffer, start: number, end: number, name: Buffer): boolean {
  if (end - start !== name.length) return false;
  for (let at = 0; at < name.length; at += 1) {
    const octet = octets[start + at] ?? 0;
    if ((octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet) !== name[at]) return false;
  }
  return true;
}

function writeQuoted(out: OctetWriter, octets: Buffer): boolean {
  const { start, end } = word;
  for (let at = start; at < end; at += 1) {
    const octet = octets[at] ?? 0;
    const code = octet === EQUALS && at + 2 < end ? hexAt(octets, at + 1) : -1;
    if (code >= 0) at += 2;
    if (!writeDecoded(out, code >= 0 ? code : octet === UNDERSCORE ? SPACE : octet)) return false;
  }
  return true;
}

/** The octet that two hexadecimal digits tell; below zero for anything else. */
function hexAt(octets: Buffer, at: number): number {
  return (hexValue[octets[at] ?? 0] ?? 0) * 16 + (hexValue[octets[at + 1] ?? 0] ?? 0);
}

function writeBase64(out: OctetWriter, octets: Buffer): boolean {
  const { start } = word;
  let { end } = word;
  if ((end - start) % 4 !== 0) return false;
  for (let padding = 0; padding < 2 && end > start && octets[end - 1] === EQUALS; padding += 1) end -= 1;
  let bits = 0;
  let count = 0;
  for (let at = start; at < end; at += 1) {
    const value = base64Value[octets[at] ?? 0] ?? -1;
    if (value < 0) return false;
    bits = ((bits << 6) | value) & 0xfff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    if (!writeDecoded(out, (bits >> count) & 0xff)) return false;
  }
  return true;
}

/** Writes what a decoded octet makes of the text; false where that is no character of Latin-1 as it is. */
function writeDecoded(out: OctetWriter, octet: number): boolean {
  let character = octet;
  if (word.isUtf8 && octet > 0x7f) {
    if (waiting === 0) {
      waiting = octet;
      return octet === FIRST_LEAD || octet === LAST_LEAD;
    }
    if (octet > LAST_TRAIL) return false;
    character = ((waiting & 0x03) << 6) | (octet & 0x3f);
    waiting = 0;
  } else if (waiting !== 0 || (octet > 0x7f && octet < FIRST_OF_LATIN_1)) return false;
  const written = folded[character] ?? NOT_PLAIN;
  if (written === NOT_PLAIN) return false;
  writeCharacter(out, written);
  const accent = accents[character] ?? 0;
  if (accent !== 0) writeCharacter(out, accent);
  return true;
}

/** Writes a character below U+0800. */
function writeCharacter(out: OctetWriter, code: number): void {
  if (code >= 0x80) out.octets[out.length++] = 0xc0 | (code >> 6);
  out.octets[out.length++] = code >= 0x80 ? 0x80 | (code & 0x3f) : code;
}

function isBlank(octet: number | undefined): boolean {
  return octet === SPACE || octet === TAB || octet === LF || octet === CR;
}

const [TAB, LF, CR, SPACE] = [0x09, 0x0a, 0x0d, 0x20];
const [EQUALS, QUESTION, UNDERSCORE, B, Q] = [0x3d, 0x3f, 0x5f, 0x62, 0x71];
/** What UTF-8 begins the characters from U+0080 to U+00FF with, and the last octet that follows. */
const [FIRST_LEAD, LAST_LEAD, LAST_TRAIL] = [0xc2, 0xc3, 0xbf];
/** Mail that says iso-8859-1 means windows-1252 by what is below. */
const FIRST_OF_LATIN_1 = 0xa0;

const ASTERISK = 0x2a;
/** Longer names of character sets are not looked at (encoded-words.ts). */
const MAX_NAME_OCTETS = 40;
const UTF_8 = Buffer.from('utf-8');
const ISO_8859_1 = Buffer.from('iso-8859-1');
const US_ASCII = Buffer.from('us-ascii');

/** What a character of Latin-1 is folded to, without its accent; NOT_PLAIN for those that have another compatible spelling. */
const NOT_PLAIN = 0x100;
const decomposed = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code).normalize('NFD'));
const folded = Uint16Array.from(decomposed, (characters) =>
  characters.normalize('NFKD') === characters ? characters.toLowerCase().charCodeAt(0) : NOT_PLAIN,
);
/** Its accent; 0 without one. */
const accents = Uint16Array.from(decomposed, (characters) => (characters.length > 1 ? characters.charCodeAt(1) : 0));

function tableOf(hold: (octet: number) => number): Int16Array {
  return Int16Array.from({ length: 256 }, (_, octet) => hold(octet));
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const NO_DIGIT = -1_000;
const isText = tableOf((octet) => (octet > 0x20 && octet < 0x7f && octet !== QUESTION ? 1 : 0));
const base64Value = tableOf((octet) => (octet > 0x7f ? -1 : BASE64.indexOf(String.fromCharCode(octet))));
const hexValue = tableOf((octet) => {
  const digit = '0123456789abcdef'.indexOf(String.fromCharCode(octet).toLowerCase());
  return digit < 0 ? NO_DIGIT : digit;
});
