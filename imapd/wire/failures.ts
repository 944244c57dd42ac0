/**
 * How the grammar says no. It knows neither tags nor responses: who catches a failure makes a BAD of it.
 */

/** What the client sent is not IMAP. The text is shown after BAD and holds no control octets and no secrets. */
export class SyntaxFailure extends Error {
  override readonly name = 'SyntaxFailure';
  /** A response code that says what it is. */
  readonly code: string | undefined;

  constructor(text: string, code?: string) {
    super(text);
    this.code = code;
  }
}

/** One octet as a text may show it: itself between quotes when it is printable, its number otherwise. */
export function nameOctet(octet: number | undefined): string {
  if (octet === undefined) return 'the end';
  if (octet === 0x20) return 'a space';
  if (octet < 0x20 || octet > 0x7e) return `octet 0x${octet.toString(16).padStart(2, '0')}`;
  return `"${String.fromCharCode(octet)}"`;
}

/** A word that the client sent, as a text may show it: printable, and cut when it is long. */
export function nameWord(word: string): string {
  const shown = word.replace(/[^\x20-\x7e]/g, '?');
  return shown.length > 32 ? `${shown.slice(0, 32)}...` : shown;
}
