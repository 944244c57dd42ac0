/**
 * K2, K14: an upgrade keeps what an administrator wrote, adds what is new, and tells what went.
 */
import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { mergeSettings, NoSettingsHeader } from '../../init/install/merge-settings.js';
import { mergeSettingsFile } from '../../init/install/settings-files.js';
import { parseSettings } from '../../init/runtime/settings/settings-syntax.js';
import { checkoutRoot, programs } from '../support/paths.js';
import { mustRun } from '../support/processes.js';

const first = `##VERSION: Angarium 0.1.0
#
# Settings.

##NAME: PORT:1
#
# Where.
#

PORT=143

##NAME: MAXDAEMONS:0
#
# How many.
#

MAXDAEMONS=40

##NAME: OLDEST:0
#
# Will go.
#

OLDEST=1
`;

const second = `##VERSION: Angarium 0.2.0
#
# Settings.

##NAME: PORT:2
#
# Where, and on which address.
#

PORT=143

##NAME: MAXDAEMONS:0
#
# How many, all in all.
#

MAXDAEMONS=1000

##NAME: NEWEST:0
#
# What is new.
#

# NEWEST=1
`;

/** The settings in effect. */
function valuesIn(text: string): Record<string, string> {
  const { assignments, problems } = parseSettings(text, new Map());
  assert.deepEqual(problems, []);
  return Object.fromEntries(assignments.map(({ name, value }) => [name, value]));
}

function merged(dist: string, old: string | undefined): { text: string; changes: Record<string, string> } {
  const result = mergeSettings('imapd.dist', dist, old);
  assert.ok(result !== undefined);
  return { text: result.text, changes: Object.fromEntries(result.changes.map(({ name, change }) => [name, change])) };
}

/** A merge once more changes no value, and one after that nothing at all. */
function assertStable(dist: string, text: string): void {
  const again = mergeSettings('imapd.dist', dist, text, true)?.text ?? '';
  assert.deepEqual(
    again.split('\n').filter((line) => !line.startsWith('#') && line !== ''),
    text.split('\n').filter((line) => !line.startsWith('#') && line !== ''),
  );
  assert.equal(mergeSettings('imapd.dist', dist, again, true)?.text, again);
}

test('K2: values are kept, new settings come with their comments, old values of a new revision are told', () => {
  const edited = first.replace('MAXDAEMONS=40', 'MAXDAEMONS=77').replace('PORT=143', 'PORT=1143');

  const { text, changes } = merged(second, edited);

  assert.deepEqual(changes, { PORT: 'UPDATED', MAXDAEMONS: 'unchanged', NEWEST: 'new', OLDEST: 'removed' });
  assert.equal(
    text,
    `##VERSION: Angarium 0.2.0
#
# Settings.

##NAME: PORT:2
#
# Where, and on which address.
#

#
# Previous setting (inserted by sysconftool):
#
# PORT=1143
#

PORT=143

##NAME: MAXDAEMONS:0
#
# How many, all in all.
#
#
# DEFAULT SETTING from imapd.dist:
#MAXDAEMONS=1000

MAXDAEMONS=77

##NAME: NEWEST:0
#
# What is new.
#

# NEWEST=1
`,
  );
});

test('K2: a merge that was done is not done again, and one that is forced changes nothing', () => {
  const once = merged(second, first.replace('=40', '=77')).text;

  assert.equal(mergeSettings('imapd.dist', second, once), undefined);
  assert.equal(mergeSettings('imapd.dist', second, once, true)?.text, once);
});

test('K2: a setting that was commented out stays without a value', () => {
  const { text } = merged(second, first.replace('MAXDAEMONS=40', '# MAXDAEMONS=40'));

  assert.deepEqual(valuesIn(text), { PORT: '143' });
});

test('K2: a file without NAME.dist before it is that of the release', () => {
  const { text, changes } = merged(second, undefined);

  assert.equal(text, second);
  assert.deepEqual(changes, { PORT: 'new', MAXDAEMONS: 'new', NEWEST: 'new' });
});

test('a NAME.dist without a version is refused', () => {
  assert.throws(() => mergeSettings('x.dist', 'PORT=1\n', undefined), NoSettingsHeader);
});

test('K2: lines that an administrator added below everything count after each upgrade', () => {
  const edited = `${first}\n# Ours, since last winter.\nMAXDAEMONS=500\nOUR_OWN=1\n`;

  const once = merged(second, edited).text;
  const third = second.replace('0.2.0', '0.3.0');
  const twice = merged(third, once).text;

  for (const text of [once, twice]) {
    const values = valuesIn(text);
    assert.equal(values['MAXDAEMONS'], '500');
    assert.equal(values['OUR_OWN'], '1');
  }
  assert.equal(twice, once.replace('0.2.0', '0.3.0'));
});

