/**
 * maildirmake --checkutf8 and --convutf8 beside Courier's: two copies of a maildir whose names are in modified UTF-7, the
 * same words and the same maildir afterwards.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { scratchDirectory } from '../support/maildir-fixture.js';
import { programs } from '../support/paths.js';

const COURIER_MAILDIRMAKE = '/usr/bin/maildirmake.courier';

test('names in modified UTF-7 are told and converted as by Courier', (t) => {
  const scratch = scratchDirectory('old-names');
  t.after(() => scratch.remove());
  const [courier, ours] = ['courier', 'ours'].map((name) => join(scratch.path, name)) as [string, string];
  const folders = ['.Entw&APw-rfe', '.R&AOk-sum&AOk-.Sub&-X', '.Plain', '.&U,BTFw-'];
  for (const folder of ['.', ...folders])
    for (const name of ['tmp', 'new', 'cur']) mkdirSync(join(courier, 'M', folder, name), { recursive: true });
  const subscribed = 'INBOX.Entw&APw-rfe\nINBOX.Plain\nINBOX.Gone&AOk-\n#shared.x.&AOk-\n';
  writeFileSync(join(courier, 'M', 'courierimapsubscribed'), subscribed);
  cpSync(courier, ours, { recursive: true });
  const ask = (option: string): void => {
    const [theirAnswer, ourAnswer] = [
      spawnSync(COURIER_MAILDIRMAKE, [option, 'M'], { cwd: courier, encoding: 'utf8' }),
      spawnSync(join(programs, 'maildirmake'), [option, 'M'], { cwd: ours, encoding: 'utf8' }),
    ].map(({ status, stdout, stderr }) => ({ status, stderr, stdout: stdout.split('\n').sort() }));
    assert.deepEqual(ourAnswer, theirAnswer, option);
    // After --checkutf8 Courier leaves the new list of subscriptions there.
    const [there, here] = [courier, ours].map((path) => readdirSync(join(path, 'M')).sort());
    assert.deepEqual(
      here,
      there?.filter((name) => name !== 'courierimapsubscribed.new'),
      option,
    );
    const [theirs, own] = [courier, ours].map((path) => readFileSync(join(path, 'M', 'courierimapsubscribed'), 'utf8'));
    assert.equal(own, theirs, option);
  };

  ask('--checkutf8');
  mkdirSync(join(courier, 'M', '.bad&x', 'cur'), { recursive: true });
  cpSync(join(courier, 'M', '.bad&x'), join(ours, 'M', '.bad&x'), { recursive: true });
  const refused = spawnSync(join(programs, 'maildirmake'), ['--convutf8', 'M'], { cwd: ours, encoding: 'utf8' });
  const theirRefusal = spawnSync(COURIER_MAILDIRMAKE, ['--convutf8', 'M'], { cwd: courier, encoding: 'utf8' });
  assert.deepEqual([refused.status, refused.stderr], [theirRefusal.status, theirRefusal.stderr]);
  for (const path of [courier, ours]) spawnSync('rm', ['-r', join(path, 'M', '.bad&x')]);
  ask('--convutf8');
});
