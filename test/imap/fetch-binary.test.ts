/**
 * BINARY of parts that are sent while they are decoded: each octet, and each piece of them, is that of the part.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Place, withMaildir } from '../support/generated-maildir.js';

/** Larger than what is kept from counting to sending. */
const LARGE_OCTETS = 1_500_000;

const large = Buffer.from(Uint8Array.from({ length: LARGE_OCTETS }, (_, at) => (at * 7 + (at >> 8)) & 0xff));
const text = 'Grüße aus dem Süden = schön\n'.repeat(20_000);

function message(): string {
  const base64 = large.toString('base64').replace(/.{76}/g, '$&\n');
  const quoted = Array.from(Buffer.from(text), (octet) =>
    octet === 0x0a
      ? '\n'
      : octet > 0x7e || octet === 0x3d
        ? `=${octet.toString(16).toUpperCase()}`
        : String.fromCharCode(octet),
  ).join('');
  const part = (type: string, encoding: string, body: string): string =>
    `--b\nContent-Type: ${type}\nContent-Transfer-Encoding: ${encoding}\n\n${body}\n`;
  const parts = part('image/x', 'base64', base64) + part('text/plain; charset=utf-8', 'quoted-printable', quoted);
  return `MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n${parts}--b--\n`;
}

function withLargeParts(run: (place: Place) => Promise<void>): Promise<void> {
  return withMaildir((maildir) => writeFileSync(join(maildir, 'cur', '1700000001.M1.mx:2,S'), message()), run);
}

/** The octets of the literal in a FETCH response. */
function literalIn(response: Buffer): { readonly binary: boolean; readonly octets: Buffer } {
  const head = /^\* 1 FETCH \(\S+ (~?)\{(\d+)\}\r\n/.exec(response.toString('latin1', 0, 200));
  assert.ok(head !== null);
  const start = head[0].length;
  return { binary: head[1] === '~', octets: response.subarray(start, start + Number(head[2])) };
}

test('a large part is decoded while it is sent', async () => {
  await withLargeParts(async ({ client }) => {
    await client.must('SELECT INBOX');
    const ask = async (item: string): Promise<Buffer> => {
      const { untagged } = await client.must(`FETCH 1 ${item}`);
      return Buffer.from(untagged[0] ?? '', 'latin1');
    };

    const whole = literalIn(await ask('BINARY.PEEK[1]'));
    assert.ok(whole.binary);
    assert.ok(whole.octets.equals(large));

    const crlf = Buffer.from(text.replaceAll('\n', '\r\n'));
    const decoded = literalIn(await ask('BINARY.PEEK[2]'));
    assert.ok(!decoded.binary);
    assert.ok(decoded.octets.equals(crlf));

    for (const [offset, count] of [
      [0, 10],
      [LARGE_OCTETS - 5, 100],
      [300_000, 400_000],
      [LARGE_OCTETS + 5, 1],
    ] as const) {
      const piece = literalIn(await ask(`BINARY.PEEK[1]<${offset}.${count}>`));
      assert.ok(piece.octets.equals(large.subarray(offset, offset + count)), `${offset}.${count}`);
    }

    const sizes = (await ask('(BINARY.SIZE[1] BINARY.SIZE[2])')).toString('latin1');
    assert.equal(sizes, `* 1 FETCH (BINARY.SIZE[1] ${LARGE_OCTETS} BINARY.SIZE[2] ${crlf.length})`);
  });
});
