/**
 * The files of the cache: what was learnt outlives the process, and whatever happens to the files, nothing that is shown
 * is wrong, and no command fails.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { HEADER_FACTS, SEARCH_FACTS, STRUCTURE_FACTS } from '../../../imapd/cache/folder-facts.js';
import { type FileSystem, realFileSystem } from '../../../maildir/file-system.js';
import { waitUntil } from '../../support/processes.js';
import { CachedMaildir, damage, GROUPS, KINDS_OF_DAMAGE, type Worker } from './cached-maildir.js';

async function learnAll(worker: Worker, filler = ''): Promise<void> {
  await worker.open();
  for (let row = 0; row < worker.folder.table.count; row += 1) {
    for (const group of GROUPS) worker.keep(row, group, filler);
  }
}

/** Runs with a maildir of three messages whose facts stand in the cache's file. */
async function withCacheFile(run: (maildir: CachedMaildir, file: string) => Promise<void>): Promise<void> {
  const maildir = new CachedMaildir(3);
  const first = maildir.worker();
  await learnAll(first);
  await first.close();
  await run(maildir, maildir.cacheFile() ?? '');
  maildir.remove();
}

/** What the next process knows. */
async function shownAnew(maildir: CachedMaildir): Promise<number> {
  const worker = maildir.worker();
  await worker.open();
  const shown = worker.shown();
  assert.deepEqual(worker.warnings, []);
  await worker.close();
  return shown;
}

test('what one process learnt the next one knows, in files that nobody else may read', async () => {
  await withCacheFile(async (maildir, file) => {
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(statSync(dirname(file)).mode & 0o777, 0o700);
    assert.equal(statSync(maildir.directory).mode & 0o777, 0o700);
    assert.equal(await shownAnew(maildir), 9);
  });
});

test('nothing is written while a command runs, and all of it a moment later', async () => {
  const maildir = new CachedMaildir(2);
  const worker = maildir.worker();
  await learnAll(worker);
  assert.equal(maildir.cacheFile(), undefined);

  worker.clock.turn(1);

  assert.ok(maildir.cacheFile() !== undefined);
  assert.equal(await shownAnew(maildir), 6);
  await worker.close();
  maildir.remove();
});

test('a message that changed while nobody looked is compared with its file', async () => {
  await withCacheFile(async (maildir) => {
    maildir.replaceMessage(maildir.messageFiles()[0] ?? '', 1_400_000_000);
    appendFileSync(maildir.messageFiles()[2] ?? '', 'Written in place.\n');

    assert.equal(await shownAnew(maildir), 3);
  });
});

test('a file of another version is made anew', async () => {
  await withCacheFile(async (maildir, file) => {
    const octets = readFileSync(file);
    octets.writeUInt32LE(octets.readUInt32LE(8) + 1, 8);
    writeFileSync(file, octets);
    assert.equal(await shownAnew(maildir), 0);

    const worker = maildir.worker();
    await worker.open();
    worker.keep(0, HEADER_FACTS);
    await worker.close();

    assert.equal(await shownAnew(maildir), 1);
  });
});

test('what is lost to damage is learnt again, and what stands behind it is not lost', async () => {
  await withCacheFile(async (maildir, file) => {
    const octets = readFileSync(file);
    // Of the payload.
    octets[70] = (octets[70] ?? 0) ^ 1;
    writeFileSync(file, octets.subarray(0, octets.length - 3));

    // The first record is damaged, the last one unfinished.
    assert.equal(await shownAnew(maildir), 7);
    const worker = maildir.worker();
    await worker.open();
    worker.keep(0, HEADER_FACTS);
    await worker.close();
    assert.equal(await shownAnew(maildir), 8);
  });
});

const replacements: Readonly<Record<string, (maildir: CachedMaildir, file: string) => void>> = {
  'a removed file': (_, file) => rmSync(file),
  'a removed directory': (_, file) => rmSync(dirname(file), { recursive: true }),
  'a removed cache': (maildir) => rmSync(dirname(maildir.directory), { recursive: true }),
  'an empty file': (_, file) => writeFileSync(file, ''),
  garbage: (_, file) => writeFileSync(file, 'garbage '.repeat(10_000)),
  'a directory in place of the file': (_, file) => {
    rmSync(file);
    mkdirSync(file);
  },
  'a symbolic link': (maildir, file) => {
    rmSync(file);
    symlinkSync(maildir.messageFiles()[0] ?? '', file);
  },
  'a FIFO': (_, file) => {
    rmSync(file);
    execFileSync('mkfifo', [file]);
  },
  'a file in place of the directory': (_, file) => {
    rmSync(dirname(file), { recursive: true });
    writeFileSync(dirname(file), 'x');
  },
  'a broken link in place of the directory': (maildir, file) => {
    rmSync(dirname(file), { recursive: true });
    symlinkSync(join(maildir.maildir, 'nowhere'), dirname(file));
  },
};

