/**
 * Strings of messages as they go on the wire: always valid IMAP, whatever the message holds.
 *
 * All strings are octets as Latin-1. Raw 8-bit text becomes RFC 2047 words in UTF-8, as Courier does, because clients
 * that did not ask for UTF-8 cannot read it otherwise; controls other than tabs become spaces.
 */
import { decodeUnlabelled } from './charset.js';
import { unfold } from './header.js';
import { MAX_QUOTED_OCTETS } from './limits.js';
import type { OctetWriter } from './octet-writer.js';

/** Writes `nstring`: NIL for undefined, else a string. */
export function nstring(value: string | undefined): string {
  return value === undefined ? 'NIL' : string(value);
}

/** Writes the value of a field, which lies from `start` to `end`, unfolded and as a string. */
export function writeValue(out: OctetWriter, octets: Buffer, start: number, end: number): void {
  let from = start;
  let to = end;
  while (from < to && isTrimmed(octets[from])) from += 1;
  while (to > from && isTrimmed(octets[to - 1])) to -= 1;
  const before = out.length;
  out.need(to - from + 2);
  const written = out.octets;
  let at = before;
  written[at++] = QUOTE;
  for (let index = from; index < to; index += 1) {
    const octet = octets[index] ?? 0;
    if (isQuotable[octet] === 1) written[at++] = octet;
    else if (octet !== LF && (octet !== CR || octets[index + 1] !== LF)) {
      out.text(string(unfold(octets.toString('latin1', from, to))));
      return;
    }
  }
  written[at++] = QUOTE;
  if (at - before > MAX_QUOTED_OCTETS) out.text(string(unfold(octets.toString('latin1', from, to))));
  else out.length = at;
}

/** Writes `string`. */
export function writeString(out: OctetWriter, value: string): void {
  const count = value.length;
  if (count > SHORT_STRING) {
    out.text(string(value));
    return;
  }
  out.need(count + 2);
  const written = out.octets;
  let at = out.length;
  written[at++] = QUOTE;
  for (let index = 0; index < count; index += 1) {
    const octet = value.charCodeAt(index);
    if (isQuotable[octet] !== 1) {
      out.text(string(value));
      return;
    }
    written[at++] = octet;
  }
  written[at++] = QUOTE;
  out.length = at;
}

/** Longer ones are looked at faster by the platform. */
const SHORT_STRING = 48;

/** 1 for octets that stand in a quoted string as they are. */
const isQuotable = Uint8Array.from({ length: 256 }, (_, octet) =>
  octet === 0x09 || (octet >= 0x20 && octet < 0x7f && octet !== 0x22 && octet !== 0x5c) ? 1 : 0,
);

function isTrimmed(octet: number | undefined): boolean {
  return octet === 0x20 || octet === 0x09 || octet === CR || octet === LF;
}

const LF = 0x0a;
const CR = 0x0d;
const QUOTE = 0x22;

/** Nearly no string has one of these, and strings are what most of an envelope is. */
const NEEDS_CARE = /[^\t\x20!\x23-\x5b\x5d-\x7e]/;

/** Writes `string`: quoted, or a literal when it is long. */
export function string(value: string): string {
  if (value.length <= MAX_QUOTED_OCTETS && !NEEDS_CARE.test(value)) return `"${value}"`;
  const clean = /[^\t\x20-\x7e]/.test(value) ? encodeRaw(value.replace(/[\x00-\x08\x0a-\x1f\x7f]/g, ' ')) : value;
  if (clean.length > MAX_QUOTED_OCTETS) return `{${clean.length}}\r\n${clean}`;
  return `"${clean.replace(/["\\]/g, '\\$&')}"`;
}

/** Encodes runs of words with 8-bit octets; spaces between two of them go into the encoded text. */
function encodeRaw(value: string): string {
  const written: string[] = [];
  let run: string[] = [];
  const flush = () => {
    if (run.length > 0) written.push(encodeWords(run.join(' ')));
    run = [];
  };
  for (const word of value.split(' ')) {
    if (/[\x80-\xff]/.test(word)) {
      run.push(word);
    } else {
      flush();
      written.push(word);
    }
  }
  flush();
  return written.join(' ');
}

/** Octets of UTF-8 in one encoded word: 75 characters (RFC 2047 section 2) without `=?utf-8?B?` and `?=`. */
const WORD_OCTETS = 45;

function encodeWords(run: string): string {
  const text = decodeUnlabelled(Buffer.from(run, 'latin1'));
  const words: string[] = [];
  let word = '';
  let wordOctets = 0;
  for (const character of text) {
    const octets = Buffer.byteLength(character);
    if (wordOctets + octets > WORD_OCTETS) {
      words.push(word);
      word = '';
      wordOctets = 0;
    }
    word += character;
    wordOctets += octets;
  }
  words.push(word);
  return words.map((each) => `=?utf-8?B?${Buffer.from(each).toString('base64')}?=`).join(' ');
}
