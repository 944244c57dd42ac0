/**
 * Character sets: octets to text. TextDecoder first, because it is fast and knows what mail uses; iconv-lite for the
 * few it does not know. Names come from mail and from clients and are looked up in tables only.
 */
import { isUtf8 } from 'node:buffer';
import iconv from 'iconv-lite';

/** Decodes a text that comes in pieces. Octets that are not of the character set become U+FFFD. */
export interface StreamDecoder {
  decode(octets: Buffer): string;
  /** Gives what was held back. */
  end(): string;
}

/** Longer names than any registered one are not looked up. */
const MAX_NAME_LENGTH = 40;

/** What is known of a character set. */
interface Charset {
  readonly stream: () => StreamDecoder;
  readonly whole: (octets: Buffer) => string;
  /** Octets of ASCII mean ASCII, whatever stands before them. */
  readonly asciiCompatible: boolean;
}

/** Each costs a decoder's set-up; mail of one folder uses a handful. */
const known = new Map<string, Charset | undefined>();
const MAX_KNOWN = 200;

/** Makes a decoder for a character set by name; undefined when it is not known. */
export function streamDecoder(charset: string): StreamDecoder | undefined {
  return charsetOf(charset)?.stream();
}

/** Tells whether texts in a character set can be decoded. */
export function isKnownCharset(charset: string): boolean {
  return charsetOf(charset) !== undefined;
}

/** Tells whether ASCII octets are ASCII text in a character set. Unknown ones are taken for such that do. */
export function isAsciiCompatible(charset: string | undefined): boolean {
  return charset === undefined || charsetOf(charset)?.asciiCompatible !== false;
}

/** Decodes a whole text; in an unknown character set as UTF-8 where that is valid, else as windows-1252. */
export function decodeText(octets: Buffer, charset: string | undefined): string {
  const found = charset === undefined ? undefined : charsetOf(charset);
  return found === undefined ? decodeUnlabelled(octets) : found.whole(octets);
}

const windows1252 = new TextDecoder('windows-1252');

/** Node 20 takes a whole text for iso-8859-1, and a piece of a text for what it is. No character has two octets. */
const decodeWindows1252 = (octets: Buffer): string => windows1252.decode(octets, { stream: true });

/** Decodes raw octets without a label: UTF-8 where that is valid, else windows-1252. */
export function decodeUnlabelled(octets: Buffer): string {
  // Where it is not UTF-8: the most common other choice of programs that label nothing.
  return isUtf8(octets) ? octets.toString('utf8') : decodeWindows1252(octets);
}

function charsetOf(charset: string): Charset | undefined {
  const written = known.get(charset);
  if (written !== undefined) return written;
  const name = charset.trim().toLowerCase();
  if (name.length > MAX_NAME_LENGTH || !/^[a-z0-9][a-z0-9._:+-]*$/.test(name)) return undefined;
  if (known.has(name)) return known.get(name);
  const found = describe(name);
  if (known.size < MAX_KNOWN) known.set(name, found);
  return found;
}

/** All of ASCII, and what other character sets begin another alphabet with. */
const PROBE = Buffer.from(`${String.fromCharCode(...Array(128).keys())}~{VPND~}+ADw-&ADw-\x1b$B0l\x1b(B\x0e!\x0f`);

function describe(name: string): Charset | undefined {
  const label = aliases.get(name) ?? name;
  const decoders = isTextDecoderLabel(label) ? platformDecoders(label) : libraryDecoders(label);
  if (decoders === undefined) return undefined;
  const { stream, whole } = decoders;
  // All of one shape, however they came about: code that is compiled for one is good for all.
  return { stream, whole, asciiCompatible: whole(PROBE) === PROBE.toString('latin1') };
}

type Decoders = Pick<Charset, 'stream' | 'whole'>;

function platformDecoders(label: string): Decoders {
  const forWhole = new TextDecoder(label);
  return {
    stream() {
      const decoder = new TextDecoder(label);
      return { decode: (octets) => decoder.decode(octets, { stream: true }), end: () => decoder.decode() };
    },
    whole: forWhole.encoding === 'windows-1252' ? decodeWindows1252 : (octets) => forWhole.decode(octets),
  };
}

function libraryDecoders(label: string): Decoders | undefined {
  if (!iconv.encodingExists(label) || notText.has(label)) return undefined;
  const stream = (): StreamDecoder => {
    const decoder = iconv.getDecoder(label);
    return { decode: (octets) => decoder.write(octets), end: () => decoder.end() ?? '' };
  };
  return {
    stream,
    whole(octets) {
      const decoder = stream();
      return decoder.decode(octets) + decoder.end();
    },
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
