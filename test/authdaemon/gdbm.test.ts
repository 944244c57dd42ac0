/**
 * GDBM files: ours read by gdbm and by us, gdbm's read by us, damage met with an error and nothing worse.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { GdbmError, GdbmReader, type GdbmRecord, writeGdbm } from '../../authdaemon/userdb/gdbm.js';
import { findProgram, run } from '../support/processes.js';

function readerOf(file: Buffer): GdbmReader {
  return new GdbmReader((position, length) => file.subarray(position, position + length));
}

function accounts(count: number): GdbmRecord[] {
  return Array.from({ length: count }, (_, index) => ({
    key: Buffer.from(`user${index}@example.com`),
    value: Buffer.from(`uid=${index}|gid=5000|home=/home/user${index}|_=`),
  }));
}

function comparable(records: Iterable<GdbmRecord>): string[] {
  return [...records].map(({ key, value }) => `${key.toString('hex')} ${value.toString('hex')}`).sort();
}

/** The records of a file as gdbm's own program sees them. */
async function recordsByGdbm(path: string): Promise<GdbmRecord[]> {
  const { stdout, exitCode } = await run([findProgram('/usr/bin/gdbm_dump'), path]);
  assert.equal(exitCode, 0);
  const body = stdout.split('# End of header\n')[1]?.split('#:count')[0] ?? '';
  const items = body
    .split(/#:len=\d+\n/)
    .slice(1)
    .map((text) => Buffer.from(text, 'base64'));
  return items.flatMap((key, index) => (index % 2 === 0 ? [{ key, value: items[index + 1] ?? Buffer.alloc(0) }] : []));
}

test('records that are written are read back, whatever they hold', () => {
  const octets = fc.uint8Array({ maxLength: 50 }).map((array) => Buffer.from(array));
  const records = fc.uniqueArray(fc.record({ key: octets, value: octets }, { noNullPrototype: true }), {
    selector: ({ key }) => key.toString('hex'),
    maxLength: 400,
  });
  fc.assert(
    fc.property(records, (written) => {
      const reader = readerOf(writeGdbm(written));
      for (const { key, value } of written) assert.deepEqual(reader.get(key), value);
      assert.deepEqual(comparable(reader.records()), comparable(written));
      assert.equal(reader.get(Buffer.from('a key that nobody wrote, longer than the others are')), undefined);
    }),
    { numRuns: 40 },
  );
});

for (const count of [0, 1, 166, 167, 5000, 20_000]) {
  test(`A5: gdbm reads our file of ${count} records, and adds to it`, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'gdbm-'));
    const path = join(directory, 'ours.dat');
    const written = accounts(count);
    writeFileSync(path, writeGdbm(written));

    assert.deepEqual(comparable(await recordsByGdbm(path)), comparable(written));
    const gdbmtool = findProgram('/usr/bin/gdbmtool');
    assert.equal((await run([gdbmtool, path, 'store', 'added', 'later'])).exitCode, 0);
    const reader = readerOf(readFileSync(path));
    assert.equal(reader.get(Buffer.from('added'))?.toString(), 'later');
    assert.equal([...reader.records()].length, count + 1);

    rmSync(directory, { recursive: true });
  });
}

test('A5: we read a file that gdbm made, record by record', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'gdbm-'));
  const path = join(directory, 'theirs.dat');
  const lines = accounts(3000).map(({ key, value }) => `store ${key} "${value}"\n`);
  const made = await run([findProgram('/usr/bin/gdbmtool'), '--newdb', '--norc', path], { input: lines.join('') });
  assert.equal(made.exitCode, 0, made.stderr);

  const reader = readerOf(readFileSync(path));
  for (const { key, value } of accounts(3000)) assert.deepEqual(reader.get(key), value);
  assert.deepEqual(comparable(reader.records()), comparable(accounts(3000)));

  rmSync(directory, { recursive: true });
});

test('a damaged file gives GdbmError or wrong records, and ends', () => {
  const whole = writeGdbm(accounts(50));
  const interesting = fc.oneof(fc.nat(64), fc.integer({ min: 4096, max: 4200 }), fc.nat(whole.length - 1));
  fc.assert(
    fc.property(fc.array(fc.tuple(interesting, fc.nat(255)), { minLength: 1, maxLength: 20 }), (changes) => {
      const file = Buffer.from(whole);
      for (const [position, octet] of changes) file[position] = octet;
      try {
        const reader = readerOf(file);
        reader.get(Buffer.from('user7@example.com'));
        assert.ok([...reader.records()].length < 100_000);
      } catch (error) {
        assert.ok(error instanceof GdbmError, String(error));
      }
    }),
    { numRuns: 200 },
  );
});

test('a file cut before its records gives GdbmError', () => {
  const whole = writeGdbm(accounts(5));
  for (let length = 0; length < 3 * 4096; length += 509) {
    assert.throws(() => [...readerOf(whole.subarray(0, length)).records()], GdbmError, `at ${length}`);
  }
});
