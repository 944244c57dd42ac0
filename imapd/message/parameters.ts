/**
 * Structured MIME fields: `text/plain; charset=utf-8; name*0*=…` (RFC 2045 section 5.1, RFC 2231).
 *
 * All strings are octets as Latin-1.
 */
import { MAX_COMMENT_DEPTH, MAX_PARAMETERS, MAX_VALUE_OCTETS } from './limits.js';

/** A parameter; the name in lower case. An RFC 2231 value keeps its form, under a name that ends in `*`. */
export interface Parameter {
  readonly name: string;
  readonly value: string;
}

/** A field's first word or words, and its parameters. */
export interface StructuredValue {
  /** As written, without blanks and comments: `text/plain`, `attachment`. */
  readonly value: string;
  readonly parameters: readonly Parameter[];
}

/** Reads a structured field, taking what can be understood and passing over the rest. */
export function parseStructured(field: string): StructuredValue {
  const segments = splitAt(field.slice(0, MAX_VALUE_OCTETS), ';');
  const [first = '', ...rest] = segments;
  const pieces: Parameter[] = [];
  for (const segment of rest.slice(0, MAX_PARAMETERS)) {
    const equals = segment.indexOf('=');
    const name = segment.slice(0, Math.max(equals, 0)).trim().toLowerCase();
    if (name !== '') pieces.push({ name, value: unquote(segment.slice(equals + 1)) });
  }
  return { value: unquote(first).replace(/\s+/g, ''), parameters: joinPieces(pieces) };
}

/** Splits at a separator outside quotes; comments go. Linear, whatever is in it. */
export function splitAt(text: string, separator: string): string[] {
  if (!/["(\\]/.test(text)) return text.split(separator);
  const segments: string[] = [];
  let segment = '';
  let quoted = false;
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === '\\' && (quoted || depth > 0)) {
      if (quoted) segment += text.slice(at, at + 2);
      at += 1;
    } else if (depth > 0) {
      depth += character === '(' ? 1 : character === ')' ? -1 : 0;
    } else if (character === '"') {
      quoted = !quoted;
      segment += character;
    } else if (quoted) {
      segment += character;
    } else if (character === '(' && depth < MAX_COMMENT_DEPTH) {
      depth += 1;
    } else if (character === separator) {
      segments.push(segment);
      segment = '';
    } else {
      segment += character;
    }
  }
  segments.push(segment);
  return segments;
}

/** Takes blanks and quotes off a value; a closing quote may be missing. */
function unquote(value: string): string {
  const trimmed = value.trim();
  if (!trimmed.startsWith('"')) return trimmed;
  const content = /^"((?:[^"\\]|\\.)*)/.exec(trimmed)?.[1] ?? '';
  return content.replace(/\\(.)/g, '$1');
}

/** Puts RFC 2231 continuations (`name*0`, `name*1*`) together; of parameters with one name the first counts. */
function joinPieces(pieces: readonly Parameter[]): readonly Parameter[] {
  if (pieces.length < 2 && pieces[0]?.name.includes('*') !== true) return pieces;
  const whole = new Map<string, string>();
  const split = new Map<string, { value: string; extended: boolean }[]>();
  for (const { name, value } of pieces) {
    const match = /^([^*]+)\*(\d{1,3})(\*?)$/.exec(name);
    if (match === null) {
      if (!whole.has(name)) whole.set(name, value);
      continue;
    }
    const base = match[1] ?? '';
    const parts = split.get(base) ?? [];
    const number = Number(match[2]);
    if (number < MAX_PARAMETERS) parts[number] ??= { value, extended: match[3] === '*' };
    split.set(base, parts);
  }
  for (const [base, parts] of split) {
    const joined = joinParts(parts);
    if (joined !== undefined && !whole.has(base) && !whole.has(`${base}*`))
      whole.set(joined.extended ? `${base}*` : base, joined.value);
  }
  return Array.from(whole, ([name, value]) => ({ name, value }));
}

/** Joins pieces 0, 1, 2 … up to the first that is missing. If any is percent-encoded, the whole is. */
function joinParts(parts: readonly ({ value: string; extended: boolean } | undefined)[]) {
  const present: { value: string; extended: boolean }[] = [];
  for (const part of parts) {
    if (part === undefined) break;
    present.push(part);
  }
  if (present.length === 0) return undefined;
  const extended = present.some((part) => part.extended);
  const values = present.map((part, index) => {
    if (!extended || part.extended) return part.value;
    const encoded = part.value.replace(/[^A-Za-z0-9!#$&+.^_`{|}~-]/g, percent);
    return index === 0 ? `''${encoded}` : encoded;
  });
  return { value: values.join(''), extended };
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

/** Decodes an RFC 2231 value, `utf-8'en'na%C3%AFve`, to its character set and octets. */
export function decodeExtended(value: string): { charset: string | undefined; octets: Buffer } {
  const match = /^([^']*)'[^']*'(.*)$/s.exec(value);
  const encoded = match === null ? value : (match[2] ?? '');
  const octets = encoded.replace(/%([0-9a-f]{2})/gi, (_match: string, hex: string) => {
    return String.fromCharCode(Number.parseInt(hex, 16));
  });
  return { charset: match?.[1] || undefined, octets: Buffer.from(octets, 'latin1') };
}
