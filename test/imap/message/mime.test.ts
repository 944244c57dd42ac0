/**
 * The structure of messages: which octets are which part's, and that all views of them agree.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { locateSection, type Section, wireOctets } from '../../../imapd/message/body-section.js';
import { encodeBodyStructure } from '../../../imapd/message/body-structure.js';
import { endOfHeader } from '../../../imapd/message/header.js';
import { finish, type MessageIndex, type Part, scanMessage } from '../../../imapd/message/mime.js';
import { type MessageSource, sourceOf } from '../../../imapd/message/source.js';
import { lineBuffer } from '../../../maildir/octets/line-machine.js';
import { corpus, message } from './messages.js';

function index(octets: Buffer): MessageIndex {
  return finish(scanMessage(sourceOf(octets)));
}

/** Octets of the wire, made the simple way. */
function onWire(octets: Buffer): Buffer {
  return Buffer.from(octets.toString('latin1').replace(/(?<!\r)\n/g, '\r\n'), 'latin1');
}

function section(octets: Buffer, part: readonly number[], text: Section['text'] = ''): string | undefined {
  const source = sourceOf(octets);
  const located = locateSection(source, index(octets), { part, text, fields: [] });
  if (located === undefined) return undefined;
  if ('octets' in located) return located.octets.toString('latin1');
  return Buffer.concat(Array.from(wireOctets(source, located), (piece) => Buffer.from(piece))).toString('latin1');
}

function allParts(part: Part): Part[] {
  return [part, ...part.children.flatMap(allParts), ...(part.message === undefined ? [] : allParts(part.message))];
}

function assertSound(octets: Buffer): void {
  const { root, wireOctets: total } = index(octets);
  assert.equal(total, onWire(octets).length);
  assert.deepEqual([root.headerStart, root.bodyEnd], [0, octets.length]);
  assert.equal(root.headerWireOctets + root.bodyWireOctets, total);
  for (const part of allParts(root)) {
    const header = octets.subarray(part.headerStart, part.bodyStart);
    const body = octets.subarray(part.bodyStart, part.bodyEnd);
    assert.ok(part.headerStart <= part.bodyStart && part.bodyStart <= part.bodyEnd);
    assert.equal(part.headerWireOctets, onWire(header).length);
    assert.equal(part.bodyWireOctets, onWire(body).length);
    assert.equal(part.bodyLines, body.filter((octet) => octet === 0x0a).length);
    let from = part.bodyStart;
    for (const child of [...part.children, ...(part.message === undefined ? [] : [part.message])]) {
      assert.ok(child.headerStart >= from && child.bodyEnd <= part.bodyEnd);
      from = child.bodyEnd;
    }
  }
}

for (const [name, octets] of Object.entries(corpus)) {
  test(`C20 parts of a message are slices of it: ${name}`, () => assertSound(octets));

  test(`C20 sections are the same with and without an index, whole and in pieces: ${name}`, () => {
    const source = sourceOf(octets);
    const withIndex = index(octets);
    for (const text of ['', 'HEADER', 'TEXT'] as const) {
      const one = locateSection(source, withIndex, { part: [], text, fields: [] });
      const other = locateSection(source, undefined, { part: [], text, fields: [] });
      assert.ok(one !== undefined && 'start' in one && other !== undefined && 'start' in other);
      assert.deepEqual([one.start, one.end, one.wireOctets], [other.start, other.end, other.wireOctets]);
      const whole = Buffer.concat(Array.from(wireOctets(source, one), (piece) => Buffer.from(piece)));
      assert.equal(whole.length, one.wireOctets);
      assert.ok(whole.equals(onWire(octets.subarray(one.start, one.end))));
      for (const from of [0, 1, 10, 5_000, 300_000, whole.length - 1, whole.length, whole.length + 5]) {
        for (const count of [1, 7, 70_000]) {
          const piece = Buffer.concat(
            Array.from(wireOctets(source, one, Math.max(from, 0), count), (piece) => Buffer.from(piece)),
          );
          assert.ok(
            piece.equals(whole.subarray(Math.max(from, 0), Math.max(from, 0) + count)),
            `${text} ${from} ${count}`,
          );
        }
      }
    }
  });
}

