/**
 * L5: what is written to a log is bounded: files by their size, lines by how many there are of a kind. And a log that cannot
 * be written to costs nothing but its lines.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { LimitedLines } from '../../../init/runtime/log/limited-lines.js';
import { openLog } from '../../../init/runtime/log/log-destinations.js';
import { LogFile } from '../../../init/runtime/log/log-file.js';
import { scratchDirectory } from '../../support/maildir-fixture.js';

function scene(t: { after(run: () => void): void }): (name: string) => string {
  const scratch = scratchDirectory('log-limits');
  t.after(() => scratch.remove());
  return (name) => join(scratch.path, name);
}

const settings = { name: 'imapd', facility: 2, fallbackFile: '' };

test('L5: a log file that has reached its size begins anew, and the one before is kept', (t) => {
  const at = scene(t);
  const file = new LogFile(at('log'), 100);
  for (let number = 0; number < 25; number += 1) assert.ok(file.write(`line ${String(number).padStart(4)}\n`));
  const old = readFileSync(at('log.old'), 'utf8');
  const now = readFileSync(at('log'), 'utf8');
  assert.ok(old.length <= 100 && now.length <= 100);
  assert.match(now, /line {3}24\n$/);
  assert.ok(`${old}${now}`.split('\n').length > 12, 'the last lines are all there');
});

test('L5: the file that nobody chose is small, since it may lie in memory', async (t) => {
  const at = scene(t);
  const log = await openLog({ ...settings, destination: at('log'), fallbackFile: at('log'), maxFileOctets: 0 }, true);
  for (let count = 0; count < 6_000; count += 1) log.write('info', `LOGIN, user=${'x'.repeat(4_000)}`);
  assert.ok(statSync(at('log')).size < 20_000_000);
  assert.ok(existsSync(at('log.old')));
});

test('L5: of two processes that write to one file, neither takes the other one’s lines away', (t) => {
  const at = scene(t);
  const [one, other] = [new LogFile(at('log'), 1_000), new LogFile(at('log'), 1_000)];
  for (let number = 0; number < 90; number += 1) {
    assert.ok(one.write(`one ${String(number).padStart(20)}\n`));
    assert.ok(other.write(`other ${String(number).padStart(18)}\n`));
  }
  const text = readFileSync(at('log.old'), 'utf8') + readFileSync(at('log'), 'utf8');
  for (const number of [85, 89]) assert.ok(text.includes(`one ${String(number).padStart(20)}\n`));
  assert.match(text, /other +89\n/);
});

test('L5: whoever rotates the file by himself is not disturbed', (t) => {
  const at = scene(t);
  const file = new LogFile(at('log'), 100);
  assert.ok(file.write(`${'x'.repeat(60)}\n`));
  renameSync(at('log'), at('log.1'));
  writeFileSync(at('log'), '');
  assert.ok(file.write(`${'y'.repeat(60)}\n`));
  assert.ok(!existsSync(at('log.old')));
  assert.equal(statSync(at('log')).size, 61);
});

test('L5: a full disk costs the lines of that time, which is said when there is room again', async (t) => {
  const at = scene(t);
  symlinkSync('/dev/full', at('log'));
  const log = await openLog({ ...settings, destination: at('log') }, true);
  for (let number = 0; number < 3; number += 1) log.write('info', `LOGIN, user=bob${number}`);
  rmSync(at('log'));
  log.reopen();
  log.write('info', 'still here');
  const lines = readFileSync(at('log'), 'utf8').trimEnd().split('\n');
  assert.deepEqual(
    lines.map((line) => line.replace(/^.*?\]: /, '')),
    ['3 lines before this one could not be written', 'still here'],
  );
});

test('L5: of lines that strangers can make, so many a second are written, each address for itself', async (t) => {
  const at = scene(t);
  const log = await openLog({ ...settings, destination: at('log') }, true);
  for (let count = 0; count < 200; count += 1) {
    log.write('info', `LOGIN FAILED, user=bob${count}, ip=[192.0.2.1], port=[${count}]`);
    log.write('info', `LOGIN, user=bob, ip=[192.0.2.1], port=[${count}], protocol=IMAP`);
    log.write('error', `authentication error: ${count} ms, no answer`);
  }
  log.write('info', 'LOGIN FAILED, user=bob, ip=[192.0.2.2], port=[1]');
  const text = readFileSync(at('log'), 'utf8');
  const count = (what: RegExp): number => text.match(what)?.length ?? 0;
  assert.equal(count(/LOGIN FAILED.*192\.0\.2\.1/g), 100);
  assert.equal(count(/LOGIN FAILED.*192\.0\.2\.2/g), 1);
  assert.equal(count(/LOGIN, user=bob/g), 200);
  assert.equal(count(/authentication error/g), 10);
});

test('what was left out is told a second later', () => {
  const written: string[] = [];
  let later = (): void => {};
  const after = (_: number, action: () => void) => {
    later = action;
    return () => {};
  };
  const lines = new LimitedLines({ write: (_, text) => void written.push(text) }, after);
  for (let count = 0; count < 15; count += 1) lines.write('info', 'kind', `line ${count}`);
  assert.equal(written.length, 10);
  later();
  assert.deepEqual(written.slice(10), ['5 more lines like this were left out: kind']);
  assert.ok(lines.write('info', 'kind', 'again'));
});

test('L1: with LOGFORMAT=json every line of a file is an object', async (t) => {
  const at = scene(t);
  const log = await openLog({ ...settings, destination: at('log'), format: 'json' }, true);
  log.write('notice', 'Disconnected during shutdown by signal, user=bob, ip=[::1], port=[1], time=3', 7);
  log.bug(new Error('two\nlines'), 'a test');
  const [first = '', second = '', ...others] = readFileSync(at('log'), 'utf8').trimEnd().split('\n');
  assert.deepEqual(others, []);
  const { event, level, session, seconds } = JSON.parse(first);
  assert.deepEqual(
    [event, level, session, seconds],
    ['disconnected_during_shutdown_by_signal', 'notice', `${process.pid}.7`, 3],
  );
  assert.match(JSON.parse(second).message, /^bug in a test: Error: two/);
});
