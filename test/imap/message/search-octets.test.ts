/**
 * SEARCH decodes only what it must: its answers are those of a search that decodes everything.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import iconv from 'iconv-lite';
import { fold } from '../../../imapd/message/fold.js';
import { finish, scanMessage } from '../../../imapd/message/mime.js';
import { compileNeedle, foldedHolds, textHolds } from '../../../imapd/message/needle.js';
import { bodyMatches, headerMatches, messageMatches } from '../../../imapd/message/search-text.js';
import { collated } from '../../../imapd/message/sort.js';
import { sourceOf } from '../../../imapd/message/source.js';
import { encodeSearchFacts, findSection, hasField, SECTION } from '../../../imapd/search/search-facts.js';
import { knownFields } from '../../../imapd/search/search-texts.js';
import * as reference from '../../support/reference-search.js';

const NUM_RUNS = 4_000;

const charsets = [
  'us-ascii',
  'utf-8',
  'iso-8859-1',
  'windows-1251',
  'koi8-r',
  'iso-2022-jp',
  'shift_jis',
  'gb2312',
  'euc-kr',
  'utf-7',
  'utf-16le',
  'x-unknown',
];

const pieces = [
  'ab',
  'Ab c',
  'caf\u00e9',
  'cafe\u0301',
  '\uff21\uff42',
  '\ufb01',
  '\u212a',
  'Straße',
  'ΟΔΟΣ',
  '日本',
  '½',
  '…',
  ' ',
  'a=b',
  'ж',
  '"c',
  '\u00a0',
];
const text = fc.array(fc.constantFrom(...pieces), { maxLength: 6 }).map((some) => some.join(''));
const lines = fc.array(text, { maxLength: 4 }).map((some) => some.join('\n'));

function octetsOf(written: string, charset: string): Buffer {
  return iconv.encodingExists(charset) ? iconv.encode(written, charset) : Buffer.from(written);
}

function quotedPrintable(octets: Buffer): string {
  let line = '';
  let out = '';
  for (const octet of octets) {
    line +=
      octet === 0x3d || octet > 0x7e || octet % 7 === 0
        ? `=${octet.toString(16).toUpperCase().padStart(2, '0')}`
        : String.fromCharCode(octet);
    if (line.length < 12) continue;
    out += `${line}=\n`;
    line = '';
  }
  return out + line;
}

/** A text part: header lines and body. */
const textPart = fc
  .record({
    body: lines,
    charset: fc.constantFrom(...charsets),
    encoding: fc.constantFrom('7bit', '8bit', 'quoted-printable', 'base64', 'x-odd'),
    label: fc.boolean(),
    type: fc.constantFrom('text/plain', 'text/html', 'application/pdf', 'message/delivery-status'),
    cut: fc.nat({ max: 3 }),
  })
  .map(({ body, charset, encoding, label, type, cut }) => {
    const octets = octetsOf(body, charset);
    const base64 = octets.toString('base64').replace(/.{11}/g, '$&\n');
    const encoded =
      encoding === 'base64'
        ? Buffer.from(base64.slice(0, base64.length - cut))
        : encoding === 'quoted-printable'
          ? Buffer.from(quotedPrintable(octets))
          : octets;
    const head = `Content-Type: ${type}${label ? `; charset=${charset}` : ''}\nContent-Transfer-Encoding: ${encoding}\n`;
    return { head, body: encoded };
  });

function encodedWord(written: string, charset: string, base64: boolean): string {
  const octets = octetsOf(written, charset);
  if (base64) return `=?${charset}?B?${octets.toString('base64')}?=`;
  const q = Array.from(octets, (octet) =>
    /[A-Za-z]/.test(String.fromCharCode(octet))
      ? String.fromCharCode(octet)
      : octet === 0x20
        ? '_'
        : `=${octet.toString(16).padStart(2, '0')}`,
  );
  return `=?${charset}?q?${q.join('')}?=`;
}

const word = fc.oneof(
  fc.constantFrom('ab', 'Ab', 'c', 'x<ab@c>', '"ab c"', 'caf\u00e9', '=?', '=?utf-8?q?a'),
  fc
    .tuple(text, fc.constantFrom(...charsets), fc.boolean())
    .map(([some, charset, base64]) => encodedWord(some, charset, base64)),
);
const blank = fc.constantFrom(' ', '\n ', '\r\n\t', '  ', '');
const field = fc
  .tuple(
    fc.constantFrom('Subject', 'From', 'To', 'subject', 'Bcc', 'X-Ab', 'no field', 'Cc '),
    fc.array(fc.tuple(word, blank), { maxLength: 4 }),
  )
  .map(([name, words]) => `${name}:${words.map(([some, space]) => some + space).join('')}\n`);
const header = fc.array(field, { maxLength: 5 }).map((some) => some.join('').replace(/\n(?![ \t]|[\w ]+:|$)/g, ' '));
const extended = fc.constantFrom(
  '',
  "Content-Disposition: attachment; filename*=utf-8''%61b%c3%a9\n",
  "Content-Disposition: attachment; filename*0*=iso-8859-1''c%e9; filename*1=ab\n",
);

const mail = fc
  .tuple(header, fc.array(fc.tuple(textPart, extended), { minLength: 1, maxLength: 3 }))
  .map(([head, parts]) => {
    const [first] = parts;
    if (first !== undefined && parts.length === 1) {
      return Buffer.concat([Buffer.from(head + first[0].head + first[1]), Buffer.from('\n'), first[0].body]);
    }
    const inside = parts.flatMap(([part, more]) => [Buffer.from(`\n--q\n${part.head}${more}\n`), part.body]);
    return Buffer.concat([
      Buffer.from(`${head}Content-Type: multipart/mixed; boundary=q\n`),
      ...inside,
      Buffer.from('\n--q--\n'),
    ]);
  });

