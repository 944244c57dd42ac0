/**
 * The maildrop of POP3: what is opened to make it, what happens when its list cannot be written, and that no unique id is
 * ever given twice.
 */
import assert from 'node:assert/strict';
import { chmodSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import fc from 'fast-check';
import { type FileSystem, realFileSystem } from '../../maildir/file-system.js';
import type { Maildrop } from '../../maildir/maildrop.js';
import { uniqueIdOf } from '../../maildir/pop3-size-list.js';
import { measured } from '../../maildir/wire-octets.js';
import { copyMaildir, type Scratch, scratchDirectory } from '../support/maildir-fixture.js';
import { readSizeList, writeSizeList } from '../support/size-list.js';
import { testStore } from '../support/test-store.js';

const LIST = 'courierpop3dsizelist';
let scratch: Scratch;
let maildir: string;

beforeEach(() => {
  scratch = scratchDirectory('maildrop');
  maildir = join(scratch.path, 'Maildir');
  copyMaildir('empty', maildir);
});

afterEach(() => scratch.remove());

function fill(count: number): void {
  for (let number = 0; number < count; number += 1) deliver(number);
}

function deliver(number: number): void {
  const name = `${1_700_000_000 + number}.M${number}.mx:2,`;
  writeFileSync(join(maildir, 'cur', name), `Subject: ${number}\n\n${'x'.repeat(number % 50)}\n`);
}

const open = (fileSystem: FileSystem = realFileSystem): Promise<Maildrop> =>
  testStore({ fileSystem, useLocks: true }).peek(maildir).maildrop();

const idsOf = (maildrop: Maildrop): string[] =>
  Array.from({ length: maildrop.count }, (_, index) => maildrop.uniqueIdAt(index));

/** The real disk, which notes what is opened, and refuses what `refuses` says. */
function watchedDisk(refuses: (path: string) => string | undefined = () => undefined) {
  const opened: string[] = [];
  const check = (path: string): void => {
    const code = refuses(path);
    if (code !== undefined) throw Object.assign(new Error(code), { code });
  };
  const disk: FileSystem = {
    ...realFileSystem,
    open(path) {
      opened.push(path);
      return realFileSystem.open(path);
    },
    create(path, mode) {
      check(path);
      return realFileSystem.create(path, mode);
    },
    unlink(path) {
      check(path);
      realFileSystem.unlink(path);
    },
  };
  return { disk, opened };
}

test('a message is opened once, to be measured; after that its list tells all', async () => {
  fill(2_000);
  const first = watchedDisk();
  const made = await open(first.disk);
  assert.equal(first.opened.filter((path) => path.includes('/cur/')).length, 2_000);

  const second = watchedDisk();
  const again = await open(second.disk);
  assert.deepEqual(
    second.opened.map((path) => path.replace(maildir, '')),
    [`/${LIST}`],
  );
  assert.deepEqual(idsOf(again), idsOf(made));
  assert.equal(again.totalOctets, made.totalOctets);

  deliver(5_000);
  const third = watchedDisk();
  assert.equal((await open(third.disk)).count, 2_001);
  assert.equal(third.opened.filter((path) => path.includes('/cur/')).length, 1);
});

test('on a full disk new messages wait, so that their ids can stay; a full mailbox can be emptied one by one', async () => {
  fill(3);
  const full = () => watchedDisk((path) => (path.includes('pop3') ? 'ENOSPC' : undefined)).disk;
  const single = await open(full());
  assert.equal(single.count, 1);
  assert.match(single.uniqueIdAt(0), /^ENOMEM-[0-9A-F]{16}-[0-9A-F]{16}-[0-9A-F]{16}$/);
  assert.notEqual(single.trouble, undefined);
  assert.deepEqual(await single.remove([0], () => undefined), { failed: 0 });

  const known = idsOf(await open());
  assert.equal(known.length, 2);
  deliver(9);
  const hidden = await open(full());
  assert.deepEqual(idsOf(hidden), known);
  assert.equal((await open()).count, 3);
});

test('a message that another session numbers meanwhile keeps its unique id', async () => {
  fill(300);
  const ends: string[] = [];
  let other: Promise<readonly string[]> | undefined;
  const watched: FileSystem = {
    ...realFileSystem,
    open(path) {
      // It has read the names, and measures what they name.
      if (other === undefined && path.includes('/cur/')) {
        deliver(999);
        other = open().then(idsOf);
        other.then(() => ends.push('other')).catch(() => undefined);
      }
      return realFileSystem.open(path);
    },
  };
  // Each look at this clock says that others are to have their turn.
  let now = 1_700_000_000_000;
  const later = (): number => (now += 1_000);
  const slow = testStore({ fileSystem: watched, useLocks: true, now: later }).peek(maildir).maildrop();
  await slow.then(() => ends.push('slow'));
  const seen = await other;
  assert.deepEqual(ends, ['other', 'slow']);
  assert.equal(seen?.length, 301);
  assert.deepEqual(idsOf(await open()), seen);
});

test('what the disk does not give back is told, and what is gone already is gone', async () => {
  fill(4);
  const { disk } = watchedDisk((path) => (path.includes('.M2.') ? 'EACCES' : undefined));
  const maildrop = await open(disk);
  rmSync(join(maildir, 'cur', readdirSync(join(maildir, 'cur')).find((name) => name.includes('.M1.')) ?? ''));

  const removed: string[] = [];
  assert.deepEqual(await maildrop.remove([0, 1, 2], (file) => removed.push(file)), { failed: 1 });
  assert.deepEqual(removed, ['cur/1700000000.M0.mx:2,']);
  assert.equal(readdirSync(join(maildir, 'cur')).length, 2);
});

test('links and what may not be read are no messages', async () => {
  fill(1);
  writeFileSync(join(scratch.path, 'secret'), 'root:x:0:0\n');
  symlinkSync(join(scratch.path, 'secret'), join(maildir, 'cur', '1600000000.link:2,'));
  symlinkSync('/dev/zero', join(maildir, 'new', '1600000001.zero'));

  const maildrop = await open();

  assert.equal(maildrop.count, 1);
  assert.match(maildrop.fileAt(0), /M0/);
});

test('a file that becomes a link under an open session is not followed', async () => {
  fill(1);
  const maildrop = await open();
  const path = join(maildir, maildrop.fileAt(0));
  rmSync(path);
  symlinkSync('/etc/passwd', path);

  assert.equal(await maildrop.open(0), undefined);
});

test('two sessions at once number new messages alike', async () => {
  fill(300);
  const store = testStore({ useLocks: true }).peek(maildir);
  const [one, other] = await Promise.all([store.maildrop(), store.maildrop()]);
  assert.deepEqual(idsOf(one), idsOf(other));

  for (let number = 1_000; number < 1_100; number += 1) deliver(number);
  const both = await Promise.all([open(), open(), open()]);
  for (const maildrop of both) assert.deepEqual(idsOf(maildrop), idsOf(both[0]));
  assert.equal(new Set(idsOf(both[0])).size, 400);
});

test('a maildir that cannot be written to is served, without what is new', async () => {
  fill(2);
  await open();
  deliver(7);
  chmodSync(join(maildir, 'tmp'), 0o500);
  const { disk } = watchedDisk((path) => (path.includes('/tmp/') ? 'EACCES' : undefined));
  const maildrop = await open(disk);
  chmodSync(join(maildir, 'tmp'), 0o700);

  assert.equal(maildrop.count, 2);
});

test('P3: no unique id is given twice, and none changes, whatever happens between the sessions', async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('deliver' as const), number: fc.nat(60) }),
    fc.record({ kind: fc.constant('remove' as const), number: fc.nat(60) }),
    fc.record({ kind: fc.constant('flag' as const), number: fc.nat(60) }),
    fc.record({ kind: fc.constant('look' as const), number: fc.nat(60) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      for (const name of readdirSync(join(maildir, 'cur'))) rmSync(join(maildir, 'cur', name));
      rmSync(join(maildir, LIST), { force: true });
      const owners = new Map<string, string>();
      let delivered = 0;
      for (const { kind, number } of [...steps, { kind: 'look' as const, number: 0 }]) {
        const names = readdirSync(join(maildir, 'cur')).sort();
        const name = names[number % Math.max(1, names.length)];
        const path = (file: string) => join(maildir, 'cur', file);
        delivered += 1;
        if (kind === 'deliver') deliver(((number * 37) % 60) + 100 * delivered);
        else if (kind === 'look') {
          const maildrop = await open();
          for (const [index, id] of idsOf(maildrop).entries()) {
            const baseName = maildrop.fileAt(index).replace(/:.*/, '');
            assert.equal(owners.get(id) ?? baseName, baseName);
            owners.set(id, baseName);
          }
          assert.equal(new Set(owners.values()).size, owners.size);
        } else if (name !== undefined && kind === 'remove') rmSync(path(name));
        else if (name !== undefined) renameSync(path(name), path(`${name.replace(/:.*/, '')}:2,S`));
      }
    }),
    { numRuns: 30 },
  );
});

