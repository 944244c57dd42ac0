/**
 * How SMAP tells what has changed in the open folder (courier.md section 5.3): `* EXPUNGE 1-10 20`, whose numbers are all
 * those before the line, `* EXISTS 5`, `* FETCH 3 FLAGS=SEEN "KEYWORDS=a,b"`.
 */
import { ANSWERED, DELETED, DRAFT, FLAGGED, type FlagBits, SEEN } from '../../maildir/flags.js';
import type { MessageFlags, UpdateWording } from '../mailbox/mailbox-updates.js';
import { quoted } from './words.js';

/** In the order in which they are written. */
const flagNames: readonly (readonly [FlagBits, string])[] = [
  [DRAFT, 'DRAFT'],
  [FLAGGED, 'MARKED'],
  [ANSWERED, 'REPLIED'],
  [SEEN, 'SEEN'],
  [DELETED, 'DELETED'],
];

/** Ranges in one line: a client's line buffer is small. */
const RANGES_PER_LINE = 100;

/** `FLAGS=SEEN,MARKED` */
export function flagsAttribute(bits: FlagBits): string {
  const names = flagNames.filter(([bit]) => (bits & bit) !== 0).map(([, name]) => name);
  return `FLAGS=${names.join(',')}`;
}

/** `"KEYWORDS=a,b"`. A comma in a keyword would look like two of them. */
export function keywordsAttribute(keywords: readonly string[]): string {
  return quoted(`KEYWORDS=${keywords.map((keyword) => keyword.replaceAll(',', '_')).join(',')}`);
}

/** The flags that a comma list names; unknown ones are passed over. */
export function flagsFromList(list: string): FlagBits {
  const wanted = new Set(list.toUpperCase().split(','));
  return flagNames.reduce((bits, [bit, name]) => (wanted.has(name) ? bits | bit : bits), 0);
}

/** The bit of one flag by its name; undefined when there is none of that name. */
export function flagByName(name: string): FlagBits | undefined {
  return flagNames.find(([, known]) => known === name.toUpperCase())?.[0];
}

/** Ascending numbers as ranges: `1-3 7`. */
export function rangesOf(numbers: Iterable<number>): string[] {
  const ranges: [first: number, last: number][] = [];
  for (const number of numbers) {
    const previous = ranges.at(-1);
    if (previous !== undefined && previous[1] === number - 1) previous[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`));
}

function expungeLines(rows: readonly number[]): string {
  let lines = '';
  let rest = rows;
  for (let gone = 0; rest.length > 0; ) {
    const before = gone;
    const ranges = rangesOf(rest.map((row) => row + 1 - before)).slice(0, RANGES_PER_LINE);
    lines += `* EXPUNGE ${ranges.join(' ')}\n`;
    const told = ranges.reduce((sum, range) => sum + lengthOf(range), 0);
    gone += told;
    rest = rest.slice(told);
  }
  return lines;
}

function lengthOf(range: string): number {
  const [first = 0, last = first] = range.split('-').map(Number);
  return last - first + 1;
}

function flagsLine(sequenceNumber: number, flags: MessageFlags, keywords: boolean): string {
  const words = [flagsAttribute(flags.bits), ...(keywords ? [keywordsAttribute(flags.keywords)] : [])];
  return `* FETCH ${sequenceNumber} ${words.join(' ')}\n`;
}

/** The words for a session with or without keywords. */
export function smapWording(keywords: boolean): UpdateWording {
  return {
    describesMailbox: false,
    expunged: expungeLines,
    exists: (exists, _recent, arrived) => (arrived ? `* EXISTS ${exists}\n` : ''),
    flags: (sequenceNumber, flags) => flagsLine(sequenceNumber, flags, keywords),
  };
}
