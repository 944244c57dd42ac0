/**
 * The productions that several commands share: FETCH items, SEARCH keys, SORT, THREAD, LIST, STATUS.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cursor } from '../../../imapd/wire/cursor.js';
import { SyntaxFailure } from '../../../imapd/wire/failures.js';
import { type FetchItem, parseFetchItems } from '../../../imapd/wire/fetch-items.js';
import { parseList } from '../../../imapd/wire/list-arguments.js';
import { parseSearch, type SearchKey } from '../../../imapd/wire/search-keys.js';
import { parseSort, parseThread } from '../../../imapd/wire/sort-thread.js';
import { parseStatusItems } from '../../../imapd/wire/status-items.js';

function at(text: string): Cursor {
  return new Cursor(Buffer.from(text, 'latin1'));
}

function items(text: string): FetchItem[] {
  const cursor = at(text);
  const parsed = parseFetchItems(cursor);
  cursor.end();
  return parsed;
}

const whole = { part: [], text: '', fields: [] } as const;

test('C20 macros are expanded in the order of the RFC', () => {
  const kinds = (text: string) => items(text).map((item) => item.kind);
  assert.deepEqual(kinds('FAST'), ['flags', 'internaldate', 'rfc822.size']);
  assert.deepEqual(kinds('all'), ['flags', 'internaldate', 'rfc822.size', 'envelope']);
  assert.deepEqual(kinds('Full'), ['flags', 'internaldate', 'rfc822.size', 'envelope', 'body']);
});

test('C20 sections are read, and labelled as they are answered', () => {
  const table: [string, FetchItem][] = [
    ['BODY', { kind: 'body' }],
    ['BODYSTRUCTURE', { kind: 'bodystructure' }],
    ['UID', { kind: 'uid' }],
    ['RFC822', { kind: 'section', label: 'RFC822', section: whole, peek: false }],
    ['RFC822.SIZE', { kind: 'rfc822.size' }],
    ['rfc822.header', { kind: 'section', label: 'RFC822.HEADER', section: { ...whole, text: 'HEADER' }, peek: true }],
    ['BODY[]', { kind: 'section', label: 'BODY[]', section: whole, peek: false }],
    ['body.peek[text]', { kind: 'section', label: 'BODY[TEXT]', section: { ...whole, text: 'TEXT' }, peek: true }],
    [
      'BODY.PEEK[1.2.MIME]<10.20>',
      {
        kind: 'section',
        label: 'BODY[1.2.MIME]<10>',
        section: { part: [1, 2], text: 'MIME', fields: [] },
        peek: true,
        partial: { offset: 10, count: 20 },
      },
    ],
    [
      'BODY[4.header.fields.not ("Subject" {4}\r\nFr"m)]',
      {
        kind: 'section',
        label: 'BODY[4.HEADER.FIELDS.NOT (SUBJECT "FR\\"M")]',
        section: { part: [4], text: 'HEADER.FIELDS.NOT', fields: ['SUBJECT', 'FR"M'] },
        peek: false,
      },
    ],
    ['PREVIEW', { kind: 'preview', lazy: false }],
    ['preview (lazy)', { kind: 'preview', lazy: true }],
    ['binary.size[1.2]', { kind: 'binary.size', label: 'BINARY.SIZE[1.2]', part: [1, 2], peek: true }],
    ['BINARY[]', { kind: 'binary', label: 'BINARY[]', part: [], peek: false }],
    [
      'BINARY.PEEK[3]<5.7>',
      { kind: 'binary', label: 'BINARY[3]<5>', part: [3], peek: true, partial: { offset: 5, count: 7 } },
    ],
    ['BODY[3]', { kind: 'section', label: 'BODY[3]', section: { part: [3], text: '', fields: [] }, peek: false }],
  ];
  for (const [text, expected] of table) {
    assert.deepEqual(items(text), [expected], text);
    assert.deepEqual(items(`(FLAGS ${text})`), [{ kind: 'flags' }, expected], text);
  }
});

test('C20 what is no item is refused', () => {
  const wrong = [
    '',
    '()',
    'FOO',
    '(FLAGS',
    'FLAGS UID',
    '(ALL UID)',
    'BODY[',
    'BODY[]<',
    'BODY[]<0>',
    'BODY[]<0.0>',
    'BODY[]<-1.5>',
    'BODY[0]',
    'BODY[1.]',
    'BODY[.1]',
    'BODY[MIME]',
    'BODY[TEXTS]',
    'BODY[HEADER.FIELDS]',
    'BODY[HEADER.FIELDS ()]',
    'BODY[1.2.FOO]',
    'BODY[4294967296]',
    'RFC822[]',
    'FLAGS[]',
    'UID<0.1>',
    `BODY[${'1.'.repeat(5_000)}1]`,
    `(${'UID '.repeat(1_001)}UID)`,
    'BODY[HEADER.FIELDS ({3}\r\na\r\n)]',
    'BINARY',
    'BINARY[1.TEXT]',
    'BINARY[0]',
    'BINARY[1]<0.0>',
    'BINARY.SIZE[1]<0.5>',
    'BINARY.PEEK',
    'PREVIEW (FUZZY)',
    'PREVIEW(LAZY)',
  ];
  for (const text of wrong) assert.throws(() => items(text), SyntaxFailure, text);
});

function key(text: string): SearchKey {
  return parseSearch(at(` ${text}`)).key;
}

test('C23 every search key is read', () => {
  const table: [string, SearchKey][] = [
    ['ALL', { kind: 'all' }],
    ['ANSWERED', { kind: 'flag', bit: 'answered', set: true }],
    ['DELETED', { kind: 'flag', bit: 'deleted', set: true }],
    ['DRAFT', { kind: 'flag', bit: 'draft', set: true }],
    ['FLAGGED', { kind: 'flag', bit: 'flagged', set: true }],
    ['SEEN', { kind: 'flag', bit: 'seen', set: true }],
    ['unanswered', { kind: 'flag', bit: 'answered', set: false }],
    ['UNDELETED', { kind: 'flag', bit: 'deleted', set: false }],
    ['UNDRAFT', { kind: 'flag', bit: 'draft', set: false }],
    ['UNFLAGGED', { kind: 'flag', bit: 'flagged', set: false }],
    ['UNSEEN', { kind: 'flag', bit: 'seen', set: false }],
    ['NEW', { kind: 'new' }],
    ['OLD', { kind: 'old' }],
    ['RECENT', { kind: 'recent' }],
    ['BCC a', { kind: 'header', field: 'BCC', text: Buffer.from('a') }],
    ['CC "a b"', { kind: 'header', field: 'CC', text: Buffer.from('a b') }],
    ['FROM {1}\r\n(', { kind: 'header', field: 'FROM', text: Buffer.from('(') }],
    ['SUBJECT ""', { kind: 'header', field: 'SUBJECT', text: Buffer.from('') }],
    ['TO a', { kind: 'header', field: 'TO', text: Buffer.from('a') }],
    ['HEADER x-Foo ""', { kind: 'header', field: 'X-FOO', text: Buffer.from('') }],
    ['BODY a', { kind: 'body', text: Buffer.from('a') }],
    ['TEXT a', { kind: 'text', text: Buffer.from('a') }],
    ['KEYWORD $Junk', { kind: 'keyword', keyword: '$Junk', set: true }],
    ['UNKEYWORD $Junk', { kind: 'keyword', keyword: '$Junk', set: false }],
    ['LARGER 5000000000', { kind: 'larger', octets: 5_000_000_000 }],
    ['SMALLER 0', { kind: 'smaller', octets: 0 }],
    ['BEFORE 2-Jan-1970', { kind: 'internal date', compare: 'before', day: 1 }],
    ['ON "1-Jan-1970"', { kind: 'internal date', compare: 'on', day: 0 }],
    ['SINCE 1-Feb-1994', { kind: 'internal date', compare: 'since', day: 8_797 }],
    ['SENTBEFORE 31-Dec-1969', { kind: 'sent date', compare: 'before', day: -1 }],
    ['SENTON 1-Jan-1970', { kind: 'sent date', compare: 'on', day: 0 }],
    ['SENTSINCE 1-Jan-1970', { kind: 'sent date', compare: 'since', day: 0 }],
    ['OLDER 3600', { kind: 'older', seconds: 3_600 }],
    ['YOUNGER 1', { kind: 'younger', seconds: 1 }],
    ['$', { kind: 'sequence set', set: '$' }],
    ['UID $', { kind: 'uid', set: '$' }],
    ['UID 1:*', { kind: 'uid', set: [{ first: 1, last: '*' }] }],
    ['*', { kind: 'sequence set', set: [{ first: '*', last: '*' }] }],
    ['NOT SEEN', { kind: 'not', key: { kind: 'flag', bit: 'seen', set: true } }],
    ['OR ALL OR NEW OLD', { kind: 'or', keys: [{ kind: 'all' }, { kind: 'new' }, { kind: 'old' }] }],
    ['(ALL)', { kind: 'all' }],
    [
      '(NEW OLD) ALL',
      { kind: 'and', keys: [{ kind: 'and', keys: [{ kind: 'new' }, { kind: 'old' }] }, { kind: 'all' }] },
    ],
    ['ALL ', { kind: 'all' }],
  ];
  for (const [text, expected] of table) assert.deepEqual(key(text), expected, text);
});

test('C23 charset and RETURN stand before the keys', () => {
  assert.deepEqual(parseSearch(at(' RETURN (MIN COUNT) CHARSET utf-8 ALL')), {
    charset: 'utf-8',
    return: { words: ['MIN', 'COUNT'] },
    key: { kind: 'all' },
  });
  assert.deepEqual(parseSearch(at(' return () ALL')), { return: { words: ['ALL'] }, key: { kind: 'all' } });
});

test('C23 what is no search is refused, in bounded depth', () => {
  const wrong = [
    '',
    'FOO',
    '()',
    '(ALL',
    'ALL)',
    'NOT',
    'OR ALL',
    'SUBJECT',
    'LARGER x',
    'LARGER -1',
    'UID 0',
    'BEFORE 1-1-2000',
    'ALL  NEW',
    'CHARSET utf-8',
    'RETURN (FOO) ALL',
    'KEYWORD "a"',
    `${'('.repeat(1_001)}ALL${')'.repeat(1_001)}`,
    `${'NOT '.repeat(1_001)}ALL`,
    `${'OR '.repeat(2_000)}ALL ALL`,
    `${'ALL '.repeat(1_001)}ALL`,
    'seen:deleted',
  ];
  for (const text of wrong) assert.throws(() => key(text), SyntaxFailure, text);
  assert.equal(key(`${'ALL '.repeat(999)}ALL`).kind, 'and');
  assert.equal(key(`${'NOT '.repeat(999)}ALL`).kind, 'not');
});

test('X7 X8 SORT and THREAD take criteria, charset and keys', () => {
  assert.deepEqual(parseSort(at(' (REVERSE DATE subject) UTF-8 SINCE 1-Jan-1970')), {
    criteria: [
      { key: 'DATE', reverse: true },
      { key: 'SUBJECT', reverse: false },
    ],
    charset: 'UTF-8',
    key: { kind: 'internal date', compare: 'since', day: 0 },
  });
  assert.deepEqual(parseThread(at(' references us-ascii ALL')), {
    algorithm: 'REFERENCES',
    charset: 'us-ascii',
    key: { kind: 'all' },
  });
  for (const text of [
    ' () UTF-8 ALL',
    ' (FOO) UTF-8 ALL',
    ' (DATE) ALL',
    ' (REVERSE) U A',
    ` (${'TO '.repeat(1_000)}TO) U ALL`,
  ])
    assert.throws(() => parseSort(at(text)), SyntaxFailure, text);
  for (const text of [' FOO UTF-8 ALL', ' REFERENCES UTF-8', ''])
    assert.throws(() => parseThread(at(text)), SyntaxFailure, text);
});

test('C13 LIST takes patterns, and what LIST-EXTENDED adds', () => {
  const plain = parseList(at(' "" "%{2}"'));
  assert.deepEqual([plain.reference.toString(), plain.patterns.map(String), plain.extended], ['', ['%{2}'], false]);
  const extended = parseList(
    at(' (SUBSCRIBED RECURSIVEMATCH) inbox (INBOX.* "a b") RETURN (CHILDREN SPECIAL-USE STATUS (MESSAGES unseen))'),
  );
  assert.deepEqual([...extended.selection], ['SUBSCRIBED', 'RECURSIVEMATCH']);
  assert.deepEqual(extended.patterns.map(String), ['INBOX.*', 'a b']);
  assert.deepEqual(extended.returns, {
    subscribed: false,
    children: true,
    specialUse: true,
    status: ['MESSAGES', 'UNSEEN'],
  });
  for (const text of [
    ' ""',
    ' "" ()',
    ' (RECURSIVEMATCH) "" *',
    ' "" * RETURN',
    ' "" * RETURN (FOO)',
    ' (FOO) "" *',
    ' "" * x',
  ])
    assert.throws(() => parseList(at(text)), SyntaxFailure, text);
});

test('STATUS takes each item once', () => {
  assert.deepEqual(parseStatusItems(at('(messages SIZE MESSAGES)')), ['MESSAGES', 'SIZE']);
  for (const text of ['()', 'MESSAGES', '(FOO)', '(MESSAGES'])
    assert.throws(() => parseStatusItems(at(text)), SyntaxFailure);
});
