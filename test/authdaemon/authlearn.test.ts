/**
 * authlearn: passwords from Debian's Dovecot and Courier into userdb, from a scripted server into a directory, and every
 * way in which an old server can give no answer.
 */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { ImapFailure, imapGreets, imapLogin } from '../../authdaemon/learn/imap-login.js';
import { checkLearnSettings } from '../../authdaemon/learn/settings.js';
import { buildModule } from '../../authdaemon/modules/built-in-modules.js';
import { Secret } from '../../init/runtime/secret.js';
import { checkoutRoot } from '../support/paths.js';
import { PASSWORD, type PeerServer, startCourier, startDovecot } from '../support/peer-servers.js';
import { giveToMailUser } from '../support/peer-targets.js';
import { freePort, run } from '../support/processes.js';
import { Slapd } from '../support/slapd.js';
import { makeCertificate } from '../support/start.js';
import { accountEntry, ldapRc } from './ldap-fixture.js';
import { inShort, logIn, moduleContext } from './module-support.js';
import { startOldServer } from './old-imap-server.js';
import { configuration, program, startDaemon } from './support.js';

const directory = mkdtempSync(join(tmpdir(), 'authlearn-'));
// Users of the peers' own look into it.
chmodSync(directory, 0o755);
const started: PeerServer[] = [];
after(async () => {
  for (const server of started) await server.stop();
  rmSync(directory, { recursive: true });
});

function rc(settings: Readonly<Record<string, string>>): string {
  const lines = Object.entries({ LEARN_MODULE: 'authuserdb', ...settings }).map(
    ([name, value]) => `${name} ${value}\n`,
  );
  return `${lines.join('')}##NAME: MARKER:0\n`;
}

async function startPeer(name: 'dovecot' | 'courier') {
  const place = join(directory, name);
  mkdirSync(place);
  const certificate = join(place, 'old.pem');
  await makeCertificate(certificate);
  const users = ['ann', 'joe'].map((user) => ({ name: user, home: join(place, user) }));
  for (const { home } of users) {
    for (const inside of ['cur', 'new', 'tmp']) mkdirSync(join(home, 'Maildir', inside), { recursive: true });
    giveToMailUser(home);
  }
  const [port, tlsPort] = [await freePort(), await freePort()];
  const options = { directory: place, users, port, tls: { port: tlsPort, certificate } };
  const start = name === 'dovecot' ? startDovecot : startCourier;
  const server = await start(options);
  started.push(server);
  return { port, tlsPort, certificate, server };
}

const USERDB = [
  'ann\tuid=5000|gid=5000|home=/h\n',
  'joe\tuid=5000|gid=5000|home=/h|quota=5S\n',
  'own\tuid=5000|gid=5000|home=/h|systempw={SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n',
].join('');

// Both pause after a wrong password, Dovecot two seconds and Courier five: at the same time.
describe('real servers', { concurrency: true }, () => {
  test('U8: a password is learnt from Dovecot at the first login, and from then on the store knows it', async () => {
    const { port, certificate, server } = await startPeer('dovecot');
    const settings = await configuration(USERDB, 'authmodulelist="authuserdb authlearn"');
    const learn = { LEARN_IMAP_SERVER: `localhost:${port}`, LEARN_IMAP_CACERT: certificate, LEARN_HASH: 'SSHA512' };
    writeFileSync(join(settings, 'authlearnrc'), rc(learn));
    const daemon = await startDaemon(settings);
    const answer = async (loginName: string, password: string): Promise<string> =>
      (await daemon.client.authenticate({ service: 'imap', loginName, password: new Secret(password) })).kind;
    const source = (): string => readFileSync(join(settings, 'userdb'), 'utf8');

    for (const [name, password] of [
      ['nobody', PASSWORD],
      ['own', 'wrong'],
      ['ann', 'wrong'],
    ] as const)
      assert.equal(await answer(name, password), 'rejected', daemon.log());
    assert.equal(source(), USERDB);
    assert.deepEqual(await Promise.all([1, 2, 3].map(() => answer('ann', PASSWORD))), Array(3).fill('account'));
    assert.match(
      source(),
      /^ann\tuid=5000\|gid=5000\|home=\/h\|systempw=\{SSHA512\}\S+\njoe\tuid=5000\|gid=5000\|home=\/h\|quota=5S\n/,
    );
    assert.match(
      daemon.log(),
      /^INFO: authlearn: ann: the password was learnt from localhost:\d+ and written by authuserdb$/m,
    );
    const explained = await run([process.execPath, program('authtest'), '-v', 'ann', PASSWORD], {
      environment: { COURIER_CONFDIR: settings },
    });
    assert.match(explained.stderr, /^authuserdb: yes/m);
    assert.doesNotMatch(daemon.log(), /ERR|secret/);

    await server.stop();
    assert.equal(await answer('ann', PASSWORD), 'account');
    assert.equal(await answer('joe', PASSWORD), 'temporary failure');
    assert.match(daemon.log(), /^ERR: authlearn: localhost:\d+: .*ECONNREFUSED.*account=joe/m);
    assert.equal(await daemon.stop(), 0);
  });

  test('U8: Courier is asked in TLS from the first octet, and in the clear on this machine only', async () => {
    const { port, tlsPort, certificate } = await startPeer('courier');
    const authorities = readFileSync(certificate);
    const common = { host: '127.0.0.1', limitMs: 10_000 };
    const secure = { ...common, port: tlsPort, tls: 'implicit', authorities } as const;
    const clear = { ...common, port, tls: 'none' } as const;

    const asked = [
      imapLogin(secure, 'ann', new Secret(PASSWORD)),
      imapLogin(clear, 'ann', new Secret(PASSWORD)),
      imapLogin(secure, 'ann', new Secret('wrong')),
      imapLogin(clear, 'nobody', new Secret(PASSWORD)),
    ];
    assert.deepEqual(await Promise.all(asked), [true, true, false, false]);
    for (const server of [secure, clear]) await imapGreets(server);
    await assert.rejects(imapLogin({ ...clear, tls: 'starttls' }, 'ann', new Secret(PASSWORD)), /has no STARTTLS/);
    const strange = { ...secure, authorities: Buffer.from('') };
    await assert.rejects(imapLogin(strange, 'ann', new Secret(PASSWORD)), /127\.0\.0\.1:\d+: .*certificate/);
  });
});

