/** The arguments of GETMETADATA and SETMETADATA (RFC 5464 section 5), and how annotations are told. */
import type { Cursor } from './cursor.js';
import { Encoder } from './encoder.js';
import { nameWord, SyntaxFailure } from './failures.js';

/** How far below a name GETMETADATA looks. */
export type MetadataDepth = 0 | 1 | 'infinity';

/** What GETMETADATA asks for. */
export interface MetadataQuestion {
  /** Names in lower case. */
  readonly entries: readonly string[];
  readonly depth: MetadataDepth;
  /** Longer values are left out. */
  readonly maxSize: number | undefined;
}

/** A client that wants everything asks with a depth. */
const MAX_ENTRIES = 100;

/** Longer names are nobody's; the field has none beyond 100. */
const MAX_NAME_OCTETS = 1_024;

/**
 * `getmetadata-options = "(" getmetadata-option *(SP getmetadata-option) ")"`, which the grammar of RFC 5464 puts before
 * the mailbox, and its examples behind it. Undefined where there are none.
 */
export function parseMetadataOptions(cursor: Cursor): Omit<MetadataQuestion, 'entries'> | undefined {
  if (cursor.peekOctet() !== 0x28) return undefined;
  let depth: MetadataDepth = 0;
  let maxSize: number | undefined;
  cursor.parenthesised(
    () => {
      if (cursor.take('DEPTH ')) depth = parseDepth(cursor);
      else if (cursor.take('MAXSIZE ')) maxSize = cursor.number();
      else throw cursor.failure('DEPTH or MAXSIZE');
    },
    { most: 10 },
  );
  return { depth, maxSize };
}

function parseDepth(cursor: Cursor): MetadataDepth {
  const word = cursor.atom().toLowerCase();
  if (word === '0') return 0;
  if (word === '1') return 1;
  if (word === 'infinity') return 'infinity';
  throw new SyntaxFailure(`${nameWord(word)} is no depth: it is 0, 1 or infinity.`);
}

/** `entries = entry / "(" entry *(SP entry) ")"` */
export function parseEntries(cursor: Cursor): string[] {
  if (cursor.peekOctet() !== 0x28) return [parseEntry(cursor)];
  const entries = cursor.parenthesised(() => parseEntry(cursor), { most: MAX_ENTRIES });
  if (entries.length === 0) throw cursor.failure('the name of an annotation');
  return entries;
}

/**
 * `entry = astring`; RFC 5464 section 3.2 says what a name is. Names are not told apart by case.
 *
 *     /shared/comment    /private/vendor/vendor.dovecot/x
 */
export function parseEntry(cursor: Cursor): string {
  const name = cursor.astring().toString('latin1').toLowerCase();
  if (name.length > MAX_NAME_OCTETS) throw new SyntaxFailure('The name of the annotation is too long.');
  if (!/^\/(shared|private)(\/[^/*%\u0000-\u0019\u007f-\u00ff]+)*$/.test(name))
    throw new SyntaxFailure(`${nameWord(name)} is no name of an annotation: it begins with /shared/ or /private/.`);
  return name;
}

/** An entry and its new value; null removes it. */
export interface EntryValue {
  readonly name: string;
  readonly value: Buffer | null;
}

/** `entry-values = "(" entry-value *(SP entry-value) ")"`, `entry-value = entry SP value` */
export function parseEntryValues(cursor: Cursor): EntryValue[] {
  const values = cursor.parenthesised(
    () => {
      const name = parseEntry(cursor);
      cursor.sp();
      return { name, value: cursor.nstring() };
    },
    { most: MAX_ENTRIES },
  );
  if (values.length === 0) throw cursor.failure('an annotation');
  return values;
}

/** `* METADATA "INBOX" (/shared/comment "…")` (RFC 5464 section 4.4.1); undefined is a value that is not set. */
export function encodeMetadata(
  mailboxName: Buffer,
  values: readonly { readonly name: string; readonly value: Buffer | undefined }[],
): Buffer {
  const line = new Encoder().atom('* METADATA ').mailbox(mailboxName).atom(' (');
  for (const [index, { name, value }] of values.entries()) {
    if (index > 0) line.sp();
    entryName(line, name).sp();
    if (value === undefined) line.nil();
    else if (value.includes(0)) line.atom('~').literal(value);
    else line.nstring(value);
  }
  return line.atom(')').crlf();
}

/** `* METADATA "INBOX" /shared/comment` (RFC 5464 section 4.4.2): what was changed by others, without values. */
export function encodeMetadataNames(mailboxName: Buffer, names: readonly string[]): Buffer {
  const line = new Encoder().atom('* METADATA ').mailbox(mailboxName);
  for (const name of names) entryName(line.sp(), name);
  return line.crlf();
}

function entryName(line: Encoder, name: string): Encoder {
  return /^[!#$&'+,\-./0-9:;<=>?@A-Z[\]^_`a-z|}~]+$/.test(name) ? line.atom(name) : line.quoted(name);
}
