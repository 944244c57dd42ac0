/**
 * courierimapuiddb and its journal: byte for byte as Courier writes it, cheap for single messages, and mended from what
 * is left when it is damaged (M7, M8, M10, attacks 56 and 57).
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type FileSystem, realFileSystem } from '../../maildir/file-system.js';
import { Pace } from '../../maildir/pace.js';
import { type ListedMessages, parseJournal, parseUidList } from '../../maildir/uiddb.js';
import { append, assertSound, deliver, makeMaildir, openStore, scratchDirectory, tell } from './scratch.js';

const pace = new Pace(() => Date.now());
const NAMES = ['1700000001.M1.mx', '1700000002.M1.mx', '1700000003.M1.mx', '1700000004.M1.mx'];
const LIST = `1 700000001 9\n${NAMES.map((name, index) => `${[1, 3, 4, 7][index]} ${name}\n`).join('')}`;

/** A maildir as Courier left it: four messages in cur and their list. */
function courierMaildir(path: string, list: string | undefined = LIST): string {
  makeMaildir(path);
  NAMES.forEach((name, index) => {
    deliver(path, `${name}:2,S`, `m${index}`);
  });
  if (list !== undefined) writeFileSync(join(path, 'courierimapuiddb'), list);
  return path;
}

function linesOf(listed: ListedMessages | undefined): [uid: number, baseName: string][] {
  return Array.from({ length: listed?.count ?? 0 }, (_, line) => [
    listed?.uidAt(line) ?? 0,
    listed?.baseNameAt(line) ?? '',
  ]);
}

async function look(
  path: string,
): Promise<{ uids: number[]; uidValidity: number; uidNext: number; warnings: string[] }> {
  const warnings: string[] = [];
  const store = openStore({ warn: (text) => warnings.push(text) });
  const folder = store.open(path).folder('INBOX');
  const use = await folder.open('read-write');
  const { ids, uidValidity, uidNext } = tell(folder);
  use.close();
  await store.close();
  const uids = [...ids.entries()].sort((one, other) => (one[1] < other[1] ? -1 : 1)).map(([uid]) => uid);
  return { uids, uidValidity, uidNext, warnings };
}

test('M10: a list of Courier is used as it is, and not written when nothing changes', async (t) => {
  const path = courierMaildir(join(scratchDirectory(t), 'Maildir'));
  utimesSync(join(path, 'courierimapuiddb'), 1e9, 1e9);

  const found = await look(path);

  assert.deepEqual(found, { uids: [1, 3, 4, 7], uidValidity: 700000001, uidNext: 9, warnings: [] });
  assert.equal(readFileSync(join(path, 'courierimapuiddb'), 'utf8'), LIST);
});

test('lists of short names are read to their end, however many there are', async () => {
  for (let count = 0; count < 1_500; count += 1) {
    const lines = Array.from({ length: count }, (_, index) => `${index + 1} ${1_000 + index}.M1.mx\n`);

    const { messages, badLines } = await parseUidList(Buffer.from(`1 7 ${count + 1}\n${lines.join('')}`), pace);

    assert.deepEqual([messages.count, messages.lastUid, badLines], [count, count, 0], `${count} lines`);
  }
});

test('the first new message of a quiet folder is written as Courier writes it', async (t) => {
  const path = courierMaildir(join(scratchDirectory(t), 'Maildir'));
  deliver(path, '1700000009.M1.mx,S=10', 'late');

  await look(path);

  assert.equal(
    readFileSync(join(path, 'courierimapuiddb'), 'utf8'),
    `${LIST.replace('700000001 9', '700000001 10')}9 1700000009.M1.mx,S=10\n`,
  );
  assert.ok(!existsSync(join(path, 'angarium-uids')));
});