test('U8: names and passwords are sent as strings that hold them, and some are nobody’s', async () => {
  const ask = async (loginName: string, password: string, more: readonly (readonly [string, string])[]) => {
    const server = await startOldServer([['', '* OK hello\r\n'], ...more]);
    const given = { host: '127.0.0.1', port: server.port, tls: 'none', limitMs: 5000 } as const;
    const answer = await imapLogin(given, loginName, new Secret(password));
    await server.stop();
    return [answer, server.heard().replace('c LOGOUT\r\n', '')];
  };
  const ok = ['\r\n', '* CAPABILITY IMAP4rev1\r\nb OK in\r\n'] as const;

  assert.deepEqual(await ask('ann', 'a "b" \\c', [ok]), [true, 'b LOGIN "ann" "a \\"b\\" \\\\c"\r\n']);
  assert.deepEqual(await ask('', '', [['\r\n', 'b NO [AUTHENTICATIONFAILED] no\r\n']]), [false, 'b LOGIN "" ""\r\n']);
  const more = ['}\r\n', '+ go on\r\n'] as const;
  assert.deepEqual(await ask('jörg', 'pässword', [more, more, ok]), [
    true,
    Buffer.from('b LOGIN {5}\r\njörg {9}\r\npässword\r\n').toString('latin1'),
  ]);
  assert.deepEqual(
    await ask('ann', `caf\udce9`, [more, ok]),
    [true, 'b LOGIN "ann" {4}\r\ncaf\xe9\r\n'],
    'octets stay',
  );
  assert.deepEqual(await ask('jörg', 'x', [['}\r\n', 'b NO no such name\r\n']]), [false, 'b LOGIN {5}\r\n']);
  for (const broken of ['a\r\nb LOGOUT', 'a\0b', 'a\n']) assert.deepEqual(await ask('ann', broken, []), [false, '']);
});

test('U8: whatever is no clear answer is a failure that says so, and nothing is sent in the clear', async () => {
  const cases: readonly (readonly [
    says: RegExp,
    tls: 'none' | 'starttls',
    script: readonly (readonly [string, string])[],
  ])[] = [
    [
      /answers LOGIN with NO \[UNAVAILABLE\]/,
      'none',
      [
        ['', '* OK x\r\n'],
        ['\r\n', 'b NO [UNAVAILABLE] later\r\n'],
      ],
    ],
    [
      /answers LOGIN with NO \[privacyrequired\]/,
      'none',
      [
        ['', '* OK x\r\n'],
        ['\r\n', 'b NO [privacyrequired] x\r\n'],
      ],
    ],
    [
      /answers LOGIN with BAD/,
      'none',
      [
        ['', '* OK x\r\n'],
        ['\r\n', 'b BAD what\r\n'],
      ],
    ],
    [
      /says BYE too many/,
      'none',
      [
        ['', '* OK x\r\n'],
        ['\r\n', '* BYE too many\r\n'],
      ],
    ],
    [/greets with \* BYE/, 'none', [['', '* BYE full\r\n']]],
    [/greets with \* PREAUTH/, 'none', [['', '* PREAUTH you\r\n']]],
    [/sends too much/, 'none', [['', 'x'.repeat(70_000)]]],
    [/no answer in time/, 'none', [['', '* OK x\r\n']]],
    [
      /has no STARTTLS: BAD/,
      'starttls',
      [
        ['', '* OK x\r\n'],
        ['\r\n', 'a BAD what\r\n'],
      ],
    ],
    [
      /goes on in the clear after STARTTLS/,
      'starttls',
      [
        ['', '* OK x\r\n'],
        ['\r\n', 'a OK go\r\nb OK in\r\n'],
      ],
    ],
  ];
  for (const [says, tls, script] of cases) {
    const server = await startOldServer(script);
    const given = { host: '127.0.0.1', port: server.port, tls, limitMs: 2000 };
    await assert.rejects(imapLogin(given, 'ann', new Secret('secret')), (error) => {
      assert.ok(error instanceof ImapFailure);
      assert.match(error.message, says);
      return error.message.startsWith(`127.0.0.1:${server.port}: `);
    });
    if (tls === 'starttls') assert.doesNotMatch(server.heard(), /secret/);
    await server.stop();
  }
});

