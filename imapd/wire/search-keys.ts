/**
 * What SEARCH can ask for, as a tree; SORT and THREAD use the same keys.
 *
 * It knows no messages. Texts stay in the octets of the client's character set.
 */
import type { Cursor } from './cursor.js';
import { dayNumber } from './date-time.js';
import { nameWord, SyntaxFailure } from './failures.js';
import { MAX_SEARCH_KEYS } from './limits.js';
import { parseReturnOptions, type ReturnOptions } from './return-options.js';
import type { SequenceSet } from './sequence-set.js';

export type DateComparison = 'before' | 'on' | 'since';

export type SearchKey =
  | { readonly kind: 'all' | 'recent' | 'new' | 'old' }
  | { readonly kind: 'and' | 'or'; readonly keys: readonly SearchKey[] }
  | { readonly kind: 'not' | 'fuzzy'; readonly key: SearchKey }
  | { readonly kind: 'filter'; readonly name: string }
  | { readonly kind: 'flag'; readonly bit: SearchFlag; readonly set: boolean }
  | { readonly kind: 'keyword'; readonly keyword: string; readonly set: boolean }
  | { readonly kind: 'larger' | 'smaller'; readonly octets: number }
  | { readonly kind: 'modseq'; readonly least: number }
  /** Object identifiers (RFC 8474). */
  | { readonly kind: 'email id' | 'thread id'; readonly id: string }
  /** `day` counts from 1 January 1970. */
  | {
      readonly kind: 'internal date' | 'sent date' | 'save date';
      readonly compare: DateComparison;
      readonly day: number;
    }
  /** `field` in upper case; an empty text means that the field is there. */
  | { readonly kind: 'header'; readonly field: string; readonly text: Buffer }
  | { readonly kind: 'body' | 'text'; readonly text: Buffer }
  /** The internal date is at least, or less than, so many seconds ago. */
  | { readonly kind: 'older' | 'younger'; readonly seconds: number }
  | { readonly kind: 'sequence set' | 'uid'; readonly set: SequenceSet };

export type SearchFlag = 'answered' | 'deleted' | 'draft' | 'flagged' | 'seen';

export interface SearchProgram {
  /** As the client wrote it. */
  readonly charset?: string;
  /** Present when the answer is to be an ESEARCH response. */
  readonly return?: ReturnOptions;
  readonly key: SearchKey;
}

/**
 * `search = "SEARCH" [search-return-opts] SP search-program` (RFC 9051 section 9), from the space behind the command's
 * name to its end.
 */
export function parseSearch(cursor: Cursor): SearchProgram {
  const options = parseReturnOptions(cursor);
  cursor.sp();
  const charset = parseCharset(cursor);
  const key = parseKeys(cursor);
  if (options?.words.includes('RELEVANCY') === true) requireFuzzy(key);
  return { ...(charset === undefined ? {} : { charset }), ...(options === undefined ? {} : { return: options }), key };
}

/** `["CHARSET" SP charset SP]` */
export function parseCharset(cursor: Cursor): string | undefined {
  if (!cursor.take('CHARSET ')) return undefined;
  const charset = cursor.astring().toString('latin1');
  cursor.sp();
  return charset;
}

/** `search-key *(SP search-key)` to the end of the command: all must hold. */
export function parseKeys(cursor: Cursor): SearchKey {
  const key = new KeyParser(cursor).keys();
  cursor.end();
  return key;
}

const flagWords = new Map<string, SearchKey>(
  (['answered', 'deleted', 'draft', 'flagged', 'seen'] as const).flatMap((bit) => [
    [bit.toUpperCase(), { kind: 'flag', bit, set: true }],
    [`UN${bit.toUpperCase()}`, { kind: 'flag', bit, set: false }],
  ]),
);

const plainWords = new Map<string, SearchKey>([
  ...flagWords,
  ['ALL', { kind: 'all' }],
  // RFC 8514 section 4.3: every mailbox here has save dates.
  ['SAVEDATESUPPORTED', { kind: 'all' }],
  ['NEW', { kind: 'new' }],
  ['OLD', { kind: 'old' }],
  ['RECENT', { kind: 'recent' }],
]);

type KeyReader = (parser: KeyParser) => SearchKey;

