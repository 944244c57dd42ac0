/** A walk over the fields of a header finds what the rules of header.ts say, with the native loop and without it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FieldScan } from '../../../imapd/message/field-scan.js';
import { fieldPlaces } from '../../../imapd/message/header.js';
import { lineBuffer, MACHINE_OCTETS } from '../../../maildir/octets/line-machine.js';

/** Pieces that meet at the edges of what is looked at together. */
const pieces = fc.array(
  fc.constantFrom(
    ...['\n', '\r\n', '\r', ':', ' ', '\t', ': ', 'To', 'X-Fifteen-Octet', 'X-Sixteen-Octets', '\x7f', '\0', '\xff'],
    ...['\n ', '\r\n\t', 'Subject: hello\n', 'From :me\r\n', 'no field\n', 'a b: c\n'],
  ),
  { maxLength: 60 },
);

interface Field {
  readonly start: number;
  readonly nameEnd: number;
  readonly colon: number;
  readonly end: number;
  readonly bareLfsBefore: number;
  readonly bareLfs: number;
}

/** What header.ts says. It ends with the blank line: nothing of a header lies behind it. */
function expectedFields(header: string): Field[] {
  const bareLfs = (end: number): number => header.slice(0, end).match(/(?<!\r)\n/g)?.length ?? 0;
  return Array.from(fieldPlaces(header), ({ start, colon, end }) => {
    const nameEnd = start + header.slice(start, colon).replace(/[ \t]+$/, '').length;
    return { start, nameEnd, colon, end, bareLfsBefore: bareLfs(start), bareLfs: bareLfs(end) };
  });
}

function scanned(scan: FieldScan): Field[] {
  const found: Field[] = [];
  while (scan.next()) {
    const { start, nameEnd, colon, end, bareLfsBefore, bareLfs } = scan;
    found.push({ start, nameEnd, colon, end, bareLfsBefore, bareLfs });
  }
  return found;
}

/** Without blank lines, which end a header, and which only header.ts looks for once more. */
function withoutBlankLines(header: string): string {
  return header.replace(/^[\r\n]+|(\n)[ \t\r]*(?=\n)/g, '$1x').replace(/\n[ \t\r]+$/, '\n');
}

function walks(header: string): void {
  const octets = Buffer.from(header, 'latin1');
  const expected = expectedFields(header);
  assert.deepEqual(scanned(new FieldScan().reset(octets, 0, octets.length)), expected, 'copied to the loop');

  // What lies around it belongs to others.
  const start = 37;
  lineBuffer.fill('\n x: y\n', 0, start + octets.length + 40);
  octets.copy(lineBuffer, start);
  const moved = scanned(new FieldScan().reset(lineBuffer, start, start + octets.length)).map((field) => ({
    ...field,
    ...{ start: field.start - start, nameEnd: field.nameEnd - start },
    ...{ colon: field.colon - start, end: field.end - start },
  }));
  assert.deepEqual(moved, expected, 'where the loop finds it');

  // Too long for the loop: what comes first is no field.
  const filler = Buffer.alloc(MACHINE_OCTETS, 'x');
  filler[filler.length - 1] = 0x0a;
  const long = Buffer.concat([filler, octets]);
  const behind = scanned(new FieldScan().reset(long, 0, long.length)).map((field) => ({
    ...{ start: field.start - filler.length, nameEnd: field.nameEnd - filler.length },
    ...{ colon: field.colon - filler.length, end: field.end - filler.length },
    ...{ bareLfsBefore: field.bareLfsBefore - 1, bareLfs: field.bareLfs - 1 },
  }));
  if (!/^[ \t]/.test(header)) assert.deepEqual(behind, expected, 'without the loop');
}

test('fields are found where they are, whatever lies around them', () => {
  fc.assert(
    fc.property(pieces, (words) => walks(withoutBlankLines(words.join('')))),
    { numRuns: 3_000 },
  );
});

test('a header of more fields than are found at once has them all', () => {
  walks(Array.from({ length: 1_300 }, (_, index) => `X-${index}: ${index}\r\n`).join(''));
});

test('two walks at the same time do not disturb each other', () => {
  const header = Buffer.from(Array.from({ length: 20 }, (_, index) => `X-${index}: ${index}\n folded\n`).join(''));
  const [one, other] = [new FieldScan(), new FieldScan()];
  one.reset(header, 0, header.length);
  other.reset(header, 0, header.length);
  const found: number[][] = [[], []];
  for (let more = true; more; ) {
    more = false;
    for (const [index, scan] of [one, other].entries()) {
      if (!scan.next()) continue;
      more = true;
      found[index]?.push(scan.start, scan.end, scan.bareLfs);
    }
  }

  assert.equal(found[0]?.length, 60);
  assert.deepEqual(found[0], found[1]);
});
