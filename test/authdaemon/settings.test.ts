/**
 * authdaemonrc: the shipped file says what the code does without it, and Debian's own file loads unchanged.
 */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type AuthdaemonSettings, readAuthdaemonSettings } from '../../authdaemon/settings.js';
import { describeProblem } from '../../init/runtime/settings/settings-file.js';
import { checkoutRoot } from '../support/paths.js';
import { findProgram } from '../support/processes.js';

function read(write: (path: string) => void): AuthdaemonSettings {
  const directory = mkdtempSync(join(tmpdir(), 'authdaemonrc-'));
  write(join(directory, 'authdaemonrc'));
  const settings = readAuthdaemonSettings(directory);
  rmSync(directory, { recursive: true });
  return settings;
}

function valuesOf({ file }: AuthdaemonSettings): Map<string, string> {
  return new Map(file.inUse().map(({ name, value }) => [name, value]));
}

const shipped = join(checkoutRoot, 'etc', 'authdaemonrc');

test('every setting that is read stands in etc/authdaemonrc, with the default that the code has', () => {
  const fromFile = read((path) => copyFileSync(shipped, path));
  const defaults = read((path) =>
    writeFileSync(path, 'authmodulelist="authuserdb"\nauthmodulelistorig="authuserdb"\n'),
  );

  assert.deepEqual([fromFile.file.problems, fromFile.file.warnings], [[], []]);
  assert.deepEqual(valuesOf(fromFile), valuesOf(defaults));
  const text = readFileSync(shipped, 'utf8');
  for (const name of valuesOf(defaults).keys()) assert.match(text, new RegExp(`^${name}=`, 'm'));
  for (const [, name] of text.matchAll(/^##NAME: (\S+):\d+$/gm)) {
    assert.ok(name === 'LDAP_TLS_OPTIONS' || valuesOf(defaults).has(name ?? ''), name);
  }
});

test('Debian’s authdaemonrc loads unchanged and without a warning', () => {
  const settings = read((path) => copyFileSync(findProgram('/etc/courier/authdaemonrc'), path));

  assert.deepEqual([...settings.file.problems, ...settings.file.warnings].map(describeProblem), []);
  assert.deepEqual(settings.moduleNames, ['authpam']);
  assert.deepEqual([settings.lookupsAtOnce, settings.directory], [5, '/run/courier/authdaemon']);
});

test('a missing file, no modules and options that are not known are told', () => {
  const told = (text: string | undefined): string => {
    const { file } = read((path) => (text === undefined ? undefined : writeFileSync(path, text)));
    return [...file.problems, ...file.warnings].map(describeProblem).join('\n');
  };

  assert.match(told(undefined), /authdaemonrc: cannot be read \(ENOENT\); copy the file/);
  assert.match(told('authmodulelist=""\n'), /authmodulelist names no module; write for example/);
  assert.match(
    told('authmodulelist="authuserdb"\nLOGGEROPTS="-name=x -respawn"\n'),
    /LOGGEROPTS: -respawn has no effect/,
  );
  assert.match(told('authmodulelist="authuserdb"\nDEBUG_LOGIN=2\n'), /DEBUG_LOGIN=2 writes passwords into the log/);
  const { log } = read((path) => writeFileSync(path, 'authmodulelist=a\nLOGGEROPTS="-name=au -facility=auth"\n'));
  assert.deepEqual([log.name, log.facility], ['au', 4]);
});

test('SCRAM_SECRETFILE is a secret of the administrator’s, or a problem', () => {
  const directory = mkdtempSync(join(tmpdir(), 'scram-secret-'));
  const path = join(directory, 'secret');
  const settings = (): AuthdaemonSettings =>
    read((file) => writeFileSync(file, `authmodulelist="authuserdb"\nSCRAM_SECRETFILE=${path}\n`));
  const told = (): string => settings().file.problems.map(describeProblem).join('\n');

  assert.match(told(), /SCRAM_SECRETFILE=.*secret cannot be read \(ENOENT\); make one with/);
  writeFileSync(path, 'x'.repeat(31), { mode: 0o600 });
  assert.match(told(), /is shorter than 32 octets/);
  writeFileSync(path, 'x'.repeat(32));
  assert.deepEqual([told(), settings().scramSecret?.toString()], ['', 'x'.repeat(32)]);
  rmSync(directory, { recursive: true });
});
