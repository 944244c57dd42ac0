/**
 * SEARCH against a model that is slow and obvious: generated messages, generated questions, equal answers (C23).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type WrittenMessage, withMaildir, writeMessages } from '../support/generated-maildir.js';
import { usedMilliseconds } from '../support/processor-line.js';

interface ModelMessage {
  readonly number: number;
  readonly letters: string;
  readonly subject: string;
  readonly from: string;
  readonly body: string;
  /** Days since 1970. */
  readonly sentDay: number;
  readonly internalDay: number;
  readonly octets: string;
}

interface Question {
  readonly words: string;
  holds(message: ModelMessage, all: readonly ModelMessage[]): boolean;
}

const MESSAGES = 60;
const FIRST_DAY = 19_600;
const words = ['alpha', 'Beta', 'gamma', 'delta', 'Epsilon', 'zeta'];
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Numbers that look random and are the same in each run. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
}

function modelMessages(): ModelMessage[] {
  const random = randomNumbers(42);
  const word = () => words[random(words.length)] ?? '';
  return Array.from({ length: MESSAGES }, (_, index) => {
    const letters = ['D', 'F', 'R', 'S', 'T'].filter(() => random(3) === 0).join('');
    const [subject, from, body] = [`${word()} ${word()}`, `${word()}@example.com`, `${word()} in the middle ${word()}`];
    const sentDay = FIRST_DAY + random(10);
    const date = new Date(sentDay * 86_400_000);
    const sent = `${date.getUTCDate()} ${months[date.getUTCMonth()]} ${date.getUTCFullYear()} 23:59:59 -1100`;
    const encoded = random(2) === 0 ? subject : `=?utf-8?B?${Buffer.from(subject).toString('base64')}?=`;
    const octets = `From: ${from}\nSubject: ${encoded}\nDate: ${sent}\n\n${body}\n${'x'.repeat(random(200))}\n`;
    const internalDay = FIRST_DAY + random(10);
    return { number: index + 1, letters, subject, from, body, sentDay, internalDay, octets };
  });
}

function written({ letters, internalDay, octets }: ModelMessage): WrittenMessage {
  // Noon in this machine's own zone, which is the one that counts.
  const noon = internalDay * 86_400_000 + 43_200_000;
  const internalDate = noon + new Date(noon).getTimezoneOffset() * 60_000;
  return { octets, flagLetters: letters, internalDate };
}

const contains = (text: string, part: string): boolean => text.toLowerCase().includes(part.toLowerCase());
const sizeOf = ({ octets }: ModelMessage): number => octets.length + octets.split('\n').length - 1;

function dateText(day: number): string {
  const date = new Date(day * 86_400_000);
  return `${date.getUTCDate()}-${months[date.getUTCMonth()]}-${date.getUTCFullYear()}`;
}

const flagWords = [
  ['ANSWERED', 'R'],
  ['DELETED', 'T'],
  ['DRAFT', 'D'],
  ['FLAGGED', 'F'],
  ['SEEN', 'S'],
] as const;

const aboutFlag = fc.tuple(fc.constantFrom(...flagWords), fc.boolean()).map(
  ([[word, letter], set]): Question => ({
    words: set ? word : `UN${word}`,
    holds: ({ letters }) => letters.includes(letter) === set,
  }),
);

const aboutText = fc
  .tuple(fc.constantFrom('SUBJECT', 'FROM', 'BODY', 'TEXT', 'HEADER SUBJECT'), fc.constantFrom(...words, 'none', 'a b'))
  .map(
    ([key, word]): Question => ({
      words: `${key} "${word.toUpperCase()}"`,
      holds: ({ subject, from, body }) => {
        if (key === 'FROM') return contains(from, word);
        if (key === 'BODY') return contains(body, word);
        if (key === 'TEXT') return [subject, from, body].some((text) => contains(text, word));
        return contains(subject, word);
      },
    }),
  );

const aboutDay = fc
  .tuple(
    fc.constantFrom('BEFORE', 'ON', 'SINCE'),
    fc.boolean(),
    fc.integer({ min: FIRST_DAY - 1, max: FIRST_DAY + 10 }),
  )
  .map(
    ([compare, sent, wanted]): Question => ({
      words: `${sent ? 'SENT' : ''}${compare} ${dateText(wanted)}`,
      holds: ({ sentDay, internalDay }) => {
        const day = sent ? sentDay : internalDay;
        if (compare === 'BEFORE') return day < wanted;
        return compare === 'ON' ? day === wanted : day >= wanted;
      },
    }),
  );

const aboutSize = fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 500 })).map(
  ([larger, octets]): Question => ({
    words: `${larger ? 'LARGER' : 'SMALLER'} ${octets}`,
    holds: (message) => (larger ? sizeOf(message) > octets : sizeOf(message) < octets),
  }),
);

const setNumber = fc.oneof(fc.integer({ min: 1, max: MESSAGES }), fc.constant('*' as const));
const aboutNumber = fc
  .tuple(fc.boolean(), fc.array(fc.tuple(setNumber, setNumber), { minLength: 1, maxLength: 4 }))
  .map(
    ([uid, ranges]): Question => ({
      words: `${uid ? 'UID ' : ''}${ranges.map(([first, last]) => (first === last ? first : `${first}:${last}`)).join(',')}`,
      holds: ({ number }, all) =>
        ranges.some((range) => {
          const [first, last] = range.map((end) => (end === '*' ? all.length : end));
          return number >= Math.min(first ?? 0, last ?? 0) && number <= Math.max(first ?? 0, last ?? 0);
        }),
    }),
  );

const simple = fc.oneof(aboutFlag, aboutText, aboutDay, aboutSize, aboutNumber);

