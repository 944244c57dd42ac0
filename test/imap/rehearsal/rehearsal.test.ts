/**
 * The rehearsal of a mail worker: every command of it is answered, it waits for quiet moments, and leaves nothing.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type RehearsalOptions, rehearse } from '../../../imapd/rehearsal/rehearsal.js';
import { logTo } from '../../../init/runtime/log/log.js';
import { realClock } from '../../../init/runtime/system/real-clock.js';
import { testSettings } from '../../support/memory-target.js';
import { waitUntil } from '../../support/processes.js';

function optionsWith(changes: Partial<RehearsalOptions>, log: string[]): RehearsalOptions {
  return {
    settings: testSettings(),
    clock: realClock,
    log: logTo((level, line) => void log.push(`${level}: ${line}`)),
    quiet: async () => undefined,
    ...changes,
  };
}

test('it plays to its end, tells nobody, and leaves no file, no timer and nothing open', async (t) => {
  const log: string[] = [];
  const cacheDirectory = mkdtempSync(join(tmpdir(), 'rehearsal-'));
  t.after(() => rmSync(cacheDirectory, { recursive: true, force: true }));
  const settings = { ...testSettings(), cacheDirectory };
  const open = (): string[] => readdirSync('/proc/self/fd');
  const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  // Whatever is loaded once is loaded now.
  await rehearse(optionsWith({ settings }, log));
  const before = { open: open(), timers: timers() };
  let moments = 0;
  const quiet = async (): Promise<void> => {
    moments += 1;
  };

  await rehearse(optionsWith({ settings, quiet }, log));

  assert.deepEqual(log, []);
  assert.ok(moments > 50, String(moments));
  assert.deepEqual({ open: open(), timers: timers() }, before);
  assert.deepEqual(readdirSync(cacheDirectory), []);
});

test('whatever the settings say, it plays to its end', async () => {
  const log: string[] = [];
  for (const keywords of ['off', 'safe'] as const) {
    const changes = { disableThreadSort: true, durable: false, useLocks: false, keywords };
    await rehearse(optionsWith({ settings: { ...testSettings(), ...changes } }, log));
  }
  assert.deepEqual(log, []);
});

test('it does nothing before the moment is quiet', async () => {
  const waiting: (() => void)[] = [];
  let over = false;
  const quiet = (): Promise<void> => new Promise((resolve) => waiting.push(resolve));
  const rehearsal = rehearse(optionsWith({ quiet }, [])).then(() => {
    over = true;
  });

  await waitUntil('it asks for the moment', () => waiting.length > 0);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(waiting.length, 1);
  while (!over) {
    waiting.pop()?.();
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(waiting.length <= 1);
  }
  await rehearsal;
});

test('a disk that fails makes it fail, and does not keep it waiting', async () => {
  const clock = {
    ...realClock,
    now: () => {
      throw new Error('the clock stands still');
    },
  };
  await assert.rejects(rehearse(optionsWith({ clock }, [])), /stands still/);
});
