/**
 * SORT against a model that is slow and obvious: all keys, in all orders, with REVERSE (X7).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { withMaildir, writeMessages } from '../support/generated-maildir.js';

const MESSAGES = 40;
const FIRST_MS = Date.UTC(2023, 5, 1);

interface ModelMessage {
  readonly number: number;
  readonly keys: Readonly<Record<string, string | number>>;
  readonly octets: string;
  readonly internalDate: number;
}

/** Few different values, so that ties are frequent and the next key decides. */
function modelMessage(index: number): ModelMessage {
  const pick = <T>(values: readonly T[], prime: number): T => values[(index * prime) % values.length] as T;
  const [from, to, cc] = [pick(['Bob', 'ann', 'cat'], 7), pick(['x', 'Y'], 3), pick(['m', 'N', 'o', ''], 5)];
  const base = pick(['apple', 'Pear', 'zebra', 'melon'], 11);
  const prefix = pick(['', 'Re: ', 'Fwd: [list] '], 13);
  const sent = FIRST_MS + pick([0, 3, 1, 2], 17) * 3_600_000;
  const arrival = FIRST_MS + ((index * 7) % 5) * 86_400_000;
  const date = new Date(sent).toUTCString().replace('GMT', '+0000');
  const dated = index % 6 !== 0;
  const head = `From: <${from}@example.com>\nTo: ${to}@example.com\n${cc === '' ? '' : `Cc: ${cc}@example.com\n`}`;
  const padding = 'x'.repeat((index * 3) % 4);
  const octets = `${head}Subject: ${prefix}${base}\n${dated ? `Date: ${date}\n` : ''}\n${padding}\n`;
  const keys = {
    ARRIVAL: arrival,
    CC: cc.toLowerCase(),
    DATE: dated ? sent : arrival,
    DISPLAYFROM: `${from}@example.com`.toLowerCase(),
    DISPLAYTO: `${to}@example.com`.toLowerCase(),
    FROM: from.toLowerCase(),
    SIZE: octets.length + octets.split('\n').length - 1,
    SUBJECT: base.toLowerCase(),
    TO: to.toLowerCase(),
  };
  return { number: index + 1, keys, octets, internalDate: arrival };
}

test('X7: SORT orders as an obvious comparison does', async () => {
  const model = Array.from({ length: MESSAGES }, (_, index) => modelMessage(index));
  const criterion = fc.record({
    key: fc.constantFrom('ARRIVAL', 'CC', 'DATE', 'DISPLAYFROM', 'DISPLAYTO', 'FROM', 'SIZE', 'SUBJECT', 'TO'),
    reverse: fc.boolean(),
  });
  await withMaildir(
    (maildir) => writeMessages(maildir, model),
    async ({ client }) => {
      await client.must('SELECT INBOX');
      await fc.assert(
        fc.asyncProperty(fc.array(criterion, { minLength: 1, maxLength: 4 }), async (criteria) => {
          const sorted = [...model].sort((one, other) => {
            for (const { key, reverse } of criteria) {
              const [a, b] = [one.keys[key] ?? '', other.keys[key] ?? ''];
              if (a !== b) return (a < b ? -1 : 1) * (reverse ? -1 : 1);
            }
            return one.number - other.number;
          });
          const words = criteria.map(({ key, reverse }) => `${reverse ? 'REVERSE ' : ''}${key}`).join(' ');

          const { untagged } = await client.must(`UID SORT (${words}) UTF-8 ALL`);
          assert.deepEqual(untagged, [`* SORT ${sorted.map(({ number }) => number).join(' ')}`], words);
        }),
        { numRuns: 200 },
      );
    },
  );
});