test('new messages are numbered by their leading number, then by octets', async (t) => {
  const path = makeMaildir(join(scratchDirectory(t), 'Maildir'));
  for (const [name, id] of [
    ['1700000010.b.mx', 'd'],
    ['999999999.z.mx', 'a'],
    ['1700000010.a.mx', 'c'],
    ['no-number', '0'],
    ['1700000009.M9.mx', 'b'],
  ] as const) {
    deliver(path, name, id);
  }

  assert.deepEqual((await look(path)).uids, [1, 2, 3, 4, 5]);
});

test('in a burst single messages go to the journal, and NEXTUID of the list stays above them', async (t) => {
  const path = courierMaildir(join(scratchDirectory(t), 'Maildir'));
  const store = openStore();
  const folder = store.open(path).folder('INBOX');
  const use = await folder.open('read-write');

  const uids: number[] = [];
  for (let index = 0; index < 40; index += 1) uids.push(await append(folder, `new-${index}`));

  assert.deepEqual(
    uids,
    Array.from({ length: 40 }, (_uid, index) => 9 + index),
  );
  assert.equal(folder.uidNext, 49);
  const list = await parseUidList(readFileSync(join(path, 'courierimapuiddb')), pace);
  const journal = parseJournal(readFileSync(join(path, 'angarium-uids')));
  assert.ok((list.head?.uidNext ?? 0) > 49, 'the reserve');
  assert.equal(list.messages.count + (journal?.messages.count ?? 0), 44);

  use.close();
  await store.close();
  const folded = await parseUidList(readFileSync(join(path, 'courierimapuiddb')), pace);
  assert.equal(folded.head?.uidNext, 49, 'exact again');
  assert.equal(folded.messages.count, 44);
  assert.ok(!existsSync(join(path, 'angarium-uids')));
});

test('attack 62: Courier takes over during a burst: it goes on above the reserve, and so do we', async (t) => {
  const path = courierMaildir(join(scratchDirectory(t), 'Maildir'));
  const store = openStore();
  const folder = store.open(path).folder('INBOX');
  await folder.open('read-write');
  for (let index = 0; index < 5; index += 1) await append(folder, `new-${index}`);
  const told = tell(folder);

  // What Courier does: it numbers what it does not know from NEXTUID on, and writes the list anew.
  const list = await parseUidList(readFileSync(join(path, 'courierimapuiddb')), pace);
  const journal = parseJournal(readFileSync(join(path, 'angarium-uids')));
  let next = list.head?.uidNext ?? 0;
  const lines = linesOf(list.messages).map(([uid, baseName]) => `${uid} ${baseName}\n`);
  for (const [, baseName] of linesOf(journal?.messages)) {
    lines.push(`${next} ${baseName}\n`);
    next += 1;
  }
  writeFileSync(join(path, 'courierimapuiddb'), `1 700000001 ${next}\n${lines.join('')}`);
  await folder.refresh();
  const uid = await append(folder, 'after');

  assert.equal(uid, next);
  const now = tell(folder);
  for (const [known, id] of now.ids) {
    const former = told.ids.get(known);
    if (former !== undefined) assert.equal(id, former, 'no UID means another message');
  }
  assert.equal(now.ids.size, 10);
  await store.close();
  await assertSound(path, new Map([['INBOX', told]]));
});

