/**
 * The pool of helper processes, with helpers that answer when the test wants.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Helper, HelperFailure, HelperPool } from '../../authdaemon/helpers/helper-pool.js';

/** A helper that answers its question with the helper's number, once told to. */
class SlowHelper implements Helper<string, string> {
  readonly over: Promise<void>;
  ended = false;
  asked: string[] = [];
  readonly #name: string;
  #finish: (() => void) | undefined;
  #fail: ((error: Error) => void) | undefined;
  #die: () => void = () => {};

  constructor(name: string) {
    this.#name = name;
    this.over = new Promise((resolve) => {
      this.#die = resolve;
    });
  }

  ask(question: string): Promise<string> {
    this.asked.push(question);
    return new Promise((resolve, reject) => {
      this.#finish = () => resolve(`${question} by ${this.#name}`);
      this.#fail = reject;
    });
  }

  async end(): Promise<void> {
    this.ended = true;
    this.#fail?.(new HelperFailure('ended'));
    this.#die();
  }

  answer(): void {
    this.#finish?.();
  }

  /** Fails in the middle of a question. */
  crash(): void {
    this.#fail?.(new HelperFailure('crashed'));
    this.#die();
  }

  /** Ends while nobody asks. */
  die(): void {
    this.#die();
  }
}

function poolOf(atMost: number, isLast?: (question: string) => boolean) {
  const helpers: SlowHelper[] = [];
  const start = (): SlowHelper => {
    const helper = new SlowHelper(String(helpers.length));
    helpers.push(helper);
    return helper;
  };
  const options = { atMost, start };
  return { helpers, pool: new HelperPool(isLast === undefined ? options : { ...options, isLast }) };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('helpers are started when they are wanted, up to the limit, and questions wait in their order', async () => {
  const { helpers, pool } = poolOf(2);
  const answers = ['a', 'b', 'c', 'd'].map((question) => pool.ask(question));
  await settled();
  assert.deepEqual(
    helpers.map(({ asked }) => asked),
    [['a'], ['b']],
  );

  for (const index of [1, 0, 1]) {
    helpers[index]?.answer();
    await settled();
  }
  helpers[0]?.answer();
  assert.deepEqual(await Promise.all(answers), ['a by 0', 'b by 1', 'c by 1', 'd by 0']);
});

test('one that fails is not asked again, one that died unasked neither, and nobody waits for them', async () => {
  const { helpers, pool } = poolOf(1);
  const failing = assert.rejects(pool.ask('a'), HelperFailure);
  const waiting = pool.ask('b');
  await settled();
  helpers[0]?.crash();
  await failing;
  await settled();
  helpers[1]?.answer();
  assert.equal(await waiting, 'b by 1');

  helpers[1]?.die();
  await settled();
  const next = pool.ask('c');
  await settled();
  helpers[2]?.answer();
  assert.equal(await next, 'c by 2');
});

test('a helper is replaced after its last question, and after ten thousand', async () => {
  const { helpers, pool } = poolOf(1, (question) => question === 'last');
  const ask = async (question: string): Promise<string> => {
    const answer = pool.ask(question);
    await settled();
    helpers.at(-1)?.answer();
    return answer;
  };
  assert.equal(await ask('last'), 'last by 0');
  assert.ok(helpers[0]?.ended);
  for (let count = 0; count < 10_000; count += 1) await ask('more');
  assert.ok(helpers[1]?.ended);
  assert.equal(await ask('new'), 'new by 2');
});

test('idle keeps one; retiring lets questions under way finish; stopping does not', async () => {
  const { helpers, pool } = poolOf(3);
  pool.warm();
  pool.warm();
  assert.equal(helpers.length, 1);
  const answers = ['a', 'b', 'c'].map((question) => pool.ask(question));
  await settled();
  for (const helper of helpers) helper.answer();
  await Promise.all(answers);
  pool.idle();
  assert.equal(helpers.filter(({ ended }) => ended).length, 2);

  const last = pool.ask('d');
  await settled();
  const retired = pool.retire();
  helpers.find(({ ended }) => !ended)?.answer();
  assert.match(await last, /^d by/);
  await retired;
  assert.ok(helpers.every(({ ended }) => ended));

  const other = poolOf(1);
  const cut = assert.rejects(other.pool.ask('e'), HelperFailure);
  const neverBegun = assert.rejects(other.pool.ask('f'), HelperFailure);
  await settled();
  await other.pool.stop();
  await cut;
  await neverBegun;
  await assert.rejects(other.pool.ask('g'), HelperFailure);
});
