/**
 * authmysqlrc and authpgsqlrc: what they mean, every mistake in one pass, and the reading of clauses and connection strings.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { octetsFromText, textFromOctets } from '../../authdaemon/octet-text.js';
import { sqlCharset } from '../../authdaemon/sql/charset.js';
import { clauseProblems, fillClause, type SqlQuoting, USUAL_QUOTING } from '../../authdaemon/sql/clause.js';
import { parseConninfo } from '../../authdaemon/sql/conninfo.js';
import { checkMysqlSettings, MYSQL_RC } from '../../authdaemon/sql/mysql-settings.js';
import { checkPgsqlSettings, PGSQL_RC } from '../../authdaemon/sql/pgsql-settings.js';
import { checkoutRoot } from '../support/paths.js';

const checks = { [MYSQL_RC]: checkMysqlSettings, [PGSQL_RC]: checkPgsqlSettings };

function check(name: keyof typeof checks, text: string) {
  const directory = mkdtempSync(join(tmpdir(), 'sql-settings-'));
  writeFileSync(join(directory, name), `${text}\n##NAME: MARKER:0\n`);
  const { values, problems, warnings } = checks[name]?.(directory) ?? assert.fail(name);
  rmSync(directory, { recursive: true });
  const short = (line: string): string => line.replace(`${directory}/`, '');
  return { values, problems: problems.map(short), warnings: warnings.map(short) };
}

const MYSQL_LINES = 'MYSQL_SERVER db\nMYSQL_USERNAME u\nMYSQL_DATABASE d\nMYSQL_USER_TABLE t\nMYSQL_CLEAR_PWFIELD c';
const PGSQL_LINES = 'PGSQL_CONNECTION host=db user=u password=p\nPGSQL_USER_TABLE t\nPGSQL_CRYPT_PWFIELD c';

test('the files in etc/ and Debian’s files are right as they are', () => {
  for (const directory of [join(checkoutRoot, 'etc'), '/etc/courier']) {
    for (const [name, read] of Object.entries(checks)) {
      const { problems, warnings } = read(directory);
      assert.deepEqual(problems, [], `${directory}/${name}`);
      // The password of an example is nobody's; where others may read it, it is warned of all the same.
      const expected = /PGSQL_DATABASE has no effect, as in Courier|(MYSQL_PASSWORD|PGSQL_CONNECTION) holds a password/;
      const known = warnings.filter((line) => !expected.test(line));
      assert.deepEqual(known, [], `${directory}/${name}`);
    }
  }
});

test('every setting that Debian’s files explain is explained in etc/, with the same mark', () => {
  for (const name of Object.keys(checks)) {
    const [own, theirs] = [join(checkoutRoot, 'etc'), '/etc/courier'].map((directory) => {
      const text = readFileSync(join(directory, name), 'utf8');
      const explained = [...text.matchAll(/^(?:# )?((?:MYSQL|PGSQL)_[A-Z_]+|DEFAULT_DOMAIN)\s/gm)].map(
        (match) => match[1],
      );
      return { marks: [...text.matchAll(/^#?#NAME: (.*)$/gm)].map((match) => match[1]), explained: new Set(explained) };
    });
    assert.ok(own !== undefined && theirs !== undefined);
    for (const mark of theirs.marks) assert.ok(own.marks.includes(mark) || mark === 'PGSQL_DATABASE:0', mark);
    for (const setting of theirs.explained) {
      assert.ok(own.explained.has(setting) || /^(PGSQL_DATABASE|MYSQL_SSL_CIPHERS)$/.test(setting ?? ''), setting);
    }
  }
});

test('authmysqlrc: every mistake is named with its line', () => {
  const { problems, warnings } = check(
    MYSQL_RC,
    [
      'MYSQL_PORT x',
      'MYSQL_OPT 1000000000',
      'MYSQL_SSL_CACERT /nosuch/ca.pem',
      'MYSQL_CHARACTER_SET klingon',
      'DEFAULT_DOMAIN @example.com',
      'MYSQL_SELECT_CLAUSE SELECT x WHERE a = $(local_part)',
      "MYSQL_CHPASS_CLAUSE UPDATE t SET a = 'x",
      'MYSQL_TABLE users',
    ].join('\n'),
  );

  assert.deepEqual(problems.map((line) => line.replace(/;.*/, '')).sort(), [
    'authmysqlrc: neither MYSQL_CRYPT_PWFIELD nor MYSQL_CLEAR_PWFIELD is set',
    'authmysqlrc: neither MYSQL_SERVER nor MYSQL_SOCKET is set',
    'authmysqlrc: the database is not named',
    'authmysqlrc: the name for the server is missing',
    'authmysqlrc: the table of the accounts is not named',
    'authmysqlrc:1: MYSQL_PORT=x is not a whole number',
    'authmysqlrc:2: MYSQL_OPT asks for the client flags 999868928, which cannot be had here',
    'authmysqlrc:3: /nosuch/ca.pem cannot be read (ENOENT)',
    'authmysqlrc:4: MYSQL_CHARACTER_SET klingon is not known here',
    'authmysqlrc:5: DEFAULT_DOMAIN @example.com begins with an @',
    'authmysqlrc:6: MYSQL_SELECT_CLAUSE has $(local_part) outside quotes, where a login name would be read as SQL',
    "authmysqlrc:7: MYSQL_CHPASS_CLAUSE has no closing '",
  ]);
  assert.deepEqual(warnings, ['authmysqlrc:8: MYSQL_TABLE is not a setting of this program; check the spelling']);
});

