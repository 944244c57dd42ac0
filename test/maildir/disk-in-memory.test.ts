/**
 * The disk in memory does what the real one does, as far as the mail store can see.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DiskInMemory } from '../../maildir/disk-in-memory.js';
import { type FileSystem, namesIn, realFileSystem } from '../../maildir/file-system.js';

/** What each step says, with errors as their codes. */
function report(disk: FileSystem, root: string): unknown[] {
  const told: unknown[] = [];
  const tell = (run: () => unknown): void => {
    try {
      told.push(run());
    } catch (error) {
      told.push((error as NodeJS.ErrnoException).code);
    }
  };
  const at = (name: string): string => `${root}/${name}`;
  const kindAndSize = (name: string): unknown => {
    const status = disk.status(at(name));
    return status === undefined
      ? undefined
      : [status.kind, status.kind === 'file' ? status.sizeOctets : '', status.links];
  };
  tell(() => disk.makeDirectory(at('a'), 0o700));
  tell(() => disk.makeDirectory(at('a'), 0o700));
  tell(() => write(disk, at('a/one'), 'one'));
  tell(() => write(disk, at('a/one'), 'again'));
  tell(() => write(disk, at('nowhere/one'), 'one'));
  tell(() => kindAndSize('a/one'));
  tell(() => disk.link(at('a/one'), at('a/two')));
  tell(() => disk.link(at('a/one'), at('a/two')));
  tell(() => disk.link(at('a/none'), at('a/three')));
  tell(() => disk.status(at('a/one'))?.inode === disk.status(at('a/two'))?.inode);
  tell(() => disk.unlink(at('a/one')));
  tell(() => disk.unlink(at('a/one')));
  tell(() => kindAndSize('a/one'));
  tell(() => read(disk, at('a/two')));
  tell(() => {
    const file = disk.openToAppend(at('a/two'));
    file.write(Buffer.from('+'));
    file.close();
  });
  tell(() => read(disk, at('a/two')));
  tell(() => read(disk, at('a/one')));
  tell(() => write(disk, at('a/four'), 'four'));
  tell(() => disk.rename(at('a/four'), at('a/two')));
  tell(() => disk.rename(at('a/four'), at('a/two')));
  tell(() => read(disk, at('a/two')));
  tell(() => disk.setModified(at('a/two'), 1_700_000_000_000));
  tell(() => disk.status(at('a/two'))?.modifiedAt);
  tell(() => namesIn(disk, at('a')).sort());
  tell(() => namesIn(disk, at('none')));
  tell(() => kindAndSize('a/two'));
  tell(() => disk.mayWrite(at('a')));
  tell(() => disk.unlink(at('a/two')));
  tell(() => disk.removeDirectory(at('a')));
  tell(() => disk.removeDirectory(at('a')));
  tell(() => disk.status(at('a')));
  return told;
}

function write(disk: FileSystem, path: string, text: string): void {
  const file = disk.create(path, 0o600);
  file.write(Buffer.from(text.slice(0, 1)));
  file.write(Buffer.from(text.slice(1)));
  file.close();
}

function read(disk: FileSystem, path: string): string {
  const file = disk.open(path);
  const octets = Buffer.alloc(64);
  const text = octets.toString('latin1', 0, file.read(octets, 0));
  file.close();
  return text;
}

test('files, links and directories come and go as on a real disk, errors included', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'disk-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const memory = new DiskInMemory(Date.now);
  memory.makeDirectory('/root');

  assert.deepEqual(report(memory, '/root'), report(realFileSystem, root));
});

test('a change shows in the time of its directory, however soon it comes', () => {
  const memory = new DiskInMemory(() => 1_000);
  memory.makeDirectory('/a');
  const times = new Set([memory.status('/a')?.modifiedAt]);
  for (const name of ['one', 'two', 'three']) {
    memory.put(`/a/${name}`, Buffer.from(name), 0);
    times.add(memory.status('/a')?.modifiedAt);
  }
  assert.equal(times.size, 4);
});

test('a large directory shows each of its names once, in pieces', () => {
  const memory = new DiskInMemory(Date.now);
  memory.makeDirectory('/a');
  const names = Array.from({ length: 1_000 }, (_, index) => `${'x'.repeat(index % 9)}${index}:2,S`);
  for (const name of names) memory.put(`/a/${name}`, Buffer.alloc(0), 0);

  assert.deepEqual(namesIn(memory, '/a'), names);
  assert.equal([...memory.visit('/a', () => undefined)].length, 3);
});
