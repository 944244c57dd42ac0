/**
 * The quota of a maildir, through the store: what counts, what is written to `maildirsize`, and how the figure heals.
 */
import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { MaildirError } from '../../maildir/errors.js';
import { type FileSystem, realFileSystem } from '../../maildir/file-system.js';
import { DELETED, SEEN } from '../../maildir/flags.js';
import type { Maildir } from '../../maildir/maildir.js';
import { formatLimits, parseLimits, percentUsed } from '../../maildir/quota/quota-limits.js';
import { failsOnceAt } from '../support/faulty-disk.js';
import { append, bodyOf, deliver, isKind, makeMaildir, openStore, scratchDirectory } from './scratch.js';

type Context = Parameters<typeof scratchDirectory>[0];

const SIZE = bodyOf('a').length;

/** `500S,10C`, then lines of octets and messages. */
function sizeFile(limits: string, ...lines: readonly (readonly [number, number])[]): string {
  const column = (number: number): string => String(number).padStart(12);
  return [limits, ...lines.map(([octets, messages]) => `${column(octets)} ${column(messages)}`), ''].join('\n');
}

interface Scene {
  readonly maildir: Maildir;
  readonly path: string;
  readonly warnings: string[];
  readonly file: () => string;
}

function scene(t: Context, file?: string, options: { trashCounts?: boolean } = {}): Scene {
  const path = makeMaildir(join(scratchDirectory(t), 'Maildir'));
  const sizes = join(path, 'maildirsize');
  if (file !== undefined) writeFileSync(sizes, file);
  const warnings: string[] = [];
  const store = openStore({ warn: (text) => void warnings.push(text), ...options });
  return { maildir: store.open(path), path, warnings, file: () => readFileSync(sizes, 'latin1') };
}

/** What is used, as `octets/messages`. */
async function used(maildir: Maildir): Promise<string> {
  const usage = await maildir.quota.usage();
  return usage === undefined ? 'no limit' : `${usage.used.octets}/${usage.used.messages}`;
}

test('limits are read as Courier reads them', () => {
  const table: readonly (readonly [string, string | undefined])[] = [
    ['10000000S,1000C', '10000000S,1000C'],
    ['10C,1000S', '1000S,10C'],
    ['0S,5C', '5C'],
    ['5000S', '5000S'],
    ['12x,5S', '5S'],
    ['-5S', '5S'],
    ['007S', '7S'],
    ['5', undefined],
    ['5 S', undefined],
    ['', undefined],
    ['garbage', undefined],
  ];
  for (const [text, written] of table) {
    const limits = parseLimits(text);
    assert.equal(limits === undefined ? undefined : formatLimits(limits), written, text);
  }
});

test('the percentage is that of the limit which is nearer', () => {
  assert.equal(percentUsed({ octets: 899, messages: 1 }, { octets: 1_000 }), 89);
  assert.equal(percentUsed({ octets: 10, messages: 95 }, { octets: 1_000, messages: 100 }), 95);
  assert.equal(percentUsed({ octets: 2_000, messages: 0 }, { octets: 1_000 }), 100);
  assert.equal(percentUsed({ octets: 20_000_000, messages: 0 }, { octets: 40_000_000 }), 50);
});

test('without maildirsize nothing is written and everything fits', async (t) => {
  const { maildir, path } = scene(t);
  const inbox = maildir.folder('INBOX');
  await inbox.removeMessages([await append(inbox, 'a')]);
  assert.equal(existsSync(join(path, 'maildirsize')), false);
  assert.equal(await used(maildir), 'no limit');
});

