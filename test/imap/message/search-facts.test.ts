/**
 * The record for SEARCH, SORT and THREAD is made of octets where headers are as usual: it says what the functions for
 * strings say, whatever a header holds.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { emptyView } from '../../../imapd/cache/folder-facts.js';
import { parseDateOctets, parseMessageDate, writtenDay } from '../../../imapd/message/dates.js';
import { decodeWords } from '../../../imapd/message/encoded-words.js';
import { fold } from '../../../imapd/message/fold.js';
import { endOfHeader, fields } from '../../../imapd/message/header.js';
import { baseSubject, collated, firstMailbox, messageIds } from '../../../imapd/message/sort.js';
import {
  encodeSearchFacts,
  findSection,
  isReply,
  SECTION,
  type Section,
  sentDay,
  sentMs,
} from '../../../imapd/search/search-facts.js';
import { lineBuffer } from '../../../maildir/octets/line-machine.js';

/** Pieces of values: what is usual, what has to be decoded, and what looks like either. */
const pieces = [
  ...['hello', 'Re:', 're : ', 'FW: ', 'Fwd:', '[list] ', '(fwd)', '[fwd: x]', 'r', 'Refund', ' ', '  ', '\t', ','],
  ...['Ann Lee <Ann.Lee@example.com>', 'bob@EXAMPLE.org', ' (Bob)', '"Lee, Ann" <a@b.c>', '<a@b>', '@', '"', '\\', ';'],
  ...['Team: a@b;', '[', ']', '(', ')', '<', '>', ':', '<one@x>', '<Two@Y> ', '<a b@x>', '<"q"@x>', '<>', '=', '?'],
  ...['\n ', '\r\n\t', '\r', '\xe9', '\xc3\xa9', '\0', '\x1f', 'Grüße'.normalize('NFC'), '=\n ?', '=\r\n\t?'],
  ...[
    '=?utf-8?Q?Linn=C3=A9a_=C3=85k?=',
    '=?UTF-8?B?w6nDqA==?=',
    '=?utf-8?Q?=C3?=',
    '=?utf-8?q?=a9?=',
    '=?utf-8?Q?=E2=82=AC?=',
  ],
  ...['=?iso-8859-1?Q?caf=E9_=C0?=', '=?ISO-8859-1?B?4Onn?=', '=?iso-8859-1?q?=80=A0=AA?=', '=?us-ascii?Q?a_b=20c?='],
  ...[
    '=?utf-8*en?Q?x?=',
    '=?koi8-r?B?8NLJ18XU?=',
    '=?x-unknown?Q?=E9?=',
    '=?utf-8?Q?a?b?=',
    '=?utf-8?B?Zm9v=?=',
    '=?utf-8?B?Zg?=',
  ],
  ...[
    '=?utf-8?Q?=0A=3F=00?=',
    '=?utf-8?Q?=g1=C?=',
    '=?utf-8?Q??=',
    '=?utf-8?Q?a b?=',
    '=?utf-8?X?a?=',
    '=?iso-2022-jp?B?GyRCJCIbKEI=?=',
  ],
  ...[
    '=?utf-8?B?0J7Qu9GM0LPQsCDQmdC+?=',
    '=?euc-kr?Q?=B9=DA=C1=F6=C8=C6?=',
    '=?windows-1251?Q?Re=3A_=C9=EE=EB=EA=E0?=',
  ],
  ...[
    '=?utf-8?Q?=CC=81=EF=BC=9A?=',
    '=?utf-8?B?zqHOrs6jzrE=?=',
    '=?utf-8?Q?=EF=BC=BBx=EF=BC=BD=E3=80=80?=',
    '"A \\"B\\" C" <abc@b.c>',
  ],
  ...['=?utf-8?Q?=C5=81=C3=B3d=C5=BA?=', '=?utf-8?Q?=C2=B5=C3=9F?=', '=?utf-8?Q?\xe9?='],
] as const;
const dates = [
  ...[
    'Tue, 31 Dec 2019 18:45:18 -0800',
    '1 Jul 2003 10:52:37 +0200 (CEST)',
    'Sat, 28 Feb 2004 23:59:59 +0000',
    '3 Mar 99',
  ],
  ...[
    'Fri, 29 Feb 2008 10:00:00 +0100',
    'Tue, 3 jan 2012 10:00:00 +0100',
    'Tue, 3 Jan 2012 24:00:00 +0100',
    'Mon Jul  1 10:52:37 2003',
  ],
  ...[
    'Tue,  3 Jan 2012 10:00:00 +0100',
    'Tue, 3 Jan 0999 10:00:00 +0100',
    'Tue, 3 Jan 2012 10:00:00 +9999',
    ' 3 Jan 2012 10:00:00 -0000',
  ],
  ...[
    'Tue, 03 Jan 2012 10:00:00 +0100 (',
    'Tue, 03 Jan 2012 10:00:00 +0100 ()',
    '3 Jan 2012 10:00:0x +0100',
    '0 Jan 2012 10:00:00 +0100',
  ],
];

const value = fc.oneof(
  { weight: 8, arbitrary: fc.array(fc.constantFrom(...pieces), { maxLength: 7 }).map((some) => some.join('')) },
  { weight: 2, arbitrary: fc.constantFrom(...dates) },
  { weight: 1, arbitrary: fc.integer({ min: 1_300, max: 1_400 }).map((length) => 'Abc '.repeat(length)) },
);
const names = ['Subject', 'From', 'To', 'Cc', 'Bcc', 'Date', 'Message-ID', 'References', 'In-Reply-To', 'X-Other'];
const header = fc
  .array(fc.tuple(fc.constantFrom(...names), value, fc.constantFrom('\n', '\r\n')), { maxLength: 12 })
  .map((lines) => `${lines.map(([name, text, end]) => `${name}: ${text}${end}`).join('')}\n`);

