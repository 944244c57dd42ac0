/**
 * SASL exchanges and login names.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LoginNames, withDefaultDomain } from '../../authdaemon/login-name.js';
import { decodeBase64 } from '../../authdaemon/sasl/base64.js';
import type { SaslContext, SaslStep } from '../../authdaemon/sasl/conversation.js';
import { SASL_MECHANISMS, saslConversation } from '../../authdaemon/sasl/mechanisms.js';

function context(names: ConstructorParameters<typeof LoginNames>[0] = {}, tls: Partial<SaslContext> = {}): SaslContext {
  return {
    names: new LoginNames(names),
    hostname: 'mx.example.com',
    randomOctets: (count) => Buffer.alloc(count, 7),
    channelBinding: () => undefined,
    offersChannelBinding: false,
    ...tls,
  };
}

const begin = (mechanism: string) => saslConversation(mechanism, context());

function plain(text: string, names = {}): SaslStep | undefined {
  return saslConversation('PLAIN', context(names))?.start(Buffer.from(text));
}

function shown(step: SaslStep | undefined): unknown {
  if (step?.kind !== 'credentials') return step?.kind;
  return [step.loginName, step.proof.data.reveal(), step.authorisationName];
}

test('A13: PLAIN with and without an initial response', () => {
  assert.deepEqual(shown(plain('\0ann\0secret')), ['ann', 'secret', undefined]);
  assert.deepEqual(shown(plain('boss\0ann\0secret')), ['ann', 'secret', 'boss']);
  assert.deepEqual(shown(plain('ann\0ann\0secret')), ['ann', 'secret', undefined]);

  const conversation = begin('PLAIN');
  assert.deepEqual(conversation?.start(), { kind: 'challenge', octets: Buffer.alloc(0) });
  assert.deepEqual(shown(conversation?.answer(Buffer.from('\0ann\0'))), ['ann', '', undefined]);
});

test('A13: LOGIN asks for name and password', () => {
  const conversation = begin('LOGIN');

  assert.deepEqual(conversation?.start(), { kind: 'challenge', octets: Buffer.from('Username:') });
  assert.deepEqual(conversation?.answer(Buffer.from('ann')), { kind: 'challenge', octets: Buffer.from('Password:') });
  assert.deepEqual(shown(conversation?.answer(Buffer.from('secret'))), ['ann', 'secret', undefined]);

  const shorter = begin('LOGIN');
  assert.equal(shorter?.start(Buffer.from('ann')).kind, 'challenge');
  assert.deepEqual(shown(shorter?.answer(Buffer.from('secret'))), ['ann', 'secret', undefined]);
});

test('O9: controls, missing and surplus fields, empty names and long fields fail', () => {
  const wrong = [
    '',
    'ann',
    'ann\0secret',
    '\0\0secret',
    '\0ann\0secret\0',
    '\0a\nb\0x',
    '\0ann\0a\rb',
    'x\x7f\0ann\0b',
  ];
  for (const text of wrong) assert.equal(plain(text)?.kind, 'failed', JSON.stringify(text));
  assert.equal(plain(`\0ann\0${'x'.repeat(3000)}`)?.kind, 'failed');
  assert.equal(begin('X-OURS'), undefined);
});

test('A11: CRAM sends what Courier sends to authdaemond, with the name completed', () => {
  const conversation = saslConversation('CRAM-MD5', context({ defaultDomain: '@example.com' }));
  const challenge = `<${'07'.repeat(16)}@mx.example.com>`;
  assert.deepEqual(conversation?.start(), { kind: 'challenge', octets: Buffer.from(challenge) });

  const step = conversation?.answer(Buffer.from(`ann ${'aB'.repeat(16)}`));

  assert.ok(step?.kind === 'credentials');
  assert.equal(step.loginName, 'ann@example.com');
  assert.equal(step.proof.authType, 'cram-md5');
  const lines = step.proof.data.reveal().split('\n');
  const decodedLines = lines.map((line) => Buffer.from(line, 'base64').toString());
  assert.deepEqual(decodedLines, [challenge, `ann@example.com ${'aB'.repeat(16)}`, '']);
});

test('CRAM takes no initial response and no answer without a digest', () => {
  assert.equal(begin('CRAM-SHA1')?.start(Buffer.from('x'))?.kind, 'failed');
  for (const wrong of [
    '',
    ' ',
    'ann',
    'ann xyz',
    `${'a'.repeat(32)}`,
    ` ${'a'.repeat(32)}`,
    `a\nb ${'a'.repeat(32)}`,
  ]) {
    assert.equal(begin('CRAM-MD5')?.answer(Buffer.from(wrong))?.kind, 'failed', JSON.stringify(wrong));
  }
});

test('attack 72: SCRAM refuses a client that could bind and was told nothing of it, and bindings that are not there', () => {
  const hears = (mechanism: string, first: string, offersChannelBinding = true): string | undefined => {
    const channelBinding = (type: string) => (type === 'tls-exporter' ? Buffer.from('x') : undefined);
    const conversation = saslConversation(mechanism, context({}, { offersChannelBinding, channelBinding }));
    return conversation?.start(Buffer.from(first)).kind;
  };
  assert.equal(hears('SCRAM-SHA-256', 'n,,n=ann,r=abc'), 'ask');
  assert.equal(hears('SCRAM-SHA-256', 'y,,n=ann,r=abc'), 'failed');
  assert.equal(hears('SCRAM-SHA-256', 'y,,n=ann,r=abc', false), 'ask');
  assert.equal(hears('SCRAM-SHA-256', 'p=tls-exporter,,n=ann,r=abc'), 'failed');
  assert.equal(hears('SCRAM-SHA-256-PLUS', 'p=tls-exporter,,n=ann,r=abc'), 'ask');
  for (const flag of ['n', 'y', 'p=tls-unique'])
    assert.equal(hears('SCRAM-SHA-256-PLUS', `${flag},,n=ann,r=abc`), 'failed');
});

test('SCRAM asks with the name as the site reads it, and with the message as it came', () => {
  const conversation = saslConversation('SCRAM-SHA-256', context({ defaultDomain: '@example.com' }));
  const first = 'n,a=bob=2C,n=a=3Dnn,r=abc';

  const asked = conversation?.start(Buffer.from(first));
  assert.ok(asked?.kind === 'ask');
  const lines = asked.beginning.data.reveal().split('\n');
  assert.deepEqual(lines, ['first', 'a=nn@example.com', Buffer.from(first).toString('base64'), '']);
  assert.equal(conversation?.challenged?.(Buffer.from('r=abcd,s=,i=1'), 'TOKEN').kind, 'challenge');
  const step = conversation?.answer(Buffer.from('c=biws,r=abcd,p=AA=='));

  assert.ok(step?.kind === 'credentials');
  assert.deepEqual([step.loginName, step.authorisationName], ['a=nn@example.com', 'bob,@example.com']);
  assert.match(step.proof.data.reveal(), /^final\nTOKEN\n[A-Za-z0-9+/=]+\n\n$/);
});

test('SCRAM takes nothing that RFC 5802 does not allow', () => {
  const wrong = [
    'n,,n=ann',
    'n,,n=,r=abc',
    'n,,n=ann,r=',
    'x,,n=ann,r=abc',
    'n,,m=x,n=ann,r=abc',
    'n,,n=a=nn,r=abc',
    'n,b=x,n=ann,r=abc',
    'p=,,n=ann,r=abc',
    `n,,n=ann,r=${'x'.repeat(1100)}`,
    'n,,n=a\x00nn,r=abc',
    'n,,n=a\nnn,r=abc',
    '',
  ];
  for (const first of wrong) assert.equal(begin('SCRAM-SHA-256')?.start(Buffer.from(first)).kind, 'failed', first);
  for (const final of ['c=biws,r=abcd', `c=biws,r=${'x'.repeat(3_000)},p=AA==`, 'x'.repeat(6_000), '']) {
    const conversation = begin('SCRAM-SHA-256');
    conversation?.start(Buffer.from('n,,n=ann,r=abc'));
    conversation?.challenged?.(Buffer.from('r=abcd,s=,i=1'), 'TOKEN');
    assert.equal(conversation?.answer(Buffer.from(final)).kind, 'failed', final);
  }
  assert.equal(begin('SCRAM-SHA-256')?.start(Buffer.from('n,,n=a\xff,r=abc', 'latin1')).kind, 'failed');
});

test('EXTERNAL claims the name of the certificate, and nothing without one', () => {
  const claimOf = (certificateName: string | undefined, answer: string): unknown => {
    const tls = certificateName === undefined ? {} : { certificateName };
    const conversation = saslConversation('EXTERNAL', context({ defaultDomain: '@example.com' }, tls));
    assert.deepEqual(conversation?.start(), { kind: 'challenge', octets: Buffer.alloc(0) });
    return shown(conversation?.answer(Buffer.from(answer)));
  };
  assert.deepEqual(claimOf('ann', ''), ['ann', '', undefined]);
  assert.deepEqual(claimOf('ann', 'ann'), ['ann', '', undefined]);
  assert.deepEqual(claimOf('ann', 'bob'), ['ann', '', 'bob@example.com']);
  assert.equal(claimOf(undefined, 'ann'), 'failed');
  assert.equal(claimOf('a\nnn', ''), 'failed');
  assert.equal(claimOf('ann', 'b\0b'), 'failed');
});

test('OAUTHBEARER and XOAUTH2 show a token and whom it is to open, and nobody else is claimed', () => {
  const claimOf = (mechanism: string, message: string): unknown => {
    const names = { defaultDomain: '@example.com', adminSeparator: '*' };
    const step = saslConversation(mechanism, context(names))?.start(Buffer.from(message));
    return step?.kind === 'credentials' ? [step.proof.authType, ...(shown(step) as string[])] : step?.kind;
  };
  const full = 'n,a=bob=2Cx,\x01host=mx\x01port=143\x01auth=Bearer ab.c-d~+/_=\x01\x01';
  const wanted = 'bob,x@example.com';
  assert.deepEqual(claimOf('OAUTHBEARER', full), ['oauthbearer', '', `bob,x\n${wanted}\nab.c-d~+/_=\n`, wanted]);
  assert.deepEqual(claimOf('OAUTHBEARER', 'n,,\x01auth=bearer t\x01\x01'), ['oauthbearer', '', '\n\nt\n', undefined]);
  const short = ['xoauth2', '', 'bob@b.org\nbob@b.org\nt\n', 'bob@b.org'];
  assert.deepEqual(claimOf('XOAUTH2', 'user=bob@b.org\x01auth=Bearer t\x01\x01'), short);
  const wrong = [
    '',
    'n,,\x01auth=Bearer \x01\x01',
    'n,,\x01auth=Basic t\x01\x01',
    'n,,\x01auth=Bearer t\x01',
    'n,,auth=Bearer t\x01\x01',
    'p=tls-exporter,,\x01auth=Bearer t\x01\x01',
    'n,,\x01auth=Bearer t\nx\x01\x01',
    'n,a=a\nb,\x01auth=Bearer t\x01\x01',
    'n,a=a=b,\x01auth=Bearer t\x01\x01',
    'user=ann\x01auth=Bearer t\x01\x01',
  ];
  for (const message of wrong) assert.equal(claimOf('OAUTHBEARER', message), 'failed', JSON.stringify(message));
  assert.equal(claimOf('XOAUTH2', full), 'failed');
});

test('A14: an administrator names the other one as authorisation identity, or before ADMINSEP', () => {
  const names = { adminSeparator: '*', defaultDomain: '@example.com' };
  assert.deepEqual(shown(plain('\0bob*boss\0pw', names)), ['boss@example.com', 'pw', 'bob@example.com']);
  assert.deepEqual(shown(plain('bob\0boss\0pw', names)), ['boss@example.com', 'pw', 'bob@example.com']);
  assert.deepEqual(shown(plain('bob\0bob*boss\0pw', names)), ['boss@example.com', 'pw', 'bob@example.com']);
  assert.deepEqual(shown(plain('\0boss*boss\0pw', names)), ['boss@example.com', 'pw', undefined]);
  assert.deepEqual(shown(plain('ann\0bob*boss\0pw', names)), 'failed');
  assert.deepEqual(shown(plain('\0bob*boss\0pw')), ['bob*boss', 'pw', undefined]);
  for (const name of ['*boss', 'boss*']) assert.equal((shown(plain(`\0${name}\0pw`, names)) as string[])[2], undefined);
});

test('a password is not printed with the step that holds it', () => {
  assert.doesNotMatch(JSON.stringify(plain('\0ann\0secret')), /secret"?}?$|:"secret"/);
});

test('arbitrary octets never throw', () => {
  fc.assert(
    fc.property(fc.constantFrom(...SASL_MECHANISMS), fc.array(fc.uint8Array(), { maxLength: 4 }), (name, answers) => {
      const conversation = begin(name);
      conversation?.start();
      for (const answer of answers) conversation?.answer(Buffer.from(answer));
    }),
  );
});

test('base64 is strict', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (octets) => {
      assert.deepEqual(decodeBase64(Buffer.from(octets).toString('base64')), Buffer.from(octets));
    }),
  );
  for (const wrong of ['a', 'YQ', 'YQ=', 'YR==', 'Y Q=', 'YQ==\n', '=', '====', 'YQ==YQ==', '-_-_']) {
    assert.equal(decodeBase64(wrong), undefined, wrong);
  }
});

test('O5: a name without a domain gets the default one', () => {
  assert.equal(withDefaultDomain('ann', '@example.com'), 'ann@example.com');
  assert.equal(withDefaultDomain('ann@b.org', '@example.com'), 'ann@b.org');
  assert.equal(withDefaultDomain('ann%b.org', '@example.com'), 'ann%b.org@example.com');
  assert.equal(withDefaultDomain('ann%b.org', '@example.com', '@%'), 'ann%b.org');
  assert.equal(withDefaultDomain('ann', undefined), 'ann');
  assert.equal(withDefaultDomain('ann', ''), 'ann');
});
