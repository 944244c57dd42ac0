/**
 * SORT and THREAD: tables of RFC 5256, and threads that claim what they like.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { FactView } from '../../../imapd/cache/folder-facts.js';
import { baseSubject, messageIds } from '../../../imapd/message/sort.js';
import { type SortColumn, TextColumn } from '../../../imapd/message/sort-columns.js';
import { orderByRanks, rankFurther, ranksOf } from '../../../imapd/message/sort-ranks.js';
import { finish } from '../../../imapd/message/steps.js';
import { threadByReferences, threadByReferencesAlone, threadBySubject } from '../../../imapd/message/thread.js';
import { OctetTable } from '../../../imapd/search/octet-table.js';
import {
  encodeSearchFacts,
  findSection,
  isReply,
  SECTION,
  type Section,
  sentDay,
  sentMs,
} from '../../../imapd/search/search-facts.js';
import { ThreadColumns } from '../../../imapd/search/thread-columns.js';
import {
  encodeThread,
  orderedSubject,
  type ReferenceFacts,
  references,
  type ThreadableMessage,
} from '../../support/reference-threads.js';
import { message } from './messages.js';

test('X7 base subjects', () => {
  const table: [string, string, boolean][] = [
    ['hello', 'hello', false],
    ['Re: hello', 'hello', true],
    ['re : hello', 'hello', true],
    ['RE:RE: Fwd: fw: hello', 'hello', true],
    ['Re[2]: hello', 'hello', true],
    ['Re [list]: hello', 'hello', true],
    ['[list] hello', 'hello', false],
    ['[list] Re: [other] hello', 'hello', true],
    ['[a][b] hello', 'hello', false],
    ['[only]', '[only]', false],
    ['Re: [only]', '[only]', true],
    ['hello (fwd)', 'hello', true],
    ['hello (FWD) (fwd)  ', 'hello', true],
    ['[Fwd: hello]', 'hello', true],
    ['[fwd: Re: [fwd: hello (fwd)]]', 'hello', true],
    ['  a \t b  ', 'a b', false],
    ['Re:', '', true],
    ['', '', false],
    ['Regarding: x', 'Regarding: x', false],
    ['(fwd)', '', true],
    ['[x] [y]', '[y]', false],
    ['Re: Re', 'Re', true],
  ];
  for (const [subject, expected, isReply] of table)
    assert.deepEqual(baseSubject(subject), { subject: expected, isReply }, subject);
});

test('X7 base subjects are found in bounded time', () => {
  for (const bomb of ['[', ']', '[]', 're:', '[fwd:', 'fw[', '(fwd)', ' ', '[] ', 're['])
    baseSubject(bomb.repeat(20_000));
});

/** The record of a header, as the cache would show it. */
function factsOf(header: Buffer, internalDate = 0): FactView {
  const octets = Buffer.from(encodeSearchFacts(header));
  return { octets, start: 0, end: octets.length, fileOctets: 0, internalDate };
}

function sectionOf(facts: FactView, section: Section): string {
  const place = { start: 0, end: 0 };
  findSection(facts, section, place);
  return facts.octets.toString('utf8', place.start, place.end);
}

test('X7 facts come from the header', () => {
  const facts = factsOf(
    message(
      'Subject: =?utf-8?Q?Re:_GR=C3=9CSSE?=',
      'Date: 1 Jan 1970 02:00:00 +0100',
      'From: "B" <Zed@x>, a@y',
      'To: team: a@b;',
      'Message-ID: <"01KF8JCEOCBS0045PS"@xxx.yyy.com>',
      'In-Reply-To: <other@x>',
      'References: <1@x> <2@x>',
      '',
    ),
  );
  assert.equal(sectionOf(facts, SECTION.subject), 're: gru\u0308sse');
  assert.equal(sectionOf(facts, SECTION.baseSubject), 'grüsse'.normalize('NFD'));
  assert.equal(sectionOf(facts, SECTION.from), '"b" <zed@x>, a@y');
  assert.equal(sectionOf(facts, SECTION.firstFrom), 'zed');
  assert.equal(sectionOf(facts, SECTION.firstTo), 'team');
  assert.equal(sectionOf(facts, SECTION.firstCc), '');
  assert.equal(sectionOf(facts, SECTION.ids), '01KF8JCEOCBS0045PS@xxx.yyy.com 1@x 2@x');
  assert.deepEqual([isReply(facts), sentMs(facts), sentDay(facts)], [true, 3_600_000, 0]);
  assert.equal(sectionOf(factsOf(message('In-Reply-To: text <a@b> <c@d>', '')), SECTION.ids), ' a@b');
  assert.equal(sentMs(factsOf(message('Date: some day', ''))), undefined);
});

