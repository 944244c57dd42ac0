/**
 * A folder's rows in arrays against simple models: names with sizes anywhere, other suffixes, octets that are no UTF-8.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { octetsFromText, realFileSystem, textFromOctets } from '../../maildir/file-system.js';
import { FileTable, type NameView } from '../../maildir/file-table.js';
import { baseNameOf, compareNames, flagsInSuffix, sizeInName, uniqueNameOf } from '../../maildir/filename.js';
import { FolderRows } from '../../maildir/folder-rows.js';
import { inNameOrder } from '../../maildir/name-order.js';
import { Pace } from '../../maildir/pace.js';
import { ListLines, parseUidList } from '../../maildir/uiddb.js';
import { makeMaildir, openStore, scratchDirectory, tell } from './scratch.js';

const piece = fc.constantFrom(
  '1',
  '170',
  '.M5',
  'mx',
  ',S=',
  ',S=12',
  ',S=7x',
  ',W=3',
  ',',
  'é',
  '\udcff',
  '9999999999',
);
const baseNames = fc
  .array(piece, { minLength: 1, maxLength: 6 })
  .map((pieces) => textFromOctets(octetsFromText(pieces.join(''))));
const suffixes = fc.constantFrom('', ':2,', ':2,S', ':2,FS', ':2,SF', ':2,Sa', ':1,x', ':2,DFRST', ':');
const filenames = fc.tuple(baseNames, suffixes).map(([base, suffix]) => base + suffix);

function view(name: string): NameView {
  const octets = octetsFromText(name);
  return { octets: Buffer.concat([Buffer.from('xx'), octets]), start: 2, end: 2 + octets.length };
}

function suffixOf(name: string): string {
  return name.slice(baseNameOf(name).length);
}

test('files are found by their unique names, whatever is added, renamed and taken out', () => {
  const step = fc.record({
    filename: filenames,
    place: fc.constantFrom('cur', 'new'),
    out: fc.integer({ max: 9, min: 0 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let table = new FileTable();
      let model: { filename: string; place: string }[] = [];
      const numberIn = (filename: string): number =>
        model.findIndex((file) => uniqueNameOf(baseNameOf(file.filename)) === uniqueNameOf(baseNameOf(filename)));
      for (const { filename, place, out } of steps) {
        const known = numberIn(filename);
        assert.equal(table.find(view(filename)), known);
        const added = table.addIfNew(view(filename), place);
        assert.equal(added, known < 0 ? model.length : -1 - known);
        if (known < 0) {
          model.push({ filename, place });
        } else {
          assert.equal(table.hasName(known, view(filename), place), isSame(model[known], { filename, place }));
          table.rename(known, view(filename), place);
          model[known] = { filename, place };
        }
        if (out === 0) {
          table.keep((file) => file % 3 !== 0);
          model = model.filter((_, file) => file % 3 !== 0);
        } else if (out === 1) {
          table = table.inOrder(Uint32Array.from(model.keys()).reverse());
          model.reverse();
        } else if (out === 2) {
          table.rest();
        }
        assert.equal(table.count, model.length);
        assert.equal(table.inNew, model.filter((file) => file.place === 'new').length);
      }
      for (const [file, { filename, place }] of model.entries()) {
        assert.equal(table.baseNameAt(file), baseNameOf(filename));
        assert.equal(table.uniqueNameAt(file), uniqueNameOf(baseNameOf(filename)));
        assert.equal(table.suffixAt(file), suffixOf(filename));
        assert.equal(table.placeAt(file), place);
        assert.equal(table.flagsAt(file), flagsInSuffix(suffixOf(filename)));
        assert.equal(table.sizeAt(file), sizeInName(baseNameOf(filename)) ?? -1);
        assert.equal(table.findText(uniqueNameOf(baseNameOf(filename))), file);
      }
    }),
  );
});

function isSame(
  one: { filename: string; place: string } | undefined,
  other: { filename: string; place: string },
): boolean {
  return one?.filename === other.filename && one.place === other.place;
}

const few = fc.uniqueArray(baseNames, { selector: uniqueNameOf, maxLength: 40 });
/** As many as are sorted in another way. */
const many = fc
  .array(baseNames, { minLength: 130, maxLength: 200 })
  .map((names) => names.map((name, index) => `${name}.P${index}`));

test('files that came together are ordered by their leading number, then by octets', async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(few, many), async (names) => {
      const table = new FileTable();
      for (const name of names) table.add(view(name), 'cur');
      const pace = new Pace(() => Date.now());
      const ordered = [...(await inNameOrder(table, Uint32Array.from(names.keys()), pace))].map((file) =>
        table.baseNameAt(file),
      );
      const expected = [...names].sort((one, other) => {
        const byNumber = Number(/^\d*/.exec(one)?.[0]) - Number(/^\d*/.exec(other)?.[0]);
        return byNumber || Buffer.compare(octetsFromText(one), octetsFromText(other));
      });
      assert.deepEqual(ordered, expected);
    }),
  );
  assert.ok(compareNames('9.a', '10.a') < 0);
});

