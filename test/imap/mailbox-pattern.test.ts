/** Patterns of LIST, against a table and against a slow and obvious matcher. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CommandFailure } from '../../imapd/completion.js';
import { mailboxPattern } from '../../imapd/mailbox/mailbox-pattern.js';
import { usedMilliseconds } from '../support/processor-line.js';

function matches(reference: string, pattern: string, name: string): boolean {
  return mailboxPattern(Buffer.from(reference), Buffer.from(pattern)).matches(name);
}

test('C13 N4: patterns of LIST mean what RFC 9051 section 6.3.9 says', () => {
  const table: readonly [reference: string, pattern: string, name: string, expected: boolean][] = [
    ['', '*', 'INBOX', true],
    ['', '*', 'INBOX.a.b', true],
    ['', '%', 'INBOX', true],
    ['', '%', 'INBOX.a', false],
    ['', 'INBOX.%', 'INBOX.a', true],
    ['', 'INBOX.%', 'INBOX.a.b', false],
    ['', 'INBOX.%', 'INBOX', false],
    ['', 'INBOX.*', 'INBOX.a.b', true],
    ['', 'inbox', 'INBOX', true],
    ['', 'inbox.%', 'INBOX.a', true],
    ['', 'inb%', 'INBOX', true],
    ['', 'INBOX.A', 'INBOX.a', false],
    ['', 'INBOX.Z*', 'INBOX.z', false],
    ['INBOX', '%', 'INBOX.a', true],
    ['INBOX.', '%', 'INBOX.a', true],
    ['INBOX.', 'a', 'INBOX.a', true],
    ['INBOX', '*', 'INBOX', false],
    ['', '%.b', 'INBOX.b', true],
    ['', '*.b', 'INBOX.a.b', true],
    ['', '%.%.b', 'INBOX.a.b', true],
    ['', '%.b', 'INBOX.a.b', false],
    ['', '*%', 'INBOX.a.b', true],
    ['', 'INBOX.a*c', 'INBOX.abbc', true],
    ['', 'INBOX.a%c', 'INBOX.ab.c', false],
    ['', 'INBOX.', 'INBOX', true],
    ['', 'INBOX.R&AOk-sum&AOk-', 'INBOX.Résumé', true],
    ['', 'INBOX.R%sum&AOk-', 'INBOX.Résumé', true],
    ['', 'INBOX.(a|b)', 'INBOX.a', false],
    ['', '%{2}', 'INBOX', false],
    ['', 'INBOX.&', 'INBOX.&', false],
  ];

  for (const [reference, pattern, name, expected] of table) {
    assert.equal(matches(reference, pattern, name), expected, `LIST "${reference}" "${pattern}" and ${name}`);
  }
});

test('C13: a pattern means the same as a plain recursive matcher says', () => {
  const characters = fc.constantFrom('a', 'b', '.', '*', '%');
  const pattern = fc.array(characters, { maxLength: 8 }).map((list) => `INBOX.a${list.join('')}`);
  const name = fc.array(fc.constantFrom('a', 'b', '.'), { maxLength: 8 }).map((list) => `INBOX.${list.join('')}`);
  fc.assert(
    fc.property(pattern, name, (asked, candidate) => {
      const wanted = asked.endsWith('.') ? asked.slice(0, -1) : asked;
      assert.equal(matches('', asked, candidate), obvious(wanted, candidate));
    }),
    { numRuns: 2000 },
  );
});

function obvious(pattern: string, name: string): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return name === '';
  const tail = rest.join('');
  if (first === '*' || first === '%') {
    if (obvious(tail, name)) return true;
    return name !== '' && (first === '*' || name[0] !== '.') && obvious(pattern, name.slice(1));
  }
  return name[0] === first && obvious(tail, name.slice(1));
}

test('a pattern made to be slow is refused or fast', async () => {
  assert.throws(() => mailboxPattern(Buffer.from(''), Buffer.from('*a'.repeat(11))), CommandFailure);
  const pattern = mailboxPattern(Buffer.from(''), Buffer.from(`*${'a*'.repeat(8)}b`));
  const used = await usedMilliseconds(() => {
    for (let count = 0; count < 1000; count += 1) assert.equal(pattern.matches(`INBOX.${'a'.repeat(240)}`), false);
  });
  assert.ok(used < 1000, `${used} ms`);
});