const readers = new Map<string, KeyReader>([
  ...(['BCC', 'CC', 'FROM', 'SUBJECT', 'TO'] as const).map((field): [string, KeyReader] => [
    field,
    (parser) => ({ kind: 'header', field, text: parser.text() }),
  ]),
  [
    'HEADER',
    (parser) => ({ kind: 'header', field: parser.text().toString('latin1').toUpperCase(), text: parser.text() }),
  ],
  ['BODY', (parser) => ({ kind: 'body', text: parser.text() })],
  ['TEXT', (parser) => ({ kind: 'text', text: parser.text() })],
  ['KEYWORD', (parser) => ({ kind: 'keyword', keyword: parser.keyword(), set: true })],
  ['UNKEYWORD', (parser) => ({ kind: 'keyword', keyword: parser.keyword(), set: false })],
  ['LARGER', (parser) => ({ kind: 'larger', octets: parser.size() })],
  ['SMALLER', (parser) => ({ kind: 'smaller', octets: parser.size() })],
  ['BEFORE', (parser) => ({ kind: 'internal date', compare: 'before', day: parser.day() })],
  ['ON', (parser) => ({ kind: 'internal date', compare: 'on', day: parser.day() })],
  ['SINCE', (parser) => ({ kind: 'internal date', compare: 'since', day: parser.day() })],
  ['SENTBEFORE', (parser) => ({ kind: 'sent date', compare: 'before', day: parser.day() })],
  ['SENTON', (parser) => ({ kind: 'sent date', compare: 'on', day: parser.day() })],
  ['SENTSINCE', (parser) => ({ kind: 'sent date', compare: 'since', day: parser.day() })],
  ['OLDER', (parser) => ({ kind: 'older', seconds: parser.interval() })],
  ['YOUNGER', (parser) => ({ kind: 'younger', seconds: parser.interval() })],
  ['UID', (parser) => ({ kind: 'uid', set: parser.set() })],
  ['UIDAFTER', (parser) => uidsBeyond(parser.interval() + 1, HIGHEST_UID)],
  ['UIDBEFORE', (parser) => uidsBeyond(1, parser.interval() - 1)],
  ['EMAILID', (parser) => ({ kind: 'email id', id: parser.keyword() })],
  ['THREADID', (parser) => ({ kind: 'thread id', id: parser.keyword() })],
  ['SAVEDBEFORE', (parser) => ({ kind: 'save date', compare: 'before', day: parser.day() })],
  ['SAVEDON', (parser) => ({ kind: 'save date', compare: 'on', day: parser.day() })],
  ['SAVEDSINCE', (parser) => ({ kind: 'save date', compare: 'since', day: parser.day() })],
  ['MODSEQ', (parser) => ({ kind: 'modseq', least: parser.modSequence() })],
  ['NOT', (parser) => ({ kind: 'not', key: parser.next() })],
  ['FILTER', (parser) => ({ kind: 'filter', name: parser.filterName() })],
  ['FUZZY', (parser) => ({ kind: 'fuzzy', key: parser.next() })],
  ['OR', (parser) => either(parser.next(), parser.next())],
]);

/** Reads keys and counts them: each level of nesting costs at least one, so the count bounds the stack as well. */
class KeyParser {
  readonly #cursor: Cursor;
  #count = 0;

  constructor(cursor: Cursor) {
    this.#cursor = cursor;
  }