test('every change is a line of its own, in the columns that others write', async (t) => {
  const { maildir, file } = scene(t, sizeFile('1000S,10C', [0, 0]));
  await maildir.createFolder('INBOX.Trash');
  const inbox = maildir.folder('INBOX');
  const uid = await append(inbox, 'a');
  await inbox.changeFlags([uid], { operation: 'add', flags: SEEN, keywords: [] });
  await inbox.changeFlags([uid], { operation: 'add', flags: DELETED, keywords: [] });
  await inbox.changeFlags([uid], { operation: 'replace', flags: SEEN, keywords: [] });
  await inbox.copyTo(inbox, [uid]);
  await inbox.copyTo(maildir.folder('INBOX.Trash'), [uid]);
  await inbox.moveTo(maildir.folder('INBOX.Trash'), [uid]);
  await inbox.removeMessages([inbox.table.uidAt(0)]);
  const [more, less] = [[SIZE, 1] as const, [-SIZE, -1] as const];
  assert.equal(file(), sizeFile('1000S,10C', [0, 0], more, less, more, more, less, less));
  assert.equal(await used(maildir), '0/0');
});

test('mail in Trash and mail marked deleted counts where the site says so', async (t) => {
  const { maildir, file } = scene(t, sizeFile('1000S', [0, 0]), { trashCounts: true });
  await maildir.createFolder('INBOX.Trash');
  const trash = maildir.folder('INBOX.Trash');
  const uid = await append(trash, 'a', DELETED);
  await trash.removeMessages([uid]);
  assert.equal(file(), sizeFile('1000S', [0, 0], [SIZE, 1], [-SIZE, -1]));
});

test('what does not fit is refused, and leaves no trace', async (t) => {
  const { maildir, path, file } = scene(t, sizeFile(`${SIZE * 2 - 1}S`, [0, 0]));
  const inbox = maildir.folder('INBOX');
  const uid = await append(inbox, 'a');
  await assert.rejects(append(inbox, 'b'), isKind('over quota'));
  await assert.rejects(inbox.copyTo(inbox, [uid]), isKind('over quota'));
  assert.equal(await used(maildir), `${SIZE}/1`);
  assert.equal(file().split('\n')[0], `${SIZE * 2 - 1}S`);

  await inbox.changeFlags([uid], { operation: 'add', flags: DELETED, keywords: [] });
  await append(inbox, 'b');
  await assert.rejects(
    inbox.changeFlags([uid], { operation: 'remove', flags: DELETED, keywords: [] }),
    isKind('over quota'),
  );
  assert.equal(inbox.flagsAt(inbox.table.rowOf(uid)), DELETED);
  assert.equal(rmSync(join(path, 'tmp'), { recursive: true }), undefined);
});

test('all that come at once share what is left', async (t) => {
  const { maildir } = scene(t, sizeFile('1000000S,5C', [0, 0]));
  const inbox = maildir.folder('INBOX');
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, id) => append(inbox, `m${id}`)));
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 5);
  assert.equal(inbox.table.count, 5);
  assert.match(await used(maildir), /\/5$/);
});

test('a count takes what Courier takes', async (t) => {
  const { maildir, path, file } = scene(t, '100000S,100C\n');
  for (const name of ['.Trash', '.Trash.Old', '.Sent', 'plain']) makeMaildir(join(path, name));
  symlinkSync('.Sent', join(path, '.Link'));
  const put = (name: string, octets: number): void => writeFileSync(join(path, name), 'x'.repeat(octets));
  put('.Trash/cur/1.a:2,S', 100);
  put('.Trash.Old/cur/1.b:2,S', 101);
  put('.Sent/cur/1.c:2,ST', 102);
  put('.Sent/new/1.d', 104);
  put('cur/1.e,S=5:2,', 108);
  put('cur/.hidden', 116);
  put('plain/cur/1.f', 132);
  put('tmp/1.g', 164);
  assert.equal(await used(maildir), `${101 + 104 + 5}/3`);
  assert.equal(file(), sizeFile('100000S,100C', [210, 3]));
});

