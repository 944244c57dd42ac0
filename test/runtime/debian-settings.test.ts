/**
 * The settings files of Debian's Courier packages, as they are installed, are ours to read unchanged.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readImapdSettings } from '../../imapd/settings/settings-reader.js';

test("K6: Debian's own files load without an error, and each ineffective setting is told with its line", () => {
  const directory = '/etc/courier';
  assert.ok(existsSync(join(directory, 'imapd')), "Debian's courier-imap is not installed");

  const { configuration, problems, warnings, settings } = readImapdSettings(directory);

  assert.deepEqual(problems, []);
  const { connections, perAddress, perAccount, access } = configuration.limits;
  assert.deepEqual([connections, perAddress, perAccount, access], [40, 20, 20, []]);
  assert.equal(configuration.sessionSettings.capability, undefined, 'a shipped value means everything');
  for (const { line, what } of warnings)
    assert.ok(line !== undefined && /has no effect|is what Courier shipped/.test(what), what);
  assert.equal(settings.inUse().find(({ name }) => name === 'PIDFILE')?.origin?.file, '/etc/courier/imapd');
});