test('C20 part numbers of a nested message', () => {
  const { nested } = corpus;
  assert.ok(nested !== undefined);
  const entry = 'Subject: entry\r\n\r\nentry body';
  const table: [number[], Section['text'], string | undefined][] = [
    [[1], '', 'first'],
    [[1], 'MIME', '\r\n'],
    [[2, 1], '', 'Gr=C3=BC=C3=9Fe\r\n'],
    [[2, 2], 'MIME', 'Content-Type: text/html\r\n\r\n'],
    [[2, 2], '', '<p>Gr&uuml;&szlig;e</p>'],
    [[3], 'MIME', 'Content-Type: message/rfc822\r\n\r\n'],
    [[3], 'HEADER', 'Subject: inner\r\nContent-Type: multipart/digest; boundary=d\r\n\r\n'],
    [[3], 'TEXT', `--d\r\n\r\n${entry}\r\n--d--`],
    [[3, 1], '', entry],
    [[3, 1], 'HEADER', 'Subject: entry\r\n\r\n'],
    [[3, 1, 1], '', 'entry body'],
    [[3, 1, 1], 'MIME', '\r\n'],
    [[4], '', 'AAEC'],
    [[1, 1], '', undefined],
    [[5], '', undefined],
    [[3, 1, 2], '', undefined],
    [[3, 1, 1, 1], '', undefined],
    [[1], 'TEXT', undefined],
  ];
  for (const [part, text, expected] of table) assert.equal(section(nested, part, text), expected, `${part} ${text}`);
});

test('C20 a message that is no multipart is its own part 1', () => {
  const octets = message('Subject: x', '', 'body');
  assert.equal(section(octets, [1]), 'body\r\n');
  assert.equal(section(octets, [1], 'MIME'), '\r\n');
  assert.equal(section(octets, [2]), undefined);
  assert.equal(section(octets, [1, 1]), undefined);
});

test('C20 HEADER.FIELDS keeps the order and the folding of the message', () => {
  const octets = message('To: a', 'Subject: one', '\ttwo', 'no field', 'X: y', 'SUBJECT: again', '', 'body');
  const fetch = (text: Section['text'], fields: string[]) => {
    const located = locateSection(sourceOf(octets), undefined, { part: [], text, fields });
    return located !== undefined && 'octets' in located ? located.octets.toString() : undefined;
  };
  assert.equal(fetch('HEADER.FIELDS', ['SUBJECT', 'TO']), 'To: a\r\nSubject: one\r\n\ttwo\r\nSUBJECT: again\r\n\r\n');
  assert.equal(fetch('HEADER.FIELDS', ['CC']), '\r\n');
  assert.equal(fetch('HEADER.FIELDS.NOT', ['SUBJECT', 'X']), 'To: a\r\n\r\n');
});

function structure(octets: Buffer, extensible = true): string {
  return finish(encodeBodyStructure(index(octets), sourceOf(octets), extensible)).toString('latin1');
}

test('C20 body structures of the corpus', () => {
  const { nested, plain } = corpus;
  assert.ok(nested !== undefined && plain !== undefined);
  assert.equal(structure(plain, false), '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 10 2)');
  assert.equal(structure(plain), '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 10 2 NIL NIL NIL NIL)');
  const entryEnvelope = '(NIL "entry" NIL NIL NIL NIL NIL NIL NIL NIL)';
  const innerEnvelope = '(NIL "inner" NIL NIL NIL NIL NIL NIL NIL NIL)';
  const text = '"text" "plain" ("charset" "us-ascii") NIL NIL "7bit"';
  assert.equal(
    structure(nested, false),
    `((${text} 5 0)` +
      '(("text" "plain" ("charset" "utf-8") NIL NIL "quoted-printable" 17 1)' +
      '("text" "html" NIL NIL NIL "7bit" 23 0) "alternative")' +
      `("message" "rfc822" NIL NIL NIL "7bit" 104 ${innerEnvelope} ` +
      `(("message" "rfc822" NIL NIL NIL "7bit" 28 ${entryEnvelope} (${text} 10 0) 2) "digest") 8)` +
      '("application" "octet-stream" ("name" "a.bin") "<1@example.com>" "three octets" "base64" 4) "mixed")',
  );
  assert.match(
    structure(nested),
    /"base64" 4 "Q2hlY2sgSW50ZWdyaXR5IQ==" \("attachment" \("filename" "a.bin" "size" "3"\)\) \("en" "de"\) "http:\/\/example.com\/a"\) "mixed" \("boundary" "outer"\) NIL NIL NIL\)$/,
  );
});

