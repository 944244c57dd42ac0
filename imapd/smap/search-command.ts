/** SEARCH of SMAP: one criterion at a time (courier.md section 5.6), searched for as IMAP's SEARCH does. */
import { searchMessages } from '../search/search-run.js';
import { dayNumber, parseDate } from '../wire/date-time.js';
import type { SearchFlag, SearchKey } from '../wire/search-keys.js';
import { takeSet } from './message-set.js';
import { done, failed, INVALID, type SmapReply } from './replies.js';
import type { SmapSession } from './smap-session.js';
import { rangesOf } from './wording.js';

/** `SEARCH scope [NOT] criterion [arg…]` */
export async function search(smap: SmapSession, words: readonly string[]): Promise<SmapReply> {
  const key = keyOf(smap, words);
  if (key === undefined) return failed(`SEARCH failed: ${INVALID}`);
  const found = await searchMessages(smap.session, { charset: 'UTF-8', key });
  if (found.length > 0) smap.say(`* SEARCH ${rangesOf(found).join(' ')}`);
  return done('Search completed.');
}

function keyOf(smap: SmapSession, words: readonly string[]): SearchKey | undefined {
  const scope = scopeOf(smap, words);
  if (scope === undefined) return undefined;
  const [first = '', ...rest] = scope.rest;
  const negated = first.toUpperCase() === 'NOT';
  const [name = '', ...args] = negated ? rest : [first, ...rest];
  const criterion = criterionOf(name.toUpperCase(), args);
  if (criterion === undefined) return undefined;
  return { kind: 'and', keys: [scope.key, negated ? { kind: 'not', key: criterion } : criterion] };
}

interface Scope {
  readonly key: SearchKey;
  readonly rest: readonly string[];
}

function scopeOf(smap: SmapSession, words: readonly string[]): Scope | undefined {
  const [first = '', ...rest] = words;
  switch (first.toUpperCase()) {
    case 'ALL':
      return { key: { kind: 'all' }, rest };
    case 'MARKED':
    case 'UNMARKED':
      return { key: { kind: 'flag', bit: 'flagged', set: first.toUpperCase() === 'MARKED' }, rest };
  }
  const set = takeSet(words);
  if (set.ranges.length === 0) return undefined;
  const { count } = smap.selected;
  const existing = set.ranges
    .map(([low, high]) => ({ first: Math.max(1, low), last: Math.min(high, count) }))
    .filter((range) => range.first <= range.last);
  const key: SearchKey =
    existing.length === 0 ? { kind: 'not', key: { kind: 'all' } } : { kind: 'sequence set', set: existing };
  return { key, rest: set.rest };
}

const flagCriteria: Readonly<Record<string, SearchFlag>> = {
  REPLIED: 'answered',
  DELETED: 'deleted',
  DRAFT: 'draft',
  SEEN: 'seen',
};

const dateCriteria: ReadonlyMap<string, Pick<Extract<SearchKey, { compare: unknown }>, 'kind' | 'compare'>> = new Map([
  ['BEFORE', { kind: 'internal date', compare: 'before' }],
  ['ON', { kind: 'internal date', compare: 'on' }],
  ['SINCE', { kind: 'internal date', compare: 'since' }],
  ['SENTBEFORE', { kind: 'sent date', compare: 'before' }],
  ['SENTON', { kind: 'sent date', compare: 'on' }],
  // Courier says that this is none, in all versions; a client that asks for it wants an answer.
  ['SENTSINCE', { kind: 'sent date', compare: 'since' }],
]);

function criterionOf(name: string, [argument, second]: readonly string[]): SearchKey | undefined {
  const bit = Object.hasOwn(flagCriteria, name) ? flagCriteria[name] : undefined;
  if (bit !== undefined) return { kind: 'flag', bit, set: true };
  if (argument === undefined) return undefined;
  const text = Buffer.from(argument, 'utf8');
  const date = dateCriteria.get(name);
  if (date !== undefined) {
    const day = parseDate(argument);
    return day && { ...date, day: dayNumber(day) };
  }
  switch (name) {
    case 'KEYWORD':
      return { kind: 'keyword', keyword: argument, set: true };
    case 'FROM':
    case 'TO':
    case 'CC':
    case 'BCC':
    case 'SUBJECT':
      return { kind: 'header', field: name, text };
    case 'HEADER':
      return second === undefined
        ? undefined
        : { kind: 'header', field: argument.toUpperCase(), text: Buffer.from(second, 'utf8') };
    case 'BODY':
      return { kind: 'body', text };
    case 'TEXT':
      return { kind: 'text', text };
    case 'SMALLER':
    case 'LARGER':
      return /^\d{1,15}$/.test(argument)
        ? { kind: name === 'LARGER' ? 'larger' : 'smaller', octets: Number(argument) }
        : undefined;
    default:
      return undefined;
  }
}