test('authpgsqlrc: every mistake is named with its line, and no password with it', () => {
  const bad = check(
    PGSQL_RC,
    'PGSQL_CONNECTION host=a,b,c,d,e,f port=70000x sslmode=maybe service=x sslpassword=hidden',
  );
  assert.deepEqual(bad.problems.map((line) => line.replace(/;.*/, '')).sort(), [
    'authpgsqlrc: neither PGSQL_CRYPT_PWFIELD nor PGSQL_CLEAR_PWFIELD is set',
    'authpgsqlrc: the table of the accounts is not named',
    'authpgsqlrc:1: PGSQL_CONNECTION names 6 servers',
    'authpgsqlrc:1: port=70000x is not the number of a port',
    'authpgsqlrc:1: service=x cannot be had here',
    'authpgsqlrc:1: sslmode=maybe is not known',
    'authpgsqlrc:1: sslpassword=… cannot be had here',
  ]);
  assert.match(
    check(PGSQL_RC, `${PGSQL_LINES.replace('host=db', "host='db")}`).problems.join(),
    /:1: PGSQL_CONNECTION cannot be/,
  );
  assert.match(check(PGSQL_RC, '').problems.join(), /the connection to the server is not described/);
});

test('a table is needed only for what has no clause of its own', () => {
  const clauses = ['SELECT', 'ENUMERATE', 'CHPASS'].map((name) => `MYSQL_${name}_CLAUSE SELECT 1`).join('\n');
  const lines = MYSQL_LINES.replace(/\nMYSQL_USER_TABLE.*/s, '');
  assert.deepEqual(check(MYSQL_RC, `${lines}\n${clauses}`).problems, []);
  assert.equal(check(MYSQL_RC, `${lines}\n${clauses.replace(/MYSQL_CHPASS.*/, '')}`).problems.length, 2);
});

