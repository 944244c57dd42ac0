/**
 * Character sets: octets to text. TextDecoder first, because it is fast and knows what mail uses; iconv-lite for the
 * few it does not know. Names come from mail and from clients and are looked up in tables only.
 */
import iconv from 'iconv-lite';

/** Decodes a text that comes in pieces. Octets that are not of the character set become U+FFFD. */
export interface StreamDecoder {
  decode(octets: Buffer): string;
  /** Gives what was held back. */
  end(): string;
}

/** Longer names than any registered one are not looked up. */
const MAX_NAME_LENGTH = 40;

/** Each costs a decoder's set-up; mail of one folder uses a handful. */
const known = new Map<string, (() => StreamDecoder) | undefined>();
const MAX_KNOWN = 200;

/** Makes a decoder for a character set by name; undefined when it is not known. */
export function streamDecoder(charset: string): StreamDecoder | undefined {
  return decoderMaker(charset)?.();
}

/** Tells whether texts in a character set can be decoded. */
export function isKnownCharset(charset: string): boolean {
  return decoderMaker(charset) !== undefined;
}

/** Decodes a whole text; in an unknown character set as UTF-8 where that is valid, else as windows-1252. */
export function decodeText(octets: Buffer, charset: string | undefined): string {
  const decoder = charset === undefined ? undefined : streamDecoder(charset);
  if (decoder === undefined) return decodeUnlabelled(octets);
  return decoder.decode(octets) + decoder.end();
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const windows1252 = new TextDecoder('windows-1252');

/** Decodes raw octets without a label: UTF-8 where that is valid, else windows-1252. */
export function decodeUnlabelled(octets: Buffer): string {
  try {
    return strictUtf8.decode(octets);
  } catch {
    // Not UTF-8: the most common other choice of programs that label nothing.
    return windows1252.decode(octets);
  }
}

function decoderMaker(charset: string): (() => StreamDecoder) | undefined {
  const name = charset.trim().toLowerCase();
  if (name.length > MAX_NAME_LENGTH || !/^[a-z0-9][a-z0-9._:+-]*$/.test(name)) return undefined;
  if (known.has(name)) return known.get(name);
  const maker = makerFor(name);
  if (known.size < MAX_KNOWN) known.set(name, maker);
  return maker;
}

function makerFor(name: string): (() => StreamDecoder) | undefined {
  const label = aliases.get(name) ?? name;
  if (isTextDecoderLabel(label)) {
    return () => {
      const decoder = new TextDecoder(label);
      return { decode: (octets) => decoder.decode(octets, { stream: true }), end: () => decoder.decode() };
    };
  }
  if (!iconv.encodingExists(label) || notText.has(label)) return undefined;
  return () => {
    const decoder = iconv.getDecoder(label);
    return { decode: (octets) => decoder.write(octets), end: () => decoder.end() ?? '' };
  };
}

/** Names of mail programs that TextDecoder has under another one. */
const aliases = new Map([
  ['utf8', 'utf-8'],
  ['cp932', 'shift_jis'],
  ['cp936', 'gbk'],
  ['cp949', 'euc-kr'],
  ['ks_c_5601-1987', 'euc-kr'],
  ['cp1252', 'windows-1252'],
  ['ansi_x3.110-1983', 'windows-1252'],
]);

/** iconv-lite counts these encodings of octets among the character sets. */
const notText = new Set(['base64', 'hex', 'binary', 'utf-7-imap', 'utf7imap']);

function isTextDecoderLabel(label: string): boolean {
  try {
    return new TextDecoder(label).encoding !== 'replacement';
  } catch {
    // TextDecoder has no other way to say that it does not know a label.
    return false;
  }
}