function folded(text: string): string {
  return fold(decodeWords(text));
}

const MAX_VALUE_OCTETS = 8_192;
const MAX_SEARCHED_FIELDS_OCTETS = 4_096;

/** What the functions for strings say. */
function expectedFacts(block: Buffer): Record<string, unknown> {
  const all = fields(block);
  const valuesOf = (name: string): string[] =>
    all.filter((field) => field.name.toLowerCase() === name).map((field) => field.value);
  const first = (name: string): string => (valuesOf(name)[0] ?? '').slice(0, MAX_VALUE_OCTETS);
  const searched = (name: string): string =>
    valuesOf(name)
      .map((text) => Buffer.from(folded(text)).toString('latin1'))
      .join('\xff');
  const { subject, isReply: reply } = baseSubject(decodeWords(first('subject')));
  let ancestors = messageIds(first('references'));
  if (ancestors.length === 0) ancestors = messageIds(first('in-reply-to')).slice(0, 1);
  const date = parseMessageDate(first('date'));
  return {
    ...Object.fromEntries(['subject', 'from', 'to', 'cc', 'bcc'].map((name) => [name, searched(name)])),
    baseSubject: Buffer.from(collated(subject)).toString('latin1'),
    firstFrom: Buffer.from(firstMailbox(first('from'))).toString('latin1'),
    firstTo: Buffer.from(firstMailbox(first('to'))).toString('latin1'),
    firstCc: Buffer.from(firstMailbox(first('cc'))).toString('latin1'),
    ids: [messageIds(first('message-id'))[0] ?? '', ...ancestors].join(' '),
    reply,
    ms: date?.ms,
    day: date && writtenDay(date),
  };
}

function recordedFacts(block: Buffer): Record<string, unknown> {
  const octets = encodeSearchFacts(block);
  const view = { ...emptyView(), octets, start: 0, end: octets.length };
  const place = { start: 0, end: 0 };
  const text = (section: Section): string => {
    findSection(view, section, place);
    return octets.toString('latin1', place.start, place.end);
  };
  const sections = Object.entries(SECTION).map(([name, section]) => [name, text(section)] as const);
  return { ...Object.fromEntries(sections), reply: isReply(view), ms: sentMs(view), day: sentDay(view) };
}

test('X7 the record of any header says what the functions for strings say', () => {
  fc.assert(
    fc.property(header, (text) => {
      const block = Buffer.from(text, 'latin1');
      const all = fields(block);
      const octets = (name: string): number =>
        all.reduce((sum, field) => sum + (field.name.toLowerCase() === name ? field.value.length : 0), 0);
      // Longer fields are not in the record.
      fc.pre(['subject', 'from', 'to', 'cc', 'bcc'].every((name) => octets(name) < MAX_SEARCHED_FIELDS_OCTETS - 200));
      const recorded = recordedFacts(block);
      const expected = expectedFacts(block);
      assert.deepEqual(recorded, expected);
    }),
    { numRuns: 10_000 },
  );
});

test('dates in octets are those in strings, or left to them', () => {
  const around = fc.constantFrom('', '1', ' ', 'x', ')');
  const changed = fc.tuple(
    fc.constantFrom(...dates),
    fc.nat(40),
    fc.constantFrom('0', '9', 'A', 'z', ' ', ':', '', '+'),
  );
  fc.assert(
    fc.property(changed, around, around, ([date, at, character], before, behind) => {
      const text = date.slice(0, at) + character + date.slice(at + 1);
      const octets = Buffer.from(before + text + behind, 'latin1');
      const found = parseDateOctets(octets, before.length, before.length + text.length);
      if (found !== undefined) assert.deepEqual(found, parseMessageDate(text));
    }),
    { numRuns: 5_000 },
  );
  for (let day = 1; day <= 32; day += 1) {
    for (const month of ['Jan', 'Feb', 'Apr', 'Sep', 'Dec']) {
      for (const year of [1900, 2000, 2004, 2019]) {
        const text = `${day} ${month} ${year} 10:20:30 +0100`;
        const found = parseDateOctets(Buffer.from(text), 0, text.length);
        if (found !== undefined) assert.deepEqual(found, parseMessageDate(text), text);
      }
    }
  }
  const [usual = ''] = dates;
  assert.deepEqual(parseDateOctets(Buffer.from(usual), 0, usual.length), parseMessageDate(usual));
});

test('the end of a header is the same wherever the header lies', () => {
  const lines = fc.array(fc.constantFrom('\n', '\r\n', '\r', 'a: b', 'fifteen octets.', '\n\n', '\n\r\n'), {
    maxLength: 20,
  });
  fc.assert(
    fc.property(lines, fc.constantFrom('', '\n', '\r\n', 'x'), (words, behind) => {
      const text = words.join('');
      const octets = Buffer.from(text, 'latin1');
      const end = endOfHeader(octets);
      lineBuffer.fill('x', 0, octets.length + 40);
      octets.copy(lineBuffer);
      lineBuffer.write(behind, octets.length, 'latin1');

      assert.equal(endOfHeader(lineBuffer.subarray(0, octets.length)), end);
      const expected = /^\r?\n|\n\r?\n/.exec(text);
      assert.equal(end, expected === null ? undefined : expected.index + expected[0].length);
    }),
    { numRuns: 3_000 },
  );
});
