/**
 * Mechanisms of AUTHENTICATE, the whole way from programs that people use (gsasl, curl, Python's imaplib, imapflow, mbsync)
 * through imapd and authdaemond to a userdb and back; and our imapd with Debian's authdaemond behind it.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { ImapFlow } from 'imapflow';
import { startCourierAuthdaemond } from '../support/courier-authdaemond.js';
import { type ImapClient, loginClient, openClient } from '../support/imap-client.js';
import { AUDIENCE, goodClaims } from '../support/oauth-issuer.js';
import { PASSWORD } from '../support/peer-servers.js';
import { mustRun, run, waitUntil } from '../support/processes.js';
import { ScramClient } from '../support/scram-client.js';
import type { OurServers } from '../support/start.js';
import { certificates, opaque, provider, rsa, scratch, startSite } from './mechanism-site.js';

const seconds = (): number => Math.floor(Date.now() / 1000);
let starting: Promise<OurServers> | undefined;
const ours = (): Promise<OurServers> => {
  starting ??= startSite();
  return starting;
};
after(async () => {
  await (await starting)?.stop();
  await (await provider).stop();
  scratch.remove();
});

const base64 = (text: string | Buffer): string => Buffer.from(text).toString('base64');

/** Speaks a mechanism; gives the challenges that came, decoded, and the end. */
async function speak(
  client: ImapClient,
  mechanism: string,
  answers: readonly ((challenge: Buffer) => string | Buffer)[],
) {
  const challenges: string[] = [];
  client.raw(`x AUTHENTICATE ${mechanism}\r\n`);
  for (const answer of answers) {
    const response = await client.response();
    if (!response.startsWith('+ ')) return { challenges, end: response };
    const challenge = Buffer.from(response.slice(2), 'base64');
    challenges.push(challenge.toString());
    client.raw(`${base64(answer(challenge))}\r\n`);
  }
  return { challenges, end: await client.response() };
}

/** One SCRAM exchange in TLS. */
async function scram(user: string, password: string, options: { as?: string; tls?: boolean } = {}): Promise<string> {
  const { port, tlsPort } = await ours();
  const client = await openClient(options.tls === false ? port : tlsPort, options.tls !== false);
  const gs2Header = options.as === undefined ? 'n,,' : `n,a=${options.as},`;
  const half = new ScramClient({ hash: 'sha256', user, password, gs2Header });
  let trusted = false;
  const { end } = await speak(client, 'SCRAM-SHA-256', [
    () => half.first,
    (challenge) => half.final(challenge),
    (challenge) => {
      trusted = half.trusts(challenge);
      return '';
    },
  ]);
  client.close();
  if (end.startsWith('x OK')) assert.ok(trusted, 'the server proves that it knows the password');
  return end;
}

interface GsaslOptions {
  readonly mechanism: string;
  readonly user: string;
  readonly password?: string;
  readonly as?: string;
  /** `no`: in the clear. */
  readonly tls?: 'TLS1.2' | 'TLS1.3' | 'no';
  readonly more?: readonly string[];
}

/** GNU SASL's own client; true when it is in. */
async function gsasl({
  mechanism,
  user,
  password = PASSWORD,
  as,
  tls = 'TLS1.3',
  more = [],
}: GsaslOptions): Promise<boolean> {
  const { port, configuration } = await ours();
  const secure =
    tls === 'no'
      ? ['--no-starttls']
      : [`--x509-ca-file=${join(configuration, 'imapd.pem')}`, `--priority=NORMAL:-VERS-ALL:+VERS-${tls}`];
  const who = ['-a', user, '-p', password, ...(as === undefined ? [] : ['-z', as])];
  const target = ['--client', '--imap', `--connect=127.0.0.1:${port}`, `--mechanism=${mechanism}`];
  const { stdout, stderr } = await run(['gsasl', ...target, ...who, ...secure, ...more]);
  const said = stdout + stderr;
  assert.match(said, /OK LOGOUT completed|server error/, said);
  return !said.includes('server error');
}

