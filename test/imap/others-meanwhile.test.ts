/**
 * Commands over many messages let others have their turn: whatever those do then, in whichever pause, the answer stays
 * right for every message that they leave alone.
 *
 * What is right says a session of a process that knows nothing, and that nobody disturbs.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SessionFixture, type TestClient } from '../support/session-fixture.js';
import { MESSAGES, SharedMailbox } from './shared-mailbox.js';

/** Those that arrive when all others were sorted: few enough for them to be put among the others. */
const ARRIVALS = 2;

const LISTS = [
  'UID ENVELOPE',
  'UID RFC822.SIZE',
  'UID BODYSTRUCTURE INTERNALDATE',
  'UID INTERNALDATE ENVELOPE BODY RFC822.SIZE',
  'UID BODY.PEEK[HEADER.FIELDS (SUBJECT FROM)] BODY.PEEK[1]',
  'UID BODY.PEEK[] INTERNALDATE ENVELOPE',
  'UID BODY.PEEK[]<100.5000> BODYSTRUCTURE',
  'UID PREVIEW BINARY.SIZE[1]',
  'UID BINARY.PEEK[1] PREVIEW ENVELOPE',
  'UID MODSEQ BODYSTRUCTURE',
] as const;

const SEARCHES = [
  'ALL',
  'SUBJECT pear',
  'BODY xx',
  'OR SUBJECT fig TEXT xx',
  'TEXT ann BODY yy',
  'LARGER 120 SMALLER 2000000',
  'SENTSINCE 15-Nov-2023 SINCE 14-Nov-2023',
  'UNFLAGGED NOT KEYWORD nothing HEADER From bob',
  'OR TEXT yyyy OLDER 5',
  'MODSEQ 1 SUBJECT pear',
] as const;

const ORDERS = [
  ...(['SUBJECT', 'FROM', 'DATE', 'ARRIVAL', 'SIZE'] as const),
  ...(['SUBJECT ARRIVAL', 'FROM SIZE', 'FROM REVERSE DATE', 'SUBJECT DISPLAYFROM', 'DISPLAYTO SIZE'] as const),
] as const;

const COMMANDS = [
  ...LISTS.map((list) => `UID FETCH 1:* (${list})`),
  'UID FETCH 1:* (UID ENVELOPE) (CHANGEDSINCE 1)',
  ...SEARCHES.map((keys) => `UID SEARCH ${keys}`),
  ...ORDERS.map((keys) => `UID SORT (${keys}) UTF-8 ALL`),
  'UID SORT (SUBJECT) UTF-8 UNFLAGGED',
  'UID THREAD REFERENCES UTF-8 ALL',
  'UID THREAD REFS UTF-8 ALL',
  'UID THREAD ORDEREDSUBJECT UTF-8 ALL',
  'STATUS INBOX (UIDNEXT SIZE)',
] as const;

const BEFORE = ['nothing', 'subjects', 'asked', 'asked before the last came'] as const;
const DEEDS = ['expunge', 'remove', 'replace', 'drive out', 'deliver'] as const;

/** A command, and what is known when it comes. */
interface Asked {
  readonly command: string;
  readonly before: (typeof BEFORE)[number];
}

/** What others do in one pause of the command, and with which messages. */
interface Trouble extends Asked {
  readonly deed: (typeof DEEDS)[number];
  /** Counted from 1. */
  readonly pause: number;
  readonly first: number;
  readonly count: number;
}

/** The UIDs of the messages that others do something to. */
function touched({ deed, first, count }: Trouble): number[] {
  if (deed === 'drive out' || deed === 'deliver') return [];
  return Array.from({ length: count }, (_, index) => first + index);
}

async function disturb(mailbox: SharedMailbox, other: TestClient, trouble: Trouble): Promise<void> {
  const uids = touched(trouble);
  switch (trouble.deed) {
    case 'expunge':
      await other.command(`d1 UID STORE ${uids.join(',')} +FLAGS.SILENT (\\Deleted)`);
      await other.command('d2 EXPUNGE');
      return;
    case 'remove':
      for (const uid of uids) mailbox.remove(uid);
      return;
    case 'replace':
      for (const uid of uids) mailbox.replace(uid);
      await other.command('d3 NOOP');
      return;
    case 'drive out':
      // What is known of another folder takes all the room that there is.
      await other.command('d4 SELECT INBOX.Other');
      await other.command('d5 UID SORT (SUBJECT) UTF-8 ALL');
      return;
    case 'deliver':
      for (let number = 0; number < trouble.count; number += 1) mailbox.deliver(1_000 + number);
      await other.command('d6 NOOP');
  }
}

