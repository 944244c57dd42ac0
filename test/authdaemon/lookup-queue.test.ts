/**
 * The line before lookups: its limit, its bound, and turns by caller.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LookupQueue } from '../../authdaemon/lookup-queue.js';

/** Tasks that end when told to. */
function tasks(queue: LookupQueue) {
  const started: string[] = [];
  const ends = new Map<string, () => void>();
  const ask = (caller: string, name: string): Promise<unknown> =>
    queue.run(caller, async () => {
      started.push(name);
      await new Promise<void>((resolve) => ends.set(name, resolve));
      return name;
    });
  return { started, ask, end: (name: string) => ends.get(name)?.() };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('as many run as allowed, and callers take turns', async () => {
  const queue = new LookupQueue(1);
  const { started, ask, end } = tasks(queue);
  const all = [ask('a', 'a1'), ask('a', 'a2'), ask('a', 'a3'), ask('b', 'b1'), ask('c', 'c1')];

  for (const name of ['a1', 'a2', 'b1', 'c1', 'a3']) {
    await settled();
    assert.equal(started.at(-1), name);
    end(name);
  }

  assert.deepEqual(await Promise.all(all), ['a1', 'a2', 'a3', 'b1', 'c1']);
});

test('more than may wait are told so at once', async () => {
  const queue = new LookupQueue(1, 1);
  const { ask, end } = tasks(queue);
  const first = ask('a', 'a1');
  const second = ask('a', 'a2');

  assert.equal(await ask('a', 'a3'), 'full');
  end('a1');
  await settled();
  end('a2');
  assert.deepEqual(await Promise.all([first, second]), ['a1', 'a2']);
});

test('a task that throws gives its place on, and a changed limit counts from then on', async () => {
  const queue = new LookupQueue(1);
  await assert.rejects(
    queue.run('a', () => Promise.reject(new Error('broken'))),
    /broken/,
  );
  const { started, ask, end } = tasks(queue);
  const all = ['1', '2', '3', '4'].map((name) => ask('a', name));
  await settled();
  assert.equal(started.length, 1);

  queue.atOnce = 3;
  await settled();
  assert.equal(started.length, 3);
  queue.atOnce = 1;
  for (const name of ['1', '2']) end(name);
  await settled();
  assert.equal(started.length, 3);
  end('3');
  await settled();
  end('4');
  await Promise.all(all);
});

test('never more than the limit run, and all run', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.string({ maxLength: 1 }), { maxLength: 40 }),
      async (limit, callers) => {
        const queue = new LookupQueue(limit);
        let running = 0;
        let most = 0;
        const all = callers.map((caller, index) =>
          queue.run(caller, async () => {
            running += 1;
            most = Math.max(most, running);
            await settled();
            running -= 1;
            return index;
          }),
        );
        assert.deepEqual(
          await Promise.all(all),
          callers.map((_, index) => index),
        );
        assert.ok(most <= limit);
      },
    ),
    { numRuns: 30 },
  );
});
