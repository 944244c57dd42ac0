/**
 * The arguments of SORT and THREAD (RFC 5256 section 5, RFC 5957 for the keys of display names).
 */
import type { Cursor } from './cursor.js';
import { nameWord, SyntaxFailure } from './failures.js';
import { MAX_SORT_KEYS } from './limits.js';
import { parseReturnOptions, type ReturnOptions } from './return-options.js';
import { parseKeys, requireFuzzy, type SearchKey } from './search-keys.js';

const sortKeys = [
  'ARRIVAL',
  'CC',
  'DATE',
  'DISPLAYFROM',
  'DISPLAYTO',
  'FROM',
  'RELEVANCY',
  'SIZE',
  'SUBJECT',
  'TO',
] as const;
const threadAlgorithms = ['ORDEREDSUBJECT', 'REFERENCES', 'REFS'] as const;

export interface SortCriterion {
  readonly key: (typeof sortKeys)[number];
  readonly reverse: boolean;
}

export interface SortProgram {
  /** At least one; the first decides. */
  readonly criteria: readonly SortCriterion[];
  readonly charset: string;
  readonly key: SearchKey;
  readonly return?: ReturnOptions;
}

export interface ThreadProgram {
  readonly algorithm: (typeof threadAlgorithms)[number];
  readonly charset: string;
  readonly key: SearchKey;
}

/** `sort = "SORT" SP sort-criteria SP search-criteria`, from the space behind the command's name to its end. */
export function parseSort(cursor: Cursor): SortProgram {
  const options = parseReturnOptions(cursor);
  cursor.sp();
  const criteria = cursor.parenthesised(() => parseCriterion(cursor), { most: MAX_SORT_KEYS });
  if (criteria.length === 0) throw new SyntaxFailure('SORT needs at least one key.');
  const program = { criteria, ...parseCriteria(cursor) };
  const wantsRelevancy =
    options?.words.includes('RELEVANCY') === true || criteria.some(({ key }) => key === 'RELEVANCY');
  if (wantsRelevancy) requireFuzzy(program.key);
  return options === undefined ? program : { ...program, return: options };
}

/** `thread = "THREAD" SP thread-alg SP search-criteria`, from the space behind the command's name to its end. */
export function parseThread(cursor: Cursor): ThreadProgram {
  cursor.sp();
  const word = cursor.atom();
  const algorithm = threadAlgorithms.find((known) => known === word.toUpperCase());
  if (algorithm === undefined) throw new SyntaxFailure(`Unknown threading algorithm ${nameWord(word)}.`);
  return { algorithm, ...parseCriteria(cursor) };
}

/** `sort-criterion = ["REVERSE" SP] sort-key` */
function parseCriterion(cursor: Cursor): SortCriterion {
  const reverse = cursor.take('REVERSE ');
  const word = cursor.atom();
  const key = sortKeys.find((known) => known === word.toUpperCase());
  if (key === undefined) throw new SyntaxFailure(`Unknown sort key ${nameWord(word)}.`);
  return { key, reverse };
}

/** `search-criteria = charset 1*(SP search-key)` */
function parseCriteria(cursor: Cursor): { charset: string; key: SearchKey } {
  cursor.sp();
  const charset = cursor.astring().toString('latin1');
  cursor.sp();
  return { charset, key: parseKeys(cursor) };
}