for (const [what, replace] of Object.entries(replacements)) {
  test(`while a process runs: ${what} is replaced by a whole new file, and mail is not touched`, async () => {
    await withCacheFile(async (maildir, file) => {
      const messages = maildir.messageFiles().map((path) => readFileSync(path, 'latin1'));
      const worker = maildir.worker();
      await worker.open();

      replace(maildir, file);
      maildir.deliver();
      await worker.open();
      worker.keep(3, SEARCH_FACTS);

      assert.equal(worker.shown(), 10);
      await worker.close();
      assert.deepEqual(worker.warnings, []);
      assert.equal(await shownAnew(maildir), 10);
      assert.deepEqual(
        maildir
          .messageFiles()
          .slice(0, 3)
          .map((path) => readFileSync(path, 'latin1')),
        messages,
      );
    });
  });

  test(`between two processes: ${what} is nothing worse than an empty cache`, async () => {
    await withCacheFile(async (maildir, file) => {
      replace(maildir, file);

      assert.equal(await shownAnew(maildir), 0);
      const worker = maildir.worker();
      await learnAll(worker);
      await worker.close();
      assert.equal(await shownAnew(maildir), 9);
    });
  });
}

test('a directory that nobody may write to is told once, and memory goes on', async () => {
  const maildir = new CachedMaildir(2);
  const broken = (code: string): FileSystem => ({
    ...realFileSystem,
    create: () => {
      throw Object.assign(new Error(`${code}: no`), { code });
    },
  });
  for (const code of ['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES']) {
    const worker = maildir.worker({ fileSystem: broken(code) });
    await learnAll(worker);
    worker.clock.turn(200);
    worker.keep(0, HEADER_FACTS);
    worker.clock.turn(200);

    assert.equal(worker.shown(), 6);
    assert.equal(worker.warnings.length, 1);
    assert.match(worker.warnings[0] ?? '', new RegExp(code));
    await worker.close();
  }
  maildir.remove();
});

test('when there is room on the disk again, all that was learnt meanwhile is written', async () => {
  const maildir = new CachedMaildir(2);
  let full = true;
  const worker = maildir.worker({
    fileSystem: {
      ...realFileSystem,
      create: (path, mode) => {
        if (full) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
        return realFileSystem.create(path, mode);
      },
    },
  });
  await learnAll(worker);
  worker.clock.turn(5);

  full = false;
  worker.clock.turn(100);

  assert.equal(await shownAnew(maildir), 6);
  await worker.close();
  maildir.remove();
});

test('two processes that write the same file lose nothing', async () => {
  const maildir = new CachedMaildir(4);
  const [one, other] = [maildir.worker(), maildir.worker()];
  await one.open();
  await other.open();
  for (let row = 0; row < 4; row += 1) {
    one.keep(row, HEADER_FACTS);
    one.clock.turn(2);
    other.keep(row, STRUCTURE_FACTS);
    other.clock.turn(2);
  }
  await one.close();
  await other.close();

  assert.equal(await shownAnew(maildir), 8);
  maildir.remove();
});

test('what is of no use any more leaves the file', async () => {
  const maildir = new CachedMaildir(20);
  const worker = maildir.worker();
  for (let round = 0; round < 40; round += 1) {
    await learnAll(worker, 'x'.repeat(2_000));
    worker.clock.turn(2);
  }
  await worker.close();

  const { size } = statSync(maildir.cacheFile() ?? '');
  assert.ok(size < 1024 * 1024, `${size} octets`);
  assert.equal(await shownAnew(maildir), 60);
  maildir.remove();
});

test('folders that were not used for longest leave memory, and come back from their file', async () => {
  const maildir = new CachedMaildir(10);
  const other = new CachedMaildir(10);
  const worker = maildir.worker({ maxHeldOctets: 150_000 });
  await learnAll(worker, 'x'.repeat(2_000));
  const use = await worker.store.open(other.maildir).folder('INBOX').open('read-only');
  const facts = await worker.cache.ready(use.folder);
  const file = { sizeOctets: 1, modifiedAt: 1, inode: 1 };

  for (let row = 0; row < 10; row += 1) facts.keep(row, HEADER_FACTS, Buffer.alloc(7_500), file);

  assert.equal(worker.shown(), 0);
  await worker.open();
  assert.equal(worker.shown(), 30);
  use.close();
  await worker.close();
  other.remove();
  maildir.remove();
});

test('a folder that nobody used for some minutes leaves memory', async () => {
  const maildir = new CachedMaildir(5);
  const worker = maildir.worker();
  await learnAll(worker);

  worker.clock.turn(240);
  assert.equal(worker.shown(), 15);
  worker.clock.turn(240);
  assert.equal(worker.cache.heldOctets, 0);
  assert.equal(worker.shown(), 0);

  await worker.open();
  assert.equal(worker.shown(), 15);
  await worker.close();
  maildir.remove();
});

