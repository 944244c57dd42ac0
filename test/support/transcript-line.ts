/**
 * Lines of a transcript against lines that came: `...`, `$name`, answers in order and answers in any order.
 *
 * Lines are compared as octets, held in latin1 strings. It knows nothing of connections.
 */
import type { ExpectedLine } from './transcript.js';

/** What `$name` stood for. */
export type Remembered = ReadonlyMap<string, string>;

const VARIABLE = /\$([a-z][A-Za-z0-9]*)/g;
/** What a `$name` can stand for: a word of the protocol, without the marks around it. */
const WORD = '[^\\s()\\[\\]"]+';

/** UTF-8 text of a transcript as the octets on the wire, one character each. */
export function asOctets(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** Octets for people: printable UTF-8 as it is, everything else as `\xHH`. */
export function readable(octets: string): string {
  const text = Buffer.from(octets, 'latin1').toString('utf8');
  const shown = text.includes('\ufffd') ? octets.replace(/[\x80-\xff]/g, hexadecimal) : text;
  return shown.replace(/[\x00-\x1f\x7f]/g, hexadecimal);
}

function hexadecimal(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

/**
 * What two servers may write differently and mean the same: quotes around a plain word, the order of flags, a blank at
 * the end. \Recent depends on what each server's index has seen, and RFC 9051 has given it up.
 */
export function sameForAll(line: string): string {
  return line
    .replace(/"([A-Za-z0-9_.$-]+)"/g, '$1')
    .replace(/(FLAGS) \(([^()]*)\)/g, (_, word: string, flags: string) => `${word} (${sortedFlags(flags)})`)
    .replace(/ +$/, '');
}

function sortedFlags(flags: string): string {
  const kept = flags.split(' ').filter((flag) => flag !== '\\Recent' && flag !== '');
  return kept.sort().join(' ');
}

/** A line to send: each `$name` that is known becomes what it stood for. `$label1` and its kin stay. */
export function fillIn(text: string, remembered: Remembered): string {
  return asOctets(text).replace(VARIABLE, (whole, name: string) => remembered.get(name) ?? whole);
}

/**
 * Compares one line.
 *
 * @returns what is remembered after it, or undefined when the line is another one.
 */
export function matchLine(expected: string, received: string, remembered: Remembered): Remembered | undefined {
  const names: string[] = [];
  const pattern = asOctets(expected)
    .split(/(\.\.\.|\$[a-z][A-Za-z0-9]*)/)
    .map((piece, index) => (index % 2 === 0 ? escapePattern(piece) : wildcard(piece, remembered, names)))
    .join('');
  const found = new RegExp(`^${pattern}$`, 's').exec(received);
  if (found === null) return undefined;
  if (names.length === 0) return remembered;
  return new Map([...remembered, ...names.map((name, index) => [name, found[index + 1] ?? ''] as const)]);
}

function wildcard(piece: string, remembered: Remembered, names: string[]): string {
  if (piece === '...') return '.*';
  const name = piece.slice(1);
  const value = remembered.get(name);
  if (value !== undefined) return escapePattern(value);
  const seen = names.indexOf(name);
  if (seen >= 0) return `\\${seen + 1}`;
  names.push(name);
  return `(${WORD})`;
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}

/** Takes the lines of one answer one by one. */
export interface AnswerMatcher {
  /** @returns 'over' when the answer is complete, 'more' when lines are missing, 'wrong' when this line cannot be. */
  take(received: string): 'more' | 'over' | 'wrong';
  /** What is remembered once the answer is over. */
  readonly remembered: Remembered;
  /** The lines that could come next, or that are still missing. */
  readonly missing: readonly ExpectedLine[];
}

/** The tag of the line that ends an answer, with its space; undefined for `*`, `+` and unknown ones. */
function closingTag(lines: readonly ExpectedLine[]): string | undefined {
  const tag = /^([^\s*+.$]+) /.exec(lines.at(-1)?.text ?? '')?.[1];
  return tag === undefined ? undefined : `${tag} `;
}

interface Position {
  readonly index: number;
  readonly remembered: Remembered;
}

/**
 * Lines in the order of the file. Since `...` may stand for any number of lines, all the places where the answer can be
 * are followed at once.
 */
export function orderedMatcher(lines: readonly ExpectedLine[], start: Remembered): AnswerMatcher {
  const closing = closingTag(lines);
  let remembered = start;
  let positions = afterSkips(lines, [{ index: 0, remembered: start }]);
  let missing: readonly ExpectedLine[] = lines.slice(0, 1);
  return {
    take(received) {
      missing = positions.flatMap(({ index }) => lines.slice(index, index + 1)).filter(({ text }) => text !== '...');
      const next = positions.flatMap((position) => step(lines, position, received));
      positions = afterSkips(lines, next);
      const end = next.find(({ index }) => index === lines.length);
      if (end !== undefined) remembered = end.remembered;
      if (end !== undefined) return 'over';
      if (positions.length === 0 || (closing !== undefined && received.startsWith(closing))) return 'wrong';
      missing = positions.flatMap(({ index }) => lines.slice(index, index + 1)).filter(({ text }) => text !== '...');
      return 'more';
    },
    get remembered() {
      return remembered;
    },
    get missing() {
      return missing;
    },
  };
}

function step(lines: readonly ExpectedLine[], { index, remembered }: Position, received: string): Position[] {
  const expected = lines[index];
  if (expected === undefined) return [];
  if (expected.text === '...') return [{ index, remembered }];
  const after = matchLine(expected.text, received, remembered);
  return after === undefined ? [] : [{ index: index + 1, remembered: after }];
}

/** A position before `...` is also one after it. */
function afterSkips(lines: readonly ExpectedLine[], positions: readonly Position[]): Position[] {
  const all = new Map<number, Position>();
  for (const position of positions) {
    for (let { index } = position; ; index += 1) {
      if (!all.has(index)) all.set(index, { index, remembered: position.remembered });
      if (lines[index]?.text !== '...') break;
    }
  }
  return [...all.values()];
}

/** `Order: free`: the lines before the last one come in any order. */
export function freeMatcher(lines: readonly ExpectedLine[], start: Remembered): AnswerMatcher {
  const closing = closingTag(lines);
  const last = lines.at(-1);
  let open = lines.slice(0, -1).filter(({ text }) => text !== '...');
  const othersAllowed = lines.some(({ text }) => text === '...');
  let remembered = start;
  return {
    take(received) {
      for (const expected of open) {
        const after = matchLine(expected.text, received, remembered);
        if (after === undefined) continue;
        remembered = after;
        open = open.filter((other) => other !== expected);
        return 'more';
      }
      const ended = open.length === 0 && last !== undefined ? matchLine(last.text, received, remembered) : undefined;
      if (ended !== undefined) {
        remembered = ended;
        return 'over';
      }
      if (closing !== undefined && received.startsWith(closing)) return 'wrong';
      return othersAllowed ? 'more' : 'wrong';
    },
    get remembered() {
      return remembered;
    },
    get missing() {
      return last === undefined ? open : [...open, last];
    },
  };
}

/**
 * Compares all that a command printed.
 *
 * @returns what is remembered after it, or the number of the first wrong line, counted from 0.
 */
export function matchAll(lines: readonly ExpectedLine[], received: readonly string[], start: Remembered) {
  let positions = afterSkips(lines, [{ index: 0, remembered: start }]);
  for (const [row, text] of received.entries()) {
    positions = afterSkips(
      lines,
      positions.flatMap((position) => step(lines, position, text)),
    );
    if (positions.length === 0) return { wrongAt: row };
  }
  const end = positions.find(({ index }) => index === lines.length);
  return end === undefined ? { wrongAt: received.length } : { remembered: end.remembered };
}
