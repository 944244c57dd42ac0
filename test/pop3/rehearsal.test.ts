/** The rehearsal of a mail worker: it says nothing, counts nothing, touches nothing, and lets others have their turn. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { logTo } from '../../init/runtime/log/log.js';
import { count } from '../../init/runtime/metrics/counts.js';
import { realClock } from '../../init/runtime/system/real-clock.js';
import { rehearse } from '../../pop3d/rehearsal.js';
import { pop3TestSettings } from '../support/pop3-target.js';

test('a rehearsal leaves no trace', async () => {
  const said: string[] = [];
  let pieces = 0;
  const quiet = async (): Promise<void> => {
    pieces += 1;
    await new Promise((resolve) => setImmediate(resolve));
  };

  await rehearse({
    settings: pop3TestSettings(),
    clock: realClock,
    log: logTo((_level, line) => said.push(line)),
    quiet,
  });

  assert.deepEqual(said, []);
  assert.ok(pieces > 1_000);
  assert.equal(count('commands_total', { protocol: 'pop3', command: 'RETR', result: 'ok' }).value, 0);
});
