/**
 * The file that authaccounts reads: one change in a line. Pure.
 *
 *     default uid=vmail gid=vmail home=/home/vmail/%d/%n      # for the lines below: %n ann, %d example.com, %u both
 *     create ann@example.com password="a secret" name="Ann Other"
 *     rename bob@example.com rob@example.com
 *     delete carl@example.com
 *
 * Words are separated by blanks; inside "…" a backslash stands before a quote or a backslash.
 */
import { hasControls } from '../octet-text.js';
import { FIELD_NAMES, type FieldName } from './account-book.js';

/** Fields as they were written, patterns not filled in. */
export type WrittenFields = ReadonlyMap<FieldName, string>;

/** What a line asks for. */
export type Request =
  | { readonly kind: 'default'; readonly fields: WrittenFields }
  | { readonly kind: 'create'; readonly name: string; readonly fields: WrittenFields }
  | { readonly kind: 'rename'; readonly name: string; readonly to: string; readonly fields: WrittenFields }
  | { readonly kind: 'delete'; readonly name: string };

/** A line of the file; `request` is a text that says what is wrong with it. */
export interface AccountLine {
  /** From 1. */
  readonly number: number;
  readonly request: Request | string;
  /** What lines below make of the name that this line leaves: the file was carried out when there is such an account. */
  readonly becomes?: string;
}

/** No name of an account is longer (RFC 5321 section 4.5.3.1: 64 octets, @, 255 octets). */
const MAX_NAME_CHARACTERS = 320;
/** Fields a default line may set, and that a rename may change. */
const DEFAULT_FIELDS: readonly FieldName[] = ['uid', 'gid', 'home', 'maildir', 'quota', 'options'];
const RENAME_FIELDS: readonly FieldName[] = ['home', 'maildir'];

/** Reads the whole file; comments and empty lines are no lines. */
export function parseAccountLines(text: string): AccountLine[] {
  const lines = text.split('\n').flatMap((line, index): AccountLine[] => {
    const words = wordsOf(line);
    if (typeof words !== 'string' && words.length === 0) return [];
    return [{ number: index + 1, request: typeof words === 'string' ? words : requestOf(words) }];
  });
  return withLaterNames(lines);
}

function withLaterNames(lines: readonly AccountLine[]): AccountLine[] {
  const later = new Map<string, string>();
  const named: AccountLine[] = [];
  for (const line of [...lines].reverse()) {
    const { request } = line;
    const kind = typeof request === 'string' ? 'none' : request.kind;
    const left =
      typeof request === 'string' || request.kind === 'default'
        ? ''
        : request.kind === 'rename'
          ? request.to
          : request.name;
    const becomes = later.get(left);
    named.push(becomes === undefined || kind === 'delete' ? line : { ...line, becomes });
    if (typeof request !== 'string' && request.kind === 'rename') later.set(request.name, becomes ?? request.to);
    if (kind === 'create' || kind === 'delete') later.delete(left);
  }
  return named.reverse();
}

/** Does a line hold a password in the clear, or a hash? */
export function holdsSecrets(lines: readonly AccountLine[]): boolean {
  return lines.some(({ request }) => {
    if (typeof request === 'string' || !('fields' in request)) return false;
    return request.fields.has('password') || request.fields.has('hash');
  });
}

/** Fills a pattern in: `/home/vmail/%d/%n`. @throws {RangeError} The name cannot be part of a path. */
export function fillPattern(pattern: string, name: string): string {
  const at = name.indexOf('@');
  const parts: Readonly<Record<string, string>> = {
    '%': '%',
    u: name,
    n: at < 0 ? name : name.slice(0, at),
    d: at < 0 ? '' : name.slice(at + 1),
  };
  return pattern.replace(/%(.?)/g, (whole, letter: string) => {
    const part = Object.hasOwn(parts, letter) ? (parts[letter] ?? '') : undefined;
    if (part === undefined) throw new RangeError(`${whole} is neither %n, %d nor %u`);
    if (part === '' || part.startsWith('.') || part.includes('/')) {
      throw new RangeError(`${whole} would be “${part}”, which cannot be part of a path`);
    }
    return part;
  });
}

/** The words of a line up to a comment, or what is wrong with them. */
function wordsOf(line: string): string[] | string {
  const words: string[] = [];
  const piece = /\s*(?:(#.*)|((?:[^\s"#]|"(?:[^"\\]|\\.)*"|(?<=\S)#)+))/y;
  let position = 0;
  while (line.slice(position).trim() !== '') {
    piece.lastIndex = position;
    const [whole, comment, word] = piece.exec(line) ?? [];
    if (whole === undefined) return 'a quote is not closed';
    if (comment !== undefined) break;
    words.push((word ?? '').replace(/"((?:[^"\\]|\\.)*)"/g, (_, inside: string) => inside.replace(/\\(.)/g, '$1')));
    position += whole.length;
  }
  return words;
}

function requestOf([verb = '', ...words]: readonly string[]): Request | string {
  if (verb === 'default') return withFields(words, DEFAULT_FIELDS, (fields) => ({ kind: 'default', fields }));
  const [name, ...more] = words;
  if (!['create', 'delete', 'rename'].includes(verb)) return `“${verb}” is neither create, delete, rename nor default`;
  const wrong = nameProblem(name);
  if (wrong !== undefined || name === undefined) return wrong ?? '';
  if (verb === 'delete') return more.length === 0 ? { kind: 'delete', name } : `“${more[0]}” is one word too many`;
  if (verb === 'create') return withFields(more, FIELD_NAMES, (fields) => ({ kind: 'create', name, fields }));
  const [to, ...rest] = more;
  const wrongTo = nameProblem(to);
  if (wrongTo !== undefined || to === undefined) return `the new name: ${wrongTo}`;
  if (to === name) return 'both names are the same';
  return withFields(rest, RENAME_FIELDS, (fields) => ({ kind: 'rename', name, to, fields }));
}

function nameProblem(name: string | undefined): string | undefined {
  if (name === undefined || name === '') return 'there is no name';
  if (name.length > MAX_NAME_CHARACTERS) return 'the name is too long';
  if (hasControls(name)) return 'the name holds control characters';
  return undefined;
}

function withFields(
  words: readonly string[],
  allowed: readonly FieldName[],
  make: (fields: WrittenFields) => Request,
): Request | string {
  const fields = new Map<FieldName, string>();
  for (const word of words) {
    const equals = word.indexOf('=');
    const name = allowed.find((each) => each === word.slice(0, equals));
    // What stands behind the = may be a password.
    if (name === undefined) return `“${equals < 0 ? word : word.slice(0, equals)}” is none of ${allowed.join(', ')}`;
    if (fields.has(name)) return `${name} is given twice`;
    const value = word.slice(equals + 1);
    if (hasControls(value)) return `${name} holds control characters`;
    fields.set(name, value);
  }
  if (fields.has('password') && fields.has('hash')) return 'a password and a hash are given';
  return make(fields);
}
