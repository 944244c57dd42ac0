/** One timer that calls many, each once a minute from when it came. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { POLL_MILLISECONDS, Polls } from '../../maildir/polls.js';

/** One timer, turned by hand, and a clock beside it, which an administrator may set. */
class OneTimer {
  clock = 1_000_000;
  #passed = 0;
  #timer: { readonly at: number; readonly run: () => void } | undefined;

  readonly now = (): number => this.clock;

  readonly after = (milliseconds: number, run: () => void): (() => void) => {
    assert.equal(this.#timer, undefined, 'there is one timer at most');
    this.#timer = { at: this.#passed + milliseconds, run };
    return () => {
      this.#timer = undefined;
    };
  };

  get waits(): boolean {
    return this.#timer !== undefined;
  }

  turn(milliseconds: number): void {
    const end = this.#passed + milliseconds;
    while (this.#timer !== undefined && this.#timer.at <= end) {
      const { at, run } = this.#timer;
      this.#timer = undefined;
      this.#pass(at - this.#passed);
      run();
    }
    this.#pass(end - this.#passed);
  }

  #pass(milliseconds: number): void {
    this.#passed += milliseconds;
    this.clock += milliseconds;
  }
}

function members(names: readonly string[]) {
  const calls: string[] = [];
  return { calls, all: names.map((name) => ({ poll: () => void calls.push(name) })) };
}

test('each is called a minute after it came, and every minute from then on, until it is taken out', () => {
  const timer = new OneTimer();
  const polls = new Polls(timer);
  const { calls, all } = members(['a', 'b']);
  const [a, b] = all;
  assert.ok(a !== undefined && b !== undefined);
  polls.add(a);
  timer.turn(POLL_MILLISECONDS / 2);
  polls.add(b);
  timer.turn(POLL_MILLISECONDS / 2);
  assert.deepEqual(calls, ['a']);
  timer.turn(POLL_MILLISECONDS);
  assert.deepEqual(calls, ['a', 'b', 'a']);
  polls.delete(a);
  timer.turn(POLL_MILLISECONDS);
  assert.deepEqual(calls, ['a', 'b', 'a', 'b']);
  polls.delete(b);
  assert.equal(timer.waits, false);
});

test('nobody waits longer because the clock is set back', () => {
  const timer = new OneTimer();
  const polls = new Polls(timer);
  const { calls, all } = members(['a']);
  for (const one of all) polls.add(one);
  timer.clock -= 3_600_000;
  timer.turn(POLL_MILLISECONDS);
  timer.turn(POLL_MILLISECONDS);
  assert.deepEqual(calls, ['a', 'a']);
});

test('one that is taken out by another is not called any more', () => {
  const timer = new OneTimer();
  const polls = new Polls(timer);
  const { calls, all } = members(['b']);
  const [b] = all;
  assert.ok(b !== undefined);
  polls.add({ poll: () => polls.delete(b) });
  polls.add(b);
  timer.turn(POLL_MILLISECONDS);
  assert.deepEqual(calls, []);
});
