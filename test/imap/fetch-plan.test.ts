/**
 * FETCH against a plain reference: items in every order, of messages of all kinds, answered first from the files and
 * then from what was remembered, are what the items say by themselves.
 */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { emptyView } from '../../imapd/cache/folder-facts.js';
import {
  encodeHeaderFacts,
  FIELDS,
  holdsFields,
  knownFieldsOctets,
  wantedFields,
  writeKnownFields,
} from '../../imapd/fetch/header-facts.js';
import { writeInternalDate } from '../../imapd/fetch/internal-date.js';
import { locateSection, type Section, wireOctets } from '../../imapd/message/body-section.js';
import { encodeBodyStructure } from '../../imapd/message/body-structure.js';
import { encodeEnvelope } from '../../imapd/message/envelope.js';
import { readHeader } from '../../imapd/message/header.js';
import { countBareLfs, writeWithCrlf } from '../../imapd/message/line-ends.js';
import { finish, scanMessage } from '../../imapd/message/mime.js';
import { OctetWriter } from '../../imapd/message/octet-writer.js';
import { sourceOf } from '../../imapd/message/source.js';
import { formatDateTime } from '../../imapd/wire/date-time.js';
import { withMaildir, writeMessages } from '../support/generated-maildir.js';
import { corpus } from './message/messages.js';

/** The wire form of a file, as the rule says it. */
function onTheWire(file: string): string {
  return file.replace(/(?<!\r)\n/g, '\r\n');
}

function writtenBy(write: (out: OctetWriter) => void): string {
  const out = new OctetWriter(Buffer.alloc(1));
  write(out);
  return out.view().toString('latin1');
}

interface Known {
  readonly number: number;
  readonly octets: Buffer;
  readonly flags: string;
  readonly internalDate: number;
}

/** An item with what it says of a message. */
interface Item {
  readonly asked: string;
  readonly answered: string;
  value(message: Known): string;
}

function plain(name: string, value: (message: Known) => string): Item {
  return { asked: name, answered: name, value };
}

function structure({ octets }: Known, extensible: boolean): string {
  const source = sourceOf(octets);
  return finish(encodeBodyStructure(finish(scanMessage(source)), source, extensible)).toString('latin1');
}

function zoneMinutes(ms: number): number {
  return -new Date(ms).getTimezoneOffset();
}

const plainItems: readonly Item[] = [
  plain('UID', ({ number }) => String(number)),
  plain('FLAGS', ({ flags }) => `(${flags})`),
  plain('INTERNALDATE', ({ internalDate: ms }) => `"${formatDateTime({ ms, zoneMinutes: zoneMinutes(ms) })}"`),
  plain('RFC822.SIZE', ({ octets }) => String(onTheWire(octets.toString('latin1')).length)),
  plain('ENVELOPE', ({ octets }) => encodeEnvelope(readHeader(sourceOf(octets))).toString('latin1')),
  plain('BODY', (message) => structure(message, false)),
  plain('BODYSTRUCTURE', (message) => structure(message, true)),
];

/** What a section says, by the index of the message, which the server often does without. */
function sectionText(octets: Buffer, section: Section): string {
  const source = sourceOf(octets);
  const located = locateSection(source, finish(scanMessage(source)), section);
  if (located === undefined) return '';
  if ('octets' in located) return located.octets.toString('latin1');
  return Array.from(wireOctets(source, located), (piece) => piece.toString('latin1')).join('');
}

function sectionItem(section: Section, partial: readonly [number, number] | undefined): Item {
  const { part, text, fields } = section;
  const place = [...part, ...(text === '' ? [] : [text])].join('.');
  const name = fields.length === 0 ? `[${place}]` : `[${place} (${fields.join(' ')})]`;
  const [offset, count] = partial ?? [0, Number.POSITIVE_INFINITY];
  return {
    asked: `BODY.PEEK${name}${partial === undefined ? '' : `<${offset}.${count}>`}`,
    answered: `BODY${name}${partial === undefined ? '' : `<${offset}>`}`,
    value({ octets }) {
      const content = sectionText(octets, section).slice(offset, offset + count);
      return `{${content.length}}\r\n${content}`;
    },
  };
}

const fieldNames = ['FROM', 'TO', 'SUBJECT', 'DATE', 'CONTENT-TYPE', 'X-FILLER', 'MESSAGE-ID', 'A', 'C', 'RECEIVED'];

