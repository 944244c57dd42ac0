/** Capabilities: every word on the list is kept by somebody, in the state where it is said. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { capabilities } from '../../imapd/capability.js';
import { loginCommands } from '../../imapd/commands/login-commands.js';
import { mailCommands } from '../../imapd/commands/mail-commands.js';
import { VERSION } from '../../imapd/version.js';
import { testSettings } from '../support/memory-target.js';
import { checkoutRoot } from '../support/paths.js';

const settings = testSettings();
const beforeLogin = { loggedIn: false, compressAvailable: false };
const afterLogin = { loggedIn: true, tls: true, tlsAvailable: false, compressAvailable: true };

test('C1: before TLS, after TLS and after login there are three different lists', () => {
  const required = { ...settings, tlsRequired: true };
  const before = capabilities({ settings: required, ...beforeLogin, tls: false, tlsAvailable: true });
  const inTls = capabilities({ settings: required, ...beforeLogin, tls: true, tlsAvailable: false });
  const after = capabilities({ settings: required, ...afterLogin });

  assert.deepEqual(
    ['STARTTLS', 'LOGINDISABLED', 'AUTH=PLAIN', 'SASL-IR', 'COMPRESS=DEFLATE'].map((word) => before.includes(word)),
    [true, true, false, true, false],
  );
  assert.deepEqual(
    ['STARTTLS', 'LOGINDISABLED', 'AUTH=PLAIN', 'SASL-IR', 'COMPRESS=DEFLATE'].map((word) => inTls.includes(word)),
    [false, false, true, true, false],
  );
  assert.deepEqual(
    ['STARTTLS', 'LOGINDISABLED', 'AUTH=PLAIN', 'SASL-IR', 'COMPRESS=DEFLATE'].map((word) => after.includes(word)),
    [false, false, false, false, true],
  );
  for (const words of [before, inTls, after]) assert.equal(words[0], 'IMAP4rev1');
});

test('the commands of every capability are there', () => {
  const commands: Readonly<Record<string, readonly string[]>> = {
    ID: ['ID'],
    ENABLE: ['ENABLE'],
    'COMPRESS=DEFLATE': ['COMPRESS'],
    IDLE: ['IDLE'],
    NAMESPACE: ['NAMESPACE'],
    UIDPLUS: ['UID EXPUNGE', 'APPEND', 'COPY'],
    UNSELECT: ['UNSELECT'],
    MOVE: ['MOVE', 'UID MOVE'],
    SORT: ['SORT', 'UID SORT'],
    'THREAD=REFERENCES': ['THREAD', 'UID THREAD'],
  };
  const said = capabilities({ settings, ...afterLogin });

  for (const [capability, names] of Object.entries(commands)) {
    assert.ok(said.includes(capability), capability);
    for (const name of names) assert.ok(mailCommands.has(name), name);
  }
  for (const name of ['CAPABILITY', 'NOOP', 'LOGOUT', 'ID']) {
    assert.ok(mailCommands.has(name) && loginCommands.has(name), name);
  }
});

test('A11: AUTH= words in the settings switch mechanisms on, and leave the rest as it is', () => {
  const shipped = settings;
  const { capability, capabilityTls, mechanisms, mechanismsTls } = testSettings({
    IMAP_CAPABILITY: 'IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA IDLE',
    IMAP_CAPABILITY_TLS: 'IMAP4rev1 AUTH=CRAM-MD5 AUTH=cram-sha256',
  });
  assert.deepEqual([capability, capabilityTls], [undefined, undefined]);
  assert.deepEqual([mechanisms, mechanismsTls], [[], ['CRAM-MD5', 'CRAM-SHA256']]);
  const own = testSettings({ IMAP_CAPABILITY: 'IMAP4rev1 X-OURS AUTH=CRAM-MD5' });
  assert.deepEqual([own.capability, own.mechanisms], ['IMAP4rev1 X-OURS AUTH=CRAM-MD5', ['CRAM-MD5']]);

  const words = (tls: boolean): string[] =>
    capabilities({ settings: { ...shipped, mechanisms, mechanismsTls }, ...beforeLogin, tls, tlsAvailable: !tls });

  assert.deepEqual(
    words(false).filter((word) => word.startsWith('AUTH=')),
    ['AUTH=PLAIN', 'AUTH=LOGIN'],
  );
  assert.deepEqual(
    words(true).filter((word) => word.startsWith('AUTH=')),
    ['AUTH=CRAM-SHA256', 'AUTH=CRAM-MD5', 'AUTH=PLAIN', 'AUTH=LOGIN'],
  );
  assert.ok(words(true).includes('MOVE'));
});

test('tokens are offered in TLS only, EXTERNAL to who has a certificate, -PLUS where it can bind', () => {
  const site = { ...settings, oauth: true, mechanisms: ['SCRAM-SHA-256'], mechanismsTls: ['SCRAM-SHA-256'] };
  const offered = (tls: boolean, more = {}): string =>
    capabilities({ settings: site, ...beforeLogin, tls, tlsAvailable: !tls, ...more })
      .filter((word) => word.startsWith('AUTH='))
      .map((word) => word.slice(5))
      .join(' ');

  assert.equal(offered(false), 'SCRAM-SHA-256 PLAIN LOGIN');
  assert.equal(offered(true), 'SCRAM-SHA-256 OAUTHBEARER XOAUTH2 PLAIN LOGIN');
  const all = { bindsChannel: () => true, certificateName: 'ann' };
  assert.equal(offered(true, all), 'EXTERNAL SCRAM-SHA-256-PLUS SCRAM-SHA-256 OAUTHBEARER XOAUTH2 PLAIN LOGIN');
  const own = { ...site, capability: 'IMAP4rev1 AUTH=PLAIN' };
  assert.equal(offered(true, { settings: own }), 'PLAIN');
  assert.equal(offered(true, { settings: own, ...all }), 'PLAIN EXTERNAL');
});

test('SORT and THREAD are not offered where they are refused', () => {
  const said = capabilities({
    settings: { ...settings, disableThreadSort: true },
    ...afterLogin,
  });

  assert.doesNotMatch(said.join(' '), /SORT|THREAD/);
});

test('the version is that of package.json', () => {
  const manifest: unknown = JSON.parse(readFileSync(join(checkoutRoot, 'package.json'), 'utf8'));

  assert.equal((manifest as { version: string }).version, VERSION);
});
