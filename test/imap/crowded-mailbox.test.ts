/**
 * Several sessions and another program work on one mailbox at once, and everybody pauses wherever he may: each client can
 * follow what it is told, and in the end all of them know the same.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import type { TestClient } from '../support/session-fixture.js';
import { crowdedFixture, DEEDS, type Deed, Stranger } from './crowd.js';

const SESSIONS = 3;

/** `$n` is a sequence number that the client knows, `$u` a UID. */
const COMMANDS = [
  ...[
    'NOOP',
    'NOOP',
    'CHECK',
    'EXPUNGE',
    'STATUS INBOX (MESSAGES UNSEEN SIZE)',
    'STATUS INBOX.Other (MESSAGES UIDNEXT)',
  ],
  ...['FETCH 1:* (UID FLAGS)', 'FETCH $n (UID BODY[])', 'FETCH $n:* (UID ENVELOPE RFC822.SIZE INTERNALDATE)'],
  ...['UID FETCH $u:* (BODYSTRUCTURE FLAGS)', 'UID FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)])'],
  ...[
    'STORE $n +FLAGS (\\Deleted)',
    'STORE 1:* +FLAGS (\\Seen)',
    'STORE $n FLAGS (blue)',
    'UID STORE $u:* -FLAGS (green)',
  ],
  ...['UID STORE $u +FLAGS.SILENT (\\Deleted green)', 'UID STORE 1:$u -FLAGS.SILENT (\\Seen)', 'UID EXPUNGE $u:*'],
  ...['COPY $n INBOX.Other', 'UID COPY $u:* INBOX', 'MOVE $n INBOX.Other', 'UID MOVE $u INBOX'],
  ...['SORT (SUBJECT) UTF-8 ALL', 'UID SORT (ARRIVAL SIZE) UTF-8 UNSEEN', 'UID SORT (DATE) UTF-8 ALL'],
  ...['SEARCH UNSEEN', 'SEARCH KEYWORD blue BODY text', 'UID SEARCH SUBJECT fig', 'THREAD REFERENCES UTF-8 ALL'],
] as const;

interface Step {
  readonly command: (typeof COMMANDS)[number];
  readonly pick: number;
}

/** Searches whose results are kept up to date, and how the same is asked anew. */
const KEPT = [
  ['UID SEARCH RETURN (UPDATE ALL) UNSEEN', 'UID SEARCH UNSEEN'],
  ['UID SEARCH RETURN (UPDATE ALL) SUBJECT fig UNDELETED', 'UID SEARCH SUBJECT fig UNDELETED'],
  ['UID SORT RETURN (UPDATE ALL) (REVERSE SUBJECT) UTF-8 UNSEEN', 'UID SORT (REVERSE SUBJECT) UTF-8 UNSEEN'],
] as const;

/** `5,3:1` → 5, 3, 2, 1 */
function numbersOf(set: string): number[] {
  return set.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split(':').map(Number);
    const step = first <= last ? 1 : -1;
    return Array.from({ length: Math.abs(last - first) + 1 }, (_, at) => first + at * step);
  });
}

/** A client that keeps account of the mailbox by nothing but what it is told. */
class Follower {
  readonly #client: TestClient;
  readonly #name: string;
  /** UIDs by sequence number; 0 where it was not told yet. */
  readonly uids: number[] = [];
  /** Results that are kept up to date, by the tags of their commands. */
  readonly #results = new Map<string, number[]>();
  #commands = 0;

  constructor(client: TestClient, name: string) {
    this.#client = client;
    this.#name = name;
  }

  async run({ command, pick }: Step): Promise<void> {
    const number = 1 + (pick % Math.max(1, this.uids.length));
    const uid = this.uids[number - 1] ?? 0;
    await this.say(command.replaceAll('$n', String(number)).replaceAll('$u', String(uid === 0 ? number : uid)));
  }

  async say(command: string): Promise<string> {
    this.#commands += 1;
    const tag = `${this.#name}${this.#commands}`;
    const answer = await this.#client.command(`${tag} ${command}`);
    const told = `${this.#name}: ${command}\n${answer}`;
    assert.doesNotMatch(answer, /SERVERBUG|\* BYE/, told);
    const known = this.uids.length;
    const mayExpunge = !/^(?:FETCH|STORE|SEARCH) /.test(command);
    for (const line of answer.split('\n')) {
      this.#hear(line, { told, mayExpunge });
      this.#hearResult(line, told);
    }
    for (const number of /^\* (?:SORT|SEARCH)((?: \d+)*)$/m.exec(answer)?.[1]?.split(' ').map(Number) ?? []) {
      if (!command.startsWith('UID')) assert.ok(number <= known, told);
    }
    return answer;
  }

  /** Asks for results that are kept up to date from now on. */
  async keepResults(): Promise<void> {
    for (const [command] of KEPT) {
      const tag = `${this.#name}${this.#commands + 1}`;
      this.#results.set(tag, []);
      await this.say(command);
    }
  }

