/**
 * Results that are kept up to date: a client that does what ADDTO and REMOVEFROM say has at every moment what a new search
 * would give it, whatever another session does to the mailbox.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { withMaildir, writeMessages } from '../support/generated-maildir.js';
import { ImapClient } from '../support/imap-client.js';

const MESSAGES = 12;
const subjects = ['lunch', 'Re: lunch', 'report', 'apple', 'zebra'];

/** `UID ADDTO (1 5 2 7)` or `REMOVEFROM (0 3:4,9)` in an ESEARCH response, as steps. */
function changesIn(response: string): { readonly kind: string; readonly pairs: readonly [number, number[]][] }[] {
  return [...response.matchAll(/(ADDTO|REMOVEFROM) \(([^)]*)\)/g)].map(([, kind = '', list = '']) => {
    const words = list.split(' ');
    const pairs = words.flatMap((word, at): [number, number[]][] =>
      at % 2 === 0 ? [[Number(word), expanded(words[at + 1] ?? '')]] : [],
    );
    return { kind, pairs };
  });
}

function expanded(set: string): number[] {
  return set.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split(':').map(Number);
    return Array.from({ length: last - first + 1 }, (_, at) => first + at);
  });
}

/** Does to a list what the server says. */
function follow(list: number[], responses: readonly string[], tag: string): number[] {
  let kept = [...list];
  for (const response of responses) {
    if (!response.includes(`(TAG "${tag}")`)) continue;
    for (const { kind, pairs } of changesIn(response)) {
      for (const [position, uids] of pairs) {
        if (kind === 'ADDTO' && position > 0) kept.splice(position - 1, 0, ...uids);
        else if (kind === 'ADDTO') kept = [...kept, ...uids].sort((one, other) => one - other);
        else {
          if (position > 0) assert.equal(kept[position - 1], uids[0], response);
          assert.ok(
            uids.every((uid) => kept.includes(uid)),
            response,
          );
          kept = kept.filter((uid) => !uids.includes(uid));
        }
      }
    }
  }
  return kept;
}

function numbersIn(responses: readonly string[], name: string): number[] {
  const line = responses.find((response) => response.startsWith(`* ${name}`)) ?? '';
  return line.split(' ').slice(2).map(Number);
}

const step = fc.oneof(
  fc.record({
    kind: fc.constant('store' as const),
    uid: fc.integer({ min: 1, max: MESSAGES + 8 }),
    flag: fc.constantFrom('\\Seen', '\\Flagged', '\\Deleted', '$Label'),
    add: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('append' as const), subject: fc.constantFrom(...subjects) }),
  fc.constant({ kind: 'expunge' as const }),
);

test('a result that follows ADDTO and REMOVEFROM is that of a new search', async () => {
  const messages = Array.from({ length: MESSAGES }, (_, at) => ({
    octets: `Subject: ${subjects[at % subjects.length]}\n\n${at}\n`,
    internalDate: Date.UTC(2023, 5, 1 + at),
  }));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      await withMaildir(
        (maildir) => writeMessages(maildir, messages),
        async ({ client, connect }) => {
          const other = new ImapClient(await connect());
          await client.must('SELECT INBOX');
          await other.must('SELECT INBOX');
          const keys = 'OR (UNSEEN UNDELETED) KEYWORD $Label';
          const begun = await client.must(`UID SEARCH RETURN (ALL UPDATE) ${keys}`);
          const sorted = await client.must(`UID SORT RETURN (ALL UPDATE) (SUBJECT REVERSE ARRIVAL) UTF-8 ${keys}`);
          let [found, order] = [begun, sorted].map(({ untagged }) =>
            expanded(/ ALL (\S+)/.exec(untagged.join('\n'))?.[1] ?? ''),
          ) as [number[], number[]];

          for (const each of steps) {
            if (each.kind === 'store')
              await other.must(`UID STORE ${each.uid} ${each.add ? '+' : '-'}FLAGS (${each.flag})`);
            else if (each.kind === 'append')
              await other.must('APPEND INBOX', Buffer.from(`Subject: ${each.subject}\r\n\r\nx\r\n`));
            else await other.must('EXPUNGE');
            const { untagged } = await client.must('NOOP');
            found = follow(found, untagged, 't2');
            order = follow(order, untagged, 't3');
            assert.deepEqual(found, numbersIn((await client.must(`UID SEARCH ${keys}`)).untagged, 'SEARCH'));
            const fresh = await client.must(`UID SORT (SUBJECT REVERSE ARRIVAL) UTF-8 ${keys}`);
            assert.deepEqual(order, numbersIn(fresh.untagged, 'SORT'));
          }
        },
      );
    }),
    { numRuns: 25 },
  );
});