test('a list is read as it was written, whatever the names are', async () => {
  const number = fc.nat({ max: 2 ** 31 });
  const entry = fc.record({
    name: fc.string({ minLength: 1, maxLength: 30 }).filter((name) => !/[\n\r/\0]/.test(name)),
    ...{ sizeOctets: number, uid: number, validity: number, utf8: fc.constantFrom(0, 1) },
  });
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { maxLength: 20 }), number, async (drawn, validity) => {
      const entries = drawn.map((each) => ({ ...each }));
      const nextUid = Math.max(1, ...entries.map(({ uid }) => uid + 1));
      const list = await readSizeList(writeSizeList({ nextUid, validity, entries }));
      assert.deepEqual(list, { nextUid, validity, entries, current: true });
      for (const each of entries) {
        assert.match(
          uniqueIdOf(each, () => each.name),
          /^[\x21-\x7e]+$/,
        );
      }
    }),
  );
});

test('what is told of a size is what is sent', () => {
  const octets = fc.array(fc.constantFrom('a', '\n', '\r', '\r\n', '.', 'Subject: x', '\u00e4', '\n\n'), {
    maxLength: 40,
  });
  fc.assert(
    fc.property(octets, fc.constantFrom(3, 1_000), (pieces, octetsAtOnce) => {
      const text = Buffer.from(pieces.join(''), 'latin1');
      const file = {
        read: (into: Uint8Array, position: number) => text.copy(into, 0, position, position + octetsAtOnce),
        status: () => ({ sizeOctets: text.length }),
      } as unknown as Parameters<typeof measured>[0];
      const steps = measured(file);
      let step = steps.next();
      while (step.done !== true) step = steps.next();
      const { sizeOctets, isUtf8 } = step.value;

      const latin1 = text.toString('latin1');
      const sent = latin1.replace(/(?<!\r)\n/g, '\r\n') + (latin1 === '' || latin1.endsWith('\n') ? '' : '\r\n');
      assert.equal(sizeOctets, sent.length);
      const header = /^([\s\S]*?\n)?(\r?\n)/.exec(latin1)?.[0] ?? latin1;
      const isBlankFirst = /^\r?\n/.test(latin1);
      assert.equal(isUtf8, /[\x80-\xff]/.test(isBlankFirst ? '' : header));
    }),
  );
});

test('the list is Courier\u2019s, octet for octet', async () => {
  writeFileSync(join(maildir, LIST), '/3 7 1600000000\n');
  deliver(1);
  writeFileSync(join(maildir, 'new', '999.first'), 'Subject: K\u00e4se\n\n');

  await open();

  const expected = '/3 9 1600000000\n999.first:2, 18 7:1600000000:1\n1700000001.M1.mx:2, 17 8:1600000000:0\n';
  assert.equal(readFileSync(join(maildir, LIST), 'utf8'), expected);
});
