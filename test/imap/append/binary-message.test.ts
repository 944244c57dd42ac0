/** Messages that come as literal8: which of their parts become base64 (RFC 3516). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutBinary } from '../../../imapd/append/binary-message.js';
import { finish } from '../../../imapd/message/steps.js';
import { decodeTransfer } from '../../../imapd/message/transfer-decoding.js';

function stored(message: Buffer | string): string | undefined {
  const pieces = finish(withoutBinary(Buffer.from(message)));
  return pieces && Buffer.concat(pieces).toString('latin1');
}

test('a message without anything binary stays as it is', () => {
  for (const message of ['', 'Subject: a\r\n\r\nb\r\n', 'Content-Transfer-Encoding: 8bit\r\n\r\n\xe4']) {
    assert.equal(stored(Buffer.from(message, 'latin1')), message);
  }
});

test('a binary body becomes base64, and the header says so', () => {
  const body = Buffer.from([0, 1, 13, 10, 0, 255]);
  const header = 'Content-Type: image/x\r\nContent-Transfer-Encoding:\r\n binary\r\nSubject: a\r\n\r\n';
  const [head = '', text = ''] = (stored(Buffer.concat([Buffer.from(header), body])) ?? '').split('\r\n\r\n');

  const fields = 'Content-Type: image/x\r\nSubject: a\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: base64';
  assert.equal(head, fields);
  assert.deepEqual(decodeTransfer(Buffer.from(text), 'base64'), body);
});

test('NUL makes a part binary, whatever its header says, and other parts are not touched', () => {
  const parts = ['--b\r\n\r\ntext\r\n', '--b\r\nContent-Type: a/b\r\n\r\nx\0y\r\n', '--b--\r\n'];
  const header = 'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n';
  const changed = '--b\r\nContent-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n\r\neAB5\r\n';
  assert.equal(stored(header + parts.join('')), `${header}${parts[0]}${changed}${parts[2]}`);
});

test('a large body has lines of 76 characters', () => {
  const text = stored(`MIME-Version: 1.0\r\n\r\n\0${'x'.repeat(200_000)}`) ?? '';
  const lines = text.slice(text.indexOf('\r\n\r\n') + 4).split('\r\n');
  assert.ok(lines.slice(0, -1).every((line) => line.length === 76));
  assert.equal(decodeTransfer(Buffer.from(lines.join('')), 'base64').length, 200_001);
});

test('NUL in a header cannot be helped', () => {
  assert.equal(stored('Subject: a\0b\r\n\r\ntext\r\n'), undefined);
});
