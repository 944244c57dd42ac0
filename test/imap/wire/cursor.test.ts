/**
 * What the Cursor reads: examples of the RFCs, what it refuses, and the law that what the Encoder writes it reads.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Cursor } from '../../../imapd/wire/cursor.js';
import { formatDateTime } from '../../../imapd/wire/date-time.js';
import { Encoder } from '../../../imapd/wire/encoder.js';
import { SyntaxFailure } from '../../../imapd/wire/failures.js';
import { compactSet, formatSequenceSet } from '../../../imapd/wire/sequence-set.js';

function at(text: string): Cursor {
  return new Cursor(Buffer.from(text, 'latin1'));
}

function refuses(text: string, read: (cursor: Cursor) => unknown): void {
  assert.throws(
    () => {
      const cursor = at(text);
      read(cursor);
      cursor.end();
    },
    (error: unknown) => {
      assert.ok(error instanceof SyntaxFailure, `${text}: ${error}`);
      assert.match(error.message, /^[\x20-\x7e]+$/);
      assert.ok(error.message.length < 200);
      return true;
    },
    text,
  );
}

test('numbers end at 32 bits, and are digits', () => {
  assert.equal(at('4294967295').number(), 4_294_967_295);
  assert.equal(at('0').number(), 0);
  assert.equal(at('000000000000007').number(), 7);
  for (const text of ['4294967296', '-1', '1e9', '0x10', '', ' 1', '99999999999999999999', '+1', '1a'])
    refuses(text, (cursor) => cursor.number());
  for (const text of ['0', '01']) refuses(text, (cursor) => cursor.nzNumber());
  assert.equal(at('9223372036854775807').number64(), 2 ** 63);
  refuses('9223372036854775808', (cursor) => cursor.number64());
});

test('atoms and strings are told apart as in RFC 9051', () => {
  assert.equal(at('abc]').atom(), 'abc');
  assert.equal(at('a]b').astring().toString(), 'a]b');
  assert.equal(at('"a \\"b\\" \\\\c"').string().toString(), 'a "b" \\c');
  assert.equal(at('{3}\r\na\r\n').string().toString(), 'a\r\n');
  assert.equal(at('{3+}\r\nabc').astring().toString(), 'abc');
  assert.equal(at('{3}\nabc').astring().toString(), 'abc');
  assert.equal(at('~{2}\r\na\0').string().toString(), 'a\0');
  assert.equal(at('NIL').nstring(), null);
  assert.equal(at('nil').nstring(), null);
  assert.equal(at('""').nstring()?.length, 0);
  for (const text of [
    '',
    '(',
    '"',
    '"a',
    '"a\r"',
    '"a\n"',
    '"a\0"',
    '"\\',
    '{3}\r\nab',
    '{3}ab',
    '{-1}\r\n',
    'a\x80',
    '{1}\r\n\0',
  ])
    refuses(text, (cursor) => cursor.astring());
  for (const text of ['abc', '%', '']) refuses(text, (cursor) => cursor.string());
});

test('INBOX is INBOX in whatever case, and nothing else is changed', () => {
  assert.equal(at('inBox').mailbox().toString(), 'INBOX');
  assert.equal(at('"inbox"').mailbox().toString(), 'INBOX');
  assert.equal(at('inbox.Sent').mailbox().toString(), 'inbox.Sent');
  assert.equal(at('INBOX.%*').listMailbox().toString(), 'INBOX.%*');
});

test('sequence sets are read as written and never expanded', () => {
  assert.deepEqual(at('2,4:7,9,12:*').sequenceSet(), [
    { first: 2, last: 2 },
    { first: 4, last: 7 },
    { first: 9, last: 9 },
    { first: 12, last: '*' },
  ]);
  assert.deepEqual(at('*:1').sequenceSet(), [{ first: '*', last: 1 }]);
  assert.deepEqual(at('1:4294967295').sequenceSet(), [{ first: 1, last: 4_294_967_295 }]);
  for (const text of ['', '0', '1:0', '1:', ':1', '1,', ',1', '1:2:3', '4294967296', '1-2', 'a', '**'])
    refuses(text, (cursor) => cursor.sequenceSet());
});

test('flags come in parentheses or without', () => {
  const expected = { system: ['\\Seen', '\\Deleted'], keywords: ['$Junk'] };
  assert.deepEqual(at('(\\Seen $Junk \\deleted)').flagList(), expected);
  assert.deepEqual(at('\\SEEN $Junk \\Deleted').flagList(), expected);
  assert.deepEqual(at('()').flagList(), { system: [], keywords: [] });
  assert.deepEqual(at('(__proto__ constructor)').flagList(), { system: [], keywords: ['__proto__', 'constructor'] });
  const trailing = at('\\Seen  ');
  trailing.flagList();
  trailing.end();
  for (const text of ['(\\Recent)', '\\Foo', '(\\Seen', '\\', '(a  b)', '"a"'])
    refuses(text, (cursor) => cursor.flagList());
});

test('dates and times are days and moments that exist', () => {
  assert.deepEqual(at('"17-Jul-1996 02:44:25 -0700"').dateTime(), {
    ms: Date.UTC(1996, 6, 17, 9, 44, 25),
    zoneMinutes: -420,
  });
  assert.equal(at('" 1-jan-2000 00:00:00 +0000"').dateTime().ms, Date.UTC(2000, 0, 1));
  assert.deepEqual(at('1-Feb-1994').date(), { year: 1994, month: 2, day: 1 });
  assert.deepEqual(at('"29-Feb-2000"').date(), { year: 2000, month: 2, day: 29 });
  for (const text of ['29-Feb-1900', '0-Jan-2000', '32-Jan-2000', '1-Foo-2000', '1-Jan-20', '1/2/2000', '"1-Jan-2000'])
    refuses(text, (cursor) => cursor.date());
  for (const text of ['17-Jul-1996', '"17-Jul-1996"', '"17-Jul-1996 24:00:00 +0000"', '"17-Jul-1996 02:44:25"'])
    refuses(text, (cursor) => cursor.dateTime());
});

test('lists are closed, not too long and not too deep', () => {
  const list = (text: string) => {
    const cursor = at(text);
    return cursor.parenthesised(() => cursor.atom(), { most: 3 });
  };
  assert.deepEqual(list('(a b c)'), ['a', 'b', 'c']);
  assert.deepEqual(list('()'), []);
  for (const text of ['(a b c d)', '(a', '(a )', '( a)', 'a', '(a  b)']) assert.throws(() => list(text), SyntaxFailure);
  const deep = (cursor: Cursor): unknown =>
    cursor.peekOctet() === 0x28 ? cursor.nested(() => deep(cursor)) : cursor.atom();
  deep(at(`${'('.repeat(100)}a${')'.repeat(100)}`));
  assert.throws(() => deep(at('('.repeat(100_000))), SyntaxFailure);
});

test('spaces before the end are let pass, anything else is not', () => {
  at('  ').end();
  refuses(' a', () => undefined);
});

test('failures never repeat what was sent beyond one octet', () => {
  const secret = 'password\x01\x1b[31m';
  assert.throws(
    () => at(`"${secret}`).string(),
    (error: Error) => !error.message.includes('passw') && /^[\x20-\x7e]*$/.test(error.message),
  );
});

const anyOctets = fc.uint8Array({ maxLength: 3_000 }).map((octets) => Buffer.from(octets));

test('a string that is written is read back the same', () => {
  fc.assert(
    fc.property(anyOctets, (octets) => {
      const written = new Encoder().string(octets).octets();
      const expected = Buffer.from(octets.map((octet) => (octet === 0 ? 0x3f : octet)));
      const cursor = new Cursor(written);
      assert.deepEqual(Buffer.from(cursor.string()), expected);
      cursor.end();
    }),
  );
});

test('nstrings, numbers and lists that are written are read back the same', () => {
  const text = fc.option(fc.stringMatching(/^[\x01-\x7f]{0,20}$/), { nil: null });
  const element = fc.record({ text, number: fc.integer({ min: 0, max: 4_294_967_295 }) }, { noNullPrototype: true });
  fc.assert(
    fc.property(fc.array(element, { maxLength: 20 }), (elements) => {
      const encoder = new Encoder(1);
      encoder.list(elements, ({ text, number }) => encoder.nstring(text).sp().number(number));
      const cursor = new Cursor(encoder.octets());
      const read = cursor.parenthesised(() => {
        const text = cursor.nstring()?.toString('latin1') ?? null;
        cursor.sp();
        return { text, number: cursor.number() };
      });
      assert.deepEqual(read, elements);
    }),
  );
});

test('a sequence set that is written is read back the same', () => {
  const number = fc.oneof(fc.integer({ min: 1, max: 4_294_967_295 }), fc.constant('*' as const));
  const sets = fc.array(fc.record({ first: number, last: number }), { minLength: 1 });
  fc.assert(
    fc.property(sets, (set) => {
      assert.deepEqual(
        new Cursor(formatSequenceSet(set)).sequenceSet(),
        set.map(({ first, last }) => ({ first, last })),
      );
    }),
  );
  assert.equal(new Cursor(formatSequenceSet('$')).sequenceSet(), '$');
});

test('numbers written as a compact set are the same numbers', () => {
  const ascending = fc
    .uniqueArray(fc.integer({ min: 1, max: 300 }), { minLength: 1 })
    .map((all) => all.sort((a, b) => a - b));
  fc.assert(
    fc.property(ascending, (numbers) => {
      const read = at(compactSet(numbers)).sequenceSet();
      assert.ok(read !== '$');
      const expanded = read.flatMap(({ first, last }) => {
        const [from, to] = [Number(first), Number(last)];
        return Array.from({ length: to - from + 1 }, (_, index) => from + index);
      });
      assert.deepEqual(expanded, numbers);
    }),
  );
  assert.equal(compactSet([]), '');
  assert.equal(compactSet([1, 2, 3, 7, 9, 10]), '1:3,7,9:10');
});

test('a moment that is written is read back the same', () => {
  const ms = fc.integer({ min: -60_000_000_000, max: 200_000_000_000 }).map((seconds) => seconds * 1_000);
  const zoneMinutes = fc.integer({ min: -14 * 60, max: 14 * 60 });
  fc.assert(
    fc.property(fc.record({ ms, zoneMinutes }), (moment) => {
      assert.deepEqual(at(`"${formatDateTime(moment)}"`).dateTime(), { ...moment });
    }),
  );
});

test('the encoder refuses protocol text that could break a line', () => {
  for (const text of ['a\r\nb', 'a\0', 'ä']) assert.throws(() => new Encoder().atom(text));
  assert.throws(() => new Encoder().quoted('a\n'));
  assert.throws(() => new Encoder().number(-1));
  assert.throws(() => new Encoder().number(1.5));
});
