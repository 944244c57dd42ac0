/** What an SMAP client may send instead of commands: it is answered, nothing is left behind, and the next command works. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { mailboxNameOf, shownLevel, splitFolder } from '../../imapd/smap/folder-words.js';
import { quoted, wordsOf } from '../../imapd/smap/words.js';
import { decodeMailboxName } from '../../imapd/wire/modified-utf7.js';
import { copyMaildir, scratchDirectory } from '../support/maildir-fixture.js';
import { memoryTarget } from '../support/memory-target.js';
import type { TargetConnection } from '../support/transcript-target.js';

const settings = { SMAP_CAPABILITY: 'SMAP1' };
const smap = { loggedIn: true, plain: false, smap: true } as const;

/** The lines up to the one that a NOOP is answered with. */
async function untilNoop(connection: TargetConnection): Promise<string[]> {
  connection.send(Buffer.from('NOOP\n'));
  let text = '';
  while (!text.endsWith('+OK Folder updated\n')) {
    const octets = await connection.receive();
    assert.ok(octets !== undefined, `the session ended after ${JSON.stringify(text.slice(-200))}`);
    text += octets.toString();
  }
  return text.split('\n');
}

async function withSession(run: (connection: TargetConnection, maildir: string) => Promise<void>): Promise<void> {
  const home = scratchDirectory('smap');
  const maildir = join(home.path, 'Maildir');
  copyMaildir('three-messages', maildir);
  const target = await memoryTarget({ maildir, settings, options: {} });
  try {
    const connection = await target.connect(1, smap);
    await run(connection, maildir);
    connection.close();
  } finally {
    await target.close();
    home.remove();
  }
}

test('words come back as they were written, whatever is in them', () => {
  const word = fc.string({ unit: 'grapheme' }).filter((text) => !/[\u0000-\u001f\u007f]/.test(text));
  fc.assert(fc.property(fc.array(word), (words) => assert.deepEqual(wordsOf(words.map(quoted).join(' ')), words)));
});

test('a level of a folder comes back as it was named, and is one level for IMAP', () => {
  const level = fc
    .string({ minLength: 1, unit: 'grapheme' })
    .filter((text) => !/[\u0000-\u001f\u007f\ud800-\udfff]/.test(text));
  fc.assert(
    fc.property(level, (name) => {
      const [inbox, below, ...further] = (decodeMailboxName(mailboxNameOf(['INBOX', name])) ?? '').split('.');
      assert.deepEqual([inbox, shownLevel(below ?? ''), further], ['INBOX', name, []]);
    }),
  );
  assert.deepEqual(splitFolder(['INBOX', 'a', '', 'INBOX', '']), { folder: ['INBOX', 'a'], rest: ['INBOX', ''] });
});

test('every garbage is answered with one line, and the next command works', async () => {
  await withSession(async (connection) => {
    for (const line of [
      `LIST ${'x'.repeat(100_000)}`,
      `OPEN INBOX "${'../'.repeat(50)}etc"`,
      'OPEN INBOX .. ..',
      'OPEN INBOX __proto__',
      'SEARCH ALL __proto__ x',
      '__proto__',
      'constructor',
      'FETCH 4294967296-99999999999 UID',
      'STORE 0-0 FLAGS=SEEN',
      '"""""',
      'SETACL INBOX "" "user=a b" lr',
      'ADD FOLDER public x ""',
      'ADD {.99999999999999999999}x',
      '\u0000\u0001\u0002',
    ]) {
      connection.send(Buffer.from(`${line}\n`));
      const answers = (await untilNoop(connection)).filter((answer) => /^(\+OK|-ERR) /.test(answer));
      assert.equal(answers.length, 2, `${line.slice(0, 60)}: ${answers.join(' | ')}`);
    }
  });
});

test('a message whose text breaks off leaves nothing behind', async () => {
  await withSession(async (connection, maildir) => {
    connection.send(Buffer.from('ADD FOLDER INBOX "" {.100}\nSubject: half\n'));
    connection.close();
    while ((await connection.receive()) !== undefined);
    assert.deepEqual(readdirSync(join(maildir, 'tmp')), []);
    assert.equal(readdirSync(join(maildir, 'cur')).length + readdirSync(join(maildir, 'new')).length, 3);
  });
});
