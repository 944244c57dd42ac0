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
  const text = field.length > MAX_VALUE_OCTETS ? field.slice(0, MAX_VALUE_OCTETS) : field;
  return parsePlain(text) ?? parseAny(text);
}

/**
 * The same for fields as nearly all messages have them: no comments, no backslashes, quotes around whole values only.
 * Undefined for all others. Finding places in the text is several times faster than looking at each character.
 */
function parsePlain(text: string): StructuredValue | undefined {
  if (text.includes('(') || text.includes('\\')) return undefined;
  const firstEnd = endOfSegment(text, 0);
  const first = text.slice(0, firstEnd);
  if (first.includes('"')) return undefined;
  const pieces: Parameter[] = [];
  let segments = 0;
  for (let start = firstEnd + 1; start <= text.length; segments += 1) {
    if (segments === MAX_PARAMETERS) return undefined;
    const equals = text.indexOf('=', start);
    let end = endOfSegment(text, start);
    const named = equals !== -1 && equals < end;
    const name = text.slice(start, named ? equals : end);
    if (name.includes('"')) return undefined;
    if (named) {
      const quote = startOfQuotes(text, equals + 1);
      const close = quote === -1 ? -1 : text.indexOf('"', quote + 1);
      if (quote !== -1 && close === -1) return undefined;
      end = quote === -1 ? end : endOfSegment(text, close + 1);
      if (text.slice(quote === -1 ? equals + 1 : close + 1, end).includes('"')) return undefined;
      const value = quote === -1 ? text.slice(equals + 1, end).trim() : text.slice(quote + 1, close);
      const shown = name.trim().toLowerCase();
      if (shown !== '') pieces.push({ name: shown, value });
    }
    start = end + 1;
  }
  return { value: first.replace(/\s+/g, ''), parameters: joinPieces(pieces) };
}

function endOfSegment(text: string, start: number): number {
  const semicolon = text.indexOf(';', start);
  return semicolon === -1 ? text.length : semicolon;
}

/** The place of a quote with nothing but blanks before it; -1 if something else is there. */
function startOfQuotes(text: string, start: number): number {
  let at = start;
  while (text.charCodeAt(at) === 0x20 || text.charCodeAt(at) === 0x09) at += 1;
  return text.charCodeAt(at) === 0x22 ? at : -1;
}

function parseAny(text: string): StructuredValue {
  const segments = splitAt(text, ';');
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
  if (areWhole(pieces)) return pieces;
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

/** Whether no parameter is a piece of one, and none is there twice: then they are what they are. */
function areWhole(pieces: readonly Parameter[]): boolean {
  if (pieces.length > MAX_COMPARED) return false;
  for (let index = 0; index < pieces.length; index += 1) {
    const name = pieces[index]?.name ?? '';
    if (name.includes('*')) return false;
    for (let before = 0; before < index; before += 1) if (pieces[before]?.name === name) return false;
  }
  return true;
}

/** More parameters than this are told apart by a map. */
const MAX_COMPARED = 6;

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