const { question } = fc.letrec<{ question: Question }>((tie) => ({
  question: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    simple,
    tie('question').map(
      (inner): Question => ({
        words: `NOT ${inner.words}`,
        holds: (message, all) => !inner.holds(message, all),
      }),
    ),
    fc.tuple(tie('question'), tie('question')).map(
      ([a, b]): Question => ({
        words: `OR ${a.words} ${b.words}`,
        holds: (message, all) => a.holds(message, all) || b.holds(message, all),
      }),
    ),
    fc.array(tie('question'), { minLength: 1, maxLength: 3 }).map(
      (inner): Question => ({
        words: `(${inner.map((each) => each.words).join(' ')})`,
        holds: (message, all) => inner.every((each) => each.holds(message, all)),
      }),
    ),
  ),
}));

test('C23: SEARCH and UID SEARCH find what an obvious evaluator finds', async () => {
  const model = modelMessages();
  await withMaildir(
    (maildir) => writeMessages(maildir, model.map(written)),
    async ({ client }) => {
      await client.must('SELECT INBOX');
      await fc.assert(
        fc.asyncProperty(question, async ({ words: asked, holds }) => {
          const expected = model.filter((message) => holds(message, model)).map(({ number }) => number);
          const answer = expected.length === 0 ? '* SEARCH' : `* SEARCH ${expected.join(' ')}`;

          const { untagged } = await client.must(`SEARCH ${asked}`);
          assert.deepEqual(untagged, [answer], asked);
          assert.deepEqual((await client.must(`UID SEARCH ${asked}`)).untagged, [answer], asked);
        }),
        { numRuns: 300 },
      );
    },
  );
});

test('C23: MIN and MAX are the ends of what is found, however little is looked at for them', async () => {
  const model = modelMessages();
  const returned = fc.constantFrom('MIN', 'MAX', 'MIN MAX', 'MAX COUNT');
  await withMaildir(
    (maildir) => writeMessages(maildir, model.map(written)),
    async ({ client }) => {
      await client.must('SELECT INBOX');
      await fc.assert(
        fc.asyncProperty(question, returned, async ({ words: asked, holds }, options) => {
          const expected = model.filter((message) => holds(message, model)).map(({ number }) => number);
          const told = options.split(' ').flatMap((option) => {
            if (option === 'COUNT') return [`COUNT ${expected.length}`];
            return expected.length === 0 ? [] : [`${option} ${option === 'MIN' ? expected[0] : expected.at(-1)}`];
          });

          const { untagged } = await client.must(`SEARCH RETURN (${options}) ${asked}`);
          const answer = (untagged[0] ?? '').replace(/^\* ESEARCH \(TAG "[^"]*"\) ?/, '');
          assert.equal(answer, told.join(' '), asked);
        }),
        { numRuns: 100 },
      );
      assert.match(
        (await client.must('SEARCH RETURN (MIN MAX) UID 900:1000')).untagged.join(),
        /^\* ESEARCH \(TAG "[^"]*"\)$/,
      );
    },
  );
  await withMaildir(
    () => undefined,
    async ({ client }) => {
      await client.must('SELECT INBOX');
      assert.match((await client.must('SEARCH RETURN (MIN MAX) ALL')).untagged.join(), /^\* ESEARCH \(TAG "[^"]*"\)$/);
    },
  );
});

test('C26: FETCH picks the same messages as an obvious evaluator of sets', async () => {
  const model = modelMessages();
  await withMaildir(
    (maildir) => writeMessages(maildir, model.map(written)),
    async ({ client }) => {
      await client.must('SELECT INBOX');
      await fc.assert(
        fc.asyncProperty(aboutNumber, async ({ words: asked, holds }) => {
          const expected = model.filter((message) => holds(message, model));
          const set = asked.replace('UID ', '');
          const { untagged } = await client.must(`${asked.startsWith('UID') ? 'UID ' : ''}FETCH ${set} (UID)`);
          assert.deepEqual(
            untagged,
            expected.map(({ number }) => `* ${number} FETCH (UID ${number})`),
          );
        }),
        { numRuns: 100 },
      );
    },
  );
});

test('attacks 26: more than 1,000 keys or levels are refused', async () => {
  await withMaildir(
    (maildir) => writeMessages(maildir, [{ octets: 'Subject: a\n\nb\n' }]),
    async ({ client }) => {
      await client.must('SELECT INBOX');

      assert.equal((await client.send(`SEARCH ${'ALL '.repeat(1_000)}ALL`)).status, 'BAD');
      assert.equal((await client.send(`SEARCH ${'NOT '.repeat(1_000)}ALL`)).status, 'BAD');
      assert.equal((await client.send(`SEARCH ${'('.repeat(1_001)}ALL${')'.repeat(1_001)}`)).status, 'BAD');
      assert.equal((await client.send(`SORT (${'TO '.repeat(1_000)}TO) UTF-8 ALL`)).status, 'BAD');
      assert.equal((await client.send(`SEARCH ${'NOT '.repeat(998)}ALL`)).status, 'OK');
    },
  );
});

test('attacks 27: a million ranges are answered quickly', async () => {
  await withMaildir(
    (maildir) => writeMessages(maildir, [{ octets: 'Subject: a\n\nb\n' }, { octets: 'Subject: c\n\nd\n' }]),
    async ({ client }) => {
      await client.must('SELECT INBOX');
      const set = Array.from({ length: 200_000 }, (_, index) => 2 * index + 2).join(',');

      const used = await usedMilliseconds(async () => {
        assert.deepEqual((await client.must(`UID SEARCH UID ${set}`)).untagged, ['* SEARCH 2']);
        assert.deepEqual((await client.must(`UID FETCH ${set} (UID)`)).untagged, ['* 2 FETCH (UID 2)']);
      });
      assert.ok(used < 3_000, `${used} ms`);
    },
  );
});
