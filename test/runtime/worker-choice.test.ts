/** Which mail worker serves a maildir, and when a further one is started. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseWorker } from '../../init/runtime/worker/worker-choice.js';

const quiet = { sessions: 10, processorShare: 0.1 };
const busy = { sessions: 10, processorShare: 0.9 };

test('without workers one is started', () => {
  assert.equal(chooseWorker([], '5000:5000:/home/bob', true), undefined);
});

test('a maildir comes back to the same worker', () => {
  const workers = [{ ...quiet }, { ...quiet }, { ...quiet }];
  const first = chooseWorker(workers, '5000:5000:/home/bob', true);
  assert.ok(first !== undefined && workers.includes(first));
  assert.equal(chooseWorker(workers, '5000:5000:/home/bob', true), first);
});

test('many sessions without work need no further worker; work does, and too many sessions do', () => {
  const many = { sessions: 1_500, processorShare: 0 };
  assert.equal(chooseWorker([many], 'maildir', true), many);
  assert.equal(chooseWorker([busy], 'maildir', true), undefined);
  assert.equal(chooseWorker([{ sessions: 2_000, processorShare: 0 }], 'maildir', true), undefined);
});

test('where no further worker may start, those that are there take all', () => {
  assert.equal(chooseWorker([busy], 'maildir', false), busy);
});

test('a worker that has nothing to do is better than the usual one that has', () => {
  for (const maildir of ['one', 'two', 'three', 'four'])
    assert.equal(chooseWorker([busy, quiet], maildir, true), quiet);
});

test('a worker with many fewer sessions is better than the usual one', () => {
  const full = { sessions: 500, processorShare: 0 };
  for (const maildir of ['one', 'two', 'three', 'four'])
    assert.equal(chooseWorker([full, quiet], maildir, true), quiet);
});