for (const { what, lists, uids } of [
  { what: 'all that we saw', lists: '8 8.M1.mx\n9 9.M1.mx\n', uids: [1, 3, 4, 7, 8, 9] },
  { what: 'only what came later', lists: '9 9.M1.mx\n', uids: [1, 3, 4, 7, 10, 9] },
]) {
  test(`attack 62: another server numbers ${what} while we wait for the lock: its lines stay`, async (t) => {
    const path = courierMaildir(join(scratchDirectory(t), 'Maildir'), LIST.replace(' 9\n', ' 8\n'));
    let meanwhile: (() => void) | undefined;
    const link: FileSystem['link'] = (from, to) => {
      if (to.endsWith('courier.lock')) meanwhile?.();
      meanwhile = undefined;
      realFileSystem.link(from, to);
    };
    const store = openStore({ fileSystem: { ...realFileSystem, link } });
    const folder = store.open(path).folder('INBOX');
    await folder.open('read-only');
    deliver(path, '8.M1.mx', 'm8');
    const list = join(path, 'courierimapuiddb');
    meanwhile = () => {
      deliver(path, '9.M1.mx', 'm9');
      writeFileSync(list, `${readFileSync(list, 'utf8').replace(' 8\n', ' 10\n')}${lists}`);
    };

    await folder.refresh();

    assert.equal(meanwhile, undefined, 'the lock was taken');
    await store.close();
    const listed = await parseUidList(readFileSync(list), pace);
    const names = [...NAMES, '8.M1.mx', '9.M1.mx'];
    const expected = names.map((name, index): [number, string] => [uids[index] ?? 0, name]);
    assert.deepEqual(
      linesOf(listed.messages),
      expected.sort(([one], [other]) => one - other),
    );
  });
}

test('attack 62: another server moves a message to cur before us, and numbers it before us: its line stays', async (t) => {
  const path = courierMaildir(join(scratchDirectory(t), 'Maildir'), LIST.replace(' 9\n', ' 8\n'));
  const list = join(path, 'courierimapuiddb');
  const rename: FileSystem['rename'] = (from, to) => {
    if (from.endsWith('new/8.M1.mx')) {
      realFileSystem.rename(from, to);
      writeFileSync(list, `${readFileSync(list, 'utf8').replace(' 8\n', ' 9\n')}8 8.M1.mx\n`);
    }
    realFileSystem.rename(from, to);
  };
  const store = openStore({ fileSystem: { ...realFileSystem, rename } });
  const folder = store.open(path).folder('INBOX');
  await folder.open('read-write');
  deliver(path, '6.M1.mx', 'm6');
  deliver(path, '8.M1.mx', 'm8');

  await folder.refresh();

  assert.deepEqual([...tell(folder).ids.entries()].slice(4), [
    [8, 'm8'],
    [9, 'm6'],
  ]);
  await store.close();
  const listed = await parseUidList(readFileSync(list), pace);
  assert.deepEqual(linesOf(listed.messages).slice(4), [
    [8, '8.M1.mx'],
    [9, '6.M1.mx'],
  ]);
});

test('a journal that was deleted costs its reserve, no UID twice', async (t) => {
  const path = courierMaildir(join(scratchDirectory(t), 'Maildir'));
  const store = openStore({ after: () => () => undefined });
  const folder = store.open(path).folder('INBOX');
  for (let index = 0; index < 5; index += 1) await append(folder, `new-${index}`);
  const told = tell(folder);
  rmSync(join(path, 'angarium-uids'));

  const found = await look(path);

  assert.ok(Math.min(...found.uids.filter((uid) => !told.ids.has(uid)), found.uidNext) >= told.uidNext);
  assert.equal(found.uids.length, 9);
});