test('what cannot be looked into is told as octets, an empty multipart as an empty text', () => {
  const { 'no parts': noParts, 'no boundary': noBoundary } = corpus;
  assert.ok(noParts !== undefined && noBoundary !== undefined);
  assert.match(
    structure(noParts, false),
    /^\(\("text" "plain" \("charset" "us-ascii"\) NIL NIL "7bit" 0 0\) "mixed"\)$/,
  );
  assert.match(structure(noBoundary, false), /^\("text" "plain" /);
});

test('inner boundaries may begin with outer ones', () => {
  const { 'outer ends inner': octets } = corpus;
  assert.ok(octets !== undefined);
  assert.equal(section(octets, [1, 1]), 'inner');
  assert.equal(section(octets, [2]), 'after\r\n--ab\r\nstill after');
});

test('39 100,000 parts stop at the limit, and the last takes the rest', () => {
  const octets = Buffer.from(`Content-Type: multipart/mixed; boundary=b\n\n${'--b\n\nx\n'.repeat(100_000)}--b--\n`);
  const { root, wireOctets: total } = index(octets);
  assert.equal(root.children.length, 9_999);
  assert.equal(total, onWire(octets).length);
  assertSound(octets);
  structure(octets);
});

test('39 10,000 levels stop at the limit', () => {
  const deep = Array.from(
    { length: 10_000 },
    (_, level) => `Content-Type: multipart/mixed; boundary=b${level}\n\n--b${level}\n`,
  );
  const octets = Buffer.from(deep.join(''));
  assertSound(octets);
  assert.match(structure(octets), /"application" "octet-stream" /);
  const messages = Buffer.from('Content-Type: message/rfc822\n\n'.repeat(1_000));
  assertSound(messages);
  structure(messages);
});

test('a message that becomes shorter while it is read ends there', () => {
  const octets = Buffer.from(`Subject: x\n\n${'line\n'.repeat(200_000)}`);
  const source: MessageSource = {
    sizeOctets: octets.length + 1_000_000,
    read: (position, length) => octets.subarray(position, position + length),
  };
  assert.equal(finish(scanMessage(source)).wireOctets, onWire(octets).length);
});

test('C21 memory stays flat: no read is larger than a window', () => {
  const octets = Buffer.from(`Subject: x\n\n${`${'x'.repeat(76)}\n`.repeat(40_000)}`);
  let largest = 0;
  const source: MessageSource = {
    sizeOctets: octets.length,
    read: (position, length) => {
      largest = Math.max(largest, length);
      return octets.subarray(position, position + length);
    },
  };
  const work = scanMessage(source);
  let slices = 0;
  while (work.next().done !== true) slices += 1;
  assert.ok(largest <= 256 * 1024);
  assert.ok(slices >= 2);
});

const scrap = fc.constantFrom(
  'Content-Type: multipart/mixed; boundary=a',
  'Content-Type: multipart/digest; boundary=ab',
  'Content-Type: message/rfc822',
  'Content-Type: text/plain',
  'Subject: x',
  ' folded',
  '',
  '',
  '',
  '--a',
  '--ab',
  '--a--',
  '--ab--',
  '--a ',
  '--abc',
  '-',
  'text',
  'Content-Transfer-Encoding: base64',
  '\r',
  '--a\r',
  '--a--\r',
  '\0',
  '\xff',
);

test('whatever lines come in whatever order, the parts are slices and the structure is written', () => {
  fc.assert(
    fc.property(fc.array(scrap, { maxLength: 60 }), fc.boolean(), (lines, newline) => {
      const octets = Buffer.from(lines.join('\n') + (newline ? '\n' : ''), 'latin1');
      assertSound(octets);
      assert.match(structure(octets), /^\(.*\)$/s);
    }),
    {
      numRuns: 2_000,
      // An inner header that keeps the line end before a delimiter.
      examples: [[['Content-Type: multipart/digest; boundary=ab', '', '--ab', '', '', '--ab--'], false]],
    },
  );
});

test('whatever octets come, the parts are slices and nothing throws', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), (octets) => {
      const all = Buffer.concat([Buffer.from('Content-Type: multipart/x; boundary="\n"'), octets]);
      assertSound(all);
      structure(all);
    }),
  );
});

test('a message is taken apart alike wherever it lies, and its header ends where others say', () => {
  const pieces = fc.array(
    fc.constantFrom(
      'Content-Type: multipart/mixed; boundary=a\n',
      'Content-Type: multipart/mixed;\r\n boundary="a"\r\n',
      'Content-Type: message/rfc822\n',
      'Subject: x\n',
      '\n',
      '\r\n',
      '\r',
      '--a\n',
      '--a\r\n',
      '--a--\n',
      '-',
      '--b\n',
      'some words of a line that is not short\n',
      'x',
    ),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(pieces, fc.constantFrom('\r', '\n', '-', '\n--a\n'), (words, around) => {
      const octets = Buffer.from(words.join(''), 'latin1');
      lineBuffer.fill(around, 0, octets.length + 100);
      octets.copy(lineBuffer);

      const elsewhere = finish(scanMessage(sourceOf(octets)));

      assert.deepEqual(finish(scanMessage(sourceOf(lineBuffer.subarray(0, octets.length)))), elsewhere);
      assert.equal(elsewhere.root.bodyStart, endOfHeader(octets) ?? octets.length);
    }),
    { numRuns: 3_000 },
  );
});
