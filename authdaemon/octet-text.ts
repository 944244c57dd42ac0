/**
 * Octets as text and back without loss: UTF-8, and each octet that is not UTF-8 as one lone surrogate (U+DC80 to
 * U+DCFF), which no real text holds.
 *
 * Login names and passwords are text for everyone here, yet an old client's Latin-1 password must reach the hash as the
 * octets it was sent as.
 */
import { isUtf8 } from 'node:buffer';

const ESCAPE_BASE = 0xdc00;
const LONE_ESCAPE = /[\udc80-\udcff]/u;

/** Decodes octets; the result goes back to the same octets with octetsFromText. */
export function textFromOctets(octets: Buffer): string {
  if (isUtf8(octets)) return octets.toString('utf8');
  let text = '';
  let position = 0;
  while (position < octets.length) {
    const length = sequenceLength(octets, position);
    text +=
      length === 0
        ? String.fromCharCode(ESCAPE_BASE + (octets[position] ?? 0))
        : octets.toString('utf8', position, position + length);
    position += Math.max(length, 1);
  }
  return text;
}

/** Encodes text that textFromOctets made, or any other text. */
export function octetsFromText(text: string): Buffer {
  if (!LONE_ESCAPE.test(text)) return Buffer.from(text, 'utf8');
  const pieces: Buffer[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    const escaped = code >= ESCAPE_BASE + 0x80 && code <= ESCAPE_BASE + 0xff;
    pieces.push(escaped ? Buffer.of(code - ESCAPE_BASE) : Buffer.from(character, 'utf8'));
  }
  return Buffer.concat(pieces);
}

/** Tells whether text holds octets that would break a line or a field: controls and DEL. */
export function hasControls(text: string): boolean {
  return /[\x00-\x1f\x7f]/.test(text);
}

/** Gives how many octets the UTF-8 character at `position` takes; 0 when there is none. */
function sequenceLength(octets: Buffer, position: number): number {
  for (let length = 1; length <= 4 && position + length <= octets.length; length += 1) {
    if (isUtf8(octets.subarray(position, position + length))) return length;
  }
  return 0;
}