test('servers of MySQL: ports, brackets, sockets, flags', () => {
  const read = (more: string) => {
    const { values, problems } = check(MYSQL_RC, `${more}\n${MYSQL_LINES}`);
    assert.deepEqual(problems, []);
    return values as ReturnType<typeof checkMysqlSettings>['values'];
  };
  assert.deepEqual(read('MYSQL_SERVER a, b:1 [::1]:2,[fe80::1]\nMYSQL_PORT 7').addresses, [
    { host: 'a', port: 7 },
    { host: 'b', port: 1 },
    { host: '::1', port: 2 },
    { host: 'fe80::1', port: 7 },
  ]);
  assert.deepEqual(read('MYSQL_SERVER localhost\nMYSQL_SOCKET /s').addresses, [{ socketPath: '/s' }]);
  assert.deepEqual(read('MYSQL_SERVER db\nMYSQL_SOCKET /s').addresses, [{ host: 'db', port: 3306 }]);
  assert.deepEqual(read('MYSQL_OPT 65538').flags, ['FOUND_ROWS', 'MULTI_STATEMENTS']);
});

test('connection strings are read as PostgreSQL’s library reads them', () => {
  const read = (text: string) => {
    const parameters = parseConninfo(text);
    return typeof parameters === 'string' ? parameters : Object.fromEntries(parameters);
  };
  assert.deepEqual(read("host=a  port = 5432 password='it\\'s \\\\ x' user=a\\ b dbname=''"), {
    host: 'a',
    port: '5432',
    password: "it's \\ x",
    user: 'a b',
    dbname: '',
  });
  assert.deepEqual(read('postgres://u:p%40@h1:1,h2,[::1]:3/db?sslmode=require&options=-c%20x'), {
    host: 'h1,h2,::1',
    port: '1,,3',
    user: 'u',
    password: 'p@',
    dbname: 'db',
    sslmode: 'require',
    options: '-c x',
  });
  assert.deepEqual(read('postgresql:///db?host=/run/x'), { host: '/run/x', dbname: 'db' });
  assert.deepEqual(read('host=a port=1 host=b port=2'), { host: 'a,b', port: '1,2' });
  assert.deepEqual(read(''), {});
  for (const text of ['host', "host='a", 'host=a b', "host='a'b", 'postgres://%zz@h', '=x'])
    assert.equal(typeof read(text), 'string', text);
});

test('macros are escaped for the quotes around them, and refused where there are none', () => {
  const { mysql, pgsql } = USUAL_QUOTING;
  const fill = (clause: string, quoting: SqlQuoting, local_part = `a'"\`\\`) =>
    fillClause(clause, { local_part, service: 'imap' }, quoting);
  assert.equal(fill("'$(local_part)'", mysql), `'a''"\`\\\\'`);
  assert.equal(fill('"$(local_part)"', mysql), `"a'""\`\\\\"`);
  assert.equal(fill('`$(local_part)`', mysql), '`a\'"``\\`');
  assert.equal(fill("'$(local_part)'", { ...mysql, backslashEscapes: false }), `'a''"\`\\'`);
  assert.equal(fill("'$(local_part)'", pgsql), `'a''"\`\\'`);
  assert.equal(fill("E'$(local_part)' || e'x'", pgsql), `E'a''"\`\\\\' || e'x'`);
  assert.equal(fill('"$(local_part)"', pgsql), `"a'""\`\\"`);
  assert.equal(fill("'$(constructor)$(nothing)' a_$(service) '$( local_part'", mysql), "'' a_imap '$( local_part'");
  assert.equal(fillClause('a_$(service)', { service: 'x y' }, mysql), undefined);
  assert.equal(fill("'it''s' -- $ (x)", mysql), "'it''s' -- $ (x)");

  const refused: readonly (readonly [clause: string, quoting: SqlQuoting])[] = [
    ['$(local_part)', mysql],
    ["'a' $(domain)", pgsql],
    ["x -- '$(local_part)'", mysql],
    ["x # '$(local_part)'", mysql],
    ["x /* '$(local_part)' */", mysql],
    ["x /*! = '$(local_part)' */", mysql],
    ["x /* /* */ '$(local_part)' */", pgsql],
    ["'\\$(local_part)'", mysql],
    ["E'\\$(local_part)'", pgsql],
    ['$$$(local_part)$$', pgsql],
    ['$a$ $(local_part) $a$', pgsql],
    ["U&'$(local_part)'", pgsql],
    ["'a\\' = '$(local_part)'", mysql],
    ["'open", pgsql],
    ['/* open', mysql],
    ['$x$ open', pgsql],
  ];
  for (const [clause, quoting] of refused) {
    assert.notDeepEqual(clauseProblems(clause, quoting), [], clause);
    assert.equal(fillClause(clause, { local_part: 'x' }, quoting), undefined, clause);
  }
  const fine: readonly (readonly [clause: string, quoting: SqlQuoting])[] = [
    ["x--'$(local_part)'", mysql],
    ["x # '$(local_part)'", pgsql],
    ["'/*' '$(local_part)' '*/'", mysql],
    ["a$b$c = '$(local_part)'", pgsql],
    ["'--' || '$(local_part)'", pgsql],
    ["/* it's */ '$(local_part)'", mysql],
  ];
  for (const [clause, quoting] of fine) {
    assert.deepEqual(clauseProblems(clause, quoting), [], clause);
  }
});

