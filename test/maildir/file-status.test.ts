/**
 * A look at a file by way of the C library gives what Node's own gives.
 */
import assert from 'node:assert/strict';
import { linkSync, lstatSync, lutimesSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { octetsFromText, realFileSystem, statusFrom, statusOf } from '../../maildir/file-system.js';
import { scratchDirectory } from './scratch.js';

/** More looks than Node is asked for. */
const MANY = 300;

test('files, directories, links and devices look the same, by whichever way', (t) => {
  const scratch = scratchDirectory(t);
  mkdirSync(join(scratch, 'directory'), { mode: 0o2711 });
  writeFileSync(join(scratch, 'file é 😀'), 'x'.repeat(12_345), { mode: 0o640 });
  linkSync(join(scratch, 'file é 😀'), join(scratch, 'twice'));
  symlinkSync('nowhere', join(scratch, 'symbolic'));
  const times = { old: -86_400.25, late: 2 ** 32 + 0.123_456, now: Date.now() / 1000 };
  for (const [name, seconds] of Object.entries(times)) {
    writeFileSync(join(scratch, name), '');
    lutimesSync(join(scratch, name), seconds, seconds);
  }
  for (let look = 0; look < MANY; look += 1) statusOf(scratch);

  const inScratch = readdirSync(scratch).map((name) => join(scratch, name));
  for (const path of [...inScratch, '/', '/dev/null', '/dev/tty', '/proc', '/proc/self/status', '/sys', '/tmp']) {
    assert.deepEqual(statusOf(path), statusFrom(lstatSync(path)), path);
  }
  const file = realFileSystem.open(join(scratch, 'twice'));
  assert.deepEqual(file.status(), statusFrom(lstatSync(join(scratch, 'twice'))));
  file.close();
  assert.throws(() => realFileSystem.open('/dev/null'), { code: 'EINVAL' });
});

test('what is not there is undefined, and all else that fails is an error with its code', (t) => {
  const scratch = scratchDirectory(t);
  writeFileSync(join(scratch, 'file'), '');
  for (let look = 0; look < MANY; look += 1) statusOf(scratch);

  assert.equal(statusOf(join(scratch, 'missing')), undefined);
  assert.throws(() => statusOf(join(scratch, 'file', 'below')), { code: 'ENOTDIR' });
  assert.throws(() => statusOf(join(scratch, 'x'.repeat(300))), { code: 'ENAMETOOLONG' });
  assert.throws(() => statusOf(join(scratch, 'file\0')), { code: 'ERR_INVALID_ARG_VALUE' });
});

test('a name that is not UTF-8 is found by the disk', (t) => {
  const scratch = scratchDirectory(t);
  const text = `${scratch}/\udcff😀`;
  writeFileSync(octetsFromText(text), 'four');
  for (let look = 0; look < MANY; look += 1) statusOf(scratch);

  assert.equal(realFileSystem.status(text)?.sizeOctets, 4);
});
