/** The shared index: what its lines mean, what is passed over, and who hears of it (S1, attack 51). */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseIndex, SharedIndexes, shownName } from '../../../imapd/sharing/shared-index.js';
import { realFileSystem } from '../../../maildir/file-system.js';
import { scratchDirectory } from '../../maildir/scratch.js';

const parse = (text: string | Buffer, munged = false) =>
  parseIndex(Buffer.from(text as string), { path: '/etc/courier/shared/index', munged });

test('accounts and groups stand in an index, and comments and empty lines', () => {
  const { records, trouble } = parse(
    [
      '# all',
      'ann\t5000\t5000\t/home/ann',
      '',
      'bob\t5000\t5000\t/home/bob\tMail   # his own',
      'cat\t5000\t5000\t/home/cat\t/var/mail/cat\t10000S\tand more',
      'staff\t*\tindexstaff',
      'eve\t5000\t5000\t/home/eve\t',
    ].join('\n'),
  );

  assert.equal(trouble, undefined);
  assert.deepEqual(
    Array.from(records.names(), (name) => [name, records.get(name)]),
    [
      ['ann', { kind: 'account', name: 'ann', maildirPath: '/home/ann/Maildir' }],
      ['bob', { kind: 'account', name: 'bob', maildirPath: '/home/bob/Mail' }],
      ['cat', { kind: 'account', name: 'cat', maildirPath: '/var/mail/cat' }],
      ['staff', { kind: 'group', indexPath: '/etc/courier/shared/indexstaff' }],
      ['eve', { kind: 'account', name: 'eve', maildirPath: '/home/eve/Maildir' }],
    ],
  );
});

const wrongLines = {
  'no fields': 'ann',
  'too few fields': 'ann\t5000',
  'no name': '\t5000\t5000\t/home/ann',
  'a uid that is no number': 'ann\tx\t5000\t/home/ann',
  'the uid of root': 'ann\t0\t5000\t/home/ann',
  'the gid of root': 'ann\t5000\t0\t/home/ann',
  'no home': 'ann\t5000\t5000\t',
  'a home that hangs in the air': 'ann\t5000\t5000\thome/ann',
  'a group without a file': 'staff\t*\t',
  'a group that leads out of the directory': 'staff\t*\t../../passwd',
  'a group somewhere else': 'staff\t*\t/etc/passwd',
  'a control character in the name': 'a\u0007n\t5000\t5000\t/home/ann',
  'a name that is no text': Buffer.from('an\xff\t5000\t5000\t/home/ann', 'latin1'),
  'a NUL in the path': 'ann\t5000\t5000\t/home/\0ann',
  'ten megabytes without an end': 'x'.repeat(10 * 1024 * 1024),
  'a binary': Buffer.from(Array.from({ length: 4096 }, (_, octet) => (octet % 10 === 0 ? 0x0b : octet & 0xff))),
};

for (const [what, line] of Object.entries(wrongLines)) {
  test(`a line with ${what} is passed over, and those around it count`, () => {
    const around = (name: string): string => `${name}\t5000\t5000\t/home/${name}\n`;
    const octets = Buffer.concat([around('one'), line, '\n', around('two')].map((part) => Buffer.from(part as string)));

    const { records, trouble } = parse(octets);

    assert.deepEqual([...records.names()], ['one', 'two']);
    assert.match(trouble ?? '', /^\/etc\/courier\/shared\/index: \d+ of \d+ lines .*first line 2$/);
  });
}

test('of two accounts of one name the first counts', () => {
  const { records } = parse('a.b\t5000\t5000\t/first\na/b\t5000\t5000\t/second\n');

  assert.deepEqual([...records.names()], ['a b']);
  assert.deepEqual(records.get('a b'), { kind: 'account', name: 'a.b', maildirPath: '/first/Maildir' });
});

test('names are one level of a mailbox name, whatever is in them', () => {
  assert.equal(shownName('user.2/x\\y', false), 'user 2 x\\y');
  assert.equal(shownName('user.2/x\\y', true), 'user\\:2\\;x\\\\y');
  assert.equal(shownName('__proto__', false), '__proto__');
});

test('names like those of objects are names like others', () => {
  const { records } = parse('__proto__\t5000\t5000\t/home/p\nconstructor\t5000\t5000\t/home/c\n');

  assert.deepEqual([...records.names()], ['__proto__', 'constructor']);
  assert.equal(parse('').records.get('constructor'), undefined);
});

test('an index may be a link, and links that go round are none', (t) => {
  const directory = scratchDirectory(t);
  const told: string[] = [];
  const reading = { munged: false, warn: (text: string) => void told.push(text) };
  const indexes = new SharedIndexes(realFileSystem);
  writeFileSync(join(directory, 'real'), 'ann\t5000\t5000\t/home/ann\n');
  symlinkSync('real', join(directory, 'index'));
  symlinkSync('round', join(directory, 'round'));

  assert.deepEqual([...indexes.at(join(directory, 'index'), reading).names()], ['ann']);
  assert.deepEqual([...indexes.at(join(directory, 'round'), reading).names()], []);
  assert.equal(told.length, 1);
});

test('an index is read again when it is another one, and its trouble is told once', (t) => {
  const directory = scratchDirectory(t);
  const path = join(directory, 'index');
  const told: string[] = [];
  const reading = { munged: false, warn: (text: string) => void told.push(text) };
  const indexes = new SharedIndexes(realFileSystem);
  const names = (): string[] => [...indexes.at(path, reading).names()];

  assert.deepEqual(names(), []);
  assert.deepEqual(names(), []);
  assert.deepEqual(told, [`${path}: there is no such file, and so there are no shared mailboxes`]);

  const quiet = new SharedIndexes(realFileSystem);
  assert.deepEqual([...quiet.at(path, { ...reading, mayBeMissing: path }).names()], []);
  assert.equal(told.length, 1, 'a site that shares nothing has none');

  writeFileSync(path, 'ann\t5000\t5000\t/home/ann\nrubbish\n');
  assert.deepEqual(names(), ['ann']);
  assert.deepEqual(names(), ['ann']);
  assert.equal(told.length, 2);
  assert.match(told[1] ?? '', /1 of 2 lines/);

  writeFileSync(path, 'ann\t5000\t5000\t/home/ann\nbob\t5000\t5000\t/home/bob\n');
  assert.deepEqual(names(), ['ann', 'bob']);
  rmSync(path);
  assert.deepEqual(names(), []);
  mkdirSync(path);
  assert.deepEqual(names(), []);
  assert.equal(told.length, 4);
});