const sections: fc.Arbitrary<Section> = fc.oneof(
  fc.constantFrom<Section['text'][]>('', 'HEADER', 'TEXT').map((text): Section => ({ part: [], text, fields: [] })),
  fc.constantFrom([1], [2], [1, 1], [3], [3, 1]).map((part): Section => ({ part, text: '', fields: [] })),
  fc.record({
    part: fc.constantFrom([], [], [], [3]),
    text: fc.constantFrom<Section['text'][]>('HEADER.FIELDS', 'HEADER.FIELDS', 'HEADER.FIELDS.NOT'),
    fields: fc.uniqueArray(fc.constantFrom(...fieldNames), { minLength: 1, maxLength: 4 }),
  }),
);

const partials = fc.option(fc.tuple(fc.nat(200), fc.integer({ min: 1, max: 100_000 })), { nil: undefined });

const anyItem: fc.Arbitrary<Item> = fc.oneof(
  fc.constantFrom(...plainItems),
  fc.tuple(sections, partials).map(([section, partial]) => sectionItem(section, partial)),
);

const DAY_MS = 86_400_000;

/** Messages of all kinds, with flags and dates of all kinds; the large ones do not fit into one read. */
const messages = [
  ...Object.values(corpus),
  Buffer.from(`Subject: large\n\n${'One line of many.\n'.repeat(40_000)}`),
  Buffer.from(`Subject: large\r\n\r\n${'One line of many.\r\n'.repeat(20_000)}`),
].map((octets, index) => ({
  octets,
  flagLetters: ['', 'S', 'FS', 'DRT'][index % 4] ?? '',
  internalDate: index * 211 * DAY_MS + index * 7_919_000,
}));

/** The first session that sees them is told that they are recent. */
const flagWords = ['\\Recent', '\\Seen \\Recent', '\\Flagged \\Seen \\Recent', '\\Draft \\Answered \\Deleted \\Recent'];

test('C20 any items of any messages are what each says by itself, whether remembered or not', async () => {
  await withMaildir(
    (maildir) => writeMessages(maildir, messages),
    async ({ client }) => {
      await client.must('SELECT INBOX');
      await client.must('STORE 2 +FLAGS ($Label1 other)');
      const known = messages.map(({ octets, internalDate }, index): Known => {
        return { number: index + 1, octets, flags: flagWords[index % 4] ?? '', internalDate };
      });
      const shown = await client.must('FETCH 2 (FLAGS)');
      const written = /FLAGS \((.*)\)\)/.exec(shown.untagged.join(''))?.[1] ?? '';
      const all = known.map((message) => (message.number === 2 ? { ...message, flags: written } : message));
      assert.match(written, /^\\Seen \\Recent .*\$label1/i);
      const commands = fc.record({
        items: fc.array(anyItem, { minLength: 1, maxLength: 5 }),
        first: fc.integer({ min: 1, max: all.length }),
        count: fc.integer({ min: 1, max: 6 }),
      });
      await fc.assert(
        fc.asyncProperty(commands, async ({ items, first, count }) => {
          const last = Math.min(first + count - 1, all.length);
          const { untagged } = await client.must(
            `FETCH ${first}:${last} (${items.map((item) => item.asked).join(' ')})`,
          );

          const expected = all.slice(first - 1, last).map((message) => {
            const values = items.map((item) => `${item.answered} ${item.value(message)}`);
            return `* ${message.number} FETCH (${values.join(' ')})`;
          });
          assert.equal(untagged.length, expected.length);
          for (const [index, answer] of untagged.entries()) assert.equal(answer, expected[index]);
        }),
        { numRuns: 150 },
      );
    },
  );
});