test('the files of folders that were not used for longest are removed when there are too many', async () => {
  await withCacheFile(async (maildir, file) => {
    const octets = statSync(file).size;
    const names = Array.from({ length: 10 }, (_, index) => index.toString(16).padStart(32, '0'));
    names.forEach((name, index) => {
      mkdirSync(join(maildir.directory, 'ab'), { recursive: true });
      writeFileSync(join(maildir.directory, 'ab', name), Buffer.alloc(octets));
      utimesSync(join(maildir.directory, 'ab', name), 1_700_000_000 + index, 1_700_000_000 + index);
    });
    writeFileSync(join(maildir.directory, 'ab', 'not ours'), 'x'.repeat(100_000));

    const worker = maildir.worker({ maxFileOctets: octets * 6 });
    await worker.open();
    worker.keep(0, HEADER_FACTS);
    worker.clock.turn(60);

    const left = () => readdirSync(join(maildir.directory, 'ab')).sort();
    await waitUntil('those are removed', () => left().length <= 5);
    assert.deepEqual(left(), [...names.slice(6), 'not ours']);
    await worker.close();
    assert.equal(await shownAnew(maildir), 9);
  });
});

test('a cache that cannot be read is told once', async () => {
  await withCacheFile(async (maildir, file) => {
    const worker = maildir.worker({
      fileSystem: {
        ...realFileSystem,
        open: (path) => {
          if (path === file) throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
          return realFileSystem.open(path);
        },
      },
    });
    await worker.open();

    assert.equal(worker.shown(), 0);
    assert.equal(worker.warnings.length, 1);
    await worker.close();
  });
});

/** Evenly, which fc.double() is not. */
const anywhere = fc.nat(999_999).map((millionth) => millionth / 1_000_000);

test('a file that is damaged anywhere, in any way, tells nothing wrong', async () => {
  await withCacheFile(async (maildir, file) => {
    const whole = readFileSync(file);
    const wounds = fc.record({
      kind: fc.nat(KINDS_OF_DAMAGE - 1),
      at: anywhere,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(wounds, { minLength: 1, maxLength: 6 }), async (plan) => {
        rmSync(file, { recursive: true, force: true });
        writeFileSync(file, whole);
        for (const wound of plan) if (statSync(file, { throwIfNoEntry: false })?.isFile()) damage(file, wound);

        const worker = maildir.worker();
        await worker.open();
        worker.shown();
        await learnAll(worker);
        assert.equal(worker.shown(), 9);
        await worker.close();
        assert.equal(await shownAnew(maildir), 9);
      }),
      { numRuns: 150 },
    );
  });
});

type Step =
  | { readonly kind: 'keep'; readonly who: number; readonly row: number; readonly group: number; readonly size: number }
  | { readonly kind: 'damage'; readonly how: number; readonly at: number }
  | { readonly kind: 'deliver' | 'write' | 'look' | 'restart'; readonly who: number }
  | { readonly kind: 'replace' | 'remove'; readonly row: number };

const who = fc.nat(1);
const row = fc.nat(5);
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('keep' as const), who, row, group: fc.nat(2), size: fc.nat(300) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('damage' as const),
      how: fc.nat(KINDS_OF_DAMAGE - 1),
      at: anywhere,
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constantFrom('deliver', 'write', 'look', 'restart'), who }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('replace', 'remove'), row }) },
);

test('whatever happens to the files and to the mail, what two processes show is true', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { maxLength: 60 }), async (plan) => {
      const maildir = new CachedMaildir(3);
      const workers = [maildir.worker(), maildir.worker()];
      for (const worker of workers) await worker.open();
      for (const step of plan) await take(step, maildir, workers);
      for (const worker of workers) {
        await worker.open();
        worker.shown();
        await worker.close();
        assert.deepEqual(worker.warnings, []);
      }
      maildir.remove();
    }),
    { numRuns: 60 },
  );
});

async function take(step: Step, maildir: CachedMaildir, workers: Worker[]): Promise<void> {
  const files = maildir.messageFiles();
  if (step.kind === 'damage') {
    const file = maildir.cacheFile();
    if (file !== undefined && statSync(file).isFile()) damage(file, { kind: step.how, at: step.at });
    return;
  }
  if (!('who' in step)) {
    const file = files[step.row % Math.max(files.length, 1)];
    if (file !== undefined && step.kind === 'replace') maildir.replaceMessage(file, 1_500_000_000 + step.row);
    else if (file !== undefined) rmSync(file);
    return;
  }
  const at = step.who;
  const worker = workers[at];
  if (worker === undefined) return;
  if (step.kind === 'deliver') maildir.deliver();
  else if (step.kind === 'write') worker.clock.turn(2);
  else if (step.kind === 'restart') {
    await worker.close();
    workers[at] = maildir.worker();
    await workers[at]?.open();
  } else {
    await worker.open();
    worker.shown();
    const { count } = worker.folder.table;
    if (step.kind === 'keep' && count > 0) {
      worker.keep(step.row % count, GROUPS[step.group] ?? HEADER_FACTS, 'x'.repeat(step.size));
      worker.shown();
    }
  }
}
