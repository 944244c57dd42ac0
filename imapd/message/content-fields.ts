/**
 * What a part's Content-… fields say (RFC 2045, RFC 2183, RFC 3282, RFC 2557, RFC 1864), with defaults for what they
 * do not say. Strings are octets as Latin-1.
 */
import { FieldNames } from './field-names.js';
import { FieldScan } from './field-scan.js';
import { unfold } from './header.js';
import { MAX_BOUNDARY_OCTETS, MAX_PARAMETERS, MAX_VALUE_OCTETS } from './limits.js';
import { type Parameter, parseStructured, splitAt } from './parameters.js';

/** A value such as `attachment; filename=a.txt`. */
export interface Disposition {
  /** Lower case. */
  readonly type: string;
  readonly parameters: readonly Parameter[];
}

/** The fields that a body structure tells. Types and encoding in lower case. */
export interface ContentFields {
  readonly type: string;
  readonly subtype: string;
  readonly parameters: readonly Parameter[];
  readonly encoding: string;
  readonly id: string | undefined;
  readonly description: string | undefined;
  readonly md5: string | undefined;
  readonly disposition: Disposition | undefined;
  readonly languages: readonly string[] | undefined;
  readonly location: string | undefined;
}

/** What RFC 2045 section 5.2 says of a part that says nothing itself. */
export const plainText: ContentFields = {
  type: 'text',
  subtype: 'plain',
  parameters: [{ name: 'charset', value: 'us-ascii' }],
  encoding: '7bit',
  id: undefined,
  description: undefined,
  md5: undefined,
  disposition: undefined,
  languages: undefined,
  location: undefined,
};

/** The default inside multipart/digest (RFC 2046 section 5.1.5). */
export const digestEntry: ContentFields = { ...plainText, type: 'message', subtype: 'rfc822', parameters: [] };

type Found = { -readonly [Key in keyof ContentFields]: ContentFields[Key] | undefined };

/** Used by one header at a time. */
const scan = new FieldScan();

/** Reads the Content-… fields of a header, from `start` to `end`; of a field that is repeated the first counts. */
export function contentFields(octets: Buffer, start: number, end: number, defaults: ContentFields): ContentFields {
  let found: Found | undefined;
  scan.reset(octets, start, end);
  while (scan.next()) {
    const first = octets[scan.start];
    if (first !== 0x63 && first !== 0x43) continue;
    const number = names.numberAt(octets, scan.start, scan.nameEnd);
    const read = number === -1 ? undefined : readers[number]?.[1];
    if (read === undefined) continue;
    found ??= nothingFound();
    read(found, unfoldedValue(octets, scan.colon + 1, Math.min(scan.end, scan.colon + 1 + MAX_VALUE_OCTETS)));
  }
  if (found === undefined) return defaults;
  // Written out, because copies by spreading cost more than the rest of the work on a small part.
  return {
    type: found.type ?? defaults.type,
    subtype: found.subtype ?? defaults.subtype,
    parameters: found.parameters ?? defaults.parameters,
    encoding: found.encoding ?? defaults.encoding,
    id: found.id,
    description: found.description,
    md5: found.md5,
    disposition: found.disposition,
    languages: found.languages,
    location: found.location,
  };
}

function nothingFound(): Found {
  return {
    type: undefined,
    subtype: undefined,
    parameters: undefined,
    encoding: undefined,
    id: undefined,
    description: undefined,
    md5: undefined,
    disposition: undefined,
    languages: undefined,
    location: undefined,
  };
}

/** The unfolded value that lies there. Most values are one line, whose blanks are left out before a string is made. */
function unfoldedValue(octets: Buffer, start: number, end: number): string {
  let from = start;
  let to = end;
  while (from < to && isTrimmed(octets[from])) from += 1;
  while (to > from && isTrimmed(octets[to - 1])) to -= 1;
  const value = octets.toString('latin1', from, to);
  if (!value.includes('\n')) return value;
  return value.includes('\r') ? unfold(value) : value.replaceAll('\n', '');
}

function isTrimmed(octet: number | undefined): boolean {
  return octet === 0x20 || octet === 0x09 || octet === 0x0d || octet === 0x0a;
}

const readers: readonly (readonly [string, (found: Found, value: string) => void])[] = [
  ['content-type', readType],
  ['content-transfer-encoding', readEncoding],
  ['content-disposition', readDisposition],
  [
    'content-language',
    (found, value) => {
      const languages = splitAt(value, ',').map((language) => language.trim());
      found.languages ??= languages.filter((language) => language !== '').slice(0, MAX_PARAMETERS);
    },
  ],
  ['content-id', (found, value) => setOnce(found, 'id', value)],
  ['content-description', (found, value) => setOnce(found, 'description', value)],
  ['content-md5', (found, value) => setOnce(found, 'md5', value)],
  ['content-location', (found, value) => setOnce(found, 'location', value.replace(/\s+/g, ''))],
];

const names = new FieldNames(readers.map(([name]) => name));

function setOnce(found: Found, name: 'id' | 'description' | 'md5' | 'location', value: string): void {
  if (value !== '') found[name] ??= value;
}

/** What a Content-Type field says. */
interface ContentType {
  readonly type: string;
  readonly subtype: string;
  readonly parameters: readonly Parameter[];
}

/** Most messages say one of a few things; those were read before. A boundary or a name is said once only. */
const knownTypes = new Map<string, ContentType>();
const MAX_KNOWN_TYPES = 1_000;
const MAX_KNOWN_TYPE_OCTETS = 80;

function readType(found: Found, field: string): void {
  if (found.type !== undefined) return;
  const known = knownTypes.get(field);
  const read = known ?? parseType(field);
  // A type that cannot be read counts as if it were not there (RFC 2045 section 5.2).
  if (read === undefined) return;
  if (known === undefined && read.type !== 'multipart' && field.length <= MAX_KNOWN_TYPE_OCTETS) {
    if (knownTypes.size >= MAX_KNOWN_TYPES) knownTypes.clear();
    knownTypes.set(field, read);
  }
  found.type = read.type;
  found.subtype = read.subtype;
  found.parameters = read.parameters;
}

function parseType(field: string): ContentType | undefined {
  const { value, parameters } = parseStructured(field);
  const match = /^([^\s/()<>@,;:\\"[\]?=]+)\/([^\s/()<>@,;:\\"[\]?=]+)$/.exec(value.toLowerCase());
  if (match === null) return undefined;
  const [, type = '', subtype = ''] = match;
  // Without a boundary there is nothing to find in it.
  if (type === 'multipart' && boundaryOf(parameters) === undefined) return plainText;
  return { type, subtype, parameters };
}

/** The encodings as nearly all messages write them. */
const plainEncodings: ReadonlySet<string> = new Set(['7bit', '8bit', 'binary', 'base64', 'quoted-printable']);

function readEncoding(found: Found, value: string): void {
  const encoding = plainEncodings.has(value) ? value : parseStructured(value).value.toLowerCase();
  if (encoding !== '') found.encoding ??= encoding;
}

function readDisposition(found: Found, field: string): void {
  const { value, parameters } = parseStructured(field);
  if (value !== '') found.disposition ??= { type: value.toLowerCase(), parameters };
}

/** The boundary of a multipart; undefined when there is none that can be used. */
export function boundaryOf(parameters: readonly Parameter[]): string | undefined {
  const boundary = parameters.find((parameter) => parameter.name === 'boundary')?.value.trimEnd();
  return boundary === undefined || boundary === '' || boundary.length > MAX_BOUNDARY_OCTETS ? undefined : boundary;
}