const wanted = fc.oneof(
  fc.constantFrom(
    'ab',
    'b',
    'a',
    'b c',
    'c',
    'fi',
    'k',
    'cafe',
    'café',
    'ss',
    'οδος',
    '日',
    '1',
    '.',
    ': ',
    'subject: a',
    'ж',
    '=',
    'b"',
    '\u0301',
    ' ',
    'é',
    '\n',
  ),
  text.map((some) => some.slice(0, 4)),
);

test('C23 a search that decodes only what it must finds what one finds that decodes everything', () => {
  fc.assert(
    fc.property(mail, wanted, (octets, sought) => {
      const needle = compileNeedle(Buffer.from(sought));
      const expected = reference.compileNeedle(Buffer.from(sought));
      assert.ok(needle !== undefined && expected !== undefined);
      const source = sourceOf(octets);
      const index = finish(scanMessage(source));

      assert.equal(finish(bodyMatches(source, index, needle)), finish(reference.bodyMatches(source, index, expected)));
      const found = finish(reference.messageMatches(source, index, expected));
      assert.equal(finish(messageMatches(source, index, needle)), found);
      const record = encodeSearchFacts(source.read(0, index.root.bodyStart));
      const facts = { octets: record, start: 0, end: record.length, fileOctets: 0, internalDate: 0 };
      assert.equal(finish(messageMatches(source, index, needle, knownFields(facts))), found);
    }),
    { numRuns: NUM_RUNS },
  );
});

const sections = {
  SUBJECT: SECTION.subject,
  FROM: SECTION.from,
  TO: SECTION.to,
  CC: SECTION.cc,
  BCC: SECTION.bcc,
} as const;

test('C23 a search in the record of a header finds what one in the header finds', () => {
  const place = { start: 0, end: 0 };
  fc.assert(
    fc.property(header, wanted, (head, sought) => {
      const octets = Buffer.from(`${head}\n`);
      const needle = compileNeedle(Buffer.from(sought));
      const expected = reference.compileNeedle(Buffer.from(sought));
      assert.ok(needle !== undefined && expected !== undefined);
      const record = encodeSearchFacts(octets);
      const facts = { octets: record, start: 0, end: record.length, fileOctets: 0, internalDate: 0 };
      for (const name of ['SUBJECT', 'FROM', 'TO', 'CC', 'BCC'] as const) {
        findSection(facts, sections[name], place);
        const holds: boolean = needle.folded === '' || foldedHolds(record, place.start, place.end, needle);
        const found: boolean = hasField(facts, sections[name]) && holds;

        assert.equal(found, reference.headerMatches(octets, name, expected), name);
        assert.equal(headerMatches(octets, name, needle), found, name);
      }
    }),
    { numRuns: NUM_RUNS },
  );
});

test('C23 folding is two normalisations and lower case, whatever way it takes', () => {
  const characters = Array.from({ length: 0x180 }, (_, code) => String.fromCharCode(code));
  for (const one of characters) {
    for (const other of [...characters, '\u0301', '\u0308', '\u03a3']) {
      const written = one + other;
      const lower = written.normalize('NFKD').toLowerCase().normalize('NFKD').replaceAll('ς', 'σ').replaceAll('ı', 'i');
      assert.equal(fold(written), lower, JSON.stringify(written));
    }
  }
});

test('C23 letters of all scripts are folded so, alone and beside others', () => {
  for (let code = 0x180; code < 0x110000; code += 1) {
    if (code >= 0xd800 && code < 0xe000) continue;
    const character = String.fromCodePoint(code);
    for (const written of [character, `\u0419${character}\uac01\u0301`, `${character}a\u3099`]) {
      const lower = written.normalize('NFKD').toLowerCase().normalize('NFKD').replaceAll('ς', 'σ').replaceAll('ı', 'i');
      assert.equal(fold(written), lower, `U+${code.toString(16)}`);
    }
  }
});

test('X7 letters of all scripts are sorted in simple title case', () => {
  for (let code = 0x80; code < 0x110000; code += 1) {
    if (code >= 0xd800 && code < 0xe000) continue;
    const character = String.fromCodePoint(code);
    const letters = Array.from(fold(character), (letter) => {
      const capital = letter.toUpperCase();
      const stays = letter < '\x80' || capital.length > letter.length || /^[\u10d0-\u10ff]$/.test(letter);
      return stays ? letter : capital;
    });
    assert.equal(collated(character), letters.join(''), `U+${code.toString(16)}`);
    assert.equal(collated(`\u0436${character}`), `\u0416${letters.join('')}`, `U+${code.toString(16)}`);
  }
});

test('C23 every character that holds ASCII when it is folded is known', () => {
  const needles = new Map<string, ReturnType<typeof compileNeedle>>();
  for (let code = 0x80; code < 0x110000; code += 1) {
    if (code >= 0xd800 && code < 0xe000) continue;
    const character = String.fromCodePoint(code);
    for (const held of fold(character).match(/[\x00-\x7f]/g) ?? []) {
      const needle = needles.get(held) ?? compileNeedle(Buffer.from(held));
      needles.set(held, needle);
      assert.ok(needle !== undefined && textHolds(`x${character}`, needle), `U+${code.toString(16)} holds ${held}`);
    }
  }
});
