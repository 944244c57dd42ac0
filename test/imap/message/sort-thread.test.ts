/**
 * SORT and THREAD: tables of RFC 5256, and threads that claim what they like.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  baseSubject,
  compareBy,
  type SortableMessage,
  type SortFacts,
  sortFacts,
} from '../../../imapd/message/sort.js';
import { finish, sorted } from '../../../imapd/message/steps.js';
import {
  encodeThread,
  orderedSubject,
  references,
  type ThreadableMessage,
  type ThreadNode,
} from '../../../imapd/message/thread.js';
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

test('X7 facts come from the header', () => {
  const facts = sortFacts(
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
  assert.deepEqual(facts, {
    subject: 'grüsse'.normalize('NFD'),
    isReply: true,
    sentMs: 3_600_000,
    from: 'zed',
    to: 'team',
    cc: '',
    messageId: '01KF8JCEOCBS0045PS@xxx.yyy.com',
    references: ['1@x', '2@x'],
  });
  assert.deepEqual(sortFacts(message('In-Reply-To: text <a@b> <c@d>', '')).references, ['a@b']);
});

const noFacts: SortFacts = {
  subject: '',
  isReply: false,
  sentMs: undefined,
  from: '',
  to: '',
  cc: '',
  messageId: undefined,
  references: [],
};

test('X7 keys decide in their order, then the sequence number', () => {
  const messages: SortableMessage[] = [
    { sequenceNumber: 1, arrivalMs: 30, sizeOctets: 5, facts: { ...noFacts, subject: 'b', sentMs: 10, from: 'x' } },
    { sequenceNumber: 2, arrivalMs: 20, sizeOctets: 5, facts: { ...noFacts, subject: 'a', from: 'x' } },
    { sequenceNumber: 3, arrivalMs: 10, sizeOctets: 7, facts: { ...noFacts, subject: 'a', sentMs: 15, from: 'w' } },
  ];
  const sorted = (...criteria: Parameters<typeof compareBy>[0]) =>
    [...messages].sort(compareBy(criteria)).map(({ sequenceNumber }) => sequenceNumber);
  assert.deepEqual(sorted({ key: 'ARRIVAL', reverse: false }), [3, 2, 1]);
  assert.deepEqual(sorted({ key: 'DATE', reverse: false }), [1, 3, 2]);
  assert.deepEqual(sorted({ key: 'SIZE', reverse: true }), [3, 1, 2]);
  assert.deepEqual(sorted({ key: 'SUBJECT', reverse: false }, { key: 'FROM', reverse: false }), [3, 2, 1]);
  assert.deepEqual(sorted({ key: 'CC', reverse: true }), [1, 2, 3]);
});

test('X7 an accented letter is sorted behind its plain one, not behind Z', () => {
  const subjects = ['zebra', 'Ärger', 'Azure', 'apple', 'Über', 'Umber'];
  const messages = subjects.map((subject, index) => ({
    sequenceNumber: index + 1,
    arrivalMs: 0,
    sizeOctets: 1,
    facts: sortFacts(Buffer.from(`Subject: ${subject}\r\n\r\n`)),
  }));
  const order = [...messages].sort(compareBy([{ key: 'SUBJECT', reverse: false }]));
  assert.deepEqual(
    order.map(({ sequenceNumber }) => subjects[sequenceNumber - 1]),
    ['apple', 'Azure', 'Ärger', 'Umber', 'Über', 'zebra'],
  );
});

/** A message with an ID, a date that is its number, and what it answers. */
function member(number: number, ids: string, subject = `s${number}`, isReply = false): ThreadableMessage {
  const [messageId, ...before] = ids.split(' ').reverse();
  const references = before.reverse();
  return { number, arrivalMs: 0, facts: { ...noFacts, messageId, references, subject, isReply, sentMs: number } };
}

function shown(threads: ThreadNode[]): string {
  return encodeThread(threads).toString('latin1').trim().replace('* THREAD', '').trim();
}

test('sorting in steps is sorting, and keeps the order of equals', () => {
  const element = fc.record({ key: fc.integer({ min: 0, max: 5 }), place: fc.nat() });
  fc.assert(
    fc.property(fc.array(element, { maxLength: 50 }), fc.constantFrom(1, 100), (elements, times) => {
      const many = Array.from({ length: times }, () => elements).flat();
      const compare = (one: { key: number }, other: { key: number }) => one.key - other.key;
      assert.deepEqual(finish(sorted(many, compare)), [...many].sort(compare));
    }),
  );
});

test('X8 threads are written as in the RFC', () => {
  const node = (number: number | undefined, ...children: ThreadNode[]): ThreadNode => ({ number, children });
  assert.equal(
    encodeThread([node(2), node(3, node(6, node(4, node(23)), node(44, node(7, node(96)))))]).toString(),
    '* THREAD (2)(3 6 (4 23)(44 7 96))\r\n',
  );
  assert.equal(shown([node(undefined, node(3), node(5))]), '((3)(5))');
  assert.equal(encodeThread([]).toString(), '* THREAD\r\n');
});

test('X8 ORDEREDSUBJECT groups by subject and sorts by date', () => {
  const messages = [member(1, 'a', 'x'), member(2, 'b', 'y'), member(3, 'c', 'x'), member(4, 'd', 'x')];
  assert.equal(shown(orderedSubject(messages)), '(1 (3)(4))(2)');
  assert.equal(shown(orderedSubject([])), '');
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
  for (const [expected, messages] of table) assert.equal(shown(references(messages)), expected, expected);
});

test('X8 a message that says who its parent is counts more than what others say', () => {
  assert.equal(shown(references([member(1, 'a'), member(2, 'b'), member(3, 'a c d'), member(4, 'b c')])), '(1)(2 4 3)');
});

function numbersIn(threads: readonly ThreadNode[]): number[] {
  const found: number[] = [];
  const waiting = [...threads];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (node.number !== undefined) found.push(node.number);
    waiting.push(...node.children);
  }
  return found.sort((one, other) => one - other);
}

test('X8 whatever headers claim, each message is there once', () => {
  const id = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g');
  const claim = fc.record({
    ids: fc.array(id, { minLength: 1, maxLength: 5 }),
    subject: fc.constantFrom('', 'x', 'y'),
    isReply: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(claim, { maxLength: 12 }), (claims) => {
      const messages = claims.map(({ ids, subject, isReply }, index) =>
        member(index + 1, ids.join(' '), subject, isReply),
      );
      const expected = messages.map(({ number }) => number);
      assert.deepEqual(numbersIn(references(messages)), expected);
      assert.deepEqual(numbersIn(orderedSubject(messages)), expected);
      const written = shown(references(messages));
      assert.deepEqual(
        (written.match(/\d+/g) ?? []).map(Number).sort((one, other) => one - other),
        expected,
      );
    }),
    { numRuns: 2_000 },
  );
});

test('X8 chains of 10,000 replies, in whatever order they come, are linked without recursion', () => {
  const chain = Array.from({ length: 10_000 }, (_, index) =>
    member(index + 1, index === 0 ? 'm0' : `m${index - 1} m${index}`, 's'),
  );
  const expected = `(${chain.map(({ number }) => number).join(' ')})`;
  assert.equal(shown(references(chain)), expected);
  assert.equal(shown(references([...chain].reverse())), expected);
  const halves = [...chain.filter((_, index) => index % 2 === 1), ...chain.filter((_, index) => index % 2 === 0)];
  assert.equal(shown(references(halves)), expected);
});
