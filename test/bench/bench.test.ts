/**
 * The bench's own parts that decide what its figures mean: the mail is the same everywhere, and ratios and bars are right.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import iconv from 'iconv-lite';
import type { Sample } from './bench.js';
import { MailGenerator } from './mail.js';
import { charsets, encodeText, NEEDLES, sentences } from './mail-words.js';
import { drawPicture } from './picture.js';
import { atShare, geometricMean, median } from './statistics.js';
import { comparedTable, Results, verdict } from './table.js';

const COUNT = 1200;

test('bench: messages are the same on every machine, and have the sizes of real mail', () => {
  const generator = new MailGenerator();
  const messages = Array.from({ length: COUNT }, (_, number) => generator.message(number));
  const hash = createHash('sha256');
  for (const { octets } of messages) hash.update(octets);
  assert.equal(hash.digest('hex'), '51d410cac00b33bd0d61434e0989c98070914b9bd155a23a784289d0fc6d3f8a');
  assert.deepEqual(new MailGenerator().message(700), messages[700]);

  const sizes = messages.map(({ octets }) => octets.length);
  assert.ok(median(sizes) > 3500 && median(sizes) < 4500, `the median is ${median(sizes)}`);
  assert.ok(Math.max(...sizes) > 1_000_000);
  for (const { octets, needles } of messages) {
    assert.equal(octets.includes(NEEDLES.from), needles.from);
    assert.ok(octets.indexOf('\n\n') > 0 && !octets.includes('\r'));
  }
});

test('bench: sentences survive their character sets', () => {
  for (const charset of charsets) {
    const sentence = sentences[charset] ?? '';
    const octets = encodeText(sentence, charset);
    // iconv-lite does not have the former; TextDecoder of Node 20 takes windows-1252 for iso-8859-1.
    const decoded = charset === 'iso-2022-jp' ? new TextDecoder(charset).decode(octets) : iconv.decode(octets, charset);
    assert.equal(decoded, sentence, charset);
  }
});

const sizes = { messages: 10, manyMessages: 50, bodies: 1, changes: 1, folders: 1 };

function sampleOf(row: string, server: string, value: number): Sample {
  return { row, server, repetition: 1, value };
}

test('bench: a ratio above 1 is in our favour, whichever way is better', () => {
  const samples = [
    ...[5, 1, 3].map((value) => sampleOf('store_one', 'ours', value)),
    sampleOf('store_one', 'courier', 1.5),
    sampleOf('store_one', 'dovecot', 12),
    sampleOf('append_1', 'ours', 900),
    sampleOf('append_1', 'courier', 300),
    sampleOf('append_1', 'dovecot', 450),
  ];
  const results = new Results(samples, ['ours', 'courier', 'dovecot'], sizes);
  const lines = comparedTable(results).split('\n');
  assert.ok(lines.includes('| APPEND of 4 KB, 1 connection, /s | 900 | 300 | 450 | 3.00 | 2.00 | 2.00 | met |'));
  assert.ok(
    lines.includes('| STORE of one message, ms | 3.00 (1.00) | 1.50 | 12.0 | 0.50 | 4.00 | 0.50 | **missed** |'),
  );
  const sentence = verdict(results).join(' ');
  assert.match(sentence, /1 of 2 rows/);
  assert.match(sentence, /dovecot: 2\.83 \(bar 2: met\)/);
});

test('bench: statistics of few and of no values', () => {
  assert.equal(median([4, 1]), 2.5);
  assert.equal(atShare([1, 2, 3, 4], 0.99), 4);
  assert.equal(geometricMean([2, 8]), 4);
  assert.ok(Number.isNaN(median([])) && Number.isNaN(geometricMean([])));
});

test('bench: the picture has a curve for each server, and a shape of its own', () => {
  const points = ['ours', 'courier', 'dovecot'].flatMap((server) =>
    [1000, 200_000].map((messages) => ({ server, panel: 'flags' as const, messages, milliseconds: messages / 100 })),
  );
  const picture = drawPicture(points, 'a <caption>');
  assert.equal(picture.match(/<path d="M[^"]*" fill="none"/g)?.length, 3);
  assert.match(picture, /a &lt;caption>/);
  assert.match(picture, />200k<\/text>/);
});
