/**
 * SASL exchanges and login names.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { withDefaultDomain } from '../../authdaemon/login-name.js';
import { decodeBase64, type SaslStep, saslConversation } from '../../authdaemon/sasl.js';

function plain(text: string): SaslStep | undefined {
  return saslConversation('plain')?.start(Buffer.from(text));
}

function shown(step: SaslStep | undefined): unknown {
  if (step?.kind !== 'credentials') return step?.kind;
  return [step.loginName, step.password.reveal(), step.authorisationName];
}

test('A13: PLAIN with and without an initial response', () => {
  assert.deepEqual(shown(plain('\0ann\0secret')), ['ann', 'secret', undefined]);
  assert.deepEqual(shown(plain('boss\0ann\0secret')), ['ann', 'secret', 'boss']);
  assert.deepEqual(shown(plain('ann\0ann\0secret')), ['ann', 'secret', undefined]);

  const conversation = saslConversation('PLAIN');
  assert.deepEqual(conversation?.start(), { kind: 'challenge', octets: Buffer.alloc(0) });
  assert.deepEqual(shown(conversation?.answer(Buffer.from('\0ann\0'))), ['ann', '', undefined]);
});

test('A13: LOGIN asks for name and password', () => {
  const conversation = saslConversation('Login');

  assert.deepEqual(conversation?.start(), { kind: 'challenge', octets: Buffer.from('Username:') });
  assert.deepEqual(conversation?.answer(Buffer.from('ann')), { kind: 'challenge', octets: Buffer.from('Password:') });
  assert.deepEqual(shown(conversation?.answer(Buffer.from('secret'))), ['ann', 'secret', undefined]);

  const shorter = saslConversation('LOGIN');
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
  assert.equal(saslConversation('CRAM-MD5'), undefined);
});

test('a password is not printed with the step that holds it', () => {
  assert.doesNotMatch(JSON.stringify(plain('\0ann\0secret')), /secret"?}?$|:"secret"/);
});

test('arbitrary octets never throw', () => {
  fc.assert(
    fc.property(fc.constantFrom('PLAIN', 'LOGIN'), fc.array(fc.uint8Array(), { maxLength: 4 }), (name, answers) => {
      const conversation = saslConversation(name);
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
