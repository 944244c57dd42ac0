/**
 * authldaprc without a server: the shipped file, Debian's own, what is wrong in others; filters and addresses.
 */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { accountFilter, emailMapFilter, parseFilter, parseFilters } from '../../authdaemon/ldap/filter.js';
import { checkLdapSettings, type LdapSettings, readLdapSettings } from '../../authdaemon/ldap/settings.js';
import { parseLdapUri } from '../../authdaemon/ldap/uri.js';
import { readRcFile } from '../../authdaemon/rc-file.js';
import { checkoutRoot } from '../support/paths.js';
import { findProgram, run } from '../support/processes.js';
import { program } from './support.js';

const SHIPPED = join(checkoutRoot, 'etc', 'authldaprc');

interface Reading {
  readonly values: LdapSettings;
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

function read(text: string): Reading {
  const directory = mkdtempSync(join(tmpdir(), 'authldaprc-'));
  const path = join(directory, 'authldaprc');
  writeFileSync(path, `LDAP_URI ldap://localhost\nLDAP_BASEDN dc=x\nLDAP_CRYPTPW pw\n${text}\n##NAME: MARKER:0\n`);
  const reading = readRcFile(path, readLdapSettings);
  rmSync(directory, { recursive: true });
  return reading;
}

test('the shipped authldaprc is Debian’s with other words: the same settings, marks and values', () => {
  const debian = findProgram('/etc/courier/authldaprc');
  const lines = (path: string, pattern: RegExp): string[] =>
    readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => pattern.test(line))
      .map((line) => line.replace(/\s+/g, ' '));

  assert.deepEqual(lines(SHIPPED, /^##NAME:/), lines(debian, /^##NAME:/));
  assert.deepEqual(lines(SHIPPED, /^LDAP_/), lines(debian, /^LDAP_/));
  const ours = readRcFile(SHIPPED, readLdapSettings);
  // The password of the example is nobody's; in a directory that others may enter it is warned of all the same.
  const warnings = ours.warnings.filter((warning) => !warning.includes('LDAP_BINDPW holds a password'));
  assert.deepEqual([ours.problems, warnings], [[], []]);
  assert.deepEqual(ours.values, readRcFile(debian, readLdapSettings).values);
});

test('Debian’s authldaprc loads unchanged and without a warning', () => {
  const directory = mkdtempSync(join(tmpdir(), 'authldaprc-'));
  copyFileSync(findProgram('/etc/courier/authldaprc'), join(directory, 'authldaprc'));
  const { problems, warnings } = checkLdapSettings(directory);
  rmSync(directory, { recursive: true });

  assert.deepEqual([problems, warnings], [[], []]);
});

test('every setting that the code reads stands in the shipped file', () => {
  const sources = ['settings.ts']
    .map((name) => readFileSync(join(checkoutRoot, 'authdaemon/ldap', name), 'utf8'))
    .join();
  const names = new Set([...sources.matchAll(/'(LDAP_[A-Z_]+)'/g)].map(([, name = '']) => name));
  const text = readFileSync(SHIPPED, 'utf8');

  assert.ok(names.size > 25);
  for (const name of names) assert.match(text, new RegExp(`^(# *)?${name}\\s`, 'm'), name);
  for (const [, name = ''] of text.matchAll(/^(?:# *)?(LDAP_[A-Z_]+)\s/gm)) assert.ok(names.has(name), name);
});

test('without anything said, Courier’s defaults hold', () => {
  const { values, problems } = read('');

  assert.deepEqual(problems, []);
  assert.deepEqual(
    [values.timeoutMs, values.authBind, values.startTls, values.aliases, values.initialBind],
    [5000, false, false, 'never', undefined],
  );
  assert.deepEqual(values.attributes, { mail: 'mail', home: 'homeDir', encryptedPassword: 'pw', options: [] });
  const { emailMap } = read('LDAP_EMAILMAP (uid=@user@)\nLDAP_MAIL m').values;
  assert.deepEqual(emailMap, { template: '(uid=@user@)', base: 'dc=x', attribute: 'handle', accountAttribute: 'm' });
});

test('uid and gid for everybody may be numbers or names, each its own', () => {
  const numbers = read('LDAP_GLOB_UID 77\nLDAP_GLOB_GID 78').values;
  const names = read('LDAP_GLOB_UID daemon\nLDAP_GLOB_GID mail').values;

  assert.deepEqual([numbers.uid, numbers.gid], [77, 78]);
  assert.deepEqual([names.uid, names.gid], [1, 8]);
});

test('everything that is wrong is told, each with its line and what to write', () => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['LDAP_TIMEOUT 0', /:4: LDAP_TIMEOUT=0 is out of range; write a number between 1 and 300/],
    ['LDAP_INITBIND 1', /LDAP_BINDDN is missing; LDAP_INITBIND 1 needs both/],
    ['LDAP_INITBIND 1\nLDAP_BINDDN cn=a', /LDAP_BINDPW is missing/],
    ['LDAP_DEREF sometimes', /:4: LDAP_DEREF sometimes is not known; write one of never, searching, finding, always/],
    ['LDAP_GLOB_UID no-such-user', /:4: LDAP_GLOB_UID no-such-user is not known to this system/],
    ['LDAP_GLOB_GID no-such-group', /:4: LDAP_GLOB_GID no-such-group is not known/],
    ['LDAP_GLOB_UID root', /:4: LDAP_GLOB_UID root is root/],
    ['LDAP_GLOB_GID 99999999999', /LDAP_GLOB_GID 99999999999 is not known/],
    ['LDAP_MAIL mail uid', /:4: LDAP_MAIL mail uid is not the name of an attribute/],
    ['LDAP_AUXOPTIONS shared', /:4: LDAP_AUXOPTIONS: shared is not understood; write ATTRIBUTE=OPTION/],
    ['LDAP_AUXOPTIONS a=b c=d', /:4: LDAP_AUXOPTIONS: a=b c=d is not understood/],
    ['LDAP_FILTER (a=b', /:4: LDAP_FILTER is not a search filter: parentheses are not balanced/],
    ['LDAP_FILTER (a=b))', /:4: LDAP_FILTER is not a search filter/],
    ['LDAP_FILTER (=b)', /:4: LDAP_FILTER is not a search filter/],
    ['LDAP_ENUMERATE_FILTER (&)', /:4: LDAP_ENUMERATE_FILTER is not a search filter/],
    ['LDAP_EMAILMAP (uid=@user@', /:4: LDAP_EMAILMAP is not a search filter/],
    ['LDAP_AUTHBIND yes', /:4: LDAP_AUTHBIND=yes is not a whole number/],
  ];
  for (const [text, problem] of wrong) {
    const { problems } = read(text);
    assert.match(problems.join('\n'), problem, text);
    assert.equal(problems.length, 1, problems.join('\n'));
  }
  const uris = (value: string): string => {
    const directory = mkdtempSync(join(tmpdir(), 'authldaprc-'));
    writeFileSync(join(directory, 'authldaprc'), `LDAP_URI ${value}\nLDAP_BASEDN x\n##NAME: MARKER:0\n`);
    const { problems } = checkLdapSettings(directory);
    rmSync(directory, { recursive: true });
    return problems.join('\n');
  };
  assert.match(uris(''), /LDAP_URI is missing; write for example ldaps:\/\/ldap\.example\.com/);
  assert.match(uris('ldap.example.com'), /LDAP_URI: ldap\.example\.com does not begin with ldap:/);
  assert.match(uris('ldaps://a, http://b'), /LDAP_URI: http:\/\/b does not begin with/);
});

test('what works and is not meant so is a warning', () => {
  const warned = (text: string): string => read(text).warnings.join('\n');

  assert.equal(warned(''), '');
  assert.match(warned('LDAP_PROTOCOL_VERSION 2'), /version 2 of LDAP is not spoken here; write 3/);
  assert.match(warned('LDAP_CRYPT_PW x'), /LDAP_CRYPT_PW is not a setting of this program/);
  const rc = (uri: string, more: string): string => {
    const directory = mkdtempSync(join(tmpdir(), 'authldaprc-'));
    writeFileSync(join(directory, 'authldaprc'), `LDAP_URI ${uri}\nLDAP_BASEDN x\n${more}\n##NAME: MARKER:0\n`);
    const { warnings } = checkLdapSettings(directory);
    rmSync(directory, { recursive: true });
    return warnings.join('\n');
  };
  assert.match(
    rc('ldap://ldap.example.com', 'LDAP_CLEARPW p'),
    /passwords go over the network in the clear; set LDAP_TLS to 1/,
  );
  assert.match(
    rc('ldaps://a.example.com', 'LDAP_CLEARPW p\nLDAP_TLS 1'),
    /LDAP_TLS has no effect on ldaps:\/\/a\.example/,
  );
  assert.match(rc('ldap://localhost', ''), /no password can be checked; name an attribute in LDAP_CRYPTPW/);
  assert.equal(rc('ldapi:// ldap://[::1] ldap://127.0.0.1', 'LDAP_AUTHBIND 1'), '');
});

test('addresses of servers', () => {
  const text = (each: string): unknown => {
    const uri = parseLdapUri(each);
    if (typeof uri === 'string') return uri;
    return uri.kind === 'ldapi' ? uri.path : `${uri.kind} ${uri.host} ${uri.port}`;
  };

  assert.equal(text('ldap://a.example.com'), 'ldap a.example.com 389');
  assert.equal(text('LDAPS://a.example.com/'), 'ldaps a.example.com 636');
  assert.equal(text('ldap://'), 'ldap localhost 389');
  assert.equal(text('ldap://:1389'), 'ldap localhost 1389');
  assert.equal(text('ldaps://[2001:db8::1]:1636'), 'ldaps 2001:db8::1 1636');
  assert.equal(text('ldapi://'), '/run/slapd/ldapi');
  assert.equal(text('ldapi://%2Fvar%2Frun%2Fldapi'), '/var/run/ldapi');
  assert.match(String(text('ldapi:///var/run/ldapi')), /unescaped; write %2F for each/);
  assert.match(String(text('ldapi://%zz')), /is not the path of a socket/);
  assert.match(String(text('ldap://a/dc=example')), /the search base is LDAP_BASEDN/);
  for (const bad of ['ldap://a:b', 'ldap://a:0', 'ldap://a:70000', 'ldap://u@a', 'ldap://a b', 'ldap:/a', 'x']) {
    assert.equal(typeof parseLdapUri(bad), 'string', bad);
  }
});

test('filters that OpenLDAP takes are taken', () => {
  assert.equal(String(parseFilter('objectClass=person')), '(objectClass=person)');
  assert.equal(String(parseFilter(' (& (a=b) (| (c=d) (!(e=*))) ) ')), '(&(a=b)(|(c=d)(!(e=*))))');
  assert.equal(String(parseFilters('(a=b)(c=d)')), '(&(a=b)(c=d))');
  assert.equal(String(parseFilters('a=b')), '(&(a=b))');
  assert.equal(String(parseFilter('(cn=J\\c3\\b6rg\\2a)')), '(cn=Jörg\\2a)');
  assert.match(
    String(parseFilter('(userAccountControl:1.2.840.113556.1.4.803:=2)')),
    /^\(userAccountControl:1\.2\.840/,
  );
});

test('65: a value in a filter is that value again for whoever reads the filter', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary-ascii' }), (one, other) => {
      const value = one + other;
      const [account, mapped] = [
        accountFilter('mail', value, parseFilters('(a=b)')),
        emailMapFilter('(&(u=@user@)(r=x\\40user\\40@realm@))', value, '@user@'),
      ];
      const escaped = value.replace(/[*()\\\0]/g, (each) => `\\${each.charCodeAt(0).toString(16).padStart(2, '0')}`);
      assert.equal(String(account), `(&(&(a=b))(mail=${escaped}))`);
      assert.equal(String(mapped), `(&(u=${escaped})(r=x@user@@user@))`);
    }),
  );
});

test('authdaemond --check reads authldaprc when authldap is enabled', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'authldaprc-'));
  writeFileSync(join(directory, 'authdaemonrc'), 'authmodulelist="authldap"\nLDAPTLS_CERT=/etc/x.pem\n');
  writeFileSync(join(directory, 'authldaprc'), 'LDAP_URI http://a\n');
  const { exitCode, stderr } = await run([process.execPath, program('authdaemond'), '--check', '--config', directory]);
  rmSync(directory, { recursive: true });

  assert.notEqual(exitCode, 0);
  assert.match(stderr, /authdaemonrc: LDAPTLS_KEY is missing; LDAPTLS_CERT and LDAPTLS_KEY go together/);
  assert.match(stderr, /authldaprc:1: LDAP_URI: http:\/\/a does not begin with ldap:/);
  assert.match(stderr, /authldaprc: LDAP_BASEDN is missing/);
  assert.match(stderr, /authldaprc:\d+: marker line not found/);
});
