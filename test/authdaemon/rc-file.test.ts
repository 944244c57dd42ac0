/**
 * Settings files of modules: syntax, and reading again what has changed.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseRcText, RcFile, UnusableRcFile } from '../../authdaemon/rc-file.js';
import { logTo } from '../../init/runtime/log.js';
import type { Settings } from '../../init/runtime/settings-file.js';

const MARKER = '##NAME: MARKER:0\n';

test('a value goes to the end of its line, and on where the line ends with a backslash', () => {
  const text = `# comment\n\nA\tone  two \t\n  B   "quoted" # no comment\nC one\\\n   # two\\\n\t three\nA again\nD\n${MARKER}`;

  const { assignments, problems } = parseRcText(text);

  assert.deepEqual(assignments, [
    { name: 'A', value: 'one  two', line: 3 },
    { name: 'B', value: '"quoted" # no comment', line: 4 },
    { name: 'C', value: 'one # two three', line: 5 },
    { name: 'D', value: '', line: 9 },
  ]);
  assert.deepEqual(problems, []);
});

test('without a marker line it is not used', () => {
  assert.match(parseRcText('A 1\n').problems[0]?.what ?? '', /marker line not found/);
});

test('Debian’s files are read without a problem of syntax', () => {
  for (const name of ['authmysqlrc', 'authpgsqlrc', 'authldaprc']) {
    const path = `/etc/courier/${name}`;
    assert.ok(existsSync(path), path);
    const { assignments, problems } = parseRcText(readFileSync(path, 'utf8'));
    assert.deepEqual(problems, [], path);
    assert.ok(assignments.length > 5, path);
  }
});

test('a changed file counts at once; a wrong one is told once, and the values from before stay', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rc-'));
  const path = join(directory, 'authxrc');
  const lines: string[] = [];
  const interpret = (settings: Settings) => settings.integer('PORT', 1);
  const file = new RcFile(
    path,
    interpret,
    logTo((level, line) => lines.push(`${level}: ${line}`)),
  );
  assert.throws(() => file.current(), UnusableRcFile);
  let time = 1000;
  const write = (text: string): void => {
    writeFileSync(path, text);
    time += 1;
    utimesSync(path, time, time);
  };

  write(`PORT 7\nPROT 8\n${MARKER}`);
  assert.equal(file.current(), 7);
  assert.deepEqual(lines.splice(0), [`warning: ${path}:2: PROT is not a setting of this program; check the spelling`]);
  write(`PORT x\n${MARKER}`);
  assert.equal(file.current(), 7);
  assert.equal(file.current(), 7);
  assert.match(lines.splice(0).join('\n'), /^error: .*:1: PORT=x is not a whole number.*\nerror: .*still in force$/);
  write(`PORT 9\n${MARKER}`);
  assert.equal(file.current(), 9);
  rmSync(path);
  assert.equal(file.current(), 9, 'as long as the daemon lives');
  rmSync(directory, { recursive: true });
});
