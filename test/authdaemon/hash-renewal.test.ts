/**
 * Renewing of hashes: the order of the schemes, userdb, and what happens when passwords are changed meanwhile.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { hashPassword } from '../../authdaemon/passwords/password.js';
import { HashRenewal } from '../../authdaemon/secrets/hash-renewal.js';
import { hashStrength, methodHint } from '../../authdaemon/secrets/hash-strength.js';
import { readAuthdaemonSettings } from '../../authdaemon/settings.js';
import { StoreModule } from '../../authdaemon/stores/store-module.js';
import { compileUserdb } from '../../authdaemon/userdb/files.js';
import { UserdbStore } from '../../authdaemon/userdb/userdb-store.js';
import { logTo } from '../../init/runtime/log/log.js';
import { Secret } from '../../init/runtime/secret.js';
import { waitUntil } from '../support/processes.js';
import { change, inShort, logIn, moduleContext } from './module-support.js';

const WEAK = '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=';

/** A module on a userdb whose accounts have the password `secret` and these fields. */
async function withUserdb(
  fields: Readonly<Record<string, string>>,
  renewHash: string,
  use: (given: { module: StoreModule; lines: readonly string[]; source: string }) => Promise<void>,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'renewal-'));
  const source = join(directory, 'userdb');
  const records = Object.entries(fields).map(([name, more]) => `${name}\tuid=7|gid=8|home=/h|${more}\n`);
  writeFileSync(source, records.join(''), { mode: 0o600 });
  await compileUserdb(source);
  const context = { ...moduleContext(directory), debugLogin: 0 as const, renewHash };
  const module = new StoreModule(new UserdbStore(context), context);
  await use({ module, lines: context.lines, source });
  await module.stop();
  rmSync(directory, { recursive: true });
}

test('A12: every hash that is made here has its place, and each method the place of its hashes', async () => {
  const methods = ['MD5', 'MD5RAW', 'SHA', 'SHA256', 'SHA512', 'SMD5', 'SSHA', 'SSHA256', 'SSHA512'];
  const more = ['$1$', 'SCRAM-SHA-1', 'SCRAM-SHA-256', '$5$', '$6$', 'BLF-CRYPT', '$y$', 'ARGON2ID'];
  let before = -1;
  for (const word of [...methods, ...more]) {
    const hint = methodHint(word) ?? '';
    const place = hashStrength(await hashPassword(new Secret('secret'), hint)) ?? -1;
    assert.equal(hashStrength(hint), place, word);
    assert.ok(word === 'MD5RAW' ? place === before : place > before, word);
    before = place;
  }
  assert.equal(hashStrength('abJnggxhB/yWI'), 0);
  assert.equal(hashStrength('{BLF-CRYPT}$2y$05$x'), hashStrength('$2b$'));
  assert.equal(hashStrength('{CRYPT}$6$x'), hashStrength('$6$'));
  for (const strange of ['', '!', '*', '{FOO}x', '$9$x', 'secret', '{CRYPT}!$6$abc$x'])
    assert.equal(hashStrength(strange), undefined, strange);
  for (const word of ['DES', 'FOO', '$9$', 'SHA512-CRYPT', 'SCRYPT', '{}'])
    assert.equal(methodHint(word), undefined, word);
});

test('A12: authdaemonrc names a method as authpasswd takes it, or is wrong', () => {
  const directory = mkdtempSync(join(tmpdir(), 'renewal-'));
  const read = (line: string) => {
    writeFileSync(join(directory, 'authdaemonrc'), `authmodulelist="authuserdb"\n${line}\n`);
    const { renewHash, file } = readAuthdaemonSettings(directory);
    return file.problems[0]?.what ?? renewHash;
  };

  assert.equal(read(''), undefined);
  assert.equal(read('AUTH_RENEW_HASH=argon2id'), '{ARGON2ID}');
  assert.equal(read("AUTH_RENEW_HASH='$6$'"), '$6$');
  assert.equal(read('AUTH_RENEW_HASH=FOO'), 'AUTH_RENEW_HASH=FOO is no method that hashes are made with');
  rmSync(directory, { recursive: true });
});

test('A12: userdb: the field that was good gets a new hash, others stay, and the account is the same', async () => {
  const fields = { ann: `systempw=${WEAK}|imappw=${WEAK}|quota=5S`, bob: `systempw=${WEAK}` };
  await withUserdb(fields, '{SCRAM-SHA-256}', async ({ module, lines, source }) => {
    assert.equal(inShort(await logIn(module, ['bob', 'wrong'])), 'rejected: wrong password');
    assert.equal(inShort(await logIn(module, ['ann', 'secret'])), 'ann');
    await waitUntil('the hash is renewed', () => lines.length > 0);

    assert.deepEqual(lines, ['info authuserdb: ann: the hash was renewed']);
    const text = readFileSync(source, 'utf8');
    assert.ok(text.includes(`home=/h|systempw=${WEAK}|imappw={SCRAM-SHA-256}10000,`), text);
    assert.ok(text.endsWith(`|quota=5S\nbob\tuid=7|gid=8|home=/h|systempw=${WEAK}\n`), text);
    for (const service of ['imap', 'pop3'])
      assert.equal(inShort(await logIn(module, ['ann', 'secret'], { service })), 'ann');
    assert.equal(inShort(await logIn(module, ['ann', 'wrong'])), 'rejected: wrong password');
  });
});

test('A12: a password that is changed at the same moment is the one that stays', async () => {
  for (let round = 0; round < 5; round += 1) {
    await withUserdb({ ann: `systempw=${WEAK}` }, '{SCRAM-SHA-256}', async ({ module }) => {
      const logins = [0, 1, 2].map(() => logIn(module, ['ann', 'secret']));
      if (round % 2 === 0) await Promise.all(logins);
      const changed = await change(module, 'ann', ['secret', 'new secret']);
      await Promise.all([...logins, logIn(module, ['ann', 'secret'])]);

      assert.equal(changed.kind, 'changed');
      assert.equal(inShort(await logIn(module, ['ann', 'secret'])), 'rejected: wrong password');
      assert.equal(inShort(await logIn(module, ['ann', 'new secret'])), 'ann');
    });
  }
});

test('A12: one at a time for an account, two for a module, and a pause of a minute after a failure', async () => {
  const lines: string[] = [];
  let time = 0;
  const log = logTo((level, line) => lines.push(`${level} ${line}`));
  const renewal = new HashRenewal({ name: 'store', method: '$6$', log, now: () => time });
  const written: string[] = [];
  const consider = (name: string, answer: 'changed' | 'rejected', hash = WEAK): void =>
    renewal.consider(name, hash, async () => {
      written.push(name);
      return answer === 'changed' ? { kind: 'changed' } : { kind: 'rejected', reason: 'read only' };
    });

  for (const name of ['a', 'a', 'b', 'c']) consider(name, 'changed');
  consider('strong', 'changed', '$2b$05$x');
  assert.deepEqual(written, [], 'the answer goes first');
  await renewal.settled();
  assert.deepEqual(written, ['a', 'b']);
  consider('d', 'rejected');
  await renewal.settled();
  time = 59_999;
  consider('e', 'rejected');
  await renewal.settled();
  time = 60_001;
  consider('f', 'rejected');
  await renewal.settled();
  assert.deepEqual(written, ['a', 'b', 'd', 'f']);
  assert.deepEqual(lines.slice(2), [
    'warning store: d: the hash was not renewed: read only',
    'warning store: f: the hash was not renewed: read only',
  ]);
});