test('X8 Message-IDs are what stands between the nearest brackets', () => {
  const written = fc.array(fc.constantFrom('<', '>', 'a', 'b ', '"', '\\', '<a@b>'), { maxLength: 20 });
  fc.assert(
    fc.property(written, (pieces) => {
      const value = pieces.join('');
      const expected = Array.from(value.matchAll(/<([^<>]+)>/g), (match) => (match[1] ?? '').replace(/[\s"\\]/g, ''));

      assert.deepEqual(
        messageIds(value),
        expected.filter((id) => id !== ''),
      );
    }),
    { numRuns: 2_000 },
  );
});

test('X7 of references that are too many the last ones stay', () => {
  const ids = Array.from({ length: 1_500 }, (_, index) => `${index}@${'x'.repeat(40)}`);
  const kept = sectionOf(factsOf(message(`References: ${ids.map((id) => `<${id}>`).join('\r\n ')}`, '')), SECTION.ids);

  assert.ok(kept.split(' ').length > 300);
  assert.deepEqual(kept.trim().split(' '), ids.slice(1 - kept.split(' ').length));
});

/** Row numbers from 1 on, in the order of texts and numbers. */
function ordered(...keys: { values: readonly (string | number)[]; reverse?: boolean }[]): number[] {
  const rankKeys = keys.map(({ values, reverse = false }) => ({ ...finish(ranksOf(columnOf(values))), reverse }));
  return Array.from(finish(orderByRanks(keys[0]?.values.length ?? 0, rankKeys)), (row) => row + 1);
}

function columnOf(values: readonly (string | number)[]): SortColumn {
  const numbers = values.filter((value) => typeof value === 'number');
  if (numbers.length < values.length) return textColumn(values.map(String));
  return { count: values.length, numbers: Float64Array.from(numbers) };
}

function textColumn(texts: readonly string[]): TextColumn {
  const column = new TextColumn(texts.length);
  for (const text of texts) column.add(Buffer.from(`..${text}`), 2, 2 + Buffer.byteLength(text));
  return column;
}

test('X7 keys decide in their order, then the sequence number', () => {
  assert.deepEqual(ordered({ values: [30, 20, 10] }), [3, 2, 1]);
  assert.deepEqual(ordered({ values: [5, 5, 7], reverse: true }), [3, 1, 2]);
  assert.deepEqual(ordered({ values: ['b', 'a', 'a'] }, { values: ['x', 'x', 'w'] }), [3, 2, 1]);
  assert.deepEqual(ordered({ values: ['', '', ''], reverse: true }), [1, 2, 3]);
  assert.deepEqual(ordered({ values: [] }), []);
});

test('X7 sorting columns is sorting by what they hold, and keeps the order of equals', () => {
  const text = fc.oneof(fc.stringMatching(/^[ab]{0,9}$/), fc.string({ unit: 'binary', maxLength: 4 }));
  const row = fc.record({
    text,
    number: fc.integer({ min: -2, max: 2 }),
    other: fc.stringMatching(/^(abcdef)?[xy]?$/),
  });
  const direction = fc.tuple(fc.boolean(), fc.boolean(), fc.boolean());
  fc.assert(
    fc.property(fc.array(row, { maxLength: 60 }), fc.constantFrom(1, 400), direction, (some, times, reverse) => {
      const rows = Array.from({ length: times }, () => some).flat();
      const keys = [rows.map(({ other }) => other), rows.map(({ number }) => number), rows.map((each) => each.text)];
      const compare = (one: number, other: number): number => {
        for (const [index, values] of keys.entries()) {
          const [a, b] = [values[one - 1] ?? '', values[other - 1] ?? ''];
          const order = typeof a === 'string' ? Buffer.compare(Buffer.from(a), Buffer.from(String(b))) : a - Number(b);
          if (order !== 0) return reverse[index] === true ? -order : order;
        }
        return one - other;
      };

      const found = ordered(...keys.map((values, index) => ({ values, reverse: reverse[index] === true })));
      assert.deepEqual(found, Array.from(rows, (_, index) => index + 1).sort(compare));
    }),
    { numRuns: 60 },
  );
});

test('X7 rows that come later get ranks among the others, also where there is no room left between two', () => {
  const number = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.double({ min: 0, max: 1, noNaN: true }));
  fc.assert(
    fc.property(fc.array(number, { minLength: 1, maxLength: 80 }), fc.nat(80), (values, some) => {
      const known = Math.min(some, values.length);
      const first = finish(ranksOf(columnOf(values.slice(0, known))));
      const compare = (one: number, other: number): number => (values[one] ?? 0) - (values[other] ?? 0);

      const { ranks, below } = finish(rankFurther(first, values.length, compare));

      assert.ok(below <= values.length && ranks.every((rank) => rank < below));

      for (const [row, value] of values.entries()) {
        for (const [other, another] of values.entries()) {
          const [rank = 0, otherRank = 0] = [ranks[row], ranks[other]];
          assert.equal(Math.sign(rank - otherRank), Math.sign(value - another), `${value} and ${another}`);
        }
      }
    }),
  );
  // Each lies between the last two, so that the room between them halves.
  const values = Array.from({ length: 200 }, (_, row) => (row % 2 === 0 ? 2 ** -row : 1 - 2 ** -row));
  const none = { ranks: new Uint32Array(0), below: 0 };
  const compare = (one: number, other: number): number => (values[one] ?? 0) - (values[other] ?? 0);
  assert.deepEqual(finish(rankFurther(none, values.length, compare)), finish(ranksOf(columnOf(values))));
});

test('X7 an accented letter is sorted behind its plain one, not behind Z', () => {
  const subjects = ['zebra', 'Ärger', 'Azure', 'apple', 'Über', 'Umber'];
  const keys = subjects.map((subject) => sectionOf(factsOf(message(`Subject: ${subject}`, '')), SECTION.baseSubject));

  const order = ordered({ values: keys }).map((number) => subjects[number - 1]);
  assert.deepEqual(order, ['apple', 'Azure', 'Ärger', 'Umber', 'Über', 'zebra']);
});

test('X7 equal texts have one number, also when many want the same place in the table', () => {
  const table = new OctetTable();
  const known = new Map<string, number>();
  for (let round = 0; round < 3; round += 1) {
    for (let index = 0; index < 20_000; index += 7) {
      const octets = Buffer.from(`..${(index * index).toString(36)}@x`);
      const number = table.intern(octets, 2, octets.length);
      const text = octets.toString();
      assert.equal(number, known.get(text) ?? table.count - 1);
      known.set(text, number);
    }
  }
  assert.equal(table.count, known.size);
});

const SECOND = 1_000;

/** A message with an ID, a date that is its number, and what it answers. */
function member(number: number, ids: string, subject = `s${number}`, isReplyTo = false): ThreadableMessage {
  const [messageId, ...before] = ids.split(' ').reverse();
  const facts: ReferenceFacts = {
    subject,
    isReply: isReplyTo,
    sentMs: number * SECOND,
    messageId: messageId === '' ? undefined : messageId,
    references: before.reverse(),
  };
  return { number, arrivalMs: 0, facts };
}

/** The header from which the facts of a message come. */
function headerOf({ facts }: ThreadableMessage): Buffer {
  const { messageId, references: ancestors, subject, sentMs: ms } = facts;
  return message(
    ...(messageId === undefined ? [] : [`Message-ID: <${messageId}>`]),
    ...(ms === undefined ? [] : [`Date: ${new Date(ms).toUTCString()}`]),
    `References: ${ancestors.map((id) => `<${id}>`).join(' ')}`,
    `Subject: ${facts.isReply ? 'Re: ' : ''}${subject}`,
    '',
  );
}

function threads(messages: readonly ThreadableMessage[], algorithm: typeof threadByReferences): string {
  const columns = new ThreadColumns(messages.length);
  for (const each of messages) columns.add(factsOf(headerOf(each), each.arrivalMs));
  const numbers = Uint32Array.from(messages, ({ number }) => number);
  return finish(finish(algorithm(columns.messages())).encode(numbers)).toString('latin1');
}

function shown(messages: readonly ThreadableMessage[], algorithm = threadByReferences): string {
  return threads(messages, algorithm).trim().replace('* THREAD', '').trim();
}

test('X8 threads are written as in the RFC', () => {
  const tree = ['a', 'x c', 'x c d', 'x c d e', 'x c d f', 'x c d f g', 'x c d f g h', 'x c d e i'];
  const messages = tree.map((ids, index) => member([2, 3, 6, 4, 44, 7, 96, 23][index] ?? 0, ids));
  const dated = messages.map((each, index) => ({ ...each, facts: { ...each.facts, sentMs: index * SECOND } }));
  assert.equal(threads(dated, threadByReferences), '* THREAD (2)(3 6 (4 23)(44 7 96))\r\n');
  assert.equal(shown([member(3, 'gone a'), member(5, 'gone b')]), '((3)(5))');
  assert.equal(threads([], threadByReferences), '* THREAD\r\n');
});

test('X8 ORDEREDSUBJECT groups by subject and sorts by date', () => {
  const messages = [member(1, 'a', 'x'), member(2, 'b', 'y'), member(3, 'c', 'x'), member(4, 'd', 'x')];
  assert.equal(shown(messages, threadBySubject), '(1 (3)(4))(2)');
  assert.equal(shown([], threadBySubject), '');
});

test('X8 REFERENCES links, prunes, merges and sorts', () => {
  const table: [string, ThreadableMessage[]][] = [
    ['(1 2 3)', [member(1, 'a'), member(2, 'a b'), member(3, 'a b c')]],
    ['(1 2 3)', [member(3, 'a b c'), member(1, 'a'), member(2, 'a b')]],
    ['(1 (2)(3))', [member(1, 'a'), member(2, 'a b'), member(3, 'a c')]],
    ['((1)(2))', [member(1, 'gone a'), member(2, 'gone b')]],
    ['(1)', [member(1, 'gone also a')]],
    ['(1 3)(2)', [member(1, 'a'), member(2, 'b'), member(3, 'a gone also c')]],
    ['(2 1)', [member(1, 'b a'), member(2, 'a b')]],
    ['(1)(2)', [member(1, 'a'), member(2, 'b')]],
    ['(1 2)', [member(1, 'a', 'x'), member(2, 'b', 'x', true)]],
    ['(2 1)', [member(1, 'a', 'x', true), member(2, 'b', 'x')]],
    ['((1)(2))', [member(1, 'a', 'x'), member(2, 'b', 'x')]],
    ['((1)(2)(3))', [member(1, 'a', 'x'), member(2, 'b', 'x'), member(3, 'c', 'x')]],
    ['(1)(2)', [member(1, 'a', ''), member(2, 'b', '')]],
    // Others said that 2 has a parent; it says itself that it has none.
    ['(1)(2 3)', [member(1, 'a'), member(3, 'a b c'), member(2, 'b')]],
    // 2 gets a further kid before it is put into a place with 4, and its kids are sorted all the same.
    ['((2 (3)(5))(4))', [member(2, 'b', 'x'), member(5, 'b e'), member(3, 'c', 'x', true), member(4, 'd', 'x')]],
    ['((1)(2)(3))', [member(1, 'gone a', 'x'), member(2, 'gone b', 'q'), member(3, 'c', 'x')]],
    ['(1)(2)', [member(1, 'same'), member(2, 'same')]],
  ];
  for (const [expected, messages] of table) assert.equal(shown(messages), expected, expected);
});

test('REFS links by references alone, and the thread with the latest arrival comes last', () => {
  const arrived = (each: ThreadableMessage, arrivalMs: number): ThreadableMessage => ({ ...each, arrivalMs });
  const table: [string, ThreadableMessage[]][] = [
    ['', []],
    ['(2)(1)', [arrived(member(1, 'a', 'x'), 2), arrived(member(2, 'b', 'x', true), 1)]],
    ['(2)(1 3)', [arrived(member(1, 'a'), 1), arrived(member(2, 'b'), 2), arrived(member(3, 'a c'), 3)]],
    ['(3)((1)(2))', [arrived(member(1, 'gone a'), 5), arrived(member(2, 'gone b'), 1), arrived(member(3, 'c'), 4)]],
    ['(2)(1)', [arrived(member(1, 'gone a'), 2), arrived(member(2, 'b'), 1)]],
  ];
  for (const [expected, messages] of table) assert.equal(shown(messages, threadByReferencesAlone), expected, expected);
});

test('X8 a message that says who its parent is counts more than what others say', () => {
  assert.equal(shown([member(1, 'a'), member(2, 'b'), member(3, 'a c d'), member(4, 'b c')]), '(1)(2 4 3)');
});

test('X8 whatever headers claim, threads are those of the RFC, and each message is there once', () => {
  const id = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g');
  const claim = fc.record({
    ids: fc.array(id, { maxLength: 5 }),
    subject: fc.constantFrom('', 'x', 'y', 'z'),
    isReply: fc.boolean(),
    sentMs: fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined }),
    arrivalMs: fc.integer({ min: 0, max: 5 }),
  });
  fc.assert(
    fc.property(fc.array(claim, { maxLength: 16 }), (claims) => {
      const messages = claims.map(({ ids, sentMs: sent, arrivalMs, ...rest }, index): ThreadableMessage => {
        const { facts, number } = member(index + 1, ids.join(' '), rest.subject, rest.isReply);
        const sentSeconds = sent === undefined ? undefined : sent * SECOND;
        return { number, arrivalMs: arrivalMs * SECOND, facts: { ...facts, sentMs: sentSeconds } };
      });

      const written = threads(messages, threadByReferences);
      assert.equal(written, encodeThread(references(messages)).toString());
      assert.equal(threads(messages, threadBySubject), encodeThread(orderedSubject(messages)).toString());
      const alone = threads(messages, threadByReferencesAlone).match(/\d+/g) ?? [];
      assert.equal(alone.length, messages.length);
      const numbers = (written.match(/\d+/g) ?? []).map(Number).sort((one, other) => one - other);
      assert.deepEqual(
        numbers,
        messages.map(({ number }) => number),
      );
    }),
    { numRuns: 3_000 },
  );
});

test('X8 chains of 10,000 replies, in whatever order they come, are linked without recursion', () => {
  const chain = Array.from({ length: 10_000 }, (_, index) =>
    member(index + 1, index === 0 ? 'm0' : `m${index - 1} m${index}`, 's'),
  );
  const expected = `(${chain.map(({ number }) => number).join(' ')})`;
  assert.equal(shown(chain), expected);
  assert.equal(shown([...chain].reverse()), expected);
  const halves = [...chain.filter((_, index) => index % 2 === 1), ...chain.filter((_, index) => index % 2 === 0)];
  assert.equal(shown(halves), expected);
});
