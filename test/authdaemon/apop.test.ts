/** APOP: the digest of RFC 1939's own example, and what stands in its way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCredentials } from '../../authdaemon/stores/credentials.js';
import { Secret } from '../../init/runtime/secret.js';

const challenge = '<1896.697170952@dbc.mtview.ca.us>';

function request(answer: string) {
  const data = [challenge, answer].map((text) => Buffer.from(text).toString('base64')).join('\n');
  return { service: 'pop3', authType: 'apop', authData: Buffer.from(`${data}\n`) };
}

test('P9: APOP is the MD5 of challenge and password', async () => {
  const credentials = readCredentials(request('mrose c4c9334bac560ecc979e58001b3e22fb'));

  assert.equal(credentials?.loginName, 'mrose');
  assert.deepEqual(await credentials?.check({ clear: new Secret('tanstaaf') }), { kind: 'match' });
  assert.deepEqual(await credentials?.check({ clear: new Secret('tanstaafl') }), { kind: 'mismatch' });
  assert.equal((await credentials?.check({ encrypted: '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=' }))?.kind, 'none');
});

test('what is no answer to APOP is none', () => {
  assert.equal(readCredentials(request('mrose')), undefined);
  assert.equal(readCredentials(request('mrose c4c9334b')), undefined);
  assert.equal(readCredentials({ ...request(''), authData: Buffer.from('what?') }), undefined);
});
