/**
 * What a server offers, seen by openssl s_client: versions, suites, groups and names, for the settings of Courier with
 * OpenSSL and with GnuTLS.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { domainToASCII } from 'node:url';
import { readImapdSettings } from '../../../imapd/settings/settings-reader.js';
import { describeProblem } from '../../../init/runtime/settings/settings-file.js';
import { dhParameters } from '../../../init/runtime/tls/dh-parameters.js';
import { Certificates, settingsOf, withTlsServer } from './tls-server.js';

const certificates = new Certificates();
after(() => certificates.remove());
before(async () => {
  await certificates.selfSigned('ec');
  await certificates.selfSigned('rsa', [], 'rsa');
  for (const name of ['ec', 'rsa']) {
    const text = ['pem', 'key'].map((end) => readFileSync(certificates.at(`${name}.${end}`), 'utf8')).join('');
    writeFileSync(certificates.at(`${name}.both`), text, { mode: 0o600 });
  }
});

const certificate = (name: string): string => `TLS_CERTFILE=${certificates.at(`${name}.both`)}\n`;
const MODERN = ['TLSv1.2', 'TLSv1.3'];
const ALL = ['TLSv1', 'TLSv1.1', ...MODERN];

const OFFERS: readonly (readonly [string, readonly string[]])[] = [
  ['', MODERN],
  ['TLS_PROTOCOL=TLS1', ALL],
  ['TLS_PROTOCOL=TLSv1', ALL],
  ['TLS_PROTOCOL=TLSv1+', ALL],
  ['TLS_PROTOCOL=TLSv1.1', ALL.slice(1)],
  ['TLS_PROTOCOL=TLSv1.1+', ALL.slice(1)],
  ['TLS_PROTOCOL=TLSv1.1++', ALL.slice(1)],
  ['TLS_PROTOCOL=TLSv1.2', MODERN],
  ['TLS_PROTOCOL=TLSv1.2+', MODERN],
  ['TLS_PROTOCOL=TLSv1.2++', MODERN],
  ['TLS_PROTOCOL=TLSv1.3', ['TLSv1.3']],
  ['TLS_PROTOCOL=SSL3', MODERN],
  ['TLS_PRIORITY=NORMAL', MODERN],
  ['TLS_PRIORITY="NORMAL:-CTYPE-OPENPGP"', MODERN],
  ['TLS_PRIORITY=NORMAL:+VERS-TLS1.0:+VERS-TLS1.1', ALL],
  ['TLS_PRIORITY=NORMAL:-VERS-ALL:+VERS-TLS1.2', ['TLSv1.2']],
  ['TLS_PRIORITY=SECURE256:-VERS-TLS1.2', ['TLSv1.3']],
  ['TLS_PRIORITY=NORMAL:-VERS-ALL:+VERS-TLS1.2\nTLS_PROTOCOL=TLSv1.3', ['TLSv1.3']],
];

for (const [text, versions] of OFFERS) {
  test(`versions of TLS with ${text === '' ? 'no setting' : text.replace('\n', ' and ')}`, async () => {
    await withTlsServer(`${certificate('ec')}${text}`, async (server) => {
      assert.deepEqual(await server.versions(), versions);
    });
  });
}

test('attack 9: without a setting, all suites of TLS 1.2 authenticate and encrypt, and none is old', async () => {
  for (const [name, keyExchange] of [
    ['ec', /^ECDHE-/],
    ['rsa', /^(ECDHE-|AES|ARIA)/],
  ] as const) {
    await withTlsServer(certificate(name), async (server) => {
      const suites = await server.suites('tls1_2');
      assert.ok(suites.includes(name === 'ec' ? 'ECDHE-ECDSA-AES128-GCM-SHA256' : 'ECDHE-RSA-AES128-GCM-SHA256'));
      for (const suite of suites) {
        assert.match(suite, keyExchange);
        assert.doesNotMatch(suite, /NULL|RC4|DES|EXP|MD5|ADH|AECDH|PSK|SRP|IDEA|SEED/);
      }
    });
  }
});

test('TLS_CIPHER_LIST decides for TLS 1.2, and leaves TLS 1.3 alone unless it names its suites', async () => {
  await withTlsServer(`${certificate('rsa')}TLS_CIPHER_LIST=ECDHE+AESGCM:!aNULL`, async (server) => {
    assert.deepEqual((await server.suites('tls1_2')).sort(), [
      'ECDHE-RSA-AES128-GCM-SHA256',
      'ECDHE-RSA-AES256-GCM-SHA384',
    ]);
    assert.deepEqual(await server.versions(), MODERN);
    assert.match(
      await server.client('-tls1_3', '-ciphersuites', 'TLS_CHACHA20_POLY1305_SHA256'),
      /Cipher is TLS_CHACHA20/,
    );
  });
  const named = 'TLS_CIPHER_LIST=TLS_AES_256_GCM_SHA384:ECDHE-RSA-AES256-GCM-SHA384';
  await withTlsServer(`${certificate('rsa')}${named}`, async (server) => {
    assert.equal(await server.client('-tls1_3', '-ciphersuites', 'TLS_CHACHA20_POLY1305_SHA256'), '');
    assert.match(await server.client('-tls1_3'), /Cipher is TLS_AES_256_GCM_SHA384/);
  });
});

test('TLS_PRIORITY: key exchanges, ciphers, MACs and groups are those that it leaves', async () => {
  const priority = 'TLS_PRIORITY=SECURE256:-RSA:-SHA1:-SHA384:-SHA256:-CHACHA20-POLY1305:-GROUP-X448:-GROUP-SECP521R1';
  await withTlsServer(`${certificate('rsa')}${priority}`, async (server) => {
    assert.deepEqual(await server.suites('tls1_2'), ['ECDHE-RSA-AES256-GCM-SHA384']);
    assert.equal(await server.client('-tls1_3', '-groups', 'X25519:P-256'), '');
    assert.match(await server.client('-tls1_3', '-groups', 'X25519:P-384'), /Cipher is TLS_AES_256_GCM_SHA384/);
    assert.equal(await server.client('-tls1_3', '-ciphersuites', 'TLS_AES_128_GCM_SHA256'), '');
  });
});

test('++ and %SERVER_PRECEDENCE: the order of suites is the server’s, else the client’s', async () => {
  const asked = ['-tls1_2', '-cipher', 'AES256-SHA:ECDHE-RSA-AES128-GCM-SHA256'];
  const chosen = async (text: string, suite: RegExp): Promise<void> => {
    await withTlsServer(`${certificate('rsa')}${text}`, async (server) => {
      assert.match(await server.client(...asked), suite, text);
    });
  };
  await chosen('', /Cipher is AES256-SHA$/m);
  await chosen('TLS_PROTOCOL=TLSv1.2++', /Cipher is ECDHE-RSA-AES128-GCM-SHA256$/m);
  await chosen('TLS_PRIORITY=NORMAL:%SERVER_PRECEDENCE', /Cipher is ECDHE-RSA-AES128-GCM-SHA256$/m);
});

test('TLS_DHPARAMS: clients without elliptic curves are served when there are parameters, and these are long enough', async () => {
  const file = certificates.at('dhparams.pem');
  const asked = ['-tls1_2', '-cipher', 'DHE-RSA-AES256-GCM-SHA384'];
  const text = `${certificate('rsa')}TLS_DHPARAMS=${file}\n`;
  await withTlsServer(text, async (server) => assert.equal(await server.client(...asked), ''));
  writeFileSync(file, dhParameters(2048) ?? '');
  await withTlsServer(text, async (server) => {
    assert.match(await server.client(...asked), /Server Temp Key: DH, 2048 bits/);
  });
  await withTlsServer(`${text}TLS_MIN_DH_BITS=3072`, async (server) => assert.equal(await server.client(...asked), ''));
});

test('attack 8: TLS_ALPN: what it names is accepted, others alone are refused, and an empty one asks nobody', async () => {
  await withTlsServer(certificate('ec'), async (server) => {
    assert.match(await server.client('-alpn', 'imap'), /^ALPN protocol: imap$/m);
    assert.match(await server.client('-alpn', 'h2,imap'), /^ALPN protocol: imap$/m);
    assert.match(await server.client(), /^No ALPN negotiated$/m);
    assert.equal(await server.client('-alpn', 'http/1.1'), '');
  });
  await withTlsServer(`${certificate('ec')}TLS_ALPN=""`, async (server) => {
    assert.match(await server.client('-alpn', 'http/1.1'), /^No ALPN negotiated$/m);
  });
});

test('names have the files that Courier looks for: with the name or the address appended, keys beside or apart', async () => {
  const main = certificates.at('main.pem');
  for (const name of ['main', 'named', 'addressed', 'apart', 'accented']) await certificates.selfSigned(name);
  const text = (name: string, end: string) => readFileSync(certificates.at(`${name}.${end}`), 'utf8');
  const both = (name: string) => text(name, 'pem') + text(name, 'key');
  const accented = certificates.at('main.pem.postfäch.example');
  const files: Readonly<Record<string, string>> = {
    [`${main}.Mail.Example.com`]: both('named'),
    [`${main}.127.0.0.1`]: both('addressed'),
    [`${main}.key.example.com`]: text('apart', 'pem'),
    [`${certificates.at('main.key')}.key.example.com`]: text('apart', 'key'),
    [accented]: both('accented'),
    [`${main}.dist`]: 'left over',
  };
  for (const [file, content] of Object.entries(files)) writeFileSync(file, content, { mode: 0o600 });

  await withTlsServer(`TLS_CERTFILE=${main}\nTLS_PRIVATE_KEYFILE=${certificates.at('main.key')}\n`, async (server) => {
    const subject = async (...words: string[]) => /subject=O = (\w+)/.exec(await server.client(...words))?.[1];
    assert.equal(await subject('-servername', 'mail.example.com'), 'named');
    assert.equal(await subject('-servername', 'MAIL.EXAMPLE.COM'), 'named');
    assert.equal(await subject('-servername', 'key.example.com'), 'apart');
    assert.equal(await subject('-servername', domainToASCII('postfäch.example')), 'accented');
    assert.equal(await subject('-servername', 'other.example.com'), 'addressed');
    assert.equal(await subject('-noservername'), 'addressed');
    assert.equal(await subject('-servername', '../../etc/passwd'), 'addressed');
  });
});

test('TLS_TRUSTCERTS: a file, a directory, and a hashed one of which only the hashes count', async () => {
  for (const name of ['authority', 'other']) await certificates.selfSigned(name);
  await certificates.signed('ann', 'authority');
  const plain = certificates.at('plain');
  const hashed = certificates.at('hashed');
  for (const directory of [plain, hashed]) mkdirSync(directory);
  const authority = readFileSync(certificates.at('authority.pem'));
  writeFileSync(`${plain}/authority.crt`, authority);
  writeFileSync(`${plain}/readme.txt`, 'no certificate');
  const hash = (await certificates.openssl('x509', '-in', certificates.at('authority.pem'), '-noout', '-hash')).trim();
  writeFileSync(`${hashed}/${hash}.0`, authority);
  writeFileSync(`${hashed}/other.pem`, readFileSync(certificates.at('other.pem')));
  const shown = (name: string) => [
    '-cert',
    certificates.at(`${name}.pem`),
    '-key',
    certificates.at(`${name}.key`),
    '-tls1_2',
  ];

  for (const place of [certificates.at('authority.pem'), plain, hashed]) {
    await withTlsServer(`${certificate('ec')}TLS_VERIFYPEER=REQUIREPEER\nTLS_TRUSTCERTS=${place}`, async (server) => {
      assert.match(await server.client(...shown('ann')), /Cipher is ECDHE/, place);
      assert.equal(await server.client(...shown('other')), '', place);
      assert.equal(await server.client('-tls1_2'), '', place);
    });
  }
});

test('K14: settings that Courier has given up are told with what to use in their place', () => {
  const directory = certificates.at('settings');
  mkdirSync(directory);
  writeFileSync(`${directory}/imapd`, '');
  const lines = [
    'TLS_DHCERTFILE=/etc/courier/dh.pem',
    'TLS_KX_LIST=RSA',
    'TLS_CERTS=OPENPGP',
    'TLS_COMPRESSION=DEFLATE',
  ];
  writeFileSync(
    `${directory}/imapd-ssl`,
    `${[...lines, 'TLS_CACHEFILE=/var/lib/courier/x', 'TLS_KX_LIST=ALL'].join('\n')}\n`,
  );
  const told = readImapdSettings(directory).warnings.map(describeProblem).join('\n');
  assert.match(told, /imapd-ssl:1: TLS_DHCERTFILE has no effect here; .* name DH parameters in TLS_DHPARAMS/);
  assert.match(told, /imapd-ssl:3: TLS_CERTS has no effect here; certificates are X\.509/);
  assert.match(told, /imapd-ssl:4: TLS_COMPRESSION has no effect here; nothing is compressed in TLS/);
  assert.match(
    told,
    /imapd-ssl:5: TLS_CACHEFILE has no effect here; sessions are resumed by tickets, which need no file/,
  );
  assert.doesNotMatch(told, /TLS_KX_LIST/, 'the last line counts, and asks for what is the case');
});

test('K14: what Courier has given up, and what has another meaning here, is told by name', () => {
  const warnings = (text: string) => settingsOf(text).warnings.join('\n');
  assert.match(warnings('TLS_PROTOCOL=SSL23'), /^TLS_PROTOCOL=SSL23 has no effect: Courier does not know it any more$/);
  assert.match(warnings('TLS_STARTTLS_PROTOCOL=TLS1_1:TLS1:SSL3'), /^TLS_STARTTLS_PROTOCOL=.* has no effect/);
  assert.match(warnings('TLS_PROTOCOL=TLSv1'), /^TLS_PROTOCOL=TLSv1 allows versions of TLS that are given up/);
  assert.match(
    warnings('TLS_PRIORITY=NORMAL:+ARCFOUR-128:%COMPAT'),
    /^TLS_PRIORITY: \+ARCFOUR-128:%COMPAT has no effect$/,
  );
  assert.match(warnings('TLS_ALPN="imap @o"'), /^TLS_ALPN: @o has no effect/);
  assert.equal(warnings('TLS_PRIORITY="SECURE128:-VERS-TLS1.0:-ARCFOUR-128:-CTYPE-OPENPGP"\nTLS_ALPN=imap,@s'), '');
  assert.throws(
    () => settingsOf('TLS_PRIORITY=NORMAL:-VERS-TLS1.4'),
    /TLS_PRIORITY has -VERS-TLS1\.4, which is not known/,
  );
  assert.throws(() => settingsOf('TLS_PRIORITY=NORMAL:-CIPHER-ALL'), /TLS_PRIORITY leaves no cipher/);
});
