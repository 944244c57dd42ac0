/**
 * Who owns the directories of the cache, and what root does not do.
 */
import assert from 'node:assert/strict';
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { cacheDirectoryOf, makeCacheDirectory } from '../../init/runtime/service/cache-directory.js';

const isRoot = process.getuid?.() === 0;
const identity = isRoot ? { uid: 5_000, gid: 5_001 } : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

function withDirectory(run: (directory: string) => void): void {
  const directory = mkdtempSync(join(tmpdir(), 'cache-directory-'));
  try {
    run(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

test('a user gets a directory that nobody else may enter, and keeps it', () => {
  withDirectory((directory) => {
    const cache = join(directory, 'a', 'cache');

    assert.equal(makeCacheDirectory(cache, identity), undefined);
    assert.equal(makeCacheDirectory(cache, identity), undefined);

    const { mode, uid, gid } = lstatSync(cacheDirectoryOf(cache, identity.uid));
    assert.deepEqual([mode & 0o777, uid, gid], [0o700, identity.uid, identity.gid]);
    assert.equal(lstatSync(cache).mode & 0o022, 0);
  });
});

test('root gives nothing away that stands there already, and nothing where others may rename', () => {
  withDirectory((directory) => {
    assert.ok(isRoot, 'this test needs root, to give directories away');
    const other = join(directory, 'other');
    mkdirSync(other, { mode: 0o700 });
    symlinkSync(other, cacheDirectoryOf(directory, 5_000));
    writeFileSync(cacheDirectoryOf(directory, 6_000), '');

    assert.match(makeCacheDirectory(directory, identity) ?? '', /is not a directory of uid 5000; remove it$/);
    assert.match(makeCacheDirectory(directory, { uid: 6_000, gid: 1 }) ?? '', /is not a directory of uid 6000/);
    chmodSync(directory, 0o777);
    assert.match(makeCacheDirectory(directory, { uid: 7_000, gid: 1 }) ?? '', /must belong to root/);

    assert.equal(lstatSync(other).uid, 0);
  });
});

test('a place where nothing can be made is told, and not thrown', () => {
  withDirectory((directory) => {
    const file = join(directory, 'file');
    writeFileSync(file, '');

    assert.match(makeCacheDirectory(join(file, 'cache'), identity) ?? '', /^IMAP_CACHEDIR: ENOTDIR/);
  });
});
