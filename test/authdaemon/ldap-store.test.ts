/**
 * authldap on a real slapd: logins both ways, names that want to be more than names, broken entries, password changes,
 * lists.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { BindTimes } from '../../authdaemon/ldap/bind-times.js';
import type { EnumerateItem } from '../../authdaemon/modules/module.js';
import { Secret } from '../../init/runtime/secret.js';
import { BASE_DN, type LdapEntry, Slapd } from '../support/slapd.js';
import { accountEntry, LdapFixture, ldapRc, SECRET_HASH } from './ldap-fixture.js';

/** Accounts that only make a list long: more than fit into six pages. */
const CROWD = 3000;
/** A server that lets this one read so few entries. */
const LIMITED = `uid=limited,${BASE_DN}`;

const ENTRIES: readonly LdapEntry[] = [
  accountEntry('joe', { sharedgroup: 'staff', disableimap: '1' }),
  accountEntry('ann', { userPassword: '{SSHA}uJDd0BIdJ9Z7yDCZNWdgYeb33+cBAgME' }),
  accountEntry('limited'),
  accountEntry('clear', { clearPassword: 'secret', userPassword: undefined }),
  accountEntry('hashed'),
  accountEntry('latin', { userPassword: undefined }),
  accountEntry('star', { mail: '*)(uid=*@example.com' }),
  accountEntry('utf8', { cn: 'Jörg (Müller)' }),
  accountEntry('hidden'),
  accountEntry('fixed'),
  accountEntry('changing', { clearPassword: 'secret' }),
  accountEntry('renewed'),
  accountEntry('owner'),
  accountEntry('locked', { userPassword: `{CRYPT}!$6$abc$x` }),
  accountEntry('policy', { pwdAccountLockedTime: '000001010000Z' }),
  accountEntry('waiting', { pwdAccountLockedTime: '20200101000000Z' }),
  accountEntry('nouid', { uidNumber: undefined }),
  accountEntry('nogid', { gidNumber: undefined }),
  accountEntry('root', { uidNumber: '0' }),
  accountEntry('wheel', { gidNumber: '0' }),
  accountEntry('minus', { uidNumber: '-1' }),
  accountEntry('huge', { uidNumber: '4294967295' }),
  accountEntry('homeless', { homeDirectory: undefined }),
  accountEntry('relative', { homeDirectory: 'relative' }),
  accountEntry('comma', { sharedgroup: 'a,group=administrators' }),
  accountEntry('several', { sharedgroup: ['one', 'two'], cn: ['One', 'Two'] }),
  accountEntry('severaltoo', { sharedgroup: ['one', 'two'] }),
  accountEntry('twin1', { mail: 'twin@example.com' }),
  accountEntry('twin2', { mail: 'twin@example.com' }),
  accountEntry('triplet', { mail: 'twin@example.com' }),
  { name: 'ou=map', attributes: { objectClass: ['organizationalUnit', 'extensibleObject'], ou: 'map' } },
  { name: 'cn=a,ou=map', attributes: { cn: 'a', uid: 'alias', realm: 'map.test', handle: 'joe@example.com' } },
  { name: 'cn=b,ou=map', attributes: { cn: 'b', uid: 'empty', realm: 'map.test' } },
  { name: 'cn=c,ou=map', attributes: { cn: 'c', uid: 'twice', realm: 'map.test', handle: 'joe@example.com' } },
  { name: 'cn=d,ou=map', attributes: { cn: 'd', uid: 'twice', realm: 'map.test', handle: 'ann@example.com' } },
  { name: 'ou=aliases', attributes: { objectClass: ['organizationalUnit'], ou: 'aliases' } },
  {
    name: 'cn=ann,ou=aliases',
    attributes: { objectClass: ['alias', 'extensibleObject'], cn: 'ann', aliasedObjectName: `uid=ann,${BASE_DN}` },
  },
  { name: 'ou=crowd', attributes: { objectClass: ['organizationalUnit'], ou: 'crowd' } },
  ...Array.from({ length: CROWD }, (_, index) => {
    const entry = accountEntry(`crowd${index}`);
    return { ...entry, name: `${entry.name},ou=crowd` };
  }),
];

