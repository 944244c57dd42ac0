/** How much of the processor a process needs, however much there is to be had. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { performance } from 'node:perf_hooks';
import { test } from 'node:test';
import { setTimeout as passed } from 'node:timers/promises';
import { ProcessorShare } from '../../init/runtime/system/processor-share.js';

/** As the share has it. */
const WINDOW_MS = 5_000;

async function childThat(does: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['-e', `process.stdout.write('begun'); ${does}`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  assert.ok(child.stdout !== null);
  await once(child.stdout, 'data');
  return child;
}

test('a process that never rests needs a whole core, although several want each; one that rests needs nothing', async () => {
  const endless = await Promise.all(Array.from({ length: availableParallelism() * 3 }, () => childThat('for (;;);')));
  const resting = await childThat('setInterval(() => undefined, 1_000_000);');
  try {
    const children = [...endless, resting];
    const shares = children.map(({ pid = 0 }) => new ProcessorShare(pid, 0));
    const begin = performance.now();
    await passed(3_000);
    const passedMs = performance.now() - begin;
    const needed = shares.map((share) => share.at(WINDOW_MS) * WINDOW_MS);
    const rest = needed.pop() ?? Number.NaN;

    // What is on a processor at this moment is counted with the kernel's next tick.
    for (const milliseconds of needed) assert.ok(milliseconds > passedMs * 0.8, `${milliseconds} of ${passedMs} ms`);
    assert.ok(rest < passedMs * 0.5, `${rest} of ${passedMs} ms`);
  } finally {
    for (const child of [...endless, resting]) child.kill('SIGKILL');
  }
});

test('what a process needed before it was looked at anew does not count', async () => {
  const endless = await childThat('for (;;);');
  try {
    const share = new ProcessorShare(endless.pid ?? 0, 0);
    await passed(500);
    assert.ok(share.at(WINDOW_MS) > 0);
    share.beginAnew(WINDOW_MS);
    assert.equal(share.at(2 * WINDOW_MS - 1), 0);
    await passed(500);
    assert.ok(share.at(2 * WINDOW_MS) > 0);

    await passed(1_000);
    const begin = performance.now();
    share.beginAnew(3 * WINDOW_MS);
    const neededMs = share.at(4 * WINDOW_MS) * WINDOW_MS;
    // Time in line is counted when it is over, so that some of what was before may be in it.
    const mostMs = performance.now() - begin + 500;
    assert.ok(neededMs < mostMs, `${neededMs} of ${mostMs} ms`);
  } finally {
    endless.kill('SIGKILL');
  }
});
