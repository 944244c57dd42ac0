/**
 * Man pages and completion: every program and every setting has its place in them, and other programs can read them.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { buildRoot, checkoutRoot, programs } from '../support/paths.js';
import { findProgram, mustRun } from '../support/processes.js';

const manuals = join(buildRoot, 'man');
const names = readdirSync(programs).filter((name) => name !== 'package.json');

/** Pages as a terminal shows them, by file name: `imapd.8`. */
const shown = new Map<string, string>();

before(async () => {
  await mustRun([process.execPath, join(buildRoot, 'init', 'manuals', 'main.js')]);
  for (const directory of readdirSync(manuals)) {
    for (const file of readdirSync(join(manuals, directory))) {
      shown.set(file, await mustRun([findProgram('/usr/bin/mandoc'), '-Tascii', '-Owidth=900', pathOf(file)]));
    }
  }
});

function pathOf(file: string): string {
  return join(manuals, `man${file.at(-1)}`, file);
}

/** Without the strokes over letters that make them bold on a printer. */
function plain(text: string): string {
  return text.replace(/.\x08/g, '');
}

test('every page is clean for mandoc, and for the groff that man uses', async () => {
  const pages = [...shown.keys()].map(pathOf).filter((path) => !readFileSync(path, 'utf8').startsWith('.so '));
  await mustRun([findProgram('/usr/bin/mandoc'), '-Tlint', '-Wwarning', ...pages]);
});

test('every program has a page with each of its options', async () => {
  const missing: string[] = [];
  for (const name of names) {
    const page = plain(shown.get(`${name}.1`) ?? shown.get(`${name}.8`) ?? '');
    const help = (await mustRun([join(programs, name), '--help'])).replaceAll(join(programs, name), name);
    const options = help.match(/(?<=^ {2,4}|[[ ])--?[A-Za-z][\w-]*/gm) ?? [];
    missing.push(...options.filter((option) => !page.includes(option)).map((option) => `${name}: ${option}`));
    if (!page.includes('SEE ALSO')) missing.push(`${name}: SEE ALSO`);
  }
  assert.deepEqual(missing, []);
});

test('every setting of etc/ has its heading in a page of section 5', () => {
  const missing: string[] = [];
  for (const name of readdirSync(join(checkoutRoot, 'etc'))) {
    const settings = readFileSync(join(checkoutRoot, 'etc', name), 'utf8').match(/(?<=^##NAME: )\w+/gm) ?? [];
    const headings = new Set(plain(shown.get(`${name}.5`) ?? '').match(/(?<=^ +)\w+$/gm) ?? []);
    missing.push(...settings.filter((setting) => !headings.has(setting)).map((setting) => `${name}: ${setting}`));
  }
  assert.deepEqual(missing, []);
});

test('pages lead to pages that there are', () => {
  const missing: string[] = [];
  for (const [file, text] of shown) {
    const [, references = ''] = /\nSEE ALSO\n(.*)/.exec(plain(text)) ?? [];
    const named = [...references.matchAll(/([\w.-]+)\((\d)\)/g)].map(([, name, section]) => `${name}.${section}`);
    missing.push(...named.filter((each) => !shown.has(each)).map((each) => `${file}: ${each}`));
  }
  assert.deepEqual(missing, []);
});

test('bash completes options, words, and nothing that is none', async () => {
  const file = join(buildRoot, 'completions', 'angarium');
  const complete = async (name: string, begun: string): Promise<string[]> => {
    const script = '. "$1"; _angarium "$2" "$3"; printf "%s\\n" "${COMPREPLY[@]}"';
    return (await mustRun(['bash', '--norc', '-c', script, 'bash', file, name, begun])).trim().split('\n');
  };
  assert.deepEqual(await complete('imapd', '--ch'), ['--check']);
  assert.deepEqual(await complete('/usr/sbin/imapd', '--du'), ['--dump-config']);
  assert.deepEqual(await complete('angarium', 'pro'), ['probe']);
  assert.deepEqual(await complete('authapppasswd', 're'), ['revoke']);
  assert.deepEqual(await complete('authtest', 'user'), ['']);
});
