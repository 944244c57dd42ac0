/**
 * Mailbox names on the wire: modified UTF-7 (RFC 3501 section 5.1.3), strict in both directions.
 *
 * Two spellings of one name would be two names to a client and one folder on disk, so only the canonical one is read.
 * Names of clients that enabled UTF-8 become modified UTF-7 as they are read, and UTF-8 again as they are written.
 */

import { isUtf8 } from 'node:buffer';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,';

/**
 * Decodes a name: `Entw&APw-rfe` is `Entwürfe`.
 *
 * Undefined when it is not canonical modified UTF-7: unfinished or needless shifts, half surrogate pairs, bits left
 * over, control or 8-bit octets.
 */
export function decodeMailboxName(octets: Buffer | string): string | undefined {
  const encoded = typeof octets === 'string' ? octets : octets.toString('latin1');
  if (/[^\x20-\x7e]/.test(encoded)) return undefined;
  if (!encoded.includes('&')) return encoded;
  const name = encoded.replace(/&([^-]*)-/g, (_match: string, shifted: string) =>
    shifted === '' ? '&' : decodeShifted(shifted),
  );
  // Everything that is not canonical comes out differently when it is encoded again.
  return /\p{Surrogate}|\0/u.test(name) || encodeMailboxName(name) !== encoded ? undefined : name;
}

/** Encodes a name. Half surrogate pairs, which no decoded UTF-8 holds, are encoded as they are. */
export function encodeMailboxName(name: string): string {
  return name.replace(/&|[^\x20-\x7e]+/g, (run) => (run === '&' ? '&-' : `&${encodeShifted(run)}-`));
}

/** The modified UTF-7 of a name in UTF-8, where an ampersand is one; undefined where the octets are no UTF-8. */
export function encodedFromUtf8(octets: Buffer): Buffer | undefined {
  if (isTheSameInBoth(octets)) return octets;
  return isUtf8(octets) ? Buffer.from(encodeMailboxName(octets.toString('utf8')), 'latin1') : undefined;
}

/** The UTF-8 of a name in modified UTF-7. What cannot be decoded stays what it is. */
export function utf8FromEncoded(encoded: Buffer): Buffer {
  if (isTheSameInBoth(encoded)) return encoded;
  const name = decodeMailboxName(encoded);
  return name === undefined ? encoded : Buffer.from(name, 'utf8');
}

const AMPERSAND = 0x26;

function isTheSameInBoth(octets: Buffer): boolean {
  for (const octet of octets) if (octet === AMPERSAND || octet < 0x20 || octet > 0x7e) return false;
  return true;
}

function decodeShifted(shifted: string): string {
  let text = '';
  let bits = 0;
  let count = 0;
  for (const character of shifted) {
    const value = alphabet.indexOf(character);
    if (value === -1) return '\0';
    bits = (bits << 6) | value;
    count += 6;
    if (count < 16) continue;
    count -= 16;
    text += String.fromCharCode(bits >> count);
    bits &= (1 << count) - 1;
  }
  return text;
}

function encodeShifted(run: string): string {
  let encoded = '';
  let bits = 0;
  let count = 0;
  for (let at = 0; at < run.length; at += 1) {
    bits = (bits << 16) | run.charCodeAt(at);
    count += 16;
    while (count >= 6) {
      count -= 6;
      encoded += alphabet.charAt((bits >> count) & 63);
    }
    bits &= (1 << count) - 1;
  }
  return count === 0 ? encoded : encoded + alphabet.charAt((bits << (6 - count)) & 63);
}