/** What an answer says of each message, in the order in which it says it. Mod-sequences go by the clock. */
function sayings(command: string, whole: string): Map<number, string> {
  const said = new Map<number, string>();
  const answer = whole.replace(/ MODSEQ \(\d+\)| \(MODSEQ \d+\)/g, '');
  if (command.startsWith('UID FETCH')) {
    for (const response of answer.split(/^(?=\* \d+ FETCH )/m)) {
      if (!/^\* \d+ FETCH /.test(response)) continue;
      const text = response.replace(/^\* \d+ /, '').replace(/\n(?:\* \d+ (?:EXPUNGE|EXISTS|RECENT)|t1 )[\s\S]*$/, '\n');
      said.set(Number(/^FETCH \(UID (\d+)/.exec(text)?.[1]), text);
    }
    return said;
  }
  const line = /^\* (?:SEARCH|SORT|THREAD)(.*)$/m.exec(answer)?.[1] ?? '';
  for (const number of line.match(/\d+/g) ?? []) said.set(Number(number), number);
  return said;
}

/** Without the messages that others touched. The order of threads depends on those, too. */
function ofOthers(trouble: Trouble, answer: string): readonly (readonly [number, string])[] {
  const uids = new Set(touched(trouble));
  const rest = [...sayings(trouble.command, answer)].filter(([uid]) => !uids.has(uid));
  return trouble.command.startsWith('UID THREAD') ? rest.sort(([one], [two]) => one - two) : rest;
}

/** What a session says that nobody disturbs, of a process that knows nothing. */
async function truthOf(maildir: string, command: string): Promise<string> {
  const fixture = new SessionFixture();
  try {
    const client = fixture.client({}, { maildir: fixture.store.open(maildir) });
    await client.command('t0 EXAMINE INBOX');
    return await client.command(`t1 ${command}`);
  } finally {
    await fixture.close();
  }
}

/** What a command says when others do something in its pauses. */
async function answerTo(
  { command, before }: Asked,
  { mailbox, inPause }: { mailbox: SharedMailbox; inPause: (other: TestClient) => Promise<void> | undefined },
): Promise<string> {
  let asked = false;
  const other = mailbox.client();
  const client = mailbox.client(() => (asked ? inPause(other) : undefined));
  for (const each of [client, other]) await each.command('s1 SELECT INBOX');
  if (before === 'subjects') await client.command('s2 UID SORT (SUBJECT) UTF-8 ALL');
  else if (before !== 'nothing') await client.command(`s2 ${command}`);
  if (before === 'asked before the last came') {
    for (let number = 1; number <= ARRIVALS; number += 1) mailbox.deliver(MESSAGES + number);
  }
  await client.command('s3 NOOP');
  asked = true;
  return client.command(`t1 ${command}`);
}

interface Rehearsal {
  readonly truth: string;
  readonly pauses: number;
}

const rehearsals = new Map<string, Promise<Rehearsal>>();

/** The truth, and how many pauses a command has when nobody does anything in them. */
async function rehearse(asked: Asked): Promise<Rehearsal> {
  const mailbox = new SharedMailbox();
  let pauses = 0;
  const inPause = (): undefined => {
    pauses += 1;
  };
  try {
    await answerTo(asked, { mailbox, inPause });
    return { pauses, truth: await truthOf(mailbox.maildir, asked.command) };
  } finally {
    await mailbox.close();
  }
}

function rehearsed(asked: Asked): Promise<Rehearsal> {
  const key = `${asked.command} ${asked.before}`;
  const known = rehearsals.get(key) ?? rehearse(asked);
  rehearsals.set(key, known);
  return known;
}

/** Gives whether the command had so many pauses: less of a message is read when its parts are known from another time. */
async function assertRight(trouble: Trouble, truth: string): Promise<boolean> {
  const mailbox = new SharedMailbox();
  let pauses = 0;
  const inPause = (other: TestClient): Promise<void> | undefined => {
    pauses += 1;
    return pauses === trouble.pause ? disturb(mailbox, other, trouble) : undefined;
  };
  try {
    const answer = await answerTo(trouble, { mailbox, inPause });
    assert.doesNotMatch(mailbox.log, /bug/);
    assert.match(answer, /^t1 (?:OK|NO \[EXPUNGEISSUED\]) .*$/m);
    assert.deepEqual(ofOthers(trouble, answer), ofOthers(trouble, truth));
    return pauses >= trouble.pause;
  } finally {
    await mailbox.close();
  }
}

test('in whichever pause messages leave that a SORT puts among those sorted before, the others are in order', async () => {
  for (const key of ['SUBJECT', 'ARRIVAL']) {
    const asked: Asked = { command: `UID SORT (${key}) UTF-8 ALL`, before: 'asked before the last came' };
    const { truth, pauses } = await rehearsed(asked);
    assert.ok(pauses > ARRIVALS);
    for (let pause = 1; pause <= pauses; pause += 1) {
      for (const first of [1, MESSAGES + ARRIVALS]) {
        assert.ok(await assertRight({ ...asked, deed: 'expunge', pause, first, count: 1 }, truth), `pause ${pause}`);
      }
    }
  }
});

test('a message whose file is gone when some of its keys are known takes no place among those of the others', async () => {
  const asked: Asked = { command: 'UID SORT (SUBJECT DISPLAYFROM) UTF-8 ALL', before: 'subjects' };
  const { truth } = await rehearsed(asked);
  for (const first of [1, 7, MESSAGES]) {
    assert.ok(await assertRight({ ...asked, deed: 'remove', pause: 1, first, count: 1 }, truth));
  }
});

test('whatever others do in a pause of a command, it says the truth about the messages that they leave alone', async () => {
  const trouble: fc.Arbitrary<Trouble> = fc.record({
    command: fc.constantFrom(...COMMANDS),
    before: fc.constantFrom(...BEFORE),
    deed: fc.constantFrom(...DEEDS),
    pause: fc.nat(1_000),
    first: fc.integer({ min: 1, max: MESSAGES + ARRIVALS }),
    count: fc.integer({ min: 1, max: MESSAGES }),
  });
  const property = fc.asyncProperty(trouble, async (each) => {
    const { truth, pauses } = await rehearsed(each);
    await assertRight({ ...each, pause: 1 + (each.pause % pauses) }, truth);
  });
  await fc.assert(property, { numRuns: 120 });
});