test('U8: a directory learns, also where the entry has no password attribute', async () => {
  const slapd = await Slapd.start({ entries: [accountEntry('ann', { userPassword: undefined })] });
  const old = await startOldServer([
    ['', '* OK x\r\n'],
    ['\r\n', 'b OK in\r\n'],
  ]);
  const settings = mkdtempSync(join(tmpdir(), 'authlearn-ldap-'));
  writeFileSync(join(settings, 'authldaprc'), ldapRc(slapd.uri), { mode: 0o600 });
  const learn = { LEARN_IMAP_SERVER: `127.0.0.1:${old.port}`, LEARN_IMAP_TLS: 'none', LEARN_MODULE: 'authldap' };
  writeFileSync(join(settings, 'authlearnrc'), rc(learn));
  const context = moduleContext(settings);
  const [learning, ldap] = [await buildModule('authlearn', context), await buildModule('authldap', context)];
  assert.ok(typeof learning === 'object' && typeof ldap === 'object');
  const name = 'ann@example.com';

  assert.equal(inShort(await logIn(ldap, [name, 'secret'])), 'rejected: no password is stored');
  assert.equal(await learning.trouble(), undefined);
  assert.equal(inShort(await logIn(learning, [name, 'secret'])), name);
  assert.equal(inShort(await logIn(ldap, [name, 'secret'])), name);
  assert.equal(inShort(await logIn(ldap, [name, 'wrong'])), 'rejected: wrong password');
  assert.match(inShort(await logIn(learning, [name, 'wrong'])), /authldap checks the password of this account itself/);
  assert.equal(
    inShort(await learning.lookup({ service: 'imap', loginName: name })),
    'rejected: authlearn keeps no accounts',
  );
  for (const module of [learning, ldap]) await module.stop();
  await old.stop();
  await slapd.remove();
  rmSync(settings, { recursive: true });
});

test('U8: the settings file says what is wrong with it, and the one in etc/ is right', () => {
  const place = join(directory, 'settings');
  mkdirSync(place);
  const problems = (text: string): string => {
    writeFileSync(join(place, 'authlearnrc'), text);
    return checkLearnSettings(place).problems.join('\n');
  };

  assert.deepEqual(checkLearnSettings(join(checkoutRoot, 'etc')), {
    ...checkLearnSettings(join(checkoutRoot, 'etc')),
    problems: [],
    warnings: [],
  });
  assert.match(problems(rc({})), /LEARN_IMAP_SERVER is missing/);
  assert.match(problems('LEARN_IMAP_SERVER a\n##NAME: MARKER:0\n'), /LEARN_MODULE is missing/);
  for (const server of ['a:b', 'a:0', 'a:70000', '::1', 'a b', '[x]'])
    assert.match(problems(rc({ LEARN_IMAP_SERVER: server })), /is no server/, server);
  assert.equal(problems(rc({ LEARN_IMAP_SERVER: '[::1]:143', LEARN_IMAP_TLS: 'none' })), '');
  assert.match(problems(rc({ LEARN_IMAP_SERVER: 'old.example.com', LEARN_IMAP_TLS: 'none' })), /in the clear/);
  assert.match(
    problems(rc({ LEARN_IMAP_SERVER: 'a', LEARN_IMAP_CACERT: '/none' })),
    /\/none cannot be read \(ENOENT\)/,
  );
  assert.match(problems(rc({ LEARN_IMAP_SERVER: 'a', LEARN_MODULE: 'authpam' })), /authpam is not known/);
  assert.match(problems(rc({ LEARN_IMAP_SERVER: 'a', LEARN_HASH: 'ROT13' })), /ROT13 is no method/);
});
