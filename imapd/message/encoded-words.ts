/**
 * Encoded words (RFC 2047) and raw 8-bit octets in header values: octets as Latin-1 to text.
 */
import { decodeText, decodeUnlabelled } from './charset.js';

/** `=?charset*language?encoding?text?=` */
const encodedWord = /=\?([^?\s*]{1,40})(?:\*[^?\s]{0,40})?\?([bq])\?([^?\s]*)\?=/gi;

const blanks = /^[ \t\r\n]*$/;

/** The octets of neighbouring words. Grows to the longest value that came. */
let joined = Buffer.allocUnsafeSlow(4_096);

/**
 * Decodes a value to text: RFC 2047 words, and raw 8-bit octets.
 *
 * Neighbouring words of one character set are decoded as one, since some programs cut inside a character. A word in
 * an unknown character set is taken as UTF-8 or windows-1252.
 */
export function decodeWords(value: string): string {
  if (!value.includes('=?')) return decodeRaw(value);
  if (joined.length < value.length) joined = Buffer.allocUnsafeSlow(value.length * 2);
  let text = '';
  let from = 0;
  let charset: string | undefined;
  let length = 0;
  encodedWord.lastIndex = 0;
  for (let match = encodedWord.exec(value); match !== null; match = encodedWord.exec(value)) {
    const between = value.slice(from, match.index);
    // White space between two words is there for folding only.
    const joins = charset !== undefined && blanks.test(between);
    const itsCharset = (match[1] ?? '').toLowerCase();
    if (charset !== undefined && (!joins || charset !== itsCharset)) {
      text += decodeText(joined.subarray(0, length), charset);
      length = 0;
    }
    if (!joins) text += decodeRaw(between);
    charset = itsCharset;
    length = addWord(match[2] ?? '', match[3] ?? '', length);
    from = match.index + match[0].length;
  }
  if (charset !== undefined) text += decodeText(joined.subarray(0, length), charset);
  return text + decodeRaw(value.slice(from));
}

/** Puts the octets of a word behind the others; gives where they end. There are fewer of them than characters. */
function addWord(encoding: string, text: string, start: number): number {
  if (encoding === 'b' || encoding === 'B') return start + joined.write(text, start, 'base64');
  let to = start;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    const escaped = code === EQUALS ? hexValue(text.charCodeAt(at + 1)) * 16 + hexValue(text.charCodeAt(at + 2)) : -1;
    if (escaped >= 0) at += 2;
    joined[to++] = escaped >= 0 ? escaped : code === UNDERSCORE ? SPACE : code;
  }
  return to;
}

/** Far below zero for what is no hexadecimal digit. */
function hexValue(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code & 0xdf;
  return letter >= 0x41 && letter <= 0x46 ? letter - 0x37 : -1_000;
}

function decodeRaw(value: string): string {
  return /[\x80-\xff]/.test(value) ? decodeUnlabelled(Buffer.from(value, 'latin1')) : value;
}

const SPACE = 0x20;
const EQUALS = 0x3d;
const UNDERSCORE = 0x5f;
