/**
 * Headers, addresses, dates and envelopes: examples of the RFCs, and that any octets give valid IMAP.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseAddresses } from '../../../imapd/message/addresses.js';
import { parseMessageDate, writtenDay } from '../../../imapd/message/dates.js';
import { decodeWords } from '../../../imapd/message/encoded-words.js';
import { encodeEnvelope } from '../../../imapd/message/envelope.js';
import { fieldPlaces, fields, headerEnd, readHeader } from '../../../imapd/message/header.js';
import { decodeExtended, parseStructured } from '../../../imapd/message/parameters.js';
import { sourceOf } from '../../../imapd/message/source.js';
import { Cursor } from '../../../imapd/wire/cursor.js';
import { corpus, message } from './messages.js';

function envelope(...lines: readonly string[]): string {
  return encodeEnvelope(message(...lines, '')).toString('latin1');
}

test('C20 the envelope of the RFC example', () => {
  assert.equal(
    envelope(
      'Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)',
      'From: Terry Gray <gray@cac.washington.edu>',
      'Subject: IMAP4rev2 WG mtg summary and minutes',
      'To: imap@cac.washington.edu',
      'cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>',
      'Message-Id: <B27397-0100000@cac.washington.edu>',
    ),
    '("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev2 WG mtg summary and minutes" ' +
      '(("Terry Gray" NIL "gray" "cac.washington.edu")) (("Terry Gray" NIL "gray" "cac.washington.edu")) ' +
      '(("Terry Gray" NIL "gray" "cac.washington.edu")) ((NIL NIL "imap" "cac.washington.edu")) ' +
      '((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU")) NIL NIL ' +
      '"<B27397-0100000@cac.washington.edu>")',
  );
});

test('C20 an envelope of nothing, and of raw 8-bit text', () => {
  assert.equal(envelope('X: y'), '(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)');
  assert.equal(
    encodeEnvelope(Buffer.from('Subject: Gr\u00fc\u00dfe und K\u00fcsse "x"\n\n')).toString('latin1'),
    '(NIL "=?utf-8?B?R3LDvMOfZQ==?= und =?utf-8?B?S8O8c3Nl?= \\"x\\"" NIL NIL NIL NIL NIL NIL NIL NIL)',
  );
  assert.match(envelope('Subject: a\0b\x01c\rd'), /^\(NIL "a b c d" /);
});

test('addresses in all their forms', () => {
  const table: [string, (string | undefined)[][]][] = [
    ['a@b', [[undefined, undefined, 'a', 'b']]],
    ['<a@b>', [[undefined, undefined, 'a', 'b']]],
    ['"Joe Q. Public" <john.q.public@example.com>', [['Joe Q. Public', undefined, 'john.q.public', 'example.com']]],
    ['Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>', [['Pete', undefined, 'pete', 'silly.test']]],
    ['a@b (Real Name)', [['Real Name', undefined, 'a', 'b']]],
    ['"a b"@c', [[undefined, undefined, 'a b', 'c']]],
    ['a@[127.0.0.1]', [[undefined, undefined, 'a', '[127.0.0.1]']]],
    ['Mary <@machine.tld,@b:mary@example.net>', [['Mary', '@machine.tld,@b', 'mary', 'example.net']]],
    ['=?utf-8?Q?J=C3=BCrgen?= <j@x>', [['=?utf-8?Q?J=C3=BCrgen?=', undefined, 'j', 'x']]],
    [
      'A Group:Ed Jones <joe@where.test>,John <jdoe@one.test>;',
      [
        [undefined, undefined, 'A Group', undefined],
        ['Ed Jones', undefined, 'joe', 'where.test'],
        ['John', undefined, 'jdoe', 'one.test'],
        [undefined, undefined, undefined, undefined],
      ],
    ],
    [
      'undisclosed-recipients:;, a@b',
      [
        [undefined, undefined, 'undisclosed-recipients', undefined],
        [undefined, undefined, undefined, undefined],
        [undefined, undefined, 'a', 'b'],
      ],
    ],
    ['root', [[undefined, undefined, 'root', '']]],
    [
      'a@b,,c@d,',
      [
        [undefined, undefined, 'a', 'b'],
        [undefined, undefined, 'c', 'd'],
      ],
    ],
    ['', []],
    [' , ;', []],
  ];
  for (const [text, expected] of table) {
    const read = parseAddresses(text).map(({ name, route, mailbox, host }) => [name, route, mailbox, host]);
    assert.deepEqual(read, expected, text);
  }
});

test('100,000 addresses are cut at a limit', () => {
  assert.equal(parseAddresses('a@b,'.repeat(100_000)).length, 5_000);
  for (const bomb of ['(', '"', '<', '[', '\\', ':', ';', '(\\', '<@', 'a:b;', ' ', ',', '@'])
    assert.ok(parseAddresses(bomb.repeat(100_000)).length <= 5_001);
});

test('41 headers without end, and subjects without end', () => {
  const long = Buffer.from(`Subject: ${'x'.repeat(10_000_000)}\nFrom: a@b\n\n`);
  const header = readHeader(sourceOf(long));
  assert.equal(header.length, 1024 * 1024);
  const written = encodeEnvelope(header).toString('latin1');
  assert.match(written, /^\(NIL \{819\d\}\r\nx+ NIL/);
  const many = readHeader(sourceOf(Buffer.from('X-Line: y\n'.repeat(1_000_000))));
  assert.equal(encodeEnvelope(many).toString(), '(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)');
});

test('41 a million lines without a colon are passed over in one go', () => {
  const places = [...fieldPlaces(`A: b\n${'x\n'.repeat(1_000_000)}C: d\n`)];
  assert.equal(places.length, 2);
});

test('the header ends at its blank line', () => {
  for (const octets of Object.values(corpus)) {
    const text = octets.toString('latin1');
    const end = /^\r?\n|\n\r?\n/.exec(text);
    if (octets.length < 1024 * 1024)
      assert.equal(readHeader(sourceOf(octets)).length, end === null ? text.length : end.index + end[0].length);
  }
});

test('the end of a header is found wherever the windows end', () => {
  for (const end of ['\n\n', '\r\n\r\n', '\n\r\n']) {
    for (let before = 65_530; before < 65_540; before += 1) {
      const octets = Buffer.from(`${'x'.repeat(before)}${end}body\n\nmore`);
      assert.equal(headerEnd(sourceOf(octets)), before + end.length);
    }
  }
  assert.equal(headerEnd(sourceOf(Buffer.alloc(200_000, 'x\n'))), 200_000);
});

test('fields are unfolded, and what is no field is passed over', () => {
  const header = message('From x@y Mon', 'A: b', '\tc', ' d ', 'no field', ': none', 'E :f', 'bad name: g', 'H:', '');
  assert.deepEqual(fields(header), [
    { name: 'A', value: 'b\tc d' },
    { name: 'E', value: 'f' },
    { name: 'H', value: '' },
  ]);
});

test('43 encoded words of the RFC, and broken ones', () => {
  const table: [string, string][] = [
    ['=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>', 'Keith Moore <moore@cs.utk.edu>'],
    ['=?ISO-8859-1?Q?Patrik_F=E4ltstr=F6m?=', 'Patrik Fältström'],
    ['=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=', 'a b'],
    ['(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?= c)', '(ab c)'],
    ['=?iso-8859-8?b?7eXs+SDv4SDp7Oj08A==?=', 'םולש ןב ילטפנ'],
    ['=?utf-8?B?ww==?= =?utf-8?B?vA==?=', 'ü'],
    ['=?utf-8?Q?J=C3?= =?utf-8?Q?=BCrgen?=', 'Jürgen'],
    ['=?utf-8*en?Q?hi?=', 'hi'],
    ['=?shift_jis?B?k/qWe4zq?=', '日本語'],
    ['=?nonsense?Q?a=FC?=', 'aü'],
    ['=?../../x?Q?a?=', 'a'],
    ['=?utf-8?X?a?=', '=?utf-8?X?a?='],
    ['=?utf-8?Q?a', '=?utf-8?Q?a'],
    ['plain', 'plain'],
  ];
  for (const [encoded, text] of table) assert.equal(decodeWords(encoded), text, encoded);
  assert.equal(decodeWords(Buffer.from('ü').toString('latin1')), 'ü');
  assert.equal(decodeWords('\xfc'), 'ü');
  decodeWords('=?'.repeat(100_000));
  decodeWords(`=?utf-8?Q?${'='.repeat(100_000)}`);
});

test('43 parameters, quoted, commented and in RFC 2231 pieces', () => {
  const parameters = (field: string) =>
    Object.fromEntries(parseStructured(field).parameters.map((p) => [p.name, p.value]));
  assert.deepEqual(parameters('text/plain; charset=us-ascii (Plain text)'), { charset: 'us-ascii' });
  assert.deepEqual(parameters('text/plain; Name="a;b\\"c"; x=y; bad; =z; x=second'), { name: 'a;b"c', x: 'y' });
  assert.deepEqual(parameters('message/external-body; URL*0="ftp://"; URL*1="cs.utk.edu/x"'), {
    url: 'ftp://cs.utk.edu/x',
  });
  assert.deepEqual(
    parameters("a/b; title*0*=us-ascii'en'This%20is%20; title*1*=%2A%2A%2Afun%2A%2A%2A%20; title*2=\"isn't it!\""),
    {
      'title*': "us-ascii'en'This%20is%20%2A%2A%2Afun%2A%2A%2A%20isn%27t%20it!",
    },
  );
  const many = Array.from({ length: 10_000 }, (_, piece) => `name*${piece}=x`).join('; ');
  assert.ok((parameters(`a/b; ${many}`)['name'] ?? '').length <= 128);
  const { charset, octets } = decodeExtended("utf-8'en'na%C3%AFve");
  assert.deepEqual([charset, octets.toString()], ['utf-8', 'naïve']);
});

test('44 dates as they are and as they should be', () => {
  const utc = Date.UTC;
  const table: [string, number | undefined, number?][] = [
    ['Tue, 1 Jul 2003 10:52:37 +0200', utc(2003, 6, 1, 8, 52, 37), 120],
    ['1 Jul 2003 10:52:37 +0200 (CEST)', utc(2003, 6, 1, 8, 52, 37), 120],
    ['Thu,\t13 Feb 1969 23:32 -0330', utc(1969, 1, 14, 3, 2), -210],
    ['21 Nov 97 09:55:06 GMT', utc(1997, 10, 21, 9, 55, 6), 0],
    ['Fri, 21 Nov 1997 09:55:06 EST', utc(1997, 10, 21, 14, 55, 6), -300],
    ['21 Nov 12', utc(2012, 10, 21), 0],
    ['1-Jul-2003 10:52', utc(2003, 6, 1, 10, 52), 0],
    ['Tue Jul  1 10:52:37 2003', utc(2003, 6, 1, 10, 52, 37), 0],
    ['Tue Jul  1 10:52:37 +0200 2003', utc(2003, 6, 1, 8, 52, 37), 120],
    ['Sunday, 1 July 2003 10:52:37 Z', utc(2003, 6, 1, 10, 52, 37), 0],
    ['1 Jul 2003 25:00:00 +0000', utc(2003, 6, 1), 0],
    ['1 Jul 2003 10:52:37 +9999', utc(2003, 6, 1, 10, 52, 37), 0],
    ['31 Feb 2003 10:00 +0000', undefined],
    ['1 Foo 2003', undefined],
    ['1 Jul 0000', undefined],
    ['1 Jul 99999', undefined],
    ['', undefined],
    ['now', undefined],
  ];
  for (const [text, ms, zone] of table) {
    assert.deepEqual(parseMessageDate(text), ms === undefined ? undefined : { ms, zoneMinutes: zone }, text);
  }
  const late = parseMessageDate('31 Dec 1999 23:00:00 -0800');
  assert.ok(late !== undefined);
  assert.equal(writtenDay(late), utc(1999, 11, 31) / 86_400_000);
});

/** Reads a parenthesised value as a client would, to see that it is one and ends where it ends. */
function readValue(cursor: Cursor): void {
  if (cursor.take('(')) {
    while (!cursor.take(')')) {
      readValue(cursor);
      cursor.take(' ');
    }
  } else if (cursor.peekOctet() !== undefined && /\d/.test(String.fromCharCode(cursor.peekOctet() ?? 0)))
    cursor.number();
  else cursor.nstring();
}