async function curl(user: string, ...options: readonly string[]): Promise<string> {
  const { port } = await ours();
  const command = ['curl', '-sS', '-k', '--ssl-reqd', '-m', '30', '-v', '-u', user, ...options];
  const { exitCode, stdout, stderr } = await run([...command, `imap://127.0.0.1:${port}/INBOX`, '-X', 'NOOP']);
  return exitCode === 0 ? `in by ${/AUTHENTICATE (\S+)/.exec(stderr)?.[1]}` : `${stdout}${stderr}`;
}

describe('A13: SCRAM', () => {
  test('gsasl gets in with channel binding under TLS 1.3 and 1.2, and without it', async () => {
    assert.equal(await gsasl({ mechanism: 'SCRAM-SHA-256-PLUS', user: 'ann' }), true);
    assert.equal(await gsasl({ mechanism: 'SCRAM-SHA-256-PLUS', user: 'ann', tls: 'TLS1.2' }), true);
    assert.equal(await gsasl({ mechanism: 'SCRAM-SHA-1-PLUS', user: 'old' }), true);
    assert.equal(await gsasl({ mechanism: 'SCRAM-SHA-256', user: 'ann', tls: 'no' }), true);
    assert.equal(await gsasl({ mechanism: 'SCRAM-SHA-1', user: 'old', more: ['--no-cb'] }), true);
  });

  test('gsasl does not get in with a wrong password, a wrong name, or what is stored otherwise', async () => {
    for (const who of [{ user: 'ann', password: 'wrong' }, { user: 'nobody' }, { user: 'bob' }, { user: 'old' }]) {
      assert.equal(await gsasl({ mechanism: 'SCRAM-SHA-256-PLUS', ...who }), false, JSON.stringify(who));
    }
  });

  test('Cyrus SASL in mbsync gets in', async () => {
    const { port, configuration } = await ours();
    const near = join(scratch.path, 'near');
    mkdirSync(near);
    const settings = join(scratch.path, 'mbsyncrc');
    const account = ['Host localhost', `Port ${port}`, 'User ann', `Pass ${PASSWORD}`, 'SSLType STARTTLS'];
    const secure = [`CertificateFile ${join(configuration, 'imapd.pem')}`, 'AuthMechs SCRAM-SHA-256'];
    const stores = ['IMAPStore far', 'Account a', '', 'MaildirStore near', `Path ${near}/`, `Inbox ${near}/INBOX`];
    const channel = ['Channel c', 'Far :far:', 'Near :near:', 'Patterns INBOX', 'Create Near', 'SyncState *'];
    writeFileSync(
      settings,
      `${['IMAPAccount a', 'Timeout 120', ...account, ...secure, '', ...stores, '', ...channel].join('\n')}\n`,
    );

    await mustRun(['mbsync', '-c', settings, 'c'], { environment: { HOME: scratch.path } });
  });

  test('the password that a verifier was made of is good for LOGIN, too', async () => {
    const { port } = await ours();
    for (const name of ['ann', 'old']) (await loginClient(port, name, PASSWORD, false)).close();
    const client = await openClient(port, false);
    assert.equal((await client.send('LOGIN ann wrong')).text, '[AUTHENTICATIONFAILED] Login failed.');
    client.close();
  });

  test('a client that does not want the server’s proof is let go, and its session with it', async () => {
    const { port, tlsPort, log } = await ours();
    for (const [number, tls] of [
      [port, false],
      [tlsPort, true],
    ] as const) {
      const client = await openClient(number, tls);
      const half = new ScramClient({ hash: 'sha256', user: 'ann', password: PASSWORD });
      const messages = [() => half.first, (challenge: Buffer) => half.final(challenge)];
      const { end } = await speak(client, 'SCRAM-SHA-256', messages);
      assert.match(end, /^\+ dj/);
      client.raw('*\r\n');
      assert.equal(await client.response(), '* BYE Authentication was broken off.');
      await assert.rejects(client.response());
      assert.match(await scram('ann', PASSWORD, { tls }), /^x OK/);
    }
    assert.doesNotMatch(log(), /ALERT|bug in/);
  });

  test('a client that could bind, and was not told that it may, is refused', async () => {
    const { tlsPort } = await ours();
    const client = await openClient(tlsPort, true);
    const half = new ScramClient({ hash: 'sha256', user: 'ann', password: PASSWORD, gs2Header: 'y,,' });

    const { end } = await speak(client, 'SCRAM-SHA-256', [() => half.first]);

    assert.equal(end, 'x NO [AUTHENTICATIONFAILED] Login failed.');
    client.close();
  });
});

