/**
 * Whole lines of the server: as the RFCs show them, and unbreakable by what users name.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { finish } from '../../../imapd/message/steps.js';
import {
  beginFetch,
  encodeCompletion,
  encodeContinuation,
  encodeEsearch,
  encodeExists,
  encodeExpunge,
  encodeFlags,
  encodeList,
  encodeNumbers,
  encodePermanentFlags,
  encodeRecent,
  encodeStatus,
  encodeUntagged,
  encodeWords,
} from '../../../imapd/wire/responses.js';

test('responses look as in the RFCs', () => {
  const table: [Buffer, string][] = [
    [encodeCompletion('a1', { status: 'OK', text: 'Done.' }), 'a1 OK Done.'],
    [encodeCompletion('*', { status: 'BAD', text: 'No tag.' }), '* BAD No tag.'],
    [encodeCompletion('a1', { status: 'NO', code: 'TRYCREATE', text: 'No.' }), 'a1 NO [TRYCREATE] No.'],
    [encodeUntagged({ status: 'BYE', text: 'Bye.' }), '* BYE Bye.'],
    [encodeContinuation('OK'), '+ OK'],
    [encodeExists(231), '* 231 EXISTS'],
    [encodeRecent(0), '* 0 RECENT'],
    [encodeExpunge(44), '* 44 EXPUNGE'],
    [encodeWords('CAPABILITY', ['IMAP4rev1', 'IDLE']), '* CAPABILITY IMAP4rev1 IDLE'],
    [encodeWords('ENABLED', []), '* ENABLED'],
    [encodeFlags(['\\Seen', '$Junk']), '* FLAGS (\\Seen $Junk)'],
    [encodePermanentFlags(['\\Seen', '\\*'], 'Ok'), '* OK [PERMANENTFLAGS (\\Seen \\*)] Ok'],
    [encodeList('LIST', '.', { attributes: ['\\HasChildren'], name: 'INBOX' }), '* LIST (\\HasChildren) "." "INBOX"'],
    [
      encodeList('LIST', '.', { attributes: [], name: 'a"b\\c', childInfo: ['SUBSCRIBED'] }),
      '* LIST () "." "a\\"b\\\\c" ("CHILDINFO" ("SUBSCRIBED"))',
    ],
    [encodeStatus('x', ['MESSAGES', 'UNSEEN'], { MESSAGES: 2, UNSEEN: 1 }), '* STATUS "x" (MESSAGES 2 UNSEEN 1)'],
    [finish(encodeNumbers('SEARCH', [2, 84, 882])), '* SEARCH 2 84 882'],
    [finish(encodeNumbers('SORT', [])), '* SORT'],
    [
      finish(encodeEsearch({ tag: 'a"', uid: true, min: 2, count: 3, all: [2, 3, 7] })),
      '* ESEARCH (TAG "a\\"") UID MIN 2 COUNT 3 ALL 2:3,7',
    ],
    [finish(encodeEsearch({ tag: 'a', uid: false, all: [] })), '* ESEARCH (TAG "a")'],
    [beginFetch(12).atom('UID ').number(4).atom(')').crlf(), '* 12 FETCH (UID 4)'],
  ];
  for (const [octets, line] of table) assert.equal(octets.toString('latin1'), `${line}\r\n`);
});

test('numbers are written as they are, however many and in whatever order', () => {
  const many = fc.array(fc.integer({ min: 1, max: 0xffffffff }), { maxLength: 50 });
  fc.assert(
    fc.property(many, fc.integer({ min: 1, max: 100 }), (some, times) => {
      const numbers = Array.from({ length: times }, () => some).flat();
      const line = ['* SORT', ...numbers].join(' ');
      assert.equal(finish(encodeNumbers('SORT', numbers)).toString('latin1'), `${line}\r\n`);
    }),
  );
});

test('no text and no code breaks a line, or looks like a code', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (text, code) => {
      const line = encodeCompletion('a', { status: 'NO', code, text }).toString('latin1');
      assert.match(line, /^a NO \[[\x20-\x7e]*\] [^[\x00-\x1f\x7f-\uffff][\x20-\x7e]*\r\n$/);
    }),
  );
  assert.equal(encodeUntagged({ status: 'OK', text: '[ALERT] x' }).toString(), '* OK (ALERT] x\r\n');
  assert.ok(encodeUntagged({ status: 'OK', text: 'x'.repeat(1e6) }).length < 2_000);
});
