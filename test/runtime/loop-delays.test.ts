/** The histogram of event-loop delays, and the line that shows it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeProcess } from '../../init/runtime/service/describe-process.js';
import { LoopDelays } from '../../init/runtime/worker/loop-delays.js';

test('without samples all delays are 0', () => {
  assert.deepEqual(new LoopDelays().summary(0), { p50: 0, p99: 0, max: 0 });
});

test('delays are rounded up, by a tenth at most', () => {
  const delays = new LoopDelays();
  for (let count = 0; count < 98; count += 1) delays.add(1, 0);
  delays.add(20, 0);
  delays.add(300, 0);
  const { p50, p99, max } = delays.summary(0);
  assert.ok(p50 >= 1 && p50 <= 1.1, String(p50));
  assert.ok(p99 >= 20 && p99 <= 22, String(p99));
  assert.ok(max >= 300 && max <= 330, String(max));
});

test('what is older than five minutes is forgotten, and all of it on demand', () => {
  const delays = new LoopDelays();
  delays.add(100, 0);
  delays.add(1, 120_000);
  assert.ok(delays.summary(200_000).max >= 100);
  assert.ok(delays.summary(310_000).max < 2);
  delays.clear();
  assert.equal(delays.summary(310_000).max, 0);
});

test('hours, negative delays and times without a sample do no harm', () => {
  const delays = new LoopDelays();
  delays.add(-1, 0);
  delays.add(10 * 3_600_000, 0);
  assert.ok(delays.summary(0).max > 100_000);
  assert.equal(delays.summary(24 * 3_600_000).max, 0);
});

test('a process is described in one line', () => {
  const figures = { memoryOctets: 2048, delays: { p50: 0.1, p99: 12, max: 14.25 } };
  const line = 'worker pid=1 memory_kb=2 delay_p50_ms=0.1 delay_p99_ms=12.0 delay_max_ms=14.3';
  assert.equal(describeProcess('worker pid=1', figures), line);
  assert.equal(describeProcess('worker pid=1', undefined), 'worker pid=1 silent');
});
