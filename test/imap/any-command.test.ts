/**
 * Sessions against commands that are nearly right: each is answered once, with its tag, and nothing is a bug.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { mailCommands } from '../../imapd/commands/mail-commands.js';
import { SessionFixture, type TestClient } from '../support/session-fixture.js';

const notTried = new Set(['LOGOUT', 'IDLE', 'APPEND']);
const names = [...mailCommands.keys()].filter((name) => !notTried.has(name));

const words = [
  'INBOX',
  'inbox.a',
  'INBOX.b.c',
  'INBOX.',
  '""',
  '"',
  '"a\\"b"',
  'NIL',
  '*',
  '%',
  '1',
  '1:*',
  '*:3,9',
  '0',
  '4294967296',
  '(',
  ')',
  '()',
  '(FLAGS)',
  '(MESSAGES)',
  '(\\Seen)',
  '\\Deleted',
  '+FLAGS',
  '-FLAGS.SILENT',
  'FLAGS',
  'ALL',
  'UID',
  'RETURN',
  '(STATUS (SIZE UNSEEN))',
  '(SUBSCRIBED RECURSIVEMATCH)',
  'BODY.PEEK[]<0.9>',
  'BODY[1.MIME]',
  'BODY[HEADER.FIELDS (a)]',
  'ENVELOPE',
  'BODYSTRUCTURE',
  'UNSEEN',
  'OR',
  'NOT',
  'SUBJECT',
  'x',
  'SINCE',
  '1-Jan-2020',
  'CHARSET',
  'UTF-8',
  'REFERENCES',
  '(DATE)',
  '{3+}\r\nabc',
  '{0+}\r\n',
  '~{3+}\r\na\0c',
  '__proto__',
  '&AOk-',
  '&',
  '\x00',
  '\xff',
  '\t',
  '  ',
  '((((((((',
] as const;

const line = fc
  .tuple(
    fc.constantFrom(...names),
    fc.array(
      fc.oneof(
        { weight: 9, arbitrary: fc.constantFrom(...words) },
        { weight: 1, arbitrary: fc.string({ maxLength: 6 }) },
      ),
      { maxLength: 6 },
    ),
  )
  .map(([name, rest]) => [name, ...rest].join(' ').replace(/[\r\n](?!\n|abc|a\0c|$| )/g, ''));

async function answered(client: TestClient, tag: string, text: string): Promise<string> {
  client.send(`${tag} ${text}\r\n`);
  const before = await client.until(`${tag} `);
  return before.slice(before.lastIndexOf('\n') + 1) + (await client.until('\n'));
}

test('G10: whatever is asked, the answer is one OK, NO or BAD, never a bug and never silence', async () => {
  const fixture = new SessionFixture('five-letters');
  const settings = { maxBadCommands: 1_000_000 };
  try {
    let client = fixture.client(settings);
    let number = 0;
    await fc.assert(
      fc.asyncProperty(line, fc.boolean(), async (text, select) => {
        number += 1;
        if (select) await answered(client, `s${number}t`, number % 2 === 0 ? 'SELECT INBOX' : 'EXAMINE INBOX');
        // A literal that is announced and never sent would be waited for.
        if (/\{\d+\}$/.test(text)) return;
        const answer = await answered(client, `c${number}t`, text);
        assert.match(answer, /^c\d+t (OK|NO|BAD) /);
        assert.doesNotMatch(answer, /SERVERBUG/, text);
        const bugs = fixture.log.filter((entry) => entry.startsWith('error: bug'));
        assert.deepEqual(bugs, [], text);
        if (client.closed) client = fixture.client(settings);
      }),
      { numRuns: 3_000 },
    );
  } finally {
    await fixture.close();
  }
});
