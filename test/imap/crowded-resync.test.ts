/**
 * A client with QRESYNC comes and goes while others work on its mailbox: what it is told each time, of all that happened
 * since it was there, makes of what it remembers what there is (RFC 7162 section 3.2.5).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import type { TestClient } from '../support/session-fixture.js';
import { crowdedFixture, DEEDS, type Deed, Stranger } from './crowd.js';

/** What others do. `$n` is a number that may be one of a message. */
const COMMANDS = [
  ...['NOOP', 'EXPUNGE', 'STORE $n +FLAGS (\\Deleted)', 'STORE 1:* +FLAGS (\\Seen)', 'STORE $n FLAGS (blue)'],
  ...['UID STORE $n:* -FLAGS.SILENT (\\Seen green)', 'UID STORE $n +FLAGS.SILENT (\\Deleted green)', 'FETCH $n BODY[]'],
  ...['COPY $n INBOX', 'UID COPY $n:* INBOX', 'UID MOVE $n INBOX', 'UID EXPUNGE $n:*', 'UID FETCH 1:* (UID FLAGS)'],
] as const;

interface Step {
  readonly command: (typeof COMMANDS)[number];
  readonly pick: number;
}

/** Words without what is of one session alone. */
function lasting(flags: string): string {
  const words = flags.split(' ').filter((flag) => flag !== '' && flag !== '\\Recent');
  return words.sort().join(' ');
}

function flagsIn(answer: string): Map<number, string> {
  const flags = new Map<number, string>();
  for (const line of answer.split('\n')) {
    const [, uid, words = ''] = /^\* \d+ FETCH \(UID (\d+) FLAGS \(([^)]*)\)/.exec(line) ?? [];
    if (uid !== undefined) flags.set(Number(uid), lasting(words));
  }
  return flags;
}

/** A client that remembers the flags of messages from one visit to the next. */
class Visitor {
  readonly #client: TestClient;
  #flags = new Map<number, string>();
  #validity = '';
  #modSequence = '';
  #commands = 0;

  constructor(client: TestClient) {
    this.#client = client;
  }

  async say(command: string): Promise<string> {
    this.#commands += 1;
    const answer = await this.#client.command(`v${this.#commands}x ${command}`);
    assert.match(answer, new RegExp(`^v${this.#commands}x OK`, 'm'), `${command}: ${answer}`);
    return answer;
  }

  /** Comes, hears what happened, and goes. */
  async visit(): Promise<void> {
    const known = this.#modSequence === '' ? '' : ` (QRESYNC (${this.#validity} ${this.#modSequence}))`;
    const answer = await this.say(`SELECT INBOX${known}`);
    this.#validity = /\[UIDVALIDITY (\d+)\]/.exec(answer)?.[1] ?? '';
    const modSequence = /\[HIGHESTMODSEQ (\d+)\]/.exec(answer)?.[1] ?? '';
    assert.ok(modSequence !== '', answer);
    if (known === '') this.#flags = flagsIn(await this.say('UID FETCH 1:* (UID FLAGS)'));
    else this.#learn(answer);
    this.#modSequence = modSequence;
  }

  /** Fails unless it remembers what there is. Nobody else is at work any more. */
  async check(): Promise<void> {
    await this.visit();
    const right = flagsIn(await this.say('UID FETCH 1:* (UID FLAGS)'));
    const remembered = [...this.#flags].sort(([one], [other]) => one - other);
    assert.deepEqual(remembered, [...right]);
  }

  #learn(answer: string): void {
    for (const [, set = ''] of answer.matchAll(/^\* VANISHED \(EARLIER\) ([\d:,]+)$/gm)) {
      for (const range of set.split(',')) {
        const [first = 0, last = first] = range.split(':').map(Number);
        for (const uid of [...this.#flags.keys()]) if (uid >= first && uid <= last) this.#flags.delete(uid);
      }
    }
    for (const [uid, flags] of flagsIn(answer)) this.#flags.set(uid, flags);
  }
}

async function assertRemembers(scripts: readonly (readonly Step[])[], deeds: readonly Deed[]): Promise<void> {
  const fixture = crowdedFixture();
  const meanwhile = (): Promise<void> => nextTurn();
  try {
    const visitor = new Visitor(fixture.client({}, { meanwhile }));
    await visitor.say('ENABLE QRESYNC');
    await visitor.visit();
    let working = true;
    const others = scripts.map(async (steps) => {
      const client = fixture.client({}, { meanwhile });
      await client.command('o0 SELECT INBOX');
      for (const { command, pick } of steps) {
        const answer = await client.command(`o1x ${command.replace('$n', String(1 + pick))}`);
        assert.doesNotMatch(answer, /SERVERBUG/);
      }
    });
    const visits = (async () => {
      while (working) await visitor.visit();
    })();
    await Promise.all([...others, new Stranger(fixture.maildir).work(deeds)]);
    working = false;
    await visits;

    await visitor.check();
    assert.deepEqual(
      fixture.log.filter((line) => line.includes('bug')),
      [],
    );
  } finally {
    await fixture.close();
  }
}

test('a client that comes and goes remembers what there is, whatever others do meanwhile', async () => {
  const step: fc.Arbitrary<Step> = fc.record({ command: fc.constantFrom(...COMMANDS), pick: fc.nat(24) });
  const deed: fc.Arbitrary<Deed> = fc.record({ what: fc.constantFrom(...DEEDS), pick: fc.nat(1_000) });
  const scripts = fc.array(fc.array(step, { minLength: 4, maxLength: 12 }), { minLength: 2, maxLength: 2 });
  await fc.assert(fc.asyncProperty(scripts, fc.array(deed, { maxLength: 10 }), assertRemembers), { numRuns: 40 });
});

test('what arrives while a mailbox is being selected is told, or not covered by the number that is', async () => {
  const step = (command: Step['command'], pick = 0): Step => ({ command, pick });
  const flag = 'UID STORE $n +FLAGS.SILENT (\\Deleted green)';
  const copy = step('UID COPY $n:* INBOX');
  const wait = step('NOOP');
  const one = [wait, wait, step(flag), copy, wait, wait, wait, wait];
  await assertRemembers([one, [step('STORE 1:* +FLAGS (\\Seen)'), copy, step(flag, 1), copy]], []);
});