describe('A11: CRAM', () => {
  test('gsasl, curl and imaplib get in, each with what is stored for it', async () => {
    const { port } = await ours();
    assert.equal(await gsasl({ mechanism: 'CRAM-MD5', user: 'bob', tls: 'no' }), true);
    assert.equal(await gsasl({ mechanism: 'CRAM-MD5', user: 'bob', tls: 'no', password: 'wrong' }), false);
    assert.equal(await gsasl({ mechanism: 'CRAM-MD5', user: 'ann', tls: 'no' }), false);
    assert.equal(await curl(`bob:${PASSWORD}`, '--login-options', 'AUTH=CRAM-MD5'), 'in by CRAM-MD5');
    const script = `import imaplib; print(imaplib.IMAP4('127.0.0.1', ${port}).login_cram_md5('bob', '${PASSWORD}')[0])`;
    assert.equal((await mustRun(['python3', '-c', script])).trim(), 'OK');
  });
});

describe('A14: an administrator opens the mailbox of another', () => {
  test('with his own password, by every mechanism that can say so, and the log has both names', async () => {
    const { port, log } = await ours();
    assert.equal(await gsasl({ mechanism: 'SCRAM-SHA-256-PLUS', user: 'boss', as: 'bob' }), true);
    assert.equal(await gsasl({ mechanism: 'PLAIN', user: 'boss', as: 'ann' }), true);
    assert.equal(await gsasl({ mechanism: 'CRAM-MD5', user: 'old*boss', tls: 'no' }), true);
    const client = await loginClient(port, 'bob*boss', PASSWORD, false);
    client.close();

    await waitUntil('all four are in the log', () => (log().match(/, admin=boss$/gm) ?? []).length >= 4);
    for (const name of ['bob', 'ann', 'old']) {
      assert.match(
        log(),
        new RegExp(
          `LOGIN, user=${name}, ip=\\[[^ ]+\\], port=\\[\\d+\\], protocol=IMAP(, starttls=1)?, admin=boss$`,
          'm',
        ),
      );
    }
  });

  test('and nobody else does, nor anybody with a wrong password or for a name that does not exist', async () => {
    const { port } = await ours();
    const refusals: Readonly<Record<string, string>> = {
      'bob*ann': 'AUTHORIZATIONFAILED',
      'bob*closed': 'AUTHORIZATIONFAILED',
      'nobody*boss': 'AUTHORIZATIONFAILED',
      'closed*boss': 'AUTHORIZATIONFAILED',
    };
    for (const [name, code] of Object.entries(refusals)) {
      const client = await openClient(port, false);
      const answer = await client.send(`LOGIN ${name} ${PASSWORD}`).catch(() => undefined);
      assert.ok(answer === undefined || answer.status === 'NO', name);
      assert.ok(answer?.text.startsWith(`[${code}]`), `${name}: ${answer?.text}`);
      client.close();
    }
    assert.match(await scram('boss', 'wrong', { as: 'bob' }), /^x NO \[AUTHENTICATIONFAILED\]/);
    assert.match(await scram('ann', PASSWORD, { as: 'bob' }), /^(\+|x NO \[AUTHORIZATIONFAILED\])/);
    assert.match(await scram('ann', PASSWORD, { as: 'ann' }), /^x OK/);
  });
});