test('a UID list that is written is read as the same', async () => {
  const line = fc.tuple(
    fc.integer({ min: 1, max: 1000 }),
    baseNames.filter((name) => !name.startsWith('.')),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 20 }), async (gaps) => {
      const lines = new ListLines(4);
      let uid = 0;
      const expected = gaps.map(([gap, name]): [number, string] => {
        uid += gap;
        return [uid, name];
      });
      lines.addHead(7, uid + 1);
      for (const [number, name] of expected) lines.addText(number, name);
      const { head, messages, badLines } = await parseUidList(lines.octets(), new Pace(() => Date.now()));
      assert.deepEqual(head, { uidValidity: 7, uidNext: uid + 1 });
      assert.equal(badLines, 0);
      const found = Array.from({ length: messages.count }, (_, at) => [messages.uidAt(at), messages.baseNameAt(at)]);
      assert.deepEqual(found, expected);
    }),
  );
});

test('rows keep what is known of them when others leave', () => {
  const words = fc.constantFrom<readonly string[]>([], ['a'], ['a', 'b'], ['c']);
  const message = fc.record({ keywords: words, modifiedAt: fc.nat(), leaves: fc.boolean() });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 40 }), (messages) => {
      const rows = new FolderRows();
      const files = new FileTable();
      messages.forEach((one, index) => {
        files.add(view(`17.M${index}:2,S`), 'cur');
        rows.append((index + 1) * 3, { from: files, file: index }, one.keywords, index + 10);
        if (one.modifiedAt % 2 === 0) rows.lookedUp(index, { sizeOctets: index, modifiedAt: one.modifiedAt });
      });
      const before = rows.table;
      rows.remove((row) => messages[row]?.leaves === true);
      assert.equal(before.count, messages.length, 'those who hold the old table keep it');
      let row = 0;
      messages.forEach((one, index) => {
        const uid = (index + 1) * 3;
        assert.equal(rows.table.rowOf(uid), one.leaves ? -1 : row);
        assert.equal(rows.rowOfName(`17.M${index}`), one.leaves ? -1 : row);
        if (one.leaves) return;
        assert.deepEqual(rows.keywordsAt(row), one.keywords);
        assert.equal(rows.changedAt(row), index + 10);
        assert.equal(rows.modifiedAt(row), one.modifiedAt % 2 === 0 ? one.modifiedAt : -1);
        assert.equal(rows.sizeAt(row), one.modifiedAt % 2 === 0 ? index : -1);
        row += 1;
      });
      assert.equal(rows.count, row);
    }),
  );
});

test('rows that were found together know when each changed, and which changed since', () => {
  const step = fc.record({ what: fc.constantFrom('change', 'append', 'remove'), which: fc.nat(30) });
  fc.assert(
    fc.property(fc.nat(20), fc.array(step, { maxLength: 20 }), (count, steps) => {
      const rows = new FolderRows();
      const files = new FileTable();
      for (let index = 0; index < 50; index += 1) files.add(view(`17.M${index}:2,S`), 'cur');
      const uids = Uint32Array.from({ length: count }, (_, row) => row + 1);
      rows.fill(files, { order: uids.map((uid) => uid - 1), uids }, 5);
      let model = Array.from(uids, () => 5);
      let change = 5;
      for (const { what, which } of steps) {
        change += 1;
        if (what === 'append') {
          rows.append(rows.lastUid + 1, { from: files, file: 20 + model.length }, [], change);
          model.push(change);
        } else if (what === 'remove') {
          rows.remove((row) => row === which);
          model = model.filter((_, row) => row !== which);
        } else if (which < model.length) {
          rows.setChangedAt(which, change);
          model[which] = change;
        }
        const after = change - 3;
        const rowsChanged = [...model.entries()].filter(([, at]) => at > after).map(([row]) => row);
        assert.deepEqual(rows.changedRows(after), rowsChanged);
        model.forEach((at, row) => void assert.equal(rows.changedAt(row), at));
      }
    }),
  );
});

test('a directory of thousands is read as octets, with names that are no UTF-8', async (t) => {
  const path = makeMaildir(join(scratchDirectory(t), 'Maildir'));
  const names = Array.from({ length: 5_000 }, (_, index) =>
    Buffer.concat([Buffer.from(`17000${String(index).padStart(5, '0')}.`), Buffer.of(0xe9), Buffer.from('.mx:2,S')]),
  );
  const cur = Buffer.from(`${path}/cur/`);
  names.forEach((name, index) => {
    writeFileSync(Buffer.concat([cur, name]), `Subject: m${index}\n\n`);
  });
  mkdirSync(join(path, 'cur', 'directory'));
  const irregular: string[] = [];
  const found: string[] = [];
  const visit = (octets: Buffer, start: number, end: number, regular: boolean): void => {
    (regular ? found : irregular).push(octets.toString('latin1', start, end));
  };
  for (const _piece of realFileSystem.visit(join(path, 'cur'), visit));
  assert.deepEqual(found.sort(), names.map((name) => name.toString('latin1')).sort());
  assert.deepEqual(irregular, ['directory']);

  const folder = openStore({ durable: false }).open(path).folder('INBOX');
  await folder.open('read-write');
  assert.equal(folder.table.count, 5_000);
  assert.equal(tell(folder).ids.get(4_321), 'm4320');
  assert.equal(folder.uniqueNameAt(0), textFromOctets(names[0]?.subarray(0, -4) ?? Buffer.of()));
  await folder.removeMessages([1]);
  assert.equal(readdirSync(join(path, 'cur')).length, 5_000);
});
