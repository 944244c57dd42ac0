/**
 * What waits to be synced: few one by one, many together, and nobody is told of success without it.
 */
import assert from 'node:assert/strict';
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { realSyncCalls } from '../../maildir/sync-calls.js';
import { type SyncCalls, SyncQueue, type Written } from '../../maildir/sync-queue.js';
import { scratchDirectory } from './scratch.js';

type Done = (error: Error | null) => void;

/** Calls that end when the test says so. Descriptors from 1,000 on are on another file system. */
class SlowCalls implements SyncCalls {
  readonly ones: { readonly descriptor: number; readonly done: Done }[] = [];
  readonly wholes: { readonly descriptor: number; readonly done: Done }[] = [];
  readonly troubled = new Map<number, Written>();
  cheap = true;

  one(descriptor: number, done: Done): void {
    this.ones.push({ descriptor, done });
  }
  deviceOf(descriptor: number): number {
    return descriptor < 1_000 ? 1 : 2;
  }
  wholeIsCheap(): boolean {
    return this.cheap;
  }
  whole(descriptor: number, done: Done): void {
    this.wholes.push({ descriptor, done });
  }
  written(descriptor: number): Written {
    return this.troubled.get(descriptor) ?? 'written';
  }

  /** Ends what runs, and what begins then, until nothing does. Gives how many calls of either kind there were. */
  async endAll(): Promise<[ones: number, wholes: number]> {
    let [ones, wholes] = [0, 0];
    for (let quiet = 0; quiet < 3; quiet += 1) {
      const [single, whole] = [this.ones.splice(0), this.wholes.splice(0)];
      ones += single.length;
      wholes += whole.length;
      for (const { done } of [...single, ...whole]) done(null);
      if (single.length + whole.length > 0) quiet = 0;
      await turn();
    }
    return [ones, wholes];
  }
}

function queueOf(calls: SyncCalls): { queue: SyncQueue; clock: { at: number } } {
  const clock = { at: 1_000 };
  return { queue: new SyncQueue(calls, () => clock.at), clock };
}

const numbers = (count: number, first = 1): number[] => Array.from({ length: count }, (_, index) => first + index);

test('a few are synced at once, each by its own call; the fifth waits', async () => {
  const calls = new SlowCalls();
  const { queue } = queueOf(calls);
  const all = Promise.all(numbers(5).map((descriptor) => queue.sync(descriptor)));

  assert.deepEqual(
    calls.ones.map(({ descriptor }) => descriptor),
    [1, 2, 3, 4],
  );
  assert.deepEqual(await calls.endAll(), [5, 0]);
  await all;
});

test('many that wait go together, and settle only when all of their file system is on the disk', async () => {
  const calls = new SlowCalls();
  const { queue } = queueOf(calls);
  const settled: number[] = [];
  for (const descriptor of numbers(12)) void queue.sync(descriptor).then(() => settled.push(descriptor));

  calls.ones.shift()?.done(null);
  await turn();
  assert.deepEqual(settled, [1]);
  assert.equal(calls.wholes.length, 1);
  calls.wholes.shift()?.done(null);
  await turn();
  assert.deepEqual(settled, [1, 5, 6, 7, 8, 9, 10, 11, 12]);
  assert.deepEqual(await calls.endAll(), [3, 0]);
  assert.equal(settled.length, 12);
});

test('who comes while a call for all runs is not safe by it', async () => {
  const calls = new SlowCalls();
  const { queue } = queueOf(calls);
  for (const descriptor of numbers(12)) void queue.sync(descriptor);
  calls.ones.shift()?.done(null);
  let late = false;
  void queue.sync(99).then(() => (late = true));

  calls.wholes.shift()?.done(null);
  await turn();
  assert.equal(late, false);
  await calls.endAll();
  assert.equal(late, true);
});