  /** Fails unless they are what they would be if they were asked for now. */
  async checkResults(): Promise<void> {
    for (const [index, result] of [...this.#results.values()].entries()) {
      const [kept, anew = ''] = KEPT[index] ?? [];
      const answer = await this.say(anew);
      const numbers = /^\* (?:SORT|SEARCH)((?: \d+)*)$/m.exec(answer)?.[1]?.trim() ?? '';
      const right = numbers === '' ? [] : numbers.split(' ').map(Number);
      const sorted = anew.includes('SORT') ? result : result.sort((one, other) => one - other);
      assert.deepEqual(sorted, right, `${this.#name}: ${kept}`);
    }
  }

  #hearResult(line: string, told: string): void {
    const [, tag = '', kind = '', rest = ''] =
      /^\* ESEARCH \(TAG "(\w+)"\) UID (ALL|ADDTO|REMOVEFROM) \(?([\d:, ]+)\)?$/.exec(line) ?? [];
    const result = this.#results.get(tag);
    if (kind === '' || result === undefined) return;
    if (kind === 'ALL') result.push(...numbersOf(rest));
    const words = kind === 'ALL' ? [] : rest.split(' ');
    for (let at = 0; at < words.length; at += 2) {
      const position = Number(words[at]);
      for (const uid of numbersOf(words[at + 1] ?? '')) {
        const present = result.indexOf(uid);
        assert.equal(present >= 0, kind === 'REMOVEFROM', told);
        if (kind === 'ADDTO') result.splice(position === 0 ? result.length : position - 1, 0, uid);
        else {
          assert.ok(position === 0 || position === present + 1, told);
          result.splice(present, 1);
        }
      }
    }
  }

  #hear(line: string, { told, mayExpunge }: { told: string; mayExpunge: boolean }): void {
    const [, digits = '', what = ''] = /^\* (\d+) (EXPUNGE|EXISTS|FETCH)\b/.exec(line) ?? [];
    const number = Number(digits);
    if (what === 'EXISTS') {
      assert.ok(number >= this.uids.length, told);
      while (this.uids.length < number) this.uids.push(0);
    } else if (what !== '') {
      assert.ok(number >= 1 && number <= this.uids.length, told);
      if (what === 'EXPUNGE') {
        assert.ok(mayExpunge, told);
        const [uid = 0] = this.uids.splice(number - 1, 1);
        for (const result of this.#results.values()) assert.ok(uid === 0 || !result.includes(uid), told);
      } else {
        const uid = Number(/\bUID (\d+)/.exec(line)?.[1] ?? 0);
        const before = this.uids[number - 1] ?? 0;
        assert.ok(uid === 0 || before === 0 || uid === before, told);
        if (uid > 0) this.uids[number - 1] = uid;
      }
    }
  }
}

/** UIDs and flags, without those that are of one session alone. */
async function stateSeenBy(follower: Follower): Promise<string[]> {
  const answer = await follower.say('UID FETCH 1:* (FLAGS)');
  return answer
    .split('\n')
    .filter((line) => /^\* \d+ FETCH /.test(line))
    .map((line) => {
      const [, uid, flags = ''] = /UID (\d+) FLAGS \(([^)]*)\)/.exec(line) ?? [];
      const words = flags.split(' ').filter((flag) => flag !== '\\Recent');
      return `${uid} ${words.sort().join(' ')}`;
    });
}

async function assertAllFollow(scripts: readonly (readonly Step[])[], deeds: readonly Deed[]): Promise<void> {
  const fixture = crowdedFixture();
  try {
    const stranger = new Stranger(fixture.maildir);
    const followers = scripts.map(
      (_, number) => new Follower(fixture.client({}, { meanwhile: () => nextTurn() }), `s${number}x`),
    );
    await followers[0]?.say('CREATE INBOX.Other');
    for (const follower of followers) await follower.say('SELECT INBOX');
    const work = scripts.map(async (steps, number) => {
      await followers[number]?.keepResults();
      for (const step of steps) await followers[number]?.run(step);
    });
    await Promise.all([...work, stranger.work(deeds)]);

    for (const follower of followers) await follower.say('NOOP');
    const states: string[][] = [];
    for (const follower of followers) {
      await follower.say('NOOP');
      states.push(await stateSeenBy(follower));
      await follower.checkResults();
    }
    for (const [number, state] of states.entries()) {
      assert.deepEqual(state, states[0]);
      assert.deepEqual(
        followers[number]?.uids,
        state.map((line) => Number(line.split(' ')[0])),
      );
    }
    assert.deepEqual(
      fixture.log.filter((line) => line.includes('bug')),
      [],
    );
  } finally {
    await fixture.close();
  }
}

test('clients of a mailbox that many change at once can follow, and know the same in the end', async () => {
  const step: fc.Arbitrary<Step> = fc.record({ command: fc.constantFrom(...COMMANDS), pick: fc.nat(1_000) });
  const deed: fc.Arbitrary<Deed> = fc.record({ what: fc.constantFrom(...DEEDS), pick: fc.nat(1_000) });
  const scripts = fc.array(fc.array(step, { minLength: 4, maxLength: 12 }), {
    minLength: SESSIONS,
    maxLength: SESSIONS,
  });
  await fc.assert(fc.asyncProperty(scripts, fc.array(deed, { maxLength: 10 }), assertAllFollow), { numRuns: 40 });
});