describe('OAUTHBEARER and XOAUTH2', () => {
  const token = (changes = {}): string => rsa.sign(goodClaims(seconds(), changes));

  test('curl, imaplib and imapflow get in with a signed token, and with one that the provider is asked about', async () => {
    opaque.set('opaque-token', { email: 'bob', aud: AUDIENCE });
    assert.equal(await curl('ann:', '--oauth2-bearer', token()), 'in by OAUTHBEARER');
    assert.equal(await curl('bob:', '--oauth2-bearer', 'opaque-token'), 'in by OAUTHBEARER');
    const { tlsPort } = await ours();
    const script = `import imaplib, ssl
server = imaplib.IMAP4_SSL('127.0.0.1', ${tlsPort}, ssl_context=ssl._create_unverified_context())
print(server.authenticate('XOAUTH2', lambda _: b'user=ann\\1auth=Bearer ${token()}\\1\\1')[0])`;
    assert.equal((await mustRun(['python3', '-c', script])).trim(), 'OK');
    const flow = new ImapFlow({
      ...{ host: '127.0.0.1', port: tlsPort, secure: true, logger: false },
      tls: { rejectUnauthorized: false },
      auth: { user: 'ann', accessToken: token() },
    });
    await flow.connect();
    assert.ok(flow.authenticated);
    await flow.logout();
  });

  test('a token for somebody else opens nothing, unless he is an administrator', async () => {
    const { tlsPort } = await ours();
    const endOf = async (email: string, wanted: string): Promise<string> => {
      const client = await openClient(tlsPort, true);
      const message = `n,a=${wanted},\x01auth=Bearer ${token({ email })}\x01\x01`;
      const { end } = await speak(client, 'OAUTHBEARER', [() => message]);
      client.close();
      return end;
    };
    assert.match(await endOf('ann', 'bob'), /^x NO \[AUTHORIZATIONFAILED\]/);
    assert.match(await endOf('boss', 'bob'), /^x OK/);
    assert.match(await endOf('bob', 'bob'), /^x OK/);
  });

  test('a bad token is answered with the document of its mechanism, and then with NO', async () => {
    const { tlsPort } = await ours();
    const speakTo = async (mechanism: string, message: string) => {
      const client = await openClient(tlsPort, true);
      const said = await speak(client, mechanism, [() => message, () => '\x01']);
      client.close();
      return said;
    };
    const expired = token({ exp: 1 });
    const bearer = await speakTo('OAUTHBEARER', `n,a=ann,\x01auth=Bearer ${expired}\x01\x01`);
    assert.deepEqual(bearer.challenges, ['', '{"status":"invalid_token"}']);
    assert.match(bearer.end, /^x NO \[EXPIRED\] Login failed\.$/);
    const xoauth = await speakTo('XOAUTH2', `user=ann\x01auth=Bearer ${token({ aud: 'web' })}\x01\x01`);
    assert.deepEqual(xoauth.challenges, ['', '{"status":"401","schemes":"bearer"}']);
    assert.match(xoauth.end, /^x NO \[AUTHENTICATIONFAILED\]/);
    const broken = await speakTo('OAUTHBEARER', 'n,a=ann,\x01auth=Bearer \x01\x01');
    assert.match(broken.end, /^x NO \[AUTHENTICATIONFAILED\]/);
  });

  test('neither is offered nor taken in the clear', async () => {
    const { port } = await ours();
    const client = await openClient(port, false);

    assert.doesNotMatch((await client.must('CAPABILITY')).untagged.join(), /OAUTH/);
    assert.equal((await client.send('AUTHENTICATE OAUTHBEARER')).text, '[CANNOT] Login failed.');
    client.close();
  });
});

