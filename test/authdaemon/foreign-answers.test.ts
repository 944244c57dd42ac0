/**
 * Whatever a site's program or module answers, and whatever stands in vpopmail's files: an account that may be used, or
 * a reason why there is none.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Account } from '../../authdaemon/account.js';
import { accountFromResult, enumeratedFromResult, WrongResult } from '../../authdaemon/custom/results.js';
import { isWholeAnswer, readAuthProgAnswer, readAuthProgList } from '../../authdaemon/pipe/auth-prog-answer.js';
import { formatAccount, readAnswer } from '../../authdaemon/protocol.js';
import { maildirQuota, optionsFromFlags, parseVpasswdLine } from '../../authdaemon/vpopmail/vpasswd.js';

const fields = ['UID', 'GID', 'HOME', 'ADDRESS', 'USERNAME', 'MAILDIR', 'OPTIONS', 'PASSWD2', 'X', ''];
const values = fc.oneof(fc.constantFrom('0', '5000', '-1', '4294967295', '/home/x', 'x', 'daemon', ''), fc.string());
const lines = fc.tuple(fc.constantFrom(...fields), values).map(([name, value]) => `${name}=${value}`);
const answers = fc.oneof(
  fc
    .array(fc.oneof(lines, fc.constantFrom('FAIL', '.', 'OK', 'TEMPFAIL x')))
    .map((all) => Buffer.from(`${all.join('\n')}\n`)),
  fc.uint8Array({ maxLength: 200 }).map((octets) => Buffer.from(octets)),
);

function assertUsable(account: Account): void {
  assert.ok(account.uid > 0 && account.uid < 0xffff_ffff && account.home.startsWith('/') && account.address !== '');
}

test('an answer of authProg is an account for a mail worker, a no, or a failure', async () => {
  await fc.assert(
    fc.asyncProperty(answers, async (octets) => {
      const answer = await readAuthProgAnswer(octets, 'ann', async () => ({ uid: 1, gid: 1 }));
      if (answer.kind === 'account') assertUsable(answer.account);
      else assert.ok(answer.reason !== '');
      for (const { uid } of readAuthProgList(octets)) assert.ok(uid >= 0);
    }),
  );
});

test('an answer is whole at its end, and nowhere before', () => {
  for (const answer of ['FAIL\n', 'OK\n', '.\n', 'UID=1\n.\n', 'TEMPFAIL why\n', '# x\n\na\tb\n.\n']) {
    for (let length = 0; length < answer.length; length += 1) {
      assert.equal(isWholeAnswer(Buffer.from(answer.slice(0, length))), false, answer.slice(0, length));
    }
    assert.equal(isWholeAnswer(Buffer.from(answer)), true, answer);
    assert.equal(isWholeAnswer(Buffer.from(`${answer}x\n`)), 'too much', answer);
  }
});

test('a result of a custom module is an account that can be told to others, nobody, or wrong', () => {
  const results = fc.oneof(
    fc.anything(),
    fc.record({
      uid: fc.oneof(fc.integer(), fc.anything()),
      gid: fc.oneof(fc.nat(), fc.anything()),
      home: fc.oneof(fc.constant('/home/x'), fc.anything()),
      address: fc.oneof(fc.string(), fc.anything()),
      options: fc.oneof(fc.string(), fc.dictionary(fc.string(), fc.anything()), fc.anything()),
      password: fc.oneof(fc.string(), fc.anything()),
    }),
  );
  fc.assert(
    fc.property(results, (value) => {
      try {
        const stored = accountFromResult(value, 'ann');
        if (stored === undefined) return;
        assertUsable(stored.account);
        const told = formatAccount(stored.account);
        assert.ok(told !== undefined && readAnswer(told, true).kind === 'account');
        enumeratedFromResult(value);
      } catch (error) {
        if (!(error instanceof WrongResult)) throw error;
      }
    }),
  );
});

test('any line of vpasswd is read or passed over', () => {
  const part = fc.oneof(fc.string(), fc.nat().map(String), fc.constant('/home/x'));
  fc.assert(
    fc.property(fc.array(part, { maxLength: 10 }), (parts) => {
      const entry = parseVpasswdLine(parts.join(':'));
      if (entry === undefined) return;
      assert.ok(entry.name !== '' && Number.isSafeInteger(entry.flags));
      optionsFromFlags(entry.flags);
      assert.match(maildirQuota(entry.quota) ?? '1S', /^\d+[SC](,\d+[SC])*$/);
    }),
  );
});
