/** Previews of messages (RFC 8970): which text they are of, and what is left of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { finish, scanMessage } from '../../../imapd/message/mime.js';
import { previewOf } from '../../../imapd/message/preview.js';
import { type MessageSource, sourceOf } from '../../../imapd/message/source.js';

function preview(message: string | Buffer): string {
  const source = sourceOf(Buffer.from(message));
  return previewOf(source, finish(scanMessage(source)));
}

function html(body: string): string {
  return preview(`Content-Type: text/html; charset=utf-8\n\n${body}`);
}

function alternative(...parts: readonly string[]): string {
  const within = parts.map((part) => `--b\nContent-Type: ${part}\n`).join('');
  return preview(`Content-Type: multipart/alternative; boundary=b\n\n${within}--b--\n`);
}

test('a preview is one line of the text', () => {
  const table: [string, string][] = [
    ['', ''],
    ['\n\nHello\r\n  there,\tyou\n', 'Hello there, you'],
    ['\n\n> quoted\nown\n> more', 'own'],
    ['\n\n> nothing\n> else', '> nothing > else'],
    ['Content-Transfer-Encoding: base64\n\nSGVsbG8=\n', 'Hello'],
    [
      'Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nGr=FC=DFe\n',
      'Grüße',
    ],
    ['Content-Type: image/png\n\nabc', ''],
    ['Content-Type: text/plain\nContent-Disposition: attachment\n\nabc', ''],
  ];
  for (const [message, expected] of table) assert.equal(preview(message), expected, JSON.stringify(message));
});

test('plain text comes before HTML, unless it is empty', () => {
  assert.equal(alternative('text/html\n\n<p>rich', 'text/plain\n\nplain'), 'plain');
  assert.equal(alternative('text/plain\n\n \n', 'text/html\n\n<p>rich'), 'rich');
  assert.equal(alternative('image/png\n\nx', 'message/rfc822\n\n\nforwarded'), '');
});

test('HTML gives its text without what nobody reads', () => {
  const table: [string, string][] = [
    ['<p>a<p>b', 'a b'],
    ['<b>bo</b>ld <td>cell</td>s', 'bold cell s'],
    ['<style>x</style >y<script>z</script>!', 'y!'.replace('!', ' !')],
    ['a<!-- <b> -->c', 'a c'],
    ['1 < 2 &amp;&lt;3&gt; &#65;&#x42; &nope; &#0; &#xd800;', '1 < 2 &<3> AB &nope; &#0; &#xd800;'],
    ['Gr&uuml;&szlig;e&nbsp;&zwnj;&#8199;&#847;&Auml;', 'Grüße Ä'],
    ['open <a href="', 'open'],
    ['open <!-- never', 'open'],
    ['<style>never', ''],
  ];
  for (const [body, expected] of table) assert.equal(html(body), expected, body);
});

test('a preview has 200 characters at most, and none of them is half', () => {
  assert.equal(Array.from(preview(`\n\n${'😀'.repeat(300)}`)).length, 200);
  assert.equal(preview(`\n\n${'a'.repeat(199)}😀b`), `${'a'.repeat(199)}😀`);
  const cut = preview(`\n\n${' '.repeat(32 * 1024 - 3)}äö`);
  assert.equal(cut, 'ä');
});

test('of a hundred megabytes of tags that are never closed a few KiB are looked at', () => {
  const octets = 100 * 1024 * 1024;
  const header = Buffer.from('Content-Type: text/html\n\n');
  const piece = Buffer.from('<a <b &'.repeat(10_000));
  let looked = 0;
  const source: MessageSource = {
    sizeOctets: octets,
    read(position, length) {
      looked += length;
      return position < header.length
        ? Buffer.concat([header, piece]).subarray(position, length)
        : piece.subarray(0, length);
    },
  };
  const part = finish(scanMessage(sourceOf(Buffer.concat([header, piece])))).root;
  const text = previewOf(source, { root: { ...part, bodyEnd: octets }, wireOctets: octets, marks: [] });
  assert.equal(text, '');
  assert.ok(looked <= 64 * 1024);
});
