/** SCRAM with accounts of a real directory: a verifier where hashes stand, or a password in the clear. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashPassword } from '../../authdaemon/passwords/password.js';
import { Secret } from '../../init/runtime/secret.js';
import { Slapd } from '../support/slapd.js';
import { accountEntry, LdapFixture, ldapRc } from './ldap-fixture.js';
import { scramOutcome } from './scram-at-module.js';

test('A13: SCRAM works with a verifier as userPassword, and with a password in the clear', async () => {
  const userPassword = await hashPassword(new Secret('secret'), '{SCRAM-SHA-256}');
  const entries = [
    accountEntry('ann', { userPassword }),
    accountEntry('bob', { userPassword: undefined, clearPassword: 'clear secret' }),
    accountEntry('old'),
  ];
  const slapd = await Slapd.start({ entries });
  const fixture = new LdapFixture(ldapRc(slapd.uri));
  try {
    const outcome = (name: string, password: string) => scramOutcome(fixture.module, `${name}@example.com`, password);
    assert.equal(await outcome('ann', 'secret'), 'account');
    assert.equal(await outcome('ann', 'wrong'), 'wrong password');
    assert.equal(await fixture.login('ann@example.com', 'secret'), '5000:ann@example.com');
    assert.equal(await outcome('bob', 'clear secret'), 'account');
    assert.equal(await outcome('old', 'secret'), 'no password is stored that SCRAM can be checked with');
    assert.equal(await outcome('nobody', 'secret'), 'unknown account');
    await slapd.stop();
    assert.equal(await outcome('ann', 'secret'), 'temporary failure');
  } finally {
    await fixture.stop();
    await slapd.remove();
  }
});
