/**
 * Sessions against commands that are nearly right: each is answered once, with its tag, and nothing is a bug.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SessionFixture, type TestClient } from '../support/session-fixture.js';

const mailbox = fc.constantFrom(
  'INBOX',
  'inbox.a',
  'INBOX.b.c',
  'INBOX.&AOk-',
  '"INBOX.x y"',
  'INBOX.',
  'Other',
  '{7+}\r\nINBOX.a',
);
const set = fc.constantFrom('1', '1:*', '*', '2,4:5', '*:3,1', '4294967295', '9', '0', '1:2:3', '');
const pattern = fc.constantFrom('*', '%', 'INBOX.%', '""', '(INBOX INBOX.*)', 'i*a%', '"INBOX.*"');
const flags = fc.constantFrom(
  '(\\Seen)',
  '()',
  '\\Flagged',
  '(\\Deleted $Work __proto__)',
  '(\\Recent)',
  '(a b',
  'FLAGS',
);
const section = fc.constantFrom(
  '',
  '1',
  '1.2.MIME',
  'HEADER',
  'TEXT',
  'HEADER.FIELDS (From "x y")',
  'HEADER.FIELDS.NOT (to)',
  '0',
  '9.9',
);
const item = fc.oneof(
  fc.constantFrom(
    'FLAGS',
    'UID',
    'ENVELOPE',
    'BODYSTRUCTURE',
    'BODY',
    'INTERNALDATE',
    'RFC822.SIZE',
    'RFC822',
    'NONSENSE',
  ),
  fc
    .tuple(section, fc.constantFrom('', '<0.5>', '<9.0>', '<99999999.1>'))
    .map(([name, part]) => `BODY.PEEK[${name}]${part}`),
);
const items = fc.oneof(
  fc.constantFrom('ALL', 'FAST', 'FULL'),
  fc.array(item, { minLength: 1, maxLength: 4 }).map((all) => `(${all.join(' ')})`),
);
const { key } = fc.letrec<{ key: string }>((tie) => ({
  key: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(
      'ALL',
      'UNSEEN',
      'NEW',
      'RECENT',
      'KEYWORD x',
      'SUBJECT lunch',
      'FROM ""',
      'TEXT "a"',
      'SINCE 1-Jan-2020',
    ),
    fc.constantFrom(
      'SENTON 14-Nov-2023',
      'LARGER 200',
      'HEADER X-A ""',
      'UID 2:3',
      '1:2',
      'BODY {3+}\r\nabc',
      'NONSENSE',
      'ON x',
    ),
    fc.tuple(tie('key'), tie('key')).map(([one, other]) => `OR ${one} ${other}`),
    tie('key').map((inner) => `NOT ${inner}`),
    fc.array(tie('key'), { minLength: 1, maxLength: 3 }).map((all) => `(${all.join(' ')})`),
  ),
}));
const statusItems = fc.constantFrom('(MESSAGES UNSEEN)', '(SIZE DELETED)', 'UIDNEXT', '()', '(NONSENSE)');
const sortKeys = fc.constantFrom('(SUBJECT)', '(REVERSE DATE FROM)', '(SIZE ARRIVAL CC TO)', '()', '(COLOUR)');
const options = fc.constantFrom(
  '',
  'RETURN () ',
  'RETURN (MIN MAX COUNT ALL) ',
  'CHARSET UTF-8 ',
  'CHARSET X-NONE ',
  'RETURN (X) ',
);
const selection = fc.constantFrom('', '(SUBSCRIBED) ', '(SPECIAL-USE REMOTE) ', '(RECURSIVEMATCH SUBSCRIBED) ', '(X) ');
const returns = fc.constantFrom(
  '',
  ' RETURN (SUBSCRIBED CHILDREN)',
  ' RETURN (STATUS (MESSAGES SIZE))',
  ' RETURN ()',
  ' RETURN (X)',
);
const uid = fc.constantFrom('', 'UID ');

const line = fc.oneof(
  fc.constantFrom(
    'CAPABILITY',
    'NOOP',
    'CHECK',
    'NAMESPACE',
    'CLOSE',
    'UNSELECT',
    'EXPUNGE',
    'ID NIL',
    'ENABLE X',
    'ID ("a" NIL)',
    'X',
  ),
  fc
    .tuple(fc.constantFrom('SELECT', 'EXAMINE', 'CREATE', 'DELETE', 'SUBSCRIBE', 'UNSUBSCRIBE'), mailbox)
    .map((all) => all.join(' ')),
  fc.tuple(mailbox, mailbox).map(([from, to]) => `RENAME ${from} ${to}`),
  fc.tuple(mailbox, statusItems).map(([name, asked]) => `STATUS ${name} ${asked}`),
  fc
    .tuple(selection, mailbox, pattern, returns)
    .map(([first, from, names, last]) => `LIST ${first}${from} ${names}${last}`),
  fc.tuple(mailbox, pattern).map(([from, names]) => `LSUB ${from} ${names}`),
  fc.tuple(uid, set, items).map(([by, numbers, asked]) => `${by}FETCH ${numbers} ${asked}`),
  fc
    .tuple(uid, set, fc.constantFrom('FLAGS', '+FLAGS', '-FLAGS.SILENT', 'X'), flags)
    .map(([by, ...all]) => `${by}STORE ${all.join(' ')}`),
  fc.tuple(uid, options, key).map(([by, how, what]) => `${by}SEARCH ${how}${what}`),
  fc.tuple(uid, sortKeys, fc.constantFrom('UTF-8', 'X-NONE'), key).map(([by, ...all]) => `${by}SORT ${all.join(' ')}`),
  fc
    .tuple(uid, fc.constantFrom('REFERENCES', 'ORDEREDSUBJECT', 'X'), key)
    .map(([by, how, what]) => `${by}THREAD ${how} UTF-8 ${what}`),
  fc.tuple(uid, fc.constantFrom('COPY', 'COPY', 'MOVE'), set, mailbox).map(([by, ...all]) => `${by}${all.join(' ')}`),
  fc.tuple(mailbox, flags).map(([name, given]) => `APPEND ${name} ${given} {9+}\r\nA: b\r\n\r\nc`),
);

/** One character more, less, or another: most commands survive with a BAD, a few mean something else then. */
const slip = fc.tuple(
  fc.nat(200),
  fc.constantFrom('', '(', ')', '"', ' ', '\\', '*', '\x00', '\xff', '{', '~'),
  fc.nat(2),
);
const nearlyRight = fc.tuple(line, fc.option(slip, { freq: 2 })).map(([text, mistake]) => {
  if (mistake === null || text.includes('\n')) return text;
  const [at, character, removed] = mistake;
  return text.slice(0, at) + character + text.slice(at + removed);
});

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
      fc.asyncProperty(nearlyRight, fc.boolean(), async (text, select) => {
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
      { numRuns: 1_500 },
    );
  } finally {
    await fixture.close();
  }
});