describe('EXTERNAL', () => {
  const withCertificate = (name: string): string[] => {
    const files = ['--cert', join(certificates, `${name}.pem`), '--key', join(certificates, `${name}.key`)];
    return [...files, '--login-options', 'AUTH=EXTERNAL'];
  };

  test('curl gets in with a certificate of the authority, as whoever it names', async () => {
    assert.equal(await curl('ann:', ...withCertificate('ann')), 'in by EXTERNAL');
    assert.equal(await curl('ann:', ...withCertificate('ann'), '--tls-max', '1.2'), 'in by EXTERNAL');
    assert.equal(await curl('bob:', ...withCertificate('boss')), 'in by EXTERNAL');
  });

  test('and not as somebody else, nor with a name that has no account', async () => {
    assert.match(await curl('bob:', ...withCertificate('ann')), /NO \[AUTHORIZATIONFAILED\]/);
    assert.match(await curl('stranger:', ...withCertificate('stranger')), /NO \[AUTHENTICATIONFAILED\]/);
  });

  test('a certificate of nobody’s making ends the handshake, and without one EXTERNAL is not there', async () => {
    const { log, tlsPort } = await ours();
    assert.doesNotMatch(await curl('ann:', ...withCertificate('mallory')), /^in by/);
    await waitUntil('the log says why', () => /accept: Peer certificate verification failed/.test(log()));
    const client = await openClient(tlsPort, true);
    assert.doesNotMatch((await client.must('CAPABILITY')).untagged.join(), /EXTERNAL/);
    assert.equal((await client.send('AUTHENTICATE EXTERNAL YW5u')).text, '[CANNOT] Login failed.');
    client.close();
  });
});

test('2: a module that is down is a temporary failure for every mechanism, and nobody’s wrong password', async () => {
  const { configuration, tlsPort, log } = await ours();
  const files = ['userdb.dat', 'userdbshadow.dat'].map((name) => join(configuration, name));
  const before = files.map((file) => readFileSync(file));
  for (const file of files) writeFileSync(file, 'damaged');
  const half = new ScramClient({ hash: 'sha256', user: 'ann', password: PASSWORD });
  const token = rsa.sign(goodClaims(seconds()));
  const messages: readonly [string, (challenge: Buffer) => string | Buffer][] = [
    ['PLAIN', () => `\0ann\0${PASSWORD}`],
    ['SCRAM-SHA-256', () => half.first],
    ['CRAM-MD5', () => `bob ${'0'.repeat(32)}`],
    ['XOAUTH2', () => `user=ann\x01auth=Bearer ${token}\x01\x01`],
  ];
  for (const [mechanism, message] of messages) {
    const client = await openClient(tlsPort, true);
    const { end } = await speak(client, mechanism, [message]);
    assert.equal(end, '* BYE [UNAVAILABLE] Temporary problem, please try again later', mechanism);
    client.close();
  }
  assert.doesNotMatch(log(), /LOGIN FAILED, method=PLAIN.*\n.*damaged/);
  before.forEach((octets, index) => {
    writeFileSync(files[index] ?? '', octets);
  });
  await waitUntil('the accounts are back', async () => (await scram('ann', PASSWORD)).startsWith('x OK'));
});

test('7: with Debian’s authdaemond, CRAM, certificates and administrators work, and SCRAM says no', async () => {
  const servers = await ours();
  const { configuration, port } = servers;
  servers.authdaemond.kill('SIGTERM');
  await waitUntil('our authdaemond has ended', () => servers.authdaemond.exitCode !== null);
  const debian = await startCourierAuthdaemond({ etc: configuration, state: join(scratch.path, 'server', 'run') });
  try {
    assert.equal(await gsasl({ mechanism: 'CRAM-MD5', user: 'bob', tls: 'no' }), true);
    assert.equal(await gsasl({ mechanism: 'CRAM-MD5', user: 'bob', tls: 'no', password: 'wrong' }), false);
    const files = ['--cert', join(certificates, 'ann.pem'), '--key', join(certificates, 'ann.key')];
    assert.equal(await curl('ann:', ...files, '--login-options', 'AUTH=EXTERNAL'), 'in by EXTERNAL');
    assert.equal(await gsasl({ mechanism: 'CRAM-MD5', user: 'bob*boss', tls: 'no' }), true);
    assert.equal(await gsasl({ mechanism: 'CRAM-MD5', user: 'boss*bob', tls: 'no' }), false);
    assert.match(await scram('ann', PASSWORD, { tls: false }), /^x NO \[AUTHENTICATIONFAILED\]/);
    const client = await loginClient(port, 'bob', PASSWORD, false);
    client.close();
  } finally {
    await debian.stop();
  }
});