test('K2: a file without marks keeps its values', () => {
  const { text, changes } = merged(second, 'PORT=1143\nMAXDAEMONS=500\nNEWEST=3\nELSE=4\n');

  assert.deepEqual(valuesIn(text), { PORT: '1143', MAXDAEMONS: '500', NEWEST: '3', ELSE: '4' });
  assert.match(text, /# What is new\./);
  assert.deepEqual(changes, {
    PORT: 'unchanged',
    MAXDAEMONS: 'unchanged',
    NEWEST: 'unchanged',
    LOCAL: 'kept in LOCAL',
  });
});

test('K2: no value of a file is lost, whatever stands where', () => {
  const names = ['PORT', 'MAXDAEMONS', 'OLDEST', 'MINE'];
  const line = fc.oneof(
    fc.tuple(fc.constantFrom(...names), fc.integer({ min: 0, max: 99 })).map(([name, value]) => `${name}=${value}`),
    fc.constantFrom('', '#', '# text', '##NAME: PORT:2', '##NAME: MAXDAEMONS:0', '##NAME: OF COURIER:3'),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
      const old = ['##VERSION: $Id: courier', ...lines, ''].join('\n');

      const { text } = merged(second, old);

      // Values of the same revision count on; there is none here of another.
      for (const written of lines.filter((each) => !each.startsWith('#') && each !== '')) {
        assert.ok(text.split('\n').includes(written), `${written} is gone:\n${text}`);
      }
      assertStable(second, text);
    }),
  );
});

test("K2: of Courier's file, what somebody wrote counts whatever the revision, and Courier's own default does not", () => {
  const dist = second.replace('MAXDAEMONS:0', 'MAXDAEMONS:7');
  const courier = first.replace('Angarium 0.1.0', '$Id: 7f').replace('PORT=143', 'PORT=1143');

  assert.equal(valuesIn(merged(dist, courier).text)['MAXDAEMONS'], '1000');
  assert.equal(valuesIn(merged(dist, courier.replace('=40', '=41')).text)['MAXDAEMONS'], '41');
  assert.equal(valuesIn(merged(dist, courier).text)['PORT'], '1143');
});

/** Debian's files as they are installed here, and ours. */
for (const name of readdirSync(join(checkoutRoot, 'etc')).filter((each) => existsSync(`/etc/courier/${each}`))) {
  test(`K2: Debian's ${name} keeps its values, and Courier can be given it again`, () => {
    const debian = readFileSync(`/etc/courier/${name}`, 'utf8');
    const ours = join(checkoutRoot, 'etc', name);
    const dist = readFileSync(ours, 'utf8');

    const { text, changes } = merged(dist, debian);

    assertStable(dist, text);
    // Those of authentication modules have another syntax.
    if (/^auth.*(sql|ldap)rc$/.test(name)) return;
    const before = valuesIn(debian);
    const after = valuesIn(text);
    const updated = Object.keys(changes).filter((each) => changes[each] === 'UPDATED');
    for (const [setting, value] of Object.entries(before)) {
      if (!updated.includes(setting)) assert.equal(after[setting], value, setting);
    }
  });
}

test('K2: an authmysqlrc keeps values of several lines, and MARKER stays the last block', () => {
  const dist = readFileSync(join(checkoutRoot, 'etc', 'authmysqlrc'), 'utf8');
  const clause = "MYSQL_SELECT_CLAUSE\tSELECT a, \\\n\t\tb FROM c WHERE d = '$(local_part)'";
  const own = `MYSQL_SERVER\tdb.example.com\n${clause}\nMYSQL_OWN\t7\n`;

  const { text } = merged(dist, own);

  assert.ok(text.includes(`\n${clause}\n`), text);
  assert.ok(text.includes('\nMYSQL_SERVER\tdb.example.com\n'), text);
  assert.match(text, /\n##NAME: LOCAL:0\n(?:#.*\n)+\nMYSQL_OWN\t7\n\n##NAME: MARKER:0\n(?:#.*\n)*$/);
});

test('K2, K13: the file keeps owner and mode, the old one is NAME.bak; sysconftool says what changed', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'merge-'));
  try {
    const path = join(directory, 'imapd');
    const edited = first.replace('=40', '=77').replace('PORT=143', 'PORT=1143');
    writeFileSync(`${path}.dist`, first);
    await mustRun([join(programs, 'sysconftool'), path]);
    writeFileSync(path, edited);
    chmodSync(path, 0o640);
    writeFileSync(`${path}.dist`, second);

    const dry = await mustRun([join(programs, 'sysconftool'), '-n', `${path}.dist`]);
    assert.equal(existsSync(`${path}.bak`), false);
    const said = await mustRun([join(programs, 'sysconftool'), `${path}.dist`]);

    assert.equal(said, dry);
    assert.match(said, /^imapd: .*\n {2}PORT: UPDATED\n {4}was PORT=1143\n {2}NEWEST: new\n {2}OLDEST: removed\n/);
    assert.equal(statSync(path).mode & 0o777, 0o640);
    assert.equal(readFileSync(`${path}.bak`, 'utf8'), edited);
    assert.deepEqual(mergeSettingsFile(path), []);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