test('any clause and any value: an answer, and text that reads back as the same pieces', () => {
  const piece = fc.constantFrom(
    "'",
    '"',
    '`',
    '\\',
    '$(local_part)',
    '$(',
    ')',
    '--',
    ' ',
    '/*',
    '*/',
    '#',
    '$$',
    '$a$',
    'E',
    'x',
    '\u00e9',
  );
  const clauses = fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join(''));
  const quotings = fc.record({
    language: fc.constantFrom('mysql' as const, 'pgsql' as const),
    backslashEscapes: fc.boolean(),
    doubleQuotedStrings: fc.boolean(),
  });
  fc.assert(
    fc.property(clauses, clauses, quotings, (clause, local_part, quoting) => {
      const filled = fillClause(clause, { local_part }, quoting);
      if (filled === undefined) return;
      // What is filled in opens and closes nothing: the result has no unclosed quote or comment of its own.
      const plain = filled.replaceAll('$(', '$ (');
      assert.deepEqual(clauseProblems(plain, quoting), []);
      assert.equal(fillClause(clause, { local_part: '' }, quoting)?.length, fillClause(clause, {}, quoting)?.length);
    }),
    { numRuns: 2000 },
  );
});

test('character sets change octets and nothing else', () => {
  const gbk = sqlCharset('pgsql', 'GBK') ?? assert.fail();
  assert.equal(gbk.toDatabase(textFromOctets(Buffer.from('c0eec0d7', 'hex'))), '李雷');
  assert.deepEqual(octetsFromText(gbk.fromDatabase('李雷')).toString('hex'), 'c0eec0d7');
  assert.equal(gbk.toDatabase(textFromOctets(Buffer.of(0xbf, 0x27))), undefined);
  assert.equal(sqlCharset('mysql', 'utf8mb4')?.toDatabase(textFromOctets(Buffer.of(0xff))), undefined);
  assert.equal(sqlCharset('mysql', 'utf8mb4')?.toDatabase('grüße 😀'), 'grüße 😀');
  assert.equal(sqlCharset('mysql', 'latin1')?.toDatabase(textFromOctets(Buffer.of(0x80, 0xfc))), '€ü');
  for (const name of ['latin2', 'cp1251', 'koi8r', 'ujis', 'sjis', 'big5', 'euckr', 'tis620', 'greek']) {
    assert.notEqual(sqlCharset('mysql', name), undefined, name);
  }
  for (const name of ['LATIN1', 'WIN1252', 'EUC_JP', 'KOI8R', 'SQL_ASCII', 'UNICODE', 'ISO_8859_5']) {
    assert.notEqual(sqlCharset('pgsql', name), undefined, name);
  }
  for (const name of ['utf16', 'ucs2', 'base64', 'hex', 'nosuch'])
    assert.equal(sqlCharset('mysql', name), undefined, name);
});