  /** `search-key *(SP search-key)` */
  keys(): SearchKey {
    const keys: SearchKey[] = [];
    do keys.push(this.#key());
    while (this.#anotherFollows());
    const [only] = keys;
    return keys.length === 1 && only !== undefined ? only : { kind: 'and', keys };
  }

  next(): SearchKey {
    this.#cursor.sp();
    return this.#key();
  }

  text(): Buffer {
    this.#cursor.sp();
    return this.#cursor.astring();
  }

  keyword(): string {
    this.#cursor.sp();
    return this.#cursor.atom();
  }

  /** `filter-name = 1*<any ATOM-CHAR except "/">` (RFC 5466 section 3.3) */
  filterName(): string {
    this.#cursor.sp();
    const name = this.#cursor.atom();
    if (name.includes('/')) throw new SyntaxFailure('The name of a filter has no slash.');
    return name;
  }

  size(): number {
    this.#cursor.sp();
    return this.#cursor.number64();
  }

  /**
   * `search-modsequence = "MODSEQ" [SP entry-name SP entry-type-req] SP mod-sequence-valzer` (RFC 7162 section 7), from
   * behind the word. All flags of a message have one mod-sequence here, so it makes no difference which is meant.
   */
  modSequence(): number {
    this.#cursor.sp();
    if (this.#cursor.peekOctet() === 0x22) {
      const entry = this.#cursor.string().toString('latin1');
      if (!/^\/flags\/./i.test(entry)) throw new SyntaxFailure('MODSEQ knows "/flags/" entries only.');
      this.#cursor.sp();
      const type = this.#cursor.atom();
      if (!/^(?:all|priv|shared)$/i.test(type)) throw new SyntaxFailure(`Unknown entry type ${nameWord(type)}.`);
      this.#cursor.sp();
    }
    return this.#cursor.number64();
  }

  interval(): number {
    this.#cursor.sp();
    return this.#cursor.nzNumber();
  }

  day(): number {
    this.#cursor.sp();
    return dayNumber(this.#cursor.date());
  }

  set(): SequenceSet {
    this.#cursor.sp();
    return this.#cursor.sequenceSet();
  }

  #key(): SearchKey {
    this.#count += 1;
    if (this.#count > MAX_SEARCH_KEYS) throw new SyntaxFailure(`More than ${MAX_SEARCH_KEYS} search keys.`);
    const octet = this.#cursor.peekOctet() ?? 0;
    if (octet === 0x28) return this.#cursor.nested(() => this.keys());
    if (octet === 0x2a || octet === 0x24 || (octet >= 0x30 && octet <= 0x39))
      return { kind: 'sequence set', set: this.#cursor.sequenceSet() };
    const word = this.#cursor.atom();
    const name = word.toUpperCase();
    const key = plainWords.get(name) ?? readers.get(name)?.(this);
    if (key === undefined) throw new SyntaxFailure(`Unknown search key ${nameWord(word)}.`);
    return key;
  }

  #anotherFollows(): boolean {
    // A space before CRLF or a closing parenthesis is no key; the next reader decides whether it may stand there.
    return this.#cursor.spaceBeforeMore() && this.#cursor.take(' ');
  }
}

/** Whether the answer must tell the highest mod-sequence of what was found (RFC 7162 section 3.1.5). */
export function asksModSequences(key: SearchKey): boolean {
  if (key.kind === 'and' || key.kind === 'or') return key.keys.some(asksModSequences);
  return key.kind === 'not' || key.kind === 'fuzzy' ? asksModSequences(key.key) : key.kind === 'modseq';
}

/** Refuses RELEVANCY where no key is FUZZY (RFC 6203 sections 4 and 6). @throws {SyntaxFailure} */
export function requireFuzzy(key: SearchKey): void {
  if (!isFuzzy(key)) throw new SyntaxFailure('RELEVANCY needs a FUZZY key.');
}

/** Whether one of the keys is FUZZY: only then messages are more or less relevant. */
export function isFuzzy(key: SearchKey): boolean {
  if (key.kind === 'and' || key.kind === 'or') return key.keys.some(isFuzzy);
  return key.kind === 'not' ? isFuzzy(key.key) : key.kind === 'fuzzy';
}

/** The same key with FUZZY before each of those that it is made of (RFC 6203 section 3). */
export function withFuzzyKeys(key: SearchKey): SearchKey {
  const fuzzy = (each: SearchKey): SearchKey => ({ kind: 'fuzzy', key: each });
  if (key.kind === 'and' || key.kind === 'or') return { kind: key.kind, keys: key.keys.map(fuzzy) };
  if (key.kind === 'not') return { kind: 'not', key: fuzzy(key.key) };
  return key.kind === 'fuzzy' ? withFuzzyKeys(key.key) : key;
}

/** OR takes two keys; a chain of them is one list, so that matching it is not deep. */
function either(first: SearchKey, second: SearchKey): SearchKey {
  const keys = [first, second].flatMap((key) => (key.kind === 'or' ? key.keys : [key]));
  return { kind: 'or', keys };
}

const HIGHEST_UID = 0xff_ff_ff_ff;

/** RFC 9738 section 3.2: `*` is never among them, so there may be none. */
function uidsBeyond(first: number, last: number): SearchKey {
  return { kind: 'uid', set: first > last ? [] : [{ first, last }] };
}
