/**
 * The line before lookups: its limit, its bound, and turns by caller.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LookupQueue, lineOf } from '../../authdaemon/lookup-queue.js';

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

test('when there is no room, the longest line loses its last one to a shorter one', async () => {
  const queue = new LookupQueue(1, 3);
  const { ask, end, started } = tasks(queue);
  const flood = ['a1', 'a2', 'a3', 'a4'].map((name) => ask('a', name));
  const other = ask('b', 'b1');

  assert.equal(await flood[3], 'full');
  assert.equal(await ask('a', 'a5'), 'full');
  for (const name of ['a1', 'a2', 'b1', 'a3']) {
    await settled();
    assert.equal(started.at(-1), name);
    end(name);
  }
  assert.deepEqual(await Promise.all([...flood.slice(0, 3), other]), ['a1', 'a2', 'a3', 'b1']);
});

test('who waits until its time is over leaves the line, and nobody waits behind it', async () => {
  const queue = new LookupQueue(1, 2);
  const { ask, end } = tasks(queue);
  const time = new AbortController();
  const first = ask('a', 'a1');
  const late = queue.run('a', async () => 'never', time.signal);
  const next = ask('a', 'a2');
  time.abort();

  assert.equal(await late, 'late');
  const last = ask('a', 'a3');
  end('a1');
  await settled();
  end('a2');
  await settled();
  end('a3');
  assert.deepEqual(await Promise.all([first, next, last]), ['a1', 'a2', 'a3']);
  assert.equal(await queue.run('a', async () => 'free again', time.signal), 'free again');
});

test('an address is a line of its own, an IPv6 network one together, and without an address the account', () => {
  assert.equal(lineOf('192.0.2.1', 'ann'), 'address 192.0.2.1');
  assert.equal(lineOf('::ffff:192.0.2.1', 'ann'), 'address 192.0.2.1');
  for (const ip of ['2001:db8:0:1::7', '2001:DB8:0:1:2:3:4:5', '2001:db8:0:1::']) {
    assert.equal(lineOf(ip, 'ann'), 'address 2001:db8:0:1', ip);
  }
  assert.equal(lineOf('::1', 'ann'), 'address 0:0:0:0');
  assert.equal(lineOf(undefined, 'ann'), 'account ann');
  assert.equal(lineOf('', 'ann'), 'account ann');
  assert.equal(lineOf(':::::::::', 'ann').startsWith('address '), true);
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
