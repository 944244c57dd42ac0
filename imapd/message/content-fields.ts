/**
 * What a part's Content-… fields say (RFC 2045, RFC 2183, RFC 3282, RFC 2557, RFC 1864), with defaults for what they
 * do not say. Strings are octets as Latin-1.
 */
import { fieldPlaces, nameAt, valueAt } from './header.js';
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

/** Reads the Content-… fields of a header given as Latin-1; of a field that is repeated the first counts. */
export function contentFields(header: string, defaults: ContentFields): ContentFields {
  if (!/^content-/im.test(header)) return defaults;
  const found = nothingFound();
  for (const place of fieldPlaces(header)) {
    const first = header.charCodeAt(place.start);
    if (first !== 0x63 && first !== 0x43) continue;
    const read = readers.get(nameAt(header, place).toLowerCase());
    if (read !== undefined) read(found, valueAt(header, place, MAX_VALUE_OCTETS));
  }
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

const readers = new Map<string, (found: Found, value: string) => void>([
  ['content-type', readType],
  [
    'content-transfer-encoding',
    (found, value) => {
      const encoding = parseStructured(value).value.toLowerCase();
      if (encoding !== '') found.encoding ??= encoding;
    },
  ],
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
]);

function setOnce(found: Found, name: 'id' | 'description' | 'md5' | 'location', value: string): void {
  if (value !== '') found[name] ??= value;
}

function readType(found: Found, field: string): void {
  if (found.type !== undefined) return;
  const { value, parameters } = parseStructured(field);
  const match = /^([^\s/()<>@,;:\\"[\]?=]+)\/([^\s/()<>@,;:\\"[\]?=]+)$/.exec(value.toLowerCase());
  // A type that cannot be read counts as if it were not there (RFC 2045 section 5.2).
  if (match === null) return;
  found.type = match[1] ?? '';
  found.subtype = match[2] ?? '';
  found.parameters = parameters;
  // Without a boundary there is nothing to find in it.
  if (found.type !== 'multipart' || boundaryOf(parameters) !== undefined) return;
  found.type = plainText.type;
  found.subtype = plainText.subtype;
  found.parameters = plainText.parameters;
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
