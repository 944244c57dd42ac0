/** What RETURN asks for: how it is read, and what it makes of messages that were found. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isSimilar } from '../../imapd/search/fuzzy-conditions.js';
import { Cursor } from '../../imapd/wire/cursor.js';
import { SyntaxFailure } from '../../imapd/wire/failures.js';
import { parseReturnOptions, partOf, partToSave, tellsResult, wantsEndsOnly } from '../../imapd/wire/return-options.js';

function options(text: string): ReturnType<typeof parseReturnOptions> {
  const cursor = new Cursor(Buffer.from(` RETURN (${text})`));
  const read = parseReturnOptions(cursor);
  cursor.end();
  return read;
}

test('RETURN takes its words in any case and order, and one PARTIAL', () => {
  assert.deepEqual(options(''), { words: ['ALL'] });
  assert.deepEqual(options('save Min MIN'), { words: ['SAVE', 'MIN'] });
  assert.deepEqual(options('COUNT PARTIAL 500:401'), {
    words: ['COUNT'],
    partial: { first: 401, last: 500, fromEnd: false },
  });
  assert.deepEqual(options('PARTIAL -1:-100')?.partial, { first: 1, last: 100, fromEnd: true });
  assert.equal(parseReturnOptions(new Cursor(Buffer.from(' ALL'))), undefined);
  const wrong = [
    'SOME',
    'PARTIAL',
    'PARTIAL 1',
    'PARTIAL 0:1',
    'PARTIAL -1:5',
    'PARTIAL 1:*',
    'PARTIAL 1:2 PARTIAL 1:2',
  ];
  for (const text of [...wrong, 'ALL PARTIAL 1:2', 'MIN  MAX', 'MIN,MAX']) {
    assert.throws(() => options(text), SyntaxFailure, text);
  }
});

test('what is told, what is saved and what is looked for follows from the words', () => {
  const numbers = [3, 5, 7, 9];
  const table: [string, readonly number[], boolean, boolean][] = [
    ['', numbers, true, false],
    ['SAVE', numbers, false, false],
    ['SAVE MIN', [3], true, true],
    ['SAVE MAX CONTEXT', [9], true, true],
    ['SAVE MIN MAX', [3, 9], true, true],
    ['SAVE MIN COUNT', numbers, true, false],
    ['SAVE MIN ALL', numbers, true, false],
    ['SAVE PARTIAL 2:3', [5, 7], true, false],
    ['SAVE PARTIAL 2:3 MAX', [5, 7, 9], true, false],
    ['MIN UPDATE', [3], true, false],
  ];
  for (const [text, saved, told, ends] of table) {
    const read = options(text) ?? { words: [] };
    assert.deepEqual([partToSave(numbers, read), tellsResult(read), wantsEndsOnly(read)], [saved, told, ends], text);
  }
});

test('a piece is that of the list, from either end', () => {
  fc.assert(
    fc.property(fc.nat(20), fc.integer({ min: 1, max: 25 }), fc.integer({ min: 0, max: 25 }), (length, first, more) => {
      const numbers = Array.from({ length }, (_, at) => at + 1);
      const last = first + more;
      const asked = { first, last };

      assert.deepEqual(
        partOf(numbers, { ...asked, fromEnd: false }),
        numbers.filter((at) => at >= first && at <= last),
      );
      const backwards = numbers.filter((at) => length - at + 1 >= first && length - at + 1 <= last);
      assert.deepEqual(partOf(numbers, { ...asked, fromEnd: true }), backwards);
    }),
  );
});

test('words are similar that differ in a letter, or in two if they are long', () => {
  const similar = [
    'break braek',
    'lunch lnch',
    'lunch lunchh',
    'hello jello',
    'received recieved',
    'conference konferenc',
  ];
  const different = ['cat car', 'lunch lncg', 'hello yellow', 'break', 'a b', 'conference konferens'];
  for (const pair of similar) assert.ok(isSimilar(...(pair.split(' ') as [string, string])), pair);
  for (const pair of different)
    assert.ok(!isSimilar(...([...pair.split(' '), ''].slice(0, 2) as [string, string])), pair);
});