test('a message that is gone leaves no trace among the answers', async () => {
  let paths: string[] = [];
  await withMaildir(
    (maildir) => {
      paths = writeMessages(maildir, messages.slice(0, 3));
    },
    async ({ client }) => {
      await client.must('SELECT INBOX');
      rmSync(paths[1] ?? '');
      const { status, untagged } = await client.send('FETCH 1:3 (FLAGS UID BODYSTRUCTURE BODY.PEEK[])');

      assert.equal(status, 'NO');
      assert.deepEqual(
        untagged.map((answer) => /^\* (\d+) FETCH \(FLAGS/.exec(answer)?.[1]).filter((number) => number !== undefined),
        ['1', '3'],
      );
    },
  );
});

/** Headers with fields of all kinds, folded and not, ended and not, with lines that are none. */
const anyHeader = fc
  .array(
    fc.oneof(
      fc
        .tuple(
          fc.constantFrom('From', 'to', 'SUBJECT', 'X-Other', 'Date', 'List-Id', ' Cc', 'Bad Name', ''),
          fc.string(),
        )
        .map(([name, value]) => `${name}: ${value.replace(/[\r\n]/g, '')}`),
      fc.string(),
      fc.constantFrom('no colon', '\tfolded', ' folded\t', 'To :x', '\xff: \x80', 'a\rb: c'),
    ),
  )
  .chain((lines) =>
    fc
      .tuple(
        fc.array(fc.constantFrom('\n', '\r\n', '\r\r\n'), { minLength: lines.length, maxLength: lines.length }),
        fc.boolean(),
      )
      .map(
        ([ends, isEnded]) => lines.map((line, index) => line + (ends[index] ?? '')).join('') + (isEnded ? '\n' : ''),
      ),
  );

test('C20 header fields from the record are those of the file', () => {
  const wantedNames = fc.uniqueArray(fc.constantFrom('FROM', 'TO', 'SUBJECT', 'DATE', 'LIST-ID', 'CC'), {
    minLength: 1,
  });
  fc.assert(
    fc.property(anyHeader, wantedNames, (text, fields) => {
      const header = readHeader(sourceOf(Buffer.from(text, 'latin1')));
      const record = new OctetWriter();
      encodeHeaderFacts(record, header, FIELDS);
      const view = { ...emptyView(), octets: record.octets, start: 0, end: record.length };
      const wanted = wantedFields(fields);
      assert.ok(wanted !== undefined && holdsFields(view));

      const written = writtenBy((out) => writeKnownFields(out, view, wanted));

      assert.equal(written, sectionText(header, { part: [], text: 'HEADER.FIELDS', fields }));
      assert.equal(knownFieldsOctets(view, wanted), written.length);
    }),
    { numRuns: 2_000 },
  );
  assert.equal(wantedFields(['SUBJECT', 'X-NOT-COMMON']), undefined);
});

test('lines are written with CRLF wherever they are cut', () => {
  const lines = fc.array(fc.constantFrom('\n', '\r\n', '\r', 'x', 'a line that is longer than that', '\0\xff'));
  fc.assert(
    fc.property(lines, fc.nat(40), (pieces, cut) => {
      const octets = Buffer.from(pieces.join(''), 'latin1');
      const written = writtenBy((out) => {
        for (const [start, end] of [
          [0, Math.min(cut, octets.length)],
          [Math.min(cut, octets.length), octets.length],
        ] as const) {
          writeWithCrlf(out, octets, { start, end, before: octets[start - 1] ?? 0 });
        }
      });
      assert.equal(written, onTheWire(octets.toString('latin1')));
      assert.equal(octets.length + countBareLfs(octets, 0, octets.length), written.length);
    }),
    { numRuns: 1_000 },
  );
});

test('long lines, and nothing but line ends, are written with CRLF', () => {
  for (const piece of ['\n', '\r\n', 'x', 'seven..\n', 'eight...\n', 'nine.....\n', `${'x'.repeat(1_000)}\n`]) {
    const octets = Buffer.from(piece.repeat(Math.ceil(200_000 / piece.length)), 'latin1');
    const written = writtenBy((out) => writeWithCrlf(out, octets, { start: 0, end: octets.length, before: 0 }));
    assert.ok(written === onTheWire(octets.toString('latin1')));
  }
});

test('the words of a date are those of the general way, in every zone', () => {
  const before = process.env['TZ'];
  const zones = ['UTC', 'Europe/Berlin', 'Asia/Kolkata', 'Australia/Lord_Howe', 'America/St_Johns'];
  for (const [index, zone] of zones.entries()) {
    process.env['TZ'] = zone;
    // Days are remembered in the zone of the process, so each zone has years of its own.
    const first = Date.UTC(2000 + index * 15, 0, 3) / 1_000;
    fc.assert(
      fc.property(fc.integer({ min: first, max: first + 14 * 365 * 86_400 }), fc.nat(999), (seconds, rest) => {
        const ms = seconds * 1_000 + rest;
        const expected = `"${formatDateTime({ ms, zoneMinutes: zoneMinutes(ms) })}"`;
        assert.equal(
          writtenBy((out) => writeInternalDate(out, ms)),
          expected,
        );
      }),
      { numRuns: 500 },
    );
  }
  if (before === undefined) delete process.env['TZ'];
  else process.env['TZ'] = before;
});