const damages: readonly {
  name: string;
  list: string | undefined;
  uids: readonly number[] | undefined;
  validity: 'kept' | 'new';
}[] = [
  { name: 'its last octet is missing', list: LIST.slice(0, -1), uids: [1, 3, 4, 7], validity: 'kept' },
  { name: 'its last line is cut', list: LIST.slice(0, -9), uids: [1, 3, 4, 9], validity: 'kept' },
  { name: 'it is empty', list: '', uids: [1, 2, 3, 4], validity: 'new' },
  { name: 'it is gone', list: undefined, uids: [1, 2, 3, 4], validity: 'new' },
  {
    name: 'its first line is garbage',
    list: LIST.replace('1 700000001 9', '\0\0\0\0'),
    uids: [1, 3, 4, 7],
    validity: 'new',
  },
  { name: 'its first line is cut', list: LIST.slice(0, 8), uids: [1, 2, 3, 4], validity: 'new' },
  {
    name: 'there is garbage in the middle',
    list: LIST.replace('\n3 ', '\n\0\0x/..\n3 '),
    uids: [1, 3, 4, 7],
    validity: 'kept',
  },
  { name: 'a UID stands twice', list: LIST.replace('\n4 ', '\n3 '), uids: [1, 3, 9, 7], validity: 'kept' },
  { name: 'a name stands twice', list: `${LIST}8 ${NAMES[0]}\n`, uids: [8, 3, 4, 7], validity: 'kept' },
  {
    name: 'its lines are in disorder',
    list: LIST.replace(/(1 17.*\n)(3 .*\n)/, '$2$1'),
    uids: [1, 3, 4, 7],
    validity: 'kept',
  },
  {
    name: 'NEXTUID is too low',
    list: LIST.replace('700000001 9', '700000001 2'),
    uids: [1, 3, 4, 7],
    validity: 'kept',
  },
  {
    name: 'UIDs are beyond belief',
    list: LIST.replace('\n7 ', '\n99999999999999999999 '),
    uids: [1, 3, 4, 9],
    validity: 'kept',
  },
];

for (const { name, list, uids, validity } of damages) {
  test(`attack 57: a UID list is mended when ${name}`, async (t) => {
    const path = courierMaildir(join(scratchDirectory(t), 'Maildir'), list);
    if (list === undefined) rmSync(join(path, 'courierimapuiddb'), { force: true });

    const found = await look(path);

    assert.deepEqual(found.uids, uids);
    assert.equal(found.uidValidity === 700000001, validity === 'kept');
    if (validity === 'new') assert.ok(found.uidValidity > 700000001);
    assert.ok(found.uidNext > Math.max(...found.uids));
    const again = await look(path);
    assert.deepEqual({ ...again, warnings: [] }, { ...found, warnings: [] }, 'mended for good');
    await assertSound(path);
  });
}

test('a list that vanishes under an open folder is written again from memory', async (t) => {
  const path = courierMaildir(join(scratchDirectory(t), 'Maildir'));
  const store = openStore();
  const folder = store.open(path).folder('INBOX');
  const use = await folder.open('read-write');
  rmSync(join(path, 'courierimapuiddb'));

  await folder.refresh();
  await append(folder, 'new');

  assert.equal(folder.uidValidity, 700000001);
  use.close();
  await store.close();
  assert.deepEqual((await look(path)).uids, [1, 3, 4, 7, 9]);
});

test('M8: a folder deleted and made again gets a higher UIDVALIDITY every time', async (t) => {
  const path = makeMaildir(join(scratchDirectory(t), 'Maildir'));
  const now = 1_800_000_000_000;
  const maildir = openStore({ now: () => now, durable: false }).open(path);
  let last = 0;
  for (let round = 0; round < 100; round += 1) {
    await maildir.createFolder('INBOX.Again');
    const { uidValidity } = await maildir.folder('INBOX.Again').counts();
    assert.ok(uidValidity > last);
    last = uidValidity;
    await maildir.deleteFolder('INBOX.Again');
    if (round === 50) rmSync(join(path, 'courierimapuiddb'), { force: true });
  }
});

for (const year of [2039, 2070]) {
  test(`M9: UIDVALIDITY fits 32 bits in ${year}`, async (t) => {
    const path = courierMaildir(join(scratchDirectory(t), 'Maildir'), undefined);
    rmSync(join(path, 'courierimapuiddb'), { force: true });
    const store = openStore({ now: () => Date.UTC(year, 0, 1) });

    const { uidValidity } = await store.open(path).folder('INBOX').counts();

    assert.equal(uidValidity, Date.UTC(year, 0, 1) / 1000 - 1_000_000_000);
    assert.ok(uidValidity < 2 ** 32);
    await store.close();
  });
}
