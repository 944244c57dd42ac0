/**
 * The short way of writing address fields against the general one: where it writes anything, it is the same.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { writePlainAddresses } from '../../../imapd/message/address-octets.js';
import { parseAddresses } from '../../../imapd/message/addresses.js';
import { unfold } from '../../../imapd/message/header.js';
import { OctetWriter } from '../../../imapd/message/octet-writer.js';
import { nstring } from '../../../imapd/message/wire-text.js';

function general(field: string): string {
  const shown = parseAddresses(unfold(field)).map(
    ({ name, route, mailbox, host }) => `(${nstring(name)} ${nstring(route)} ${nstring(mailbox)} ${nstring(host)})`,
  );
  return shown.length === 0 ? 'NIL' : `(${shown.join('')})`;
}

function short(field: string): string | undefined {
  const octets = Buffer.from(field, 'latin1');
  const out = new OctetWriter(Buffer.alloc(1));
  return writePlainAddresses(out, octets, 0, octets.length) ? out.view().toString('latin1') : undefined;
}

test('usual addresses are written the short way', () => {
  for (const field of [
    ' a@b\r\n',
    ' A B <a@b>, "C, D" <c@d>,\n\tc@d\n',
    ' =?utf-8?Q?J=C3=BCrgen?= <j@x>\n',
    ' "Hex \\"H\\" \\x" <h@x>\n',
    ' a@b (A B), c@d\t(C)\n',
    ' , ,\n',
  ])
    assert.equal(short(field), general(field));
});

test('C20 the short way never differs from the general one', () => {
  const pieces = fc.constantFrom(
    ...['a', 'b c', 'a@b', '<', '>', '"', '"x y"', '""', '\\', '\\"', '(', ')', '[', ']', ',', ';', ':', '@', '.'],
    ...[
      ' ',
      '\t',
      '\r\n ',
      '\n\t',
      '\r',
      '\0',
      '\x0b',
      '\x80',
      '=?utf-8?Q?a?=',
      '<a@b>',
      'N <a@b>',
      '"N" <a@b>',
      '(N)',
      '(N M)',
      'a@b (N)',
    ],
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 12 }), fc.constantFrom('', '\n', '\r\n', ' \r\n'), (field, end) => {
      const text = field.join('') + end;
      const written = short(text);
      if (written !== undefined) assert.equal(written, general(text));
    }),
    { numRuns: 20_000 },
  );
});
