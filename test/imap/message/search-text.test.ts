/**
 * SEARCH's texts against messages: decoding, folding, and matches across the borders of pieces.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fold } from '../../../imapd/message/fold.js';
import { finish, scanMessage } from '../../../imapd/message/mime.js';
import { compileNeedle } from '../../../imapd/message/needle.js';
import { bodyMatches, headerMatches, messageMatches } from '../../../imapd/message/search-text.js';
import { sourceOf } from '../../../imapd/message/source.js';
import { corpus, message } from './messages.js';

function needle(text: string) {
  const compiled = compileNeedle(Buffer.from(text), 'utf-8');
  assert.ok(compiled !== undefined);
  return compiled;
}

function inBody(octets: Buffer, text: string): boolean {
  const source = sourceOf(octets);
  return finish(bodyMatches(source, finish(scanMessage(source)), needle(text)));
}

function inMessage(octets: Buffer, text: string): boolean {
  const source = sourceOf(octets);
  return finish(messageMatches(source, finish(scanMessage(source)), needle(text)));
}

test('C23 header fields are decoded and folded', () => {
  const header = message('Subject: =?iso-8859-1?Q?GR=DC=DFE?=', ' and more', 'X-Empty:', 'To: a@b', 'to: c@d', '');
  const matches = (field: string, text: string) => headerMatches(header, field, needle(text));
  assert.ok(matches('SUBJECT', 'grüße and'));
  assert.ok(matches('subject', 'GRÜ'));
  assert.ok(!matches('SUBJECT', 'c@d'));
  assert.ok(matches('TO', 'C@D'));
  assert.ok(matches('X-EMPTY', '') && !matches('X-NONE', '') && !matches('X-EMPTY', 'x'));
});

test('C23 needles come in the character set that the client names', () => {
  assert.equal(compileNeedle(Buffer.from('gr\xfc', 'latin1'), 'ISO-8859-1')?.folded, 'gru\u0308');
  assert.equal(compileNeedle(Buffer.from('A'), undefined)?.folded, 'a');
  for (const charset of ['nonsense', '../../x', '__proto__', 'constructor', 'base64', '', 'x'.repeat(10_000)])
    assert.equal(compileNeedle(Buffer.from('a'), charset), undefined, charset);
});

test('C23 windows-1252 has quotation marks and the euro sign where iso-8859-1 has control characters', () => {
  const body = Buffer.from('\x93caf\xe9\x94 \x80 5', 'latin1');
  for (const charset of ['windows-1252', 'cp1252', 'iso-8859-1', undefined]) {
    const type = charset === undefined ? 'X-None: 1' : `Content-Type: text/plain; charset=${charset}`;
    const octets = Buffer.concat([message(type, '', ''), body]);
    for (const text of ['“café”', '€ 5']) assert.ok(inBody(octets, text), `${charset} ${text}`);
  }
  const header = message('Subject: =?windows-1252?Q?=80_5?=', '');
  assert.ok(headerMatches(header, 'SUBJECT', needle('€ 5')));
});

test('C23 bodies are decoded, attachments are not looked at, part headers are', () => {
  const { nested } = corpus;
  assert.ok(nested !== undefined);
  assert.ok(inBody(nested, 'grüsse') === false && inBody(nested, 'GRÜßE'));
  assert.ok(inBody(nested, 'entry body') && inBody(nested, 'Subject: inner') && inBody(nested, 'a.bin'));
  assert.ok(!inBody(nested, 'AAEC') && !inBody(nested, 'preamble'));
  assert.ok(!inBody(nested, 'Fred Foobar') && inMessage(nested, 'fred foobar'));
  assert.ok(inBody(nested, ''));
});

test('C23 base64, 8-bit and double-byte bodies', () => {
  const body = (charset: string, encoding: string, octets: Buffer) =>
    Buffer.concat([
      message(`Content-Type: text/plain; charset=${charset}`, `Content-Transfer-Encoding: ${encoding}`, ''),
      octets,
    ]);
  const base64 = Buffer.from(
    Buffer.from(`${'x'.repeat(50)}Ωmega`)
      .toString('base64')
      .replace(/.{20}/g, '$&\n'),
  );
  assert.ok(inBody(body('utf-8', 'base64', base64), 'xωMEGA'));
  assert.ok(inBody(body('iso-8859-1', '8bit', Buffer.from('caf\xe9', 'latin1')), 'CAFÉ'));
  assert.ok(inBody(body('shift_jis', '8bit', Buffer.from('93fa967b8cea', 'hex')), '日本語'));
  assert.ok(inBody(body('us-ascii', '7bit', Buffer.from('naïve')), 'naïve'));
  assert.ok(inBody(body('utf-7', '7bit', Buffer.from('Hi Mom +Jjo-')), 'mom ☺'));
  assert.ok(inBody(body('utf-8', '8bit', Buffer.from('ΟΔΟΣ ΟΔΟΣΑ')), 'οδοσα'));
});

test('C23 a match is found wherever it lies, also across pieces', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 65_400, max: 65_700 }),
      fc.constantFrom('needle', 'Überträger', 'e\u0301te\u0301'),
      (before, text) => {
        const octets = Buffer.from(
          `Content-Type: text/plain; charset=utf-8\n\n${'x'.repeat(before)}${text}${'y'.repeat(70_000)}`,
        );
        assert.ok(inBody(octets, text.toUpperCase()));
        assert.ok(!inBody(octets, `${text}z`));
      },
    ),
    { numRuns: 60 },
  );
});

test('10 combining marks without end are folded in their stride', () => {
  const marks = 'a'.concat('\u0301'.repeat(32_000), '\u0316'.repeat(32_000), '\uff9e\u0301'.repeat(32_000));
  // Sorted as one run this takes minutes.
  assert.ok(inBody(Buffer.from(`Content-Type: text/plain; charset=utf-8\n\n${marks.repeat(10)}end`), 'END'));
  assert.equal(fold('É'), 'e\u0301');
});

test('C23 ASCII searches agree with a plain look', () => {
  const text = fc.stringMatching(/^[abAB ]{0,12}$/);
  fc.assert(
    fc.property(fc.array(text, { maxLength: 8 }), fc.stringMatching(/^[abAB]{1,4}$/), (lines, wanted) => {
      const octets = message('Subject: q', '', ...lines);
      assert.equal(inBody(octets, wanted), lines.join('\n').toLowerCase().includes(wanted.toLowerCase()));
    }),
    { numRuns: 300 },
  );
});

test('C23 whatever octets are searched, the search ends', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.constantFrom('base64', 'quoted-printable', '8bit'),
      (octets, encoding) => {
        const head = Buffer.from(`Content-Transfer-Encoding: ${encoding}\nContent-Type: text/x; charset=utf-16\n\n`);
        inMessage(Buffer.concat([head, octets]), 'nothing');
      },
    ),
  );
});
