/** Renames and removals by the directory's descriptor do the same as those by paths, and fail alike. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { EntryName } from '../../maildir/entry-name.js';
import { type FileSystem, octetsFromText, realFileSystem } from '../../maildir/file-system.js';
import { FLAGGED } from '../../maildir/flags.js';
import { openDirectory } from '../../maildir/open-directory.js';
import { makeMaildir, openStore, scratchDirectory } from './scratch.js';

/** Without a faster way of its own: what network disks' and other systems' users get. */
const byPaths: FileSystem = { ...realFileSystem };

function named(base: string, suffix = ''): EntryName {
  const octets = octetsFromText(base);
  return new EntryName().set(
    { octets: Buffer.concat([Buffer.from('/'), octets]), start: 1, end: 1 + octets.length },
    suffix,
  );
}

const isCode = (code: string) => (error: unknown) => (error as NodeJS.ErrnoException).code === code;

for (const [how, disk] of [
  ['by descriptor', realFileSystem],
  ['by paths', byPaths],
] as const) {
  test(`entries of a directory are renamed and removed, ${how}`, (t) => {
    const path = scratchDirectory(t);
    for (const name of ['one:2,', 'two:2,S', 'h\u00e4:2,', 'stray']) writeFileSync(join(path, name), name);
    const stray = octetsFromText('\udce4stray\udcff');
    writeFileSync(Buffer.concat([Buffer.from(`${path}/`), stray]), 'x');

    const directory = openDirectory(disk, path);
    directory.rename(named('one', ':2,'), named('one', ':2,FS'));
    directory.rename(named('h\u00e4', ':2,'), named('h\u00e4', ':2,\u00fcX'));
    directory.rename(named('\udce4stray\udcff'), named('\udce4stray', ':2,\udcfe'));
    directory.unlink(named('two', ':2,S'));
    directory.close();

    const names = readdirSync(path, { encoding: 'latin1' }).sort();
    const expected = [named('one', ':2,FS'), named('h\u00e4', ':2,\u00fcX'), named('\udce4stray', ':2,\udcfe')];
    assert.deepEqual(names, [...expected.map(({ text }) => octetsFromText(text).toString('latin1')), 'stray'].sort());
  });

  test(`what fails says the same, ${how}`, (t) => {
    const path = scratchDirectory(t);
    const cur = join(path, 'cur');
    mkdirSync(cur);
    mkdirSync(join(cur, 'directory'));
    writeFileSync(join(cur, 'file'), '');
    const directory = openDirectory(disk, cur);
    assert.throws(() => directory.rename(named('gone'), named('there')), isCode('ENOENT'));
    assert.throws(() => directory.unlink(named('gone')), isCode('ENOENT'));
    assert.throws(() => directory.unlink(named('directory')), isCode('EISDIR'));
    assert.throws(() => directory.rename(named('file'), named('directory')), isCode('EISDIR'));
    assert.throws(() => directory.rename(named('file'), named('x'.repeat(250), ':2,FRST')), isCode('ENAMETOOLONG'));
    assert.throws(() => directory.rename(named('file'), named('x', 'y'.repeat(5_000))), isCode('ENAMETOOLONG'));
    directory.close();
    assert.ok(existsSync(join(cur, 'file')));

    rmSync(cur, { recursive: true });
    const missing = openDirectory(disk, cur);
    assert.throws(() => missing.unlink(named('file')), isCode('ENOENT'));
    missing.close();
  });
}

test('a disk that was made from the real one sees every rename and every removal', async (t) => {
  const path = makeMaildir(join(scratchDirectory(t), 'Maildir'));
  for (let number = 0; number < 40; number += 1) writeFileSync(join(path, 'cur', `${number + 1}.a:2,`), 'x');
  let [renames, removals] = [0, 0];
  const fileSystem: FileSystem = {
    ...realFileSystem,
    rename(from, to) {
      if (from.startsWith(join(path, 'cur'))) renames += 1;
      realFileSystem.rename(from, to);
    },
    unlink(name) {
      if (name.startsWith(join(path, 'cur'))) removals += 1;
      realFileSystem.unlink(name);
    },
  };
  const folder = openStore({ fileSystem }).open(path).folder('INBOX');
  const use = await folder.open('read-write');
  const uids = Array.from({ length: 40 }, (_, row) => row + 1);
  await folder.changeFlags(uids, { operation: 'add', flags: FLAGGED, keywords: [] });
  assert.equal(renames, 40);
  await folder.removeMessages(uids.slice(0, 30));
  assert.equal(removals, 30);
  use.close();
});