/** The owner of each password may change it; of `hidden` he cannot read it, of `fixed` he cannot change it. */
const ACCESS = [
  `limits dn.exact="${LIMITED}" size=100`,
  `access to dn.exact="uid=hidden,${BASE_DN}" attrs=userPassword by self =xw by anonymous auth by * none`,
  `access to dn.exact="uid=fixed,${BASE_DN}" attrs=userPassword by self =xr by anonymous auth by * none`,
  'access to attrs=userPassword,clearPassword by anonymous auth by self write by * none',
];

describe('authldap', () => {
  let slapd: Slapd;
  const fixtures: LdapFixture[] = [];
  before(async () => {
    const latin = accountEntry('latin', { userPassword: undefined });
    const octets = { ...latin, attributes: { ...latin.attributes, userPassword: Buffer.from('caf\xe9', 'latin1') } };
    const entries = ENTRIES.map((entry) => (entry.name === latin.name ? octets : entry));
    slapd = await Slapd.start({ entries, access: ACCESS, overlays: ['overlay ppolicy'] });
  });
  after(async () => {
    for (const fixture of fixtures) await fixture.stop();
    await slapd.remove();
  });
  const start = (changes: Readonly<Record<string, string>> = {}, debug = false): LdapFixture => {
    const fixture = new LdapFixture(ldapRc(slapd.uri, changes), debug ? { debugLogin: 1 } : {});
    fixtures.push(fixture);
    return fixture;
  };

  for (const bind of ['0', '1']) {
    test(`A7: right, wrong and no passwords, unknown and locked accounts, with LDAP_AUTHBIND ${bind}`, async () => {
      const ldap = start({ LDAP_AUTHBIND: bind });

      assert.equal(await ldap.login('joe@example.com', 'secret'), '5000:joe@example.com');
      assert.equal(await ldap.login('ann@example.com', 'secret'), '5000:ann@example.com');
      for (const password of ['wrong', '', 'Secret', 'secret ', SECRET_HASH]) {
        assert.equal(await ldap.login('joe@example.com', password), 'rejected: wrong password', password);
      }
      assert.equal(await ldap.login('nobody@example.com', 'secret'), 'rejected: unknown account');
      for (const locked of ['locked', 'policy']) {
        assert.equal(await ldap.login(`${locked}@example.com`, 'secret'), 'rejected: wrong password', locked);
        assert.equal(await ldap.lookup(`${locked}@example.com`), `5000:${locked}@example.com`);
      }
      assert.deepEqual(
        ldap.lines.filter((line) => !line.includes('locked')),
        [],
      );
      assert.match(ldap.lines.join('\n'), /notice: authldap: policy@example\.com: the account is locked \(pwdAccount/);
    });
  }

  test('A7: account options come from attributes', async () => {
    const answer = await start().module.lookup({ service: 'imap', loginName: 'joe@example.com' });

    assert.ok(answer.kind === 'account');
    assert.deepEqual(answer.account.options, [
      { name: 'group', value: 'staff' },
      { name: 'disableimap', value: '1' },
    ]);
  });

  test('A12: a weak hash is renewed with the administrator’s rights, and left to a server that checks itself', async () => {
    const hashes: unknown[] = [];
    for (const bind of ['1', '0']) {
      const ldap = new LdapFixture(ldapRc(slapd.uri, { LDAP_AUTHBIND: bind }), { renewHash: '{SSHA512}' });
      fixtures.push(ldap);
      assert.equal(await ldap.login('renewed@example.com', 'secret'), '5000:renewed@example.com');
      await ldap.module.stop();
      const answer = await ldap.module.lookup({ service: 'imap', loginName: 'renewed@example.com' });
      hashes.push(answer.kind === 'account' && answer.account.encryptedPassword?.slice(0, 9));
      assert.equal(await ldap.login('renewed@example.com', 'secret'), '5000:renewed@example.com');
    }
    assert.deepEqual(hashes, [SECRET_HASH.slice(0, 9), '{SSHA512}']);
  });

  test('65: a name is never more than a value, whatever it holds', async () => {
    const ldap = start({}, true);
    const mapped = start({
      LDAP_EMAILMAP: '(&(uid=@user@)(realm=@realm@))',
      LDAP_EMAILMAP_BASEDN: `ou=map,${BASE_DN}`,
    });
    const names = [
      '*',
      '*)(uid=*',
      '*)(|(uid=*))',
      ')',
      '(',
      '\\',
      '\\2a',
      '\\',
      'joe\0',
      '&',
      '|(mail=*)',
      '__proto__',
    ];
    names.push(
      'constructor',
      '@user@',
      '@realm@',
      '$&',
      'j\u{10FFFF}',
      'joe\udcff',
      'x'.repeat(10_000),
      '*'.repeat(3000),
    );
    for (const name of names.flatMap((each) => [each, `${each}@map.test`, `alias@${each}`])) {
      for (const { store } of [ldap, mapped]) {
        assert.deepEqual(await store.find(name, 'imap'), { kind: 'unknown' }, name);
      }
    }

    assert.equal(await ldap.lookup('*)(uid=*@example.com'), '5000:*)(uid=*@example.com');
    assert.equal(await start({ LDAP_MAIL: 'cn' }).lookup('Jörg (Müller)'), '5000:Jörg (Müller)');
    assert.equal(await mapped.lookup('alias@map.test'), '5000:alias@map.test');
    assert.match(slapd.log(), /filter="\(mail=\\2A\\29\\28uid=\\2A@example\.com\)"/);
    assert.match(
      ldap.lines.join('\n'),
      /debug: authldap: searching \(mail=\\2a\\29\\28uid=\\2a\) below dc=example,dc=com/,
    );
  });

  test('a password of an old client reaches the server as the octets it came as', async () => {
    const ldap = start({ LDAP_AUTHBIND: '1' });
    const login = (password: Buffer) => {
      const authData = Buffer.concat([Buffer.from('latin@example.com\n'), password, Buffer.from('\n')]);
      return ldap.module.authenticate({ service: 'imap', authType: 'login', authData });
    };

    assert.equal((await login(Buffer.from('caf\xe9', 'latin1'))).kind, 'account');
    assert.equal((await login(Buffer.from('café'))).kind, 'rejected');
    assert.equal((await login(Buffer.from('caf\ufffd'))).kind, 'rejected');
  });

  test('an entry without what an account needs is trouble that names entry and attribute', async () => {
    const ldap = start();
    const broken: readonly (readonly [string, string])[] = [
      ['nouid', 'uidNumber of uid=nouid,dc=example,dc=com is missing'],
      ['nogid', 'gidNumber of uid=nogid,dc=example,dc=com is missing'],
      ['root', 'uidNumber of uid=root,dc=example,dc=com is 0, which is root'],
      ['wheel', 'gidNumber of uid=wheel,dc=example,dc=com is 0, which is root'],
      ['minus', 'uidNumber of uid=minus,dc=example,dc=com is not a number'],
      ['huge', 'uidNumber of uid=huge,dc=example,dc=com is not a number'],
      ['homeless', 'homeDirectory of uid=homeless,dc=example,dc=com is missing'],
      [
        'relative',
        'homeDirectory of uid=relative,dc=example,dc=com is not an absolute path, and LDAP_MAILROOT gives none',
      ],
      ['comma', 'sharedgroup of uid=comma,dc=example,dc=com has a comma, which an account option cannot have'],
    ];
    for (const [uid, what] of broken) {
      const name = `${uid}@example.com`;
      assert.equal(await ldap.login(name, 'secret'), `temporary failure: ${name}: ${what}`);
      assert.equal(ldap.lines.pop(), `error: authldap: ${name}: ${what}`);
    }

    const nobodys = start({ LDAP_UID: '' });
    assert.match(
      await nobodys.lookup('joe@example.com'),
      /temporary.*LDAP_UID or LDAP_GLOB_UID of uid=joe\S+ is not set/,
    );
    const everybodys = start({ LDAP_GLOB_UID: '77', LDAP_GLOB_GID: '78', LDAP_MAILROOT: '/mail' });
    assert.equal(await everybodys.lookup('nouid@example.com'), '77:nouid@example.com');
    assert.equal(await everybodys.lookup('relative@example.com'), '5000:relative@example.com');
    const group = await everybodys.module.lookup({ service: 'imap', loginName: 'nogid@example.com' });
    assert.deepEqual(group.kind === 'account' && [group.account.gid, group.account.home], [78, '/mail//home/nogid']);
  });

  test('several entries are nobody’s account, and the log names them', async () => {
    const ldap = start();
    const mapped = start({
      LDAP_EMAILMAP: '(&(uid=@user@)(realm=@realm@))',
      LDAP_EMAILMAP_BASEDN: `ou=map,${BASE_DN}`,
    });

    assert.match(
      await ldap.login('twin@example.com', 'secret'),
      /^rejected: more than one entry is found: uid=t\w+,dc=/,
    );
    assert.match(
      await mapped.lookup('twice@map.test'),
      /^rejected: more than one entry is found: cn=c,ou=map.* and cn=d/,
    );
    assert.match(
      await mapped.lookup('empty@map.test'),
      /^temporary failure: .*: handle of cn=b,ou=map,\S+ is missing$/,
    );
    assert.match(ldap.lines.join('\n'), /^error: authldap: twin@example\.com: more than one entry is found: uid=t/);
  });

  test('of several values the first counts, and the log says so once', async () => {
    const ldap = start();
    for (const name of ['several', 'severaltoo', 'several']) {
      const answer = await ldap.module.lookup({ service: 'imap', loginName: `${name}@example.com` });
      assert.ok(answer.kind === 'account');
      assert.deepEqual(answer.account.options, [{ name: 'group', value: 'one' }]);
    }

    assert.equal(ldap.lines.length, 2);
    assert.match(ldap.lines.join('\n'), /^warning: authldap: cn of uid=several,\S+ has several values; the first one/);
    assert.match(ldap.lines.join('\n'), /^warning: authldap: sharedgroup of uid=several,/m);
  });

  test('LDAP_DEREF says whether an alias leads to the account', async () => {
    const below = { LDAP_BASEDN: `ou=aliases,${BASE_DN}` };

    assert.equal(await start(below).lookup('ann@example.com'), 'rejected: unknown account');
    for (const word of ['searching', 'ALWAYS']) {
      assert.equal(await start({ ...below, LDAP_DEREF: word }).lookup('ann@example.com'), '5000:ann@example.com');
    }
    const itself = { LDAP_BASEDN: `cn=ann,ou=aliases,${BASE_DN}`, LDAP_DEREF: 'finding' };
    assert.equal(await start(itself).lookup('ann@example.com'), '5000:ann@example.com');
  });

  test('A7: logins of different people at once never become one another', async () => {
    const ldap = start({ LDAP_AUTHBIND: '1' });
    const before = slapd.log().length;
    const people = Array.from({ length: 60 }, (_, index) => `crowd${index}@example.com`);

    const said = await Promise.all(
      people.map((name, index) => ldap.login(name, index % 3 === 0 ? `not ${name}` : 'secret')),
    );

    assert.deepEqual(
      said,
      people.map((name, index) => (index % 3 === 0 ? 'rejected: wrong password' : `5000:${name}`)),
    );
    const log = slapd.log().slice(before);
    const connections = (what: RegExp): Set<string> =>
      new Set(
        [...log.matchAll(/conn=(\d+) op=\d+ (.*)/g)].flatMap(([, id = '', rest = '']) => (what.test(rest) ? [id] : [])),
      );
    const usersConnections = connections(/^BIND dn="uid=/);
    const searching = connections(/^SRCH /);
    assert.ok(usersConnections.size > 0 && usersConnections.size <= 3, `${usersConnections.size} for binds`);
    assert.ok(searching.size > 0 && searching.size <= 3, `${searching.size} for searches`);
    assert.deepEqual(
      [...searching].filter((id) => usersConnections.has(id)),
      [],
    );
  });

  test('A13: a new password goes where the old one was, in its scheme', async () => {
    const ldap = start();
    const change = changer(ldap);

    assert.deepEqual(await change('changing', 'wrong', 'new'), { kind: 'rejected', reason: 'wrong password' });
    assert.deepEqual(await change('changing', 'secret', ''), { kind: 'rejected', reason: 'the new password is empty' });
    assert.deepEqual(await change('changing', 'secret', 'nëw'), { kind: 'changed' });

    assert.equal(await slapd.read('uid=changing', 'clearPassword'), 'nëw');
    assert.match((await slapd.read('uid=changing', 'userPassword')) ?? '', /^\{SHA\}/);
    assert.equal(await ldap.login('changing@example.com', 'nëw'), '5000:changing@example.com');
    assert.equal(await ldap.login('changing@example.com', 'secret'), 'rejected: wrong password');
    assert.deepEqual(await change('nobody', 'secret', 'new'), { kind: 'rejected', reason: 'unknown account' });
  });

  test('A13: with LDAP_AUTHBIND the owner changes it, also where nobody can read it', async () => {
    const ldap = start({ LDAP_AUTHBIND: '1', LDAP_INITBIND: '0' });
    const change = changer(ldap);
    for (const uid of ['owner', 'hidden']) {
      assert.deepEqual(await change(uid, 'wrong', 'new'), { kind: 'rejected', reason: 'wrong password' });
      assert.deepEqual(await change(uid, 'secret', 'new'), { kind: 'changed' });
      assert.equal(await ldap.login(`${uid}@example.com`, 'new'), `5000:${uid}@example.com`);
      assert.equal(await ldap.login(`${uid}@example.com`, 'secret'), 'rejected: wrong password');
    }

    assert.match((await slapd.read('uid=owner', 'userPassword')) ?? '', /^\{SHA\}/);
    assert.match((await slapd.read('uid=hidden', 'userPassword')) ?? '', /^\{SSHA\}/);
    const refused = await change('fixed', 'secret', 'new');
    assert.equal(refused.kind, 'temporary failure');
    assert.match(
      ldap.lines.join('\n'),
      /fixed@example\.com: the password was not changed: ldap:\S+: insufficient access \(50\)/,
    );
  });

  test('A13: a hash keeps the braces that tell the server what it is', async () => {
    const crypt = start({ LDAP_AUTHBIND: '1' });
    await slapd.modify(`dn: uid=hashed,${BASE_DN}\nchangetype: modify\nreplace: userPassword\nuserPassword: secret\n`);
    assert.deepEqual(await changer(crypt)('hashed', 'secret', 'second'), { kind: 'changed' });
    assert.match((await slapd.read('uid=hashed', 'userPassword')) ?? '', /^\{SSHA\}/);
    await slapd.modify(
      `dn: uid=hashed,${BASE_DN}\nchangetype: modify\nreplace: userPassword\nuserPassword: {CRYPT}${SHA512_CRYPT_SECRET}\n`,
    );

    assert.deepEqual(await changer(crypt)('hashed', 'secret', 'third'), { kind: 'changed' });

    assert.match((await slapd.read('uid=hashed', 'userPassword')) ?? '', /^\{CRYPT\}\$6\$/);
    assert.equal(await crypt.login('hashed@example.com', 'third'), '5000:hashed@example.com');
    assert.equal(await start().login('hashed@example.com', 'third'), '5000:hashed@example.com');
  });

  test('a list of thousands comes in pages, and one that the server cuts off is not called complete', async () => {
    const ldap = start({ LDAP_FILTER: '(uid=crowd*)' });
    const items = await listed(ldap);

    assert.equal(items.length, CROWD);
    assert.deepEqual(items[0], {
      kind: 'account',
      account: { name: 'crowd0@example.com', uid: 5000, gid: 5001, home: '/home/crowd0', maildir: '', options: [] },
    });
    const cut = await listed(start({ LDAP_FILTER: '(uid=crowd*)', LDAP_BINDDN: LIMITED, LDAP_BINDPW: 'secret' }));
    const last = cut.at(-1);
    assert.ok(last?.kind === 'temporary failure' && cut.length < CROWD);
    assert.match(last.reason, /size limit exceeded \(4\)/);
  });

  test('a list leaves out what is no account, and the log counts it', async () => {
    const ldap = start({ LDAP_FILTER: '(!(uid=crowd*))' });
    const names = (await listed(ldap)).map((item) => (item.kind === 'account' ? item.account.name : item.reason));

    assert.ok(names.includes('joe@example.com') && !names.includes('root@example.com'));
    assert.match(
      ldap.lines.join('\n'),
      /warning: authldap: 9 entries are no accounts, and not listed: .*uidNumber of uid=nouid/,
    );
  });

  test('a changed authldaprc counts at once, and a wrong one not at all', async () => {
    const ldap = start();
    assert.equal(await ldap.lookup('joe@example.com'), '5000:joe@example.com');

    ldap.write(ldapRc(slapd.uri, { LDAP_FILTER: '(uid=ann)' }));
    assert.equal(await ldap.lookup('joe@example.com'), 'rejected: unknown account');
    ldap.write(ldapRc(slapd.uri, { LDAP_FILTER: '(uid=joe' }));

    assert.equal(await ldap.lookup('ann@example.com'), '5000:ann@example.com');
    assert.match(ldap.lines.join('\n'), /authldaprc:\d+: LDAP_FILTER is not a search filter: /);
    assert.match(ldap.lines.join('\n'), /those from before are still in force/);
  });

  test('a directory that cannot be asked is trouble that says what to mend', async () => {
    const said = async (changes: Readonly<Record<string, string>>): Promise<readonly unknown[]> => {
      const ldap = start(changes);
      return [await ldap.store.trouble(), await ldap.login('joe@example.com', 'secret')];
    };

    assert.deepEqual(await said({}), [undefined, '5000:joe@example.com']);
    const [nobase, answer] = await said({ LDAP_BASEDN: 'dc=example,dc=org' });
    assert.match(String(nobase), /^ldap:\S+: no such object \(32\)/);
    assert.match(String(answer), /^temporary failure: ldap:\S+: no such object \(32\)/);
    const [nopassword] = await said({ LDAP_BINDPW: 'wrong' });
    assert.match(
      String(nopassword),
      /no LDAP server can be used: \S+ invalid credentials \(49\), binding as LDAP_BINDDN$/,
    );
    const nofile = start();
    nofile.write('LDAP_BASEDN x\n');
    assert.match(String(await nofile.store.trouble()), /LDAP_URI is missing/);
    assert.match(await nofile.login('joe@example.com', 'secret'), /^temporary failure: .*marker line not found/s);
  });
});

test('66: an unknown name takes as long as one of the last binds', async () => {
  const times = new BindTimes();
  assert.equal(times.typicalMs(6), 1);

  for (let each = 0; each < 1000; each += 1) times.add(20, 6);
  for (let each = 0; each < 1000; each += 1) times.add(3, 2000);

  assert.equal(times.typicalMs(511), 20);
  assert.equal(times.typicalMs(512), 3, 'what no server hashes is refused sooner');
  const began = performance.now();
  await times.waitAsLong(6);
  assert.ok(performance.now() - began >= 20);
});

/** crypt(3), SHA-512, of `secret`. */
const SHA512_CRYPT_SECRET =
  '$6$abcdefgh$ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/cZ/1GM/O6IND4WQhG.';

function changer(ldap: LdapFixture) {
  return (uid: string, from: string, to: string) =>
    ldap.module.changePassword({
      service: 'imap',
      loginName: `${uid}@example.com`,
      oldPassword: new Secret(from),
      newPassword: new Secret(to),
    });
}

async function listed(ldap: LdapFixture): Promise<EnumerateItem[]> {
  const items: EnumerateItem[] = [];
  for await (const item of ldap.module.enumerate()) items.push(item);
  return items;
}
