/** URLs of messages: which are read, and into what (RFC 5092, RFC 4467). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseImapUrl } from '../../../imapd/wire/imap-url.js';

test('a URL names a mailbox, a message and a part', () => {
  const url = parseImapUrl('/INBOX.R%C3%A9sum%C3%A9;UIDVALIDITY=785799047/;UID=113330/;section=1.5.MIME/;PARTIAL=7.9');

  assert.ok(url !== undefined);
  assert.equal(url.mailboxName.toString(), 'INBOX.R&AOk-sum&AOk-');
  assert.deepEqual([url.hasServer, url.user, url.uidValidity, url.uid], [false, undefined, 785_799_047, 113_330]);
  assert.deepEqual(url.section, { part: [1, 5], text: 'MIME', fields: [] });
  assert.deepEqual(url.partial, { offset: 7, count: 9 });
  assert.equal(url.authority, undefined);
});

test('an authorised URL says who, until when, and what its token is made of', () => {
  const token = '91354a473744909de610943775f92038';
  const rump =
    'imap://joe%40example.com@mail.example.com/INBOX/;UID=20/;section=1.2;expire=2026-11-21T17:00:00Z;urlauth=SUBMIT+fred';
  const url = parseImapUrl(`${rump}:INTERNAL:${token}`);

  assert.equal(url?.user, 'joe@example.com');
  const expires = Date.UTC(2026, 10, 21, 17);
  assert.deepEqual(url?.authority, { expires, access: 'submit+fred', rump, mechanism: 'internal', token });
  assert.equal(parseImapUrl(rump)?.authority?.token, undefined);
  assert.equal(parseImapUrl(rump)?.authority?.rump, rump);
});

test('what is no URL of a message is not read', () => {
  const wrong = [
    '',
    '/',
    'INBOX/;UID=1',
    '/INBOX',
    '/INBOX/;UID=0',
    '/INBOX/;UID=1:5',
    '/INBOX/;UID=1/;SECTION=NONSENSE',
    '/INBOX/;UID=1/;SECTION=1%00',
    '/INBOX/;UID=1/;SECTION=1/;PARTIAL=a',
    '/INBOX/;UID=1;EXPIRE=never;URLAUTH=anonymous',
    '/INBOX/;UID=1;URLAUTH=anonymous:internal:xyz',
    '/INBOX/;UID=1;X=1',
    '/IN%FFBOX/;UID=1',
    'http://example.com/INBOX/;UID=1',
    `/${'x'.repeat(5_000)}/;UID=1`,
  ];
  for (const text of wrong) assert.equal(parseImapUrl(text), undefined, text);
});
