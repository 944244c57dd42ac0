/**
 * The socket's grammar: what is written is read back, and no octets whatever do harm.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type Account,
  formatOptions,
  mergeDefaultOptions,
  optionNumber,
  optionsRecord,
  optionText,
  optionValues,
  parseOptions,
} from '../../authdaemon/account.js';
import { formatExchange, withLastWord } from '../../authdaemon/exchange-lines.js';
import { octetsFromText, textFromOctets } from '../../authdaemon/octet-text.js';
import {
  formatAccount,
  formatEnumerated,
  formatLoginData,
  formatRequest,
  formatTemporaryFailure,
  MAX_REQUEST_OCTETS,
  type Request,
  readAnswer,
  readEnumerated,
  readLoginData,
  readRequest,
} from '../../authdaemon/protocol.js';
import { Secret } from '../../init/runtime/secret.js';

const line = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((text) => !/[\x00-\x1f\x7f]/.test(text));
const word = line.filter((text) => text !== '' && !text.includes(' '));
const requests: fc.Arbitrary<Request> = fc.oneof(
  fc.record({
    kind: fc.constant('lookup' as const),
    module: word,
    service: word,
    loginName: line.filter((text) => !text.startsWith(' ')),
  }),
  fc.record({
    kind: fc.constant('authenticate' as const),
    service: line,
    authType: line,
    authData: fc.uint8Array({ maxLength: 200 }).map((octets) => Buffer.from(octets)),
  }),
  fc.constant({ kind: 'enumerate' as const }),
);
const metadata = fc.array(
  fc.tuple(
    word.filter((text) => !text.includes('=')),
    line,
  ),
  { maxLength: 5 },
);

test('a request that is written is read back the same', () => {
  fc.assert(
    fc.property(requests, metadata, (generated, lines) => {
      const request = { ...generated };
      const octets = formatRequest({ request, metadata: new Map(lines) });
      assert.ok(octets !== undefined);
      assert.deepEqual(readRequest(octets), { kind: 'request', request, metadata: new Map(lines) });
    }),
  );
});

test('a password change that is written is read back the same', () => {
  fc.assert(
    fc.property(line, line, line, line, (service, loginName, oldPassword, newPassword) => {
      const request: Request = {
        kind: 'change password',
        service,
        loginName,
        oldPassword: new Secret(oldPassword),
        newPassword: new Secret(newPassword),
      };
      const reading = readRequest(formatRequest({ request, metadata: new Map() }) ?? Buffer.alloc(0));
      assert.ok(reading.kind === 'request' && reading.request.kind === 'change password');
      const read = reading.request;
      assert.deepEqual(
        [read.service, read.loginName, read.oldPassword.reveal(), read.newPassword.reveal()],
        [service, loginName, oldPassword, newPassword],
      );
    }),
  );
});

test('a request is incomplete at every octet before its end, and the same with anything behind it', () => {
  fc.assert(
    fc.property(requests, fc.uint8Array({ maxLength: 20 }), (request, more) => {
      const octets = formatRequest({ request, metadata: new Map([['TCPREMOTEIP', '::1']]) }) ?? Buffer.alloc(0);
      for (let end = 0; end < octets.length; end += 1) {
        assert.equal(readRequest(octets.subarray(0, end)).kind, 'incomplete');
      }
      assert.deepEqual(readRequest(Buffer.concat([octets, more])), readRequest(octets));
    }),
    { numRuns: 30 },
  );
});

test('68: arbitrary octets give a reading and nothing else', () => {
  const garbage = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc.string().map((text) => Buffer.from(`AUTH ${text}\n`)),
    fc.string().map((text) => Buffer.from(`PRE ${text}\n`)),
    fc.string().map((text) => Buffer.from(`PASSWD ${text}\n`)),
  );
  fc.assert(
    fc.property(garbage, fc.boolean(), (octets, ended) => {
      assert.ok(['incomplete', 'malformed', 'request'].includes(readRequest(Buffer.from(octets)).kind));
      readAnswer(Buffer.from(octets), ended);
      readEnumerated(Buffer.from(octets));
      readLoginData(Buffer.from(octets));
    }),
    { numRuns: 500 },
  );
});

test('65: what could forge a line is not written', () => {
  for (const evil of ['a\nb', 'a\rb', 'a\0b', 'a\tb']) {
    const lookup: Request = { kind: 'lookup', module: '.', service: 'imap', loginName: evil };
    assert.equal(formatRequest({ request: lookup, metadata: new Map() }), undefined);
    assert.equal(formatLoginData({ loginName: evil, password: new Secret('x') }), undefined);
    assert.equal(formatLoginData({ loginName: 'ann', password: new Secret(evil) }), undefined);
    const account: Account = { address: 'ann', uid: 1, gid: 1, home: `/home${evil}`, options: [] };
    assert.equal(formatAccount(account), undefined);
  }
  const metadata = new Map([['TCPREMOTEIP', '::1\nUID=0']]);
  assert.equal(formatRequest({ request: { kind: 'enumerate' }, metadata }), undefined);
});

test('lines and bodies longer than Courier’s buffer are malformed', () => {
  const longest = 'u'.repeat(MAX_REQUEST_OCTETS - 'PRE . imap '.length);

  assert.equal(readRequest(Buffer.from(`PRE . imap ${longest}\n`)).kind, 'request');
  assert.equal(readRequest(Buffer.from(`PRE . imap ${longest}u\n`)).kind, 'malformed');
  assert.equal(readRequest(Buffer.from('x'.repeat(MAX_REQUEST_OCTETS + 1))).kind, 'malformed');
  assert.equal(readRequest(Buffer.from(`AUTH ${MAX_REQUEST_OCTETS + 1}\n`)).kind, 'malformed');
  assert.equal(readRequest(Buffer.from('A=b\n'.repeat(1000))).kind, 'malformed');
});

test('an account that is written is read back the same', () => {
  const id = fc.integer({ min: 0, max: 4294967294 });
  const accounts = fc.record({
    address: line,
    uid: id,
    gid: id,
    home: line,
    maildir: line,
    quota: line,
    fullName: line,
  });
  fc.assert(
    fc.property(accounts, (fields) => {
      const account: Account = {
        ...fields,
        systemUser: 'ann',
        options: parseOptions('disableimap=1,group=a,group=b,bare'),
      };
      assert.deepEqual(readAnswer(formatAccount(account) ?? Buffer.alloc(0), false), { kind: 'account', account });
    }),
  );
});

test('an answer that ends early is a temporary failure, and so is silence', () => {
  const whole = Buffer.from('UID=1\nGID=1\nHOME=/h\nADDRESS=ann\n.\n');

  for (let end = 0; end < whole.length; end += 1) {
    assert.equal(readAnswer(whole.subarray(0, end), false).kind, 'incomplete');
    assert.equal(readAnswer(whole.subarray(0, end), true).kind, 'temporary failure');
  }
  assert.equal(readAnswer(whole, false).kind, 'account');
  assert.deepEqual(readAnswer(Buffer.from('FAIL\n'), false), { kind: 'rejected' });
  assert.equal(readAnswer(Buffer.from('UID=0x0\nGID=1\nHOME=/h\nADDRESS=a\n.\n'), false).kind, 'temporary failure');
  assert.equal(readAnswer(Buffer.from('GID=1\nHOME=/h\nADDRESS=a\n.\n'), false).kind, 'temporary failure');
  assert.deepEqual(readAnswer(formatTemporaryFailure('no\nroute'), false), {
    kind: 'temporary failure',
    reason: 'no route',
  });
});

test('a line of a list that is written is read back the same', () => {
  fc.assert(
    fc.property(
      word.filter((name) => !name.startsWith('#')),
      line,
      line,
      (name, home, maildir) => {
        const account = { name, uid: 5, gid: 6, home, maildir, options: parseOptions('a=1,b') };
        const octets = formatEnumerated(account) ?? Buffer.alloc(0);
        assert.deepEqual(readEnumerated(octets.subarray(0, -1)), account);
      },
    ),
  );
});

test('octets become text and the same octets again', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (octets) => {
      assert.deepEqual(octetsFromText(textFromOctets(Buffer.from(octets))), Buffer.from(octets));
    }),
  );
  assert.equal(textFromOctets(Buffer.from('grün €')), 'grün €');
});

test('O3: site options fill up what the account does not say', () => {
  const own = parseOptions('disableimap=0,group=a,group=b');
  const merged = mergeDefaultOptions(own, parseOptions('disableimap=1,disablepop3=1,group=c'));

  assert.equal(formatOptions(merged), 'disableimap=0,group=a,group=b,disablepop3=1');
  assert.equal(optionNumber(merged, 'disableimap'), 0);
  assert.equal(optionNumber(merged, 'disablepop3'), 1);
  assert.deepEqual(optionValues(merged, 'group'), ['a', 'b']);
  assert.deepEqual(optionsRecord(merged), { disableimap: '0', group: 'a,b', disablepop3: '1' });
});

test('O2: integer options are read as Courier reads them', () => {
  const options = parseOptions('a=12x,b=yes,c=True,d=no,e,f=-3,__proto__=x');

  assert.deepEqual(
    ['a', 'b', 'c', 'd', 'e', 'f', 'missing'].map((name) => optionNumber(options, name)),
    [12, 1, 1, 0, 0, -3, 0],
  );
  assert.equal(optionText(options, 'e'), '');
  assert.equal(Object.hasOwn(optionsRecord(options), '__proto__'), true);
});

test('answers of mechanisms that Courier does not have are lines as its own, and come back as they went', () => {
  const token = { kind: 'challenge', challenge: 'Y2hhbGxlbmdl', token: 'dG9rZW4' } as const;
  assert.deepEqual(readAnswer(Buffer.from(formatExchange(token) ?? ''), false), token);
  const refusals = [
    { kind: 'rejected', expired: true },
    { kind: 'rejected', lastWord: 'e30=' },
    { kind: 'rejected', expired: true, lastWord: 'e30=' },
  ] as const;
  for (const refusal of refusals) {
    const lines = formatExchange({ ...refusal, reason: 'for the log' }) ?? '';
    assert.doesNotMatch(lines, /for the log/);
    assert.deepEqual(readAnswer(Buffer.from(lines), false), refusal);
    assert.equal(readAnswer(Buffer.from(lines.slice(0, -2)), false).kind, 'incomplete');
  }
  assert.equal(formatExchange({ kind: 'rejected', reason: 'for the log' }), undefined);
  const account = { address: 'ann', uid: 1001, gid: 1001, home: '/home/ann', options: [] };
  const lines = withLastWord(formatAccount(account) ?? Buffer.alloc(0), 'dj0x');
  assert.deepEqual(readAnswer(lines, false), { kind: 'account', account, lastWord: 'dj0x' });
});