const damage: Readonly<Record<string, string>> = {
  'a line of garbage': `${sizeFile('1000S', [0, 0])}xx yy\n`,
  'zeros after a power cut': `1000S\n${'\0'.repeat(26)}\n`,
  'a negative sum': sizeFile('1000S', [10, 1], [-50, -2]),
  'a line that was cut': `${sizeFile('1000S', [500, 9])}          12`,
  'no line at all': '1000S\n',
  'more than 5,120 octets': sizeFile('1000S', ...Array.from({ length: 200 }, () => [1, 1] as const)),
  'numbers that are none': `${sizeFile('1000S', [0, 0])}${'9'.repeat(30)} 1\n`,
};

for (const [name, text] of Object.entries(damage)) {
  test(`maildirsize heals: ${name}`, async (t) => {
    const { maildir, path, file } = scene(t, text);
    deliver(path, '1700000000.a.mx', 'a');
    assert.equal(await used(maildir), `${SIZE}/1`);
    assert.equal(file(), sizeFile('1000S', [SIZE, 1]));
    await append(maildir.folder('INBOX'), 'b');
    assert.equal(file(), sizeFile('1000S', [SIZE, 1], [SIZE, 1]));
  });
}

test('maildirsize heals: missing, a directory, or not readable, where the account says what its quota is', async (t) => {
  const { maildir, path, file } = scene(t);
  const sizes = join(path, 'maildirsize');
  maildir.quota.want(parseLimits('1000S'));
  await append(maildir.folder('INBOX'), 'a');
  assert.equal(file(), sizeFile('1000S', [0, 0], [SIZE, 1]));

  rmSync(sizes);
  await append(maildir.folder('INBOX'), 'b');
  assert.equal(file(), sizeFile('1000S', [SIZE, 1], [SIZE, 1]));

  chmodSync(sizes, 0);
  assert.equal(await used(maildir), `${2 * SIZE}/2`);

  rmSync(sizes);
  symlinkSync('/dev/null', sizes);
  assert.equal(await used(maildir), `${2 * SIZE}/2`);
  assert.equal(file(), sizeFile('1000S', [2 * SIZE, 2]));
});

test('a first line that cannot be read is no limit, and the log says so', async (t) => {
  const { maildir, file, warnings } = scene(t, 'garbage\n');
  await append(maildir.folder('INBOX'), 'a');
  assert.equal(file(), 'garbage\n');
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? '', /No quota can be read in .*maildirsize/);
});

test('a directory in the way of maildirsize hinders no mail', async (t) => {
  const { maildir, path, warnings } = scene(t);
  mkdirSync(join(path, 'maildirsize'));
  maildir.quota.want(parseLimits(`${SIZE}S`));
  await append(maildir.folder('INBOX'), 'a');
  await assert.rejects(append(maildir.folder('INBOX'), 'b'), isKind('over quota'));
  assert.equal(warnings.length, 1);
});

test('nobody is refused because of an old figure', async (t) => {
  const { maildir, path, file } = scene(t, sizeFile('1000S', [990, 9]));
  const sizes = join(path, 'maildirsize');
  await assert.rejects(append(maildir.folder('INBOX'), 'a'), isKind('over quota'));
  assert.equal(file(), sizeFile('1000S', [990, 9]), 'a young figure is believed');

  const anHourAgo = Date.now() / 1000 - 3600;
  utimesSync(sizes, anHourAgo, anHourAgo);
  await append(maildir.folder('INBOX'), 'a');
  assert.equal(file(), sizeFile('1000S', [0, 0], [SIZE, 1]));

  writeFileSync(sizes, sizeFile('1000S', [990, 9], [5, 1]));
  await append(maildir.folder('INBOX'), 'b');
  assert.equal(file(), sizeFile('1000S', [SIZE, 1], [SIZE, 1]), 'one with lines is counted anew');
});

