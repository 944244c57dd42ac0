/** Before login: the conversation, its limits, and what it leaves in the log. No process and no port is involved. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { LoginOutcome, LoginRequest } from '../../init/runtime/login/before-login.js';
import { playLogin } from '../support/scripted-login.js';

const peer = 'ip=[192.0.2.7], port=[40112]';
const plain = (user: string, password: string, as = ''): string =>
  Buffer.from(`${as}\0${user}\0${password}`).toString('base64');
const accepts = (): LoginOutcome => ({ kind: 'handed over' });
const afterGreeting = (answers: string): string => answers.slice(answers.indexOf('\n') + 1);

describe('G3 C1: greeting and capabilities', () => {
  test('one line, which names the server and what it can do', async () => {
    const { answers } = await playLogin({ sends: [] });

    assert.match(answers, /^\* OK \[CAPABILITY IMAP4rev1 .*\bAUTH=PLAIN AUTH=LOGIN\] Angarium ready\.\n$/);
    assert.doesNotMatch(answers, /STARTTLS|LOGINDISABLED/);
  });

  test('STARTTLS where it is possible, and LOGINDISABLED where TLS is required', async () => {
    const { answers } = await playLogin({ sends: [], tlsAvailable: true, settings: { tlsRequired: true } });

    assert.match(answers, / STARTTLS LOGINDISABLED\]/);
    assert.doesNotMatch(answers, /AUTH=/);
  });

  test("the administrator's own words, and nothing but STARTTLS beside them", async () => {
    const { answers } = await playLogin({
      sends: [],
      tlsAvailable: true,
      settings: { capability: 'IMAP4rev1 X-OURS' },
    });

    assert.match(answers, /^\* OK \[CAPABILITY IMAP4rev1 X-OURS STARTTLS\] /);
  });
});

describe('C4: LOGIN', () => {
  test('takes atoms, quoted strings and literals, and hands over with the tag and what follows', async () => {
    for (const command of [
      'a1 LOGIN bob "a \\"b\\\\c"\r\n',
      'a1 login {3}\r\nbob {7+}\r\na "b\\c\r\n'.replace('{7+}', '{6+}'),
    ]) {
      const { requests, answers } = await playLogin({ sends: [`${command}a2 SELECT INBOX\r\n`], outcome: accepts });

      const [request] = requests;
      assert.equal(request?.loginName, 'bob');
      assert.equal(request?.proof.data.reveal(), 'a "b\\c');
      assert.equal(request?.tag, 'a1');
      assert.equal(request?.service, 'imap');
      assert.equal(request?.pipelined, 'a2 SELECT INBOX\r\n');
      assert.doesNotMatch(answers, /a1 /);
    }
  });

  test('takes unquoted passwords with parentheses, as old clients send them', async () => {
    const { requests } = await playLogin({ sends: ['a LOGIN bob se(cr)[e]t*%\r\n'], outcome: accepts });

    assert.equal(requests[0]?.proof.data.reveal(), 'se(cr)[e]t*%');
  });

  test('refuses slowly, with a line that fail2ban reads', async () => {
    const { answers, log, delaysMilliseconds } = await playLogin({
      sends: ['a LOGIN "x, ip=[192.0.2.1]" no\r\n'],
      settings: { loginDelaySeconds: 5 },
    });

    assert.equal(afterGreeting(answers), 'a NO [AUTHENTICATIONFAILED] Login failed.\n');
    assert.deepEqual(delaysMilliseconds, [5000]);
    assert.equal(log[1], `info: LOGIN FAILED, user=x\\x2C\\x20ip\\x3D\\x5B192.0.2.1\\x5D, ${peer}`);
  });

  test('A1: says that trouble is temporary, and nothing about the password', async () => {
    const { answers, log } = await playLogin({
      sends: ['a LOGIN bob x\r\nb NOOP\r\n'],
      outcome: () => ({ kind: 'temporary failure', reason: 'socket missing' }),
    });

    assert.equal(afterGreeting(answers), '* BYE [UNAVAILABLE] Temporary problem, please try again later\n');
    assert.equal(log[1], 'error: authentication error: socket missing');
  });

  test('is refused without TLS where TLS is required, and the password goes nowhere', async () => {
    const { answers, requests, log } = await playLogin({
      sends: [`a LOGIN bob secret\r\nb AUTHENTICATE PLAIN ${plain('bob', 'secret')}\r\n`],
      settings: { tlsRequired: true },
    });

    assert.equal(
      afterGreeting(answers),
      'a NO [PRIVACYREQUIRED] STARTTLS required\nb NO [PRIVACYREQUIRED] STARTTLS required\n',
    );
    assert.deepEqual(requests, []);
    assert.doesNotMatch(log.join('\n'), /secret/);
  });

  test('completes names with the default domain and asks for the service of the port', async () => {
    const { requests } = await playLogin({
      sends: ['a LOGIN bob x\r\n'],
      settings: { defaultDomain: '@example.com', authServices: { '143': 'imap-office' } },
    });

    assert.equal(requests[0]?.loginName, 'bob@example.com');
    assert.equal(requests[0]?.service, 'imap-office');
  });
});

describe('C3 A13: AUTHENTICATE', () => {
  const waysIn: readonly [string, readonly string[], string][] = [
    ['PLAIN', [`a AUTHENTICATE PLAIN\r\n${plain('bob', 'pw')}\r\n`], '+ \n'],
    ['PLAIN with initial response', [`a AUTHENTICATE PLAIN ${plain('bob', 'pw')}\r\n`], ''],
    ['PLAIN naming itself twice', [`a authenticate plain ${plain('bob', 'pw', 'bob')}\r\n`], ''],
    ['LOGIN', ['a AUTHENTICATE LOGIN\r\nYm9i\r\ncHc=\r\n'], '+ VXNlcm5hbWU6\n+ UGFzc3dvcmQ6\n'],
    ['LOGIN with initial response', ['a AUTHENTICATE LOGIN Ym9i\r\ncHc=\r\n'], '+ UGFzc3dvcmQ6\n'],
    ['LOGIN with an empty one', ['a AUTHENTICATE LOGIN =\r\nYm9i\r\ncHc=\r\n'], '+ VXNlcm5hbWU6\n+ UGFzc3dvcmQ6\n'],
  ];
  for (const [name, sends, challenges] of waysIn) {
    test(name, async () => {
      const { answers, requests } = await playLogin({ sends, outcome: accepts });

      assert.equal(afterGreeting(answers), challenges);
      assert.equal(requests[0]?.loginName, 'bob');
      assert.equal(requests[0]?.proof.data.reveal(), 'pw');
    });
  }

  test('ends with BAD when it is cancelled or not base64, and the next command works', async () => {
    for (const answer of ['*', '!!!', 'Ym9', '=']) {
      const { answers, requests } = await playLogin({ sends: [`a AUTHENTICATE PLAIN\r\n${answer}\r\nb NOOP\r\n`] });

      assert.match(afterGreeting(answers), /^\+ \na BAD .*\nb OK NOOP completed\n$/);
      assert.deepEqual(requests, []);
    }
  });

  test('fails for a mechanism that is unknown or off, and for a broken message', async () => {
    for (const [mechanism, message] of [
      ['CRAM-MD5', ''],
      ['PLAIN', ` ${Buffer.from('no zeros').toString('base64')}`],
      ['X-OURS', ''],
    ]) {
      const { answers, requests, log } = await playLogin({ sends: [`a AUTHENTICATE ${mechanism}${message}\r\n`] });

      assert.match(afterGreeting(answers), /^a NO \[[A-Z]+\] Login failed\.\n$/);
      assert.equal(log[1], `info: LOGIN FAILED, method=${mechanism}, ${peer}`);
      assert.deepEqual(requests, []);
    }
  });
});

describe('A11: CRAM', () => {
  const settings = { mechanisms: ['CRAM-MD5'], defaultDomain: '@example.com' };

  test('is off, and neither offered nor taken, until the settings name it', async () => {
    const { answers, requests } = await playLogin({ sends: ['a AUTHENTICATE CRAM-MD5\r\n'] });

    assert.doesNotMatch(answers, /CRAM/);
    assert.equal(afterGreeting(answers), 'a NO [CANNOT] Login failed.\n');
    assert.deepEqual(requests, []);
  });

  test('sends a new challenge each time, and asks with the digest', async () => {
    const digest = '0123456789abcdef0123456789abcdef';
    const answer = Buffer.from(`bob ${digest}`).toString('base64');
    const sends = ['a AUTHENTICATE CRAM-MD5\r\n', `${answer}\r\n`];
    const { answers, requests } = await playLogin({ sends: [...sends, ...sends], settings });

    assert.match(answers, / AUTH=CRAM-MD5 AUTH=PLAIN AUTH=LOGIN\]/);
    const challenges = [...answers.matchAll(/^\+ (.*)$/gm)].map(([, word = '']) => word);
    assert.equal(new Set(challenges).size, 2);
    assert.match(Buffer.from(challenges[0] ?? '', 'base64').toString(), /^<[0-9a-f]{32}@.+>$/);
    const [request] = requests;
    assert.equal(request?.loginName, 'bob@example.com');
    assert.equal(request?.proof.authType, 'cram-md5');
    const [challenge, proof = ''] = request?.proof.data.reveal().split('\n') ?? [];
    assert.equal(challenge, challenges[0]);
    assert.equal(Buffer.from(proof, 'base64').toString(), `bob@example.com ${digest}`);
  });
});

describe('A14: one acts as another', () => {
  test('both names are asked about, in AUTHENTICATE and in LOGIN', async () => {
    const settings = { adminSeparator: '*' };
    for (const command of [`AUTHENTICATE PLAIN ${plain('boss', 'pw', 'bob')}`, 'LOGIN bob*boss pw']) {
      const { requests } = await playLogin({ sends: [`a ${command}\r\n`], outcome: accepts, settings });

      assert.equal(requests[0]?.loginName, 'boss');
      assert.equal(requests[0]?.authorisationName, 'bob');
    }
  });

  test('a refusal says which of the two it was', async () => {
    const { answers, log } = await playLogin({
      sends: [`a AUTHENTICATE PLAIN ${plain('boss', 'pw', 'bob')}\r\n`],
      outcome: () => ({ kind: 'not authorised' }),
    });

    assert.equal(afterGreeting(answers), 'a NO [AUTHORIZATIONFAILED] Login failed.\n');
    assert.equal(log[1], `info: LOGIN FAILED, method=PLAIN, ${peer}`);
  });
});

describe('the last word of a mechanism', () => {
  const sends = [`a AUTHENTICATE PLAIN ${plain('bob', 'pw')}\r\n`];
  const heard = async (request: LoginRequest): Promise<LoginOutcome> => {
    const isHeard = await request.sayLastWord?.('dj0x');
    return isHeard === true ? { kind: 'handed over' } : { kind: 'broken off' };
  };

  test('comes before the session, and the client answers it with an empty line', async () => {
    const { answers, requests } = await playLogin({ sends: [...sends, '\r\na2 NOOP\r\n'], outcome: heard });

    assert.equal(afterGreeting(answers), '+ dj0x\n');
    assert.equal(requests[0]?.pipelined, 'a2 NOOP\r\n');
  });

  test('ends the connection of a client that does not want to hear it', async () => {
    for (const answer of ['*\r\n', 'YQ==\r\n']) {
      const { answers } = await playLogin({ sends: [...sends, answer, 'b NOOP\r\n'], outcome: heard });

      assert.equal(afterGreeting(answers), '+ dj0x\n* BYE Authentication was broken off.\n');
    }
  });

  test('EXPIRED says that the password was right and is good no longer', async () => {
    const { answers } = await playLogin({ sends, outcome: () => ({ kind: 'rejected', expired: true }) });

    assert.equal(afterGreeting(answers), 'a NO [EXPIRED] Login failed.\n');
  });

  test('tells about a failure, whatever the client says to it', async () => {
    const { answers } = await playLogin({
      sends: [...sends, 'AQ==\r\nb NOOP\r\n'],
      outcome: () => ({ kind: 'rejected', lastWord: 'e30=' }),
    });

    assert.equal(afterGreeting(answers), '+ e30=\na NO [AUTHENTICATIONFAILED] Login failed.\nb OK NOOP completed\n');
  });
});

describe('C5: STARTTLS', () => {
  test('forgets what was injected before the handshake, and offers other capabilities after it', async () => {
    const { answers } = await playLogin({
      sends: ['a STARTTLS\r\nb NOOP\r\n'],
      sendsInTls: ['c CAPABILITY\r\nd STARTTLS\r\n'],
      tlsAvailable: true,
      settings: { tlsRequired: true },
    });

    assert.match(
      afterGreeting(answers),
      /^a OK Begin SSL\/TLS negotiation now\.\n\* CAPABILITY .*AUTH=PLAIN AUTH=LOGIN\nc OK .*\nd BAD .*\n$/,
    );
    assert.doesNotMatch(afterGreeting(answers), /STARTTLS|LOGINDISABLED|b OK/);
  });

  test('is BAD where there is no TLS', async () => {
    const { answers } = await playLogin({ sends: ['a STARTTLS\r\n'] });

    assert.match(afterGreeting(answers), /^a BAD /);
  });
});

describe('limits before login', () => {
  test('three bad commands, and the client is out', async () => {
    const { answers } = await playLogin({ sends: ['a SELECT INBOX\r\nb FOO\r\n*\r\nd NOOP\r\n'] });

    assert.match(afterGreeting(answers), /^a BAD .*\nb BAD .*\n\* BAD .*\n\* BYE .*\n$/);
  });

  test('a browser is not answered at all', async () => {
    for (const request of ['GET / HTTP/1.1\r\nHost: mx\r\n\r\n', 'POST /a1%20LOGIN HTTP/1.0\r\n\r\n']) {
      const { answers } = await playLogin({ sends: [request] });

      assert.equal(afterGreeting(answers), '');
    }
  });

  test('numbers of octets that nobody means are no reason to wait or to take memory', async () => {
    for (const size of ['2147483647', '-1', '1e9', '0x10', '99999999999999999999', '10']) {
      const { answers } = await playLogin({ sends: [`a LOGIN {${size}}\r\n`] });

      if (size === '10') assert.equal(afterGreeting(answers), '+ OK\n');
      else assert.match(afterGreeting(answers), /^a (BAD|NO) /, size);
    }
  });

  test('lines of 100,000 parentheses or of a megabyte of base64 are BAD', async () => {
    for (const line of [
      `a ID ${'('.repeat(8000)}`,
      `a LOGIN ${'('.repeat(100_000)}`,
      `a AUTHENTICATE PLAIN ${'A'.repeat(1_000_000)}`,
    ]) {
      const { answers } = await playLogin({ sends: [`${line}\r\nb NOOP\r\n`] });

      assert.match(afterGreeting(answers), /^a BAD .*\nb OK NOOP completed\n$/);
    }
  });

  test('a name that is not UTF-8, holds controls, or is very long is refused in one log line', async () => {
    for (const name of ['{3}\r\nb\xe9b', '{3}\r\na\nb', '{3}\r\na\rb', `"${'n'.repeat(7000)}"`]) {
      const { answers, log } = await playLogin({ sends: [`a LOGIN ${name} x\r\n`] });

      assert.match(afterGreeting(answers), /^(\+ OK\n)?a (NO|BAD) .*\n$/);
      for (const line of log) assert.doesNotMatch(line, /[\r\n]/);
    }
  });

  test('C2 G5: NOOP and LOGOUT are answered, and the end is logged', async () => {
    const { answers, log } = await playLogin({ sends: ['a NOOP\r\nb LOGOUT\r\nc NOOP\r\n'] });

    assert.match(afterGreeting(answers), /^a OK NOOP completed\n\* BYE .*\nb OK LOGOUT completed\n$/);
    assert.match(log.at(-1) ?? '', /^info: LOGOUT, ip=\[192\.0\.2\.7\], port=\[40112\], rcvd=\d+, sent=\d+$/);
  });

  test('a client that just leaves is a debug line', async () => {
    const { log } = await playLogin({ sends: [] });

    assert.deepEqual(log, [`debug: Connection, ${peer}`, `debug: Disconnected, ${peer}, time=3`]);
  });

  test('35: ID is logged in one line, and its limits are kept', async () => {
    const { answers, log } = await playLogin({ sends: ['a ID ("name" "x, y" "os" {5}\r\na\r\nbc "v" NIL)\r\n'] });

    assert.match(afterGreeting(answers), /^\+ OK\n\* ID \("name" "Angarium"\)\na OK ID completed\n$/);
    assert.equal(log[1], `info: ID, ${peer}, name=x\\x2C\\x20y, os=a\\x0D\\x0Abc, v=(nil)`);
    const pair = '"k" "v" ';
    const many = await playLogin({
      sends: [`a ID (${pair.repeat(31).trimEnd()})\r\nb ID ("k" "${'v'.repeat(2000)}")\r\n`],
    });
    assert.match(afterGreeting(many.answers), /^a BAD .*\nb BAD .*\n$/);
  });
});
