/**
 * Mailbox names in modified UTF-7 (RFC 3501 section 5.1.3): one spelling for one name.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeMailboxName,
  encodedFromUtf8,
  encodeMailboxName,
  utf8FromEncoded,
} from '../../../imapd/wire/modified-utf7.js';

test('N5 names of the RFC are read and written', () => {
  const table: [string, string][] = [
    ['~peter/mail/&U,BTFw-/&ZeVnLIqe-', '~peter/mail/台北/日本語'],
    ['Entw&APw-rfe', 'Entwürfe'],
    ['&-', '&'],
    ['Tom &- Jerry', 'Tom & Jerry'],
    ['&2D3cqQ-', '\u{1f4a9}'],
    ['R&AOk-sum&AOk-', 'Résumé'],
    ['', ''],
    ['INBOX.Sent', 'INBOX.Sent'],
  ];
  for (const [encoded, name] of table) {
    assert.equal(decodeMailboxName(Buffer.from(encoded)), name);
    assert.equal(encodeMailboxName(name), encoded);
  }
});

test('N5 forms that are not canonical are no names', () => {
  const wrong = [
    '&',
    '&A',
    '&AG',
    '&AGE-',
    'a&Jjo',
    '&Jjo!-',
    '&U,BTFw-&ZeVnLIqe-',
    '&U,BTFx-',
    '&AAA-',
    '&2D0-',
    '&3Kk-',
    '&AP-',
    'Entwürfe',
    'a\tb',
    'a\x7f',
    '&Jjo=-',
    '&ACY-',
    '&AOkAYQ-',
    '&ACA-',
  ];
  for (const encoded of wrong) assert.equal(decodeMailboxName(Buffer.from(encoded, 'latin1')), undefined, encoded);
});

test('N5 a name that is encoded is decoded the same', () => {
  const names = fc.string({ unit: 'binary', maxLength: 40 }).filter((name) => !/\0/.test(name));
  fc.assert(
    fc.property(names, (name) => {
      const encoded = encodeMailboxName(name);
      assert.match(encoded, /^[\x20-\x7e]*$/);
      assert.equal(decodeMailboxName(Buffer.from(encoded)), name);
    }),
  );
});

test('N5 whatever is decoded is encoded as it was', () => {
  const texts = fc.stringMatching(/^[&A-Za-z0-9,+ /-]{0,20}$/);
  fc.assert(
    fc.property(texts, (text) => {
      const name = decodeMailboxName(text);
      if (name !== undefined) assert.equal(encodeMailboxName(name), text);
    }),
    { numRuns: 1_000 },
  );
});

test('N5 names in UTF-8 become modified UTF-7 and themselves again, and what is no UTF-8 is none', () => {
  const names = fc.string({ unit: 'binary', maxLength: 40 }).filter((name) => !/\0/.test(name));
  fc.assert(
    fc.property(names, (name) => {
      const encoded = encodedFromUtf8(Buffer.from(name));
      assert.equal(encoded?.toString('latin1'), encodeMailboxName(name));
      assert.equal(utf8FromEncoded(encoded ?? Buffer.alloc(0)).toString(), name);
    }),
  );
  for (const octets of ['a\xe9', '\xc0\x80', '\xed\xa0\x80', '\xff']) {
    assert.equal(encodedFromUtf8(Buffer.from(octets, 'latin1')), undefined);
  }
  assert.equal(utf8FromEncoded(Buffer.from('a&3Kk-')).toString(), 'a&3Kk-');
});
