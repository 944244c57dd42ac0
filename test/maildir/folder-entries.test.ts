/** The names of folders, which are remembered: no folder that others make or take away may escape a look. */
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type FileSystem, realFileSystem } from '../../maildir/file-system.js';
import { makeMaildir, openStore, scratchDirectory } from './scratch.js';

/** So long ago that a directory's time tells of every later change. */
const LONG_AGO = 1e9 + 0.25;

interface Listed {
  readonly path: string;
  /** The folders; the maildir's own directory had this time before. */
  folders(): readonly string[];
  /** How often the maildir's own directory was read. */
  reads(): number;
}

function listed(path: string): Listed {
  let reads = 0;
  const fileSystem: FileSystem = {
    ...realFileSystem,
    visit: (directory, visitor) => {
      if (directory === path) reads += 1;
      return realFileSystem.visit(directory, visitor);
    },
  };
  const maildir = openStore({ fileSystem }).open(path);
  return { path, folders: () => maildir.listFolders(), reads: () => reads };
}

function withFolders(t: { after(run: () => void): void }, ...names: readonly string[]): Listed {
  const path = makeMaildir(join(scratchDirectory(t), 'Maildir'));
  for (const name of names) makeMaildir(join(path, name));
  return listed(path);
}

test('names are read once while nobody makes or removes a folder', (t) => {
  const { path, folders, reads } = withFolders(t, '.b', '.a');
  utimesSync(path, LONG_AGO, LONG_AGO);

  const first = folders();
  assert.deepEqual(first, ['INBOX', 'INBOX.a', 'INBOX.b']);
  assert.equal(folders(), first, 'the same array');
  assert.equal(reads(), 1);

  makeMaildir(join(path, '.c'));
  assert.deepEqual(folders(), ['INBOX', 'INBOX.a', 'INBOX.b', 'INBOX.c']);
  renameSync(join(path, '.c'), join(path, '.d'));
  assert.deepEqual(folders(), ['INBOX', 'INBOX.a', 'INBOX.b', 'INBOX.d']);
  rmSync(join(path, '.a'), { recursive: true });
  assert.deepEqual(folders(), ['INBOX', 'INBOX.b', 'INBOX.d']);
});

test('what is done within the same tick of the clock is seen', (t) => {
  const { path, folders } = withFolders(t, '.a');
  const now = new Date();
  utimesSync(path, now, now);
  assert.deepEqual(folders(), ['INBOX', 'INBOX.a']);

  makeMaildir(join(path, '.b'));
  utimesSync(path, now, now);
  assert.deepEqual(folders(), ['INBOX', 'INBOX.a', 'INBOX.b']);

  rmSync(join(path, '.a'), { recursive: true });
  utimesSync(path, now, now);
  assert.deepEqual(folders(), ['INBOX', 'INBOX.b']);
});

test('whether there is a folder behind a name is looked at each time', (t) => {
  const { path, folders } = withFolders(t, '.a', '.b');
  utimesSync(path, LONG_AGO, LONG_AGO);
  assert.deepEqual(folders(), ['INBOX', 'INBOX.a', 'INBOX.b']);

  rmSync(join(path, '.a', 'cur'), { recursive: true });
  assert.equal(statSync(path).mtimeMs, LONG_AGO * 1000);
  assert.deepEqual(folders(), ['INBOX', 'INBOX.b']);
  writeFileSync(join(path, '.a', 'cur'), '');
  assert.deepEqual(folders(), ['INBOX', 'INBOX.b']);
  rmSync(join(path, '.a', 'cur'));
  mkdirSync(join(path, '.a', 'cur'));
  assert.deepEqual(folders(), ['INBOX', 'INBOX.a', 'INBOX.b']);
});

test('another maildir in the same place is read anew', (t) => {
  const { path, folders } = withFolders(t, '.a');
  const other = makeMaildir(join(path, '..', 'Other'));
  makeMaildir(join(other, '.b'));
  utimesSync(path, LONG_AGO, LONG_AGO);
  utimesSync(other, LONG_AGO, LONG_AGO);
  assert.deepEqual(folders(), ['INBOX', 'INBOX.a']);

  renameSync(path, `${path}.before`);
  renameSync(other, path);
  assert.deepEqual(folders(), ['INBOX', 'INBOX.b']);
});

test('where the maildir is behind a link, its own directory counts', (t) => {
  const behind = withFolders(t, '.a').path;
  const link = join(behind, '..', 'Link');
  symlinkSync(behind, link);
  const { folders } = listed(link);
  utimesSync(behind, LONG_AGO, LONG_AGO);
  assert.deepEqual(folders(), ['INBOX', 'INBOX.a']);

  makeMaildir(join(behind, '.b'));
  assert.deepEqual(folders(), ['INBOX', 'INBOX.a', 'INBOX.b']);
});
