/**
 * The grammar of settings files: what is written is read back, any text is read in one pass, and a shell agrees.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseSettings } from '../../init/runtime/settings/settings-syntax.js';
import { usedMilliseconds } from '../support/processor-line.js';

function valuesOf(text: string): Record<string, string> {
  const variables = new Map<string, string>();
  const { problems } = parseSettings(text, variables);
  assert.deepEqual(problems, []);
  return Object.fromEntries(variables);
}

test('a value that is quoted is read back the same, by both kinds of quotes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), (value) => {
      const single = `A='${value.replaceAll("'", `'\\''`)}'\n`;
      const double = `B="${value.replace(/["\\$`]/g, '\\$&')}"\n`;

      assert.deepEqual(valuesOf(single + double), { A: value, B: value });
    }),
  );
});

test('any text is read to its end, in linear time, and what is wrong has its line', async () => {
  const words = fc.constantFrom(
    'A=',
    '"',
    "'",
    '$',
    '${',
    '}',
    '\\',
    '\n',
    '#',
    '`',
    ';',
    ' ',
    'export ',
    '=',
    'B',
    '|',
    '$A',
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(words, fc.string({ maxLength: 5 })), { maxLength: 200 }), (pieces) => {
      const text = pieces.join('');
      const lines = text.split('\n').length;

      const { assignments, problems } = parseSettings(text, new Map());

      for (const { line } of [...assignments, ...problems]) assert.ok(line >= 1 && line <= lines);
    }),
  );
  const used = await usedMilliseconds(() => parseSettings('A="$A x'.repeat(20_000), new Map()));
  assert.ok(used < 2000, `${used} ms`);
});

test('a mistake does not hide the lines behind it', () => {
  const variables = new Map<string, string>();

  const { problems } = parseSettings('A=1\nB=`id`\nC="2"\n)\nD=3 # end\n', variables);

  assert.deepEqual(Object.fromEntries(variables), { A: '1', C: '2', D: '3' });
  assert.deepEqual(
    problems.map(({ line }) => line),
    [2, 4],
  );
});

test('a shell reads the same values', () => {
  const text = [
    'ONE=1 TWO="2 $ONE"; THREE=three\\ words # comment',
    `FOUR='$ONE "x" \\'"'""${'$'}{TWO}"`,
    'export FIVE="a\\"b\\$c\\\\d\\e"',
    'SIX=$NOBODY$ONE-x',
    'SEVEN="two',
    'lines"   ',
    'EIGHT=a#b',
  ].join('\n');
  const names = ['ONE', 'TWO', 'THREE', 'FOUR', 'FIVE', 'SIX', 'SEVEN', 'EIGHT'];
  const show = names.map((name) => `printf '%s\\0' "$${name}"`).join('\n');

  const shown = execFileSync('/bin/sh', ['-c', `${text}\n${show}`], { env: {}, encoding: 'utf8' }).split('\0');

  const read = valuesOf(text);
  assert.deepEqual(
    names.map((name) => read[name]),
    shown.slice(0, names.length),
  );
});