test('a quota that the account has got anew replaces the one in the file', async (t) => {
  const { maildir, path, file } = scene(t, sizeFile('1000S', [7, 7]));
  deliver(path, '1700000000.a.mx', 'a');
  maildir.quota.want(parseLimits('5000S,9C'));
  assert.equal(await used(maildir), `${SIZE}/1`);
  assert.equal(file(), sizeFile('5000S,9C', [SIZE, 1]));
});

test('deleting a folder frees what was in it', async (t) => {
  const { maildir, file } = scene(t, sizeFile('1000S', [0, 0]));
  await maildir.createFolder('INBOX.Old');
  await append(maildir.folder('INBOX.Old'), 'a');
  await append(maildir.folder('INBOX'), 'b');
  await maildir.deleteFolder('INBOX.Old');
  assert.equal(file(), sizeFile('1000S', [SIZE, 1]));
});

test('a file that another user made is replaced by one of our own', async (t) => {
  const sizes = sizeFile('1000S', [0, 0]);
  const path = makeMaildir(join(scratchDirectory(t), 'Maildir'));
  writeFileSync(join(path, 'maildirsize'), sizes);
  const refused = Object.assign(new Error('permission denied'), { code: 'EACCES' });
  let isOurs = false;
  const fileSystem: FileSystem = {
    ...realFileSystem,
    openToAppend: (name) => {
      if (name.endsWith('maildirsize') && !isOurs) throw refused;
      return realFileSystem.openToAppend(name);
    },
    rename: (from, to) => {
      isOurs ||= to.endsWith('maildirsize');
      realFileSystem.rename(from, to);
    },
  };
  const maildir = openStore({ fileSystem }).open(path);

  await append(maildir.folder('INBOX'), 'a');
  assert.equal(await used(maildir), `${SIZE}/1`);
  await append(maildir.folder('INBOX'), 'b');
  assert.equal(readFileSync(join(path, 'maildirsize'), 'latin1'), sizeFile('1000S', [SIZE, 1], [SIZE, 1]));
});

/** What the files amount to: all have their size in their names. */
function truth(path: string): string {
  const names = ['cur', 'new']
    .flatMap((place) => readdirSync(join(path, place)))
    .filter((name) => !/:2,.*T/.test(name));
  return `${names.reduce((total, name) => total + Number(/,S=(\d+)/.exec(name)?.[1]), 0)}/${names.length}`;
}

test('each disk operation fails once, and the figure is right again when it is next asked for', async (t) => {
  const path = join(scratchDirectory(t), 'Maildir');
  for (const code of ['ENOSPC', 'EACCES', 'EIO']) {
    for (let step = 0; ; step += 1) {
      rmSync(path, { recursive: true, force: true });
      makeMaildir(path);
      for (const id of ['one', 'two']) deliver(path, `1700000000.${id}.mx,S=${bodyOf(id).length}:2,`, id);
      writeFileSync(join(path, 'maildirsize'), sizeFile('1000S', [2 * bodyOf('one').length, 2]));
      const disk = failsOnceAt(step, code);
      const store = openStore({ fileSystem: disk.fileSystem });
      let maildir: Maildir | undefined;
      try {
        maildir = store.open(path);
        const inbox = maildir.folder('INBOX');
        await append(inbox, 'three');
        await inbox.changeFlags([1], { operation: 'add', flags: DELETED, keywords: [] });
        await inbox.changeFlags([1], { operation: 'remove', flags: DELETED, keywords: [] });
        await inbox.copyTo(inbox, [2]);
        await inbox.removeMessages([1]);
      } catch (error) {
        assert.ok(error instanceof MaildirError, String(error));
      }
      if (maildir !== undefined) {
        const { quota } = maildir;
        // It may be this question that fails; then it is asked again.
        const usage = await quota.usage().catch(() => quota.usage());
        assert.equal(`${usage?.used.octets}/${usage?.used.messages}`, truth(path), `${code} at step ${step}`);
      }
      await store.close().catch(() => undefined);
      if (!disk.hasFailed) break;
    }
  }
});
