/** How often a process looks at itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SampleRhythm } from '../../init/runtime/service/sample-rhythm.js';

test('after one thing to do a process looks at itself four times, later and later', () => {
  const rhythm = new SampleRhythm();
  assert.equal(rhythm.begin(), 10);
  assert.equal(rhythm.next(false, true), 20);
  assert.equal(rhythm.next(false, false), 40);
  assert.equal(rhythm.next(false, false), 80);
  assert.equal(rhythm.next(false, false), undefined);
});

test('while little comes, a process looks at itself seldom; and often again when there is much', () => {
  const rhythm = new SampleRhythm();
  rhythm.begin();
  const little = Array.from({ length: 6 }, () => rhythm.next(false, true));
  assert.deepEqual(little, [20, 40, 80, 80, 80, 80]);
  assert.deepEqual([rhythm.next(true, true), rhythm.next(true, false), rhythm.next(false, false)], [10, 10, 20]);
});

test('one long piece of work is no rest, and after a rest it begins anew', () => {
  const rhythm = new SampleRhythm();
  rhythm.begin();
  for (let time = 0; time < 50; time += 1) assert.equal(rhythm.next(true, false), 10);
  assert.deepEqual(
    Array.from({ length: 4 }, () => rhythm.next(false, false)),
    [20, 40, 80, undefined],
  );
  assert.equal(rhythm.begin(), 10);
  assert.equal(rhythm.next(false, false), 20);
});