test('in a burst those of one turn of the event loop go together, those of another file system on their own', async () => {
  const calls = new SlowCalls();
  const { queue, clock } = queueOf(calls);
  for (const descriptor of numbers(16)) void queue.sync(descriptor);
  await calls.endAll();

  clock.at += 12;
  const all = Promise.all([...numbers(20), ...numbers(8, 1_000)].map((descriptor) => queue.sync(descriptor)));
  assert.deepEqual([calls.ones.length, calls.wholes.length], [0, 0], 'they gather');
  assert.deepEqual(await calls.endAll(), [0, 2]);
  await all;

  clock.at += 1_000;
  const lone = queue.sync(1);
  assert.equal(calls.ones.length, 1, 'the burst is over');
  await calls.endAll();
  await lone;
});

test('where it is not cheap, each is synced alone', async () => {
  const calls = new SlowCalls();
  calls.cheap = false;
  const { queue } = queueOf(calls);
  const all = Promise.all(numbers(40).map((descriptor) => queue.sync(descriptor)));
  assert.deepEqual(await calls.endAll(), [40, 0]);
  await all;
});

test('when all together fails, each is synced alone, and those whose own call fails are told', async () => {
  const calls = new SlowCalls();
  const { queue } = queueOf(calls);
  const all = Promise.allSettled(numbers(12).map((descriptor) => queue.sync(descriptor)));
  calls.ones.shift()?.done(null);
  calls.wholes.shift()?.done(new Error('something'));
  for (let round = 0; round < 8; round += 1) {
    for (const { descriptor, done } of calls.ones.splice(0)) done(descriptor === 9 ? new Error('EIO') : null);
    await turn();
  }
  assert.equal(calls.wholes.length, 0);
  const failed = (await all).flatMap((outcome, index) => (outcome.status === 'rejected' ? [index + 1] : []));
  assert.deepEqual(failed, [9]);
});

test('a file whose octets could not be written is told so, though all together succeeded', async () => {
  const calls = new SlowCalls();
  calls.troubled.set(7, new Error('EIO'));
  const { queue } = queueOf(calls);
  const all = Promise.allSettled(numbers(12).map((descriptor) => queue.sync(descriptor)));
  await calls.endAll();
  const failed = (await all).flatMap((outcome, index) => (outcome.status === 'rejected' ? [index + 1] : []));
  assert.deepEqual(failed, [7]);
});

test('a file of which the kernel does not say whether its octets were written is synced alone as well', async () => {
  const calls = new SlowCalls();
  calls.troubled.set(7, 'unknown');
  const { queue } = queueOf(calls);
  let settled = false;
  const all = Promise.all(numbers(12).map((descriptor) => queue.sync(descriptor)));
  void all.then(() => (settled = true));
  for (const { done } of calls.ones.splice(0)) done(null);
  calls.wholes.shift()?.done(null);
  await turn();
  assert.equal(settled, false);
  assert.deepEqual(
    calls.ones.map(({ descriptor }) => descriptor),
    [7],
  );
  assert.deepEqual(await calls.endAll(), [1, 0]);
  await all;
});

test('the real calls sync files and directories, alone and all together', async (t) => {
  const path = scratchDirectory(t);
  const files = numbers(100).map((number) => openSync(join(path, String(number)), 'wx'));
  for (const file of files) writeSync(file, 'x');
  const directory = openSync(path, 'r');
  let wholes = 0;
  const answers: boolean[] = [];
  const counting: SyncCalls = {
    ...realSyncCalls,
    wholeIsCheap: (descriptor) => {
      const isCheap = realSyncCalls.wholeIsCheap(descriptor);
      answers.push(isCheap);
      return isCheap;
    },
    whole: (descriptor, done) => {
      wholes += 1;
      realSyncCalls.whole(descriptor, done);
    },
  };
  const queue = new SyncQueue(counting, () => performance.now());

  await Promise.all([...files, directory].map((descriptor) => queue.sync(descriptor)));
  assert.equal(wholes > 0, answers.includes(true));
  if (wholes === 0) t.diagnostic('this file system, or the load of this machine, asks for each alone');
  for (const descriptor of [...files, directory]) assert.ok(!(realSyncCalls.written(descriptor) instanceof Error));
  for (const descriptor of [...files, directory]) closeSync(descriptor);

  await assert.rejects(queue.sync(files[0] ?? -1), { code: 'EBADF' });
});
