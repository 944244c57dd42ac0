/**
 * Settings files of modules: syntax, and reading again what has changed.
 */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkLdapSettings } from '../../authdaemon/ldap/settings.js';
import { checkOauthSettings } from '../../authdaemon/oauth/oauth-settings.js';
import { parseRcText, RcFile, UnusableRcFile } from '../../authdaemon/rc-file.js';
import { checkMysqlSettings } from '../../authdaemon/sql/mysql-settings.js';
import { checkPgsqlSettings } from '../../authdaemon/sql/pgsql-settings.js';
import { logTo } from '../../init/runtime/log/log.js';
import type { Settings } from '../../init/runtime/settings/settings-file.js';

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

test('A12: a password in a file that everybody may read is warned of, once for each reading', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rc-'));
  const path = join(directory, 'authxrc');
  const lines: string[] = [];
  const interpret = (settings: Settings) => {
    settings.keepSecret('PASSWORD');
    return settings.text('PASSWORD', '');
  };
  const file = new RcFile(
    path,
    interpret,
    logTo((level, line) => lines.push(`${level}: ${line}`)),
  );
  const write = (text: string, mode: number, time: number): void => {
    writeFileSync(path, `${text}\n${MARKER}`);
    chmodSync(path, mode);
    utimesSync(path, time, time);
  };
  const warning = `warning: ${path}:1: everybody may read this file (mode 0644), and PASSWORD holds a password; chmod o= ${path}`;
  const told = (text: string, mode: number, time: number): string[] => {
    write(text, mode, time);
    file.current();
    file.current();
    return lines.splice(0);
  };

  chmodSync(directory, 0o711);
  assert.deepEqual(told('PASSWORD secret', 0o644, 1), [warning]);
  assert.deepEqual(told('PASSWORD other', 0o644, 2), [warning]);
  assert.deepEqual(told('PASSWORD other', 0o640, 3), []);
  assert.deepEqual(told('PASSWORD', 0o644, 4), []);
  chmodSync(directory, 0o700);
  assert.deepEqual(told('PASSWORD secret', 0o644, 5), []);
  rmSync(directory, { recursive: true });
});

test('A12: the password of every module’s file is known as one', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rc-'));
  chmodSync(directory, 0o755);
  const checks = {
    authmysqlrc: ['MYSQL_PASSWORD secret', checkMysqlSettings],
    authpgsqlrc: ["PGSQL_CONNECTION host=127.0.0.1 user=a password='secret'", checkPgsqlSettings],
    authldaprc: ['LDAP_BINDPW secret', checkLdapSettings],
    authoauthrc: ['OAUTH_CLIENT_SECRET secret', checkOauthSettings],
  } as const;
  for (const [name, [line, check]] of Object.entries(checks)) {
    const path = join(directory, name);
    writeFileSync(path, `${line}\n${MARKER}`);
    chmodSync(path, 0o644);
    const told = check(directory).warnings.filter((warning) => warning.includes('everybody may read this file'));
    assert.equal(told.length, 1, name);
    assert.equal(told[0]?.includes('secret'), false);
  }
  writeFileSync(join(directory, 'authpgsqlrc'), `PGSQL_CONNECTION host=127.0.0.1 user=a\n${MARKER}`);
  assert.equal(checkPgsqlSettings(directory).warnings.join().includes('everybody'), false);
  rmSync(directory, { recursive: true });
});