test('C20 any octets give an envelope that can be read', () => {
  const names = fc.constantFrom(
    'From: ',
    'To: ',
    'Subject: ',
    'Date: ',
    'cc:',
    'Sender: ',
    'Message-ID: ',
    '\n',
    ' ',
    '<',
    '>',
    '"',
  );
  const octets = fc.array(
    fc.oneof(
      names.map((name) => Buffer.from(name)),
      fc.uint8Array({ maxLength: 30 }).map((all) => Buffer.from(all)),
    ),
  );
  fc.assert(
    fc.property(octets, (pieces) => {
      const written = encodeEnvelope(Buffer.concat(pieces));
      assert.ok(!written.some((octet) => octet > 0x7e || octet === 0));
      const cursor = new Cursor(written);
      readValue(cursor);
      cursor.end();
    }),
    { numRuns: 500 },
  );
});

test('44 dates in their usual form are the same as in any other', () => {
  const two = (least: number, most: number) =>
    fc.integer({ min: least, max: most }).map((n) => String(n).padStart(2, '0'));
  const month = fc.constantFrom('Jan', 'Feb', 'Sep', 'Dec', 'Foo');
  const zone = fc.tuple(fc.constantFrom('+', '-'), two(0, 25), two(0, 61)).map((parts) => parts.join(''));
  const usual = fc.tuple(fc.integer({ min: 0, max: 32 }), month, two(0, 61), two(0, 61), two(0, 25), zone);
  fc.assert(
    fc.property(usual, fc.constantFrom('0003', '0099', '1970', '2026', '9999'), (parts, year) => {
      const [day, name, minutes, seconds, hours, offset] = parts;
      const written = `${day} ${name} ${year} ${hours}:${minutes}:${seconds} ${offset}`;

      // A comma in place of a space is read by the other way only.
      assert.deepEqual(
        parseMessageDate(`Tue, ${written}`),
        parseMessageDate(written.replace(name, `${name},`)),
        written,
      );
    }),
  );
});
