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
const WINDOW_MS = 10_000;

/** Nearly all of a core, where each gets a third of one; what the host of a machine takes is neither used nor stood in line for. */
const WHOLE = 0.8;
const LOOK_MS = 3_000;
const MOST_MS = 60_000;

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
    const needed = shares.map(() => 0);
    const begin = performance.now();
    let passedMs = 0;
    let least = 0;
    // Time in line is counted when it is over, which takes its while where the machine's host has little time for it.
    for (let look = 1; least <= passedMs * WHOLE && passedMs < MOST_MS; look += 1) {
      await passed(LOOK_MS);
      for (const [index, share] of shares.entries()) {
        needed[index] = (needed[index] ?? 0) + share.at(look * WINDOW_MS) * WINDOW_MS;
      }
      passedMs = performance.now() - begin;
      least = Math.min(...needed.slice(0, endless.length));
    }
    const rest = needed.at(-1) ?? Number.NaN;

    assert.ok(least > passedMs * WHOLE, `${least} of ${passedMs} ms`);
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
