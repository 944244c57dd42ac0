/**
 * Tokens of OAuth at authdaemond: signed ones against key files, opaque ones against a real small provider (attack 73).
 */
import assert from 'node:assert/strict';
import { createHmac, createPublicKey } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import type { AskModules, MechanismAnswer } from '../../authdaemon/mechanisms.js';
import { OauthMechanism } from '../../authdaemon/oauth/oauth-mechanism.js';
import { isOauthEnabled, readOauthSettings } from '../../authdaemon/oauth/oauth-settings.js';
import { readRcFile } from '../../authdaemon/rc-file.js';
import { formatBearerData } from '../../authdaemon/sasl/bearer-data.js';
import { logTo } from '../../init/runtime/log/log.js';
import {
  AUDIENCE,
  CLIENT,
  encoded,
  goodClaims,
  ISSUER,
  Issuer,
  type IssuerBehaviour,
  SigningKey,
} from '../support/oauth-issuer.js';
import { checkoutRoot } from '../support/paths.js';

const NOW = 1_800_000_000;
const scratch = mkdtempSync(join(tmpdir(), 'oauth-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

let files = 0;
function settingsFile(settings: Readonly<Record<string, string>>): string {
  files += 1;
  const path = join(scratch, `rc-${files}`);
  const lines = Object.entries(settings).map(([name, value]) => `${name}\t${value}\n`);
  writeFileSync(path, `${lines.join('')}##NAME: MARKER:0\n`);
  return path;
}

const account = { address: 'ann', uid: 1001, gid: 1001, home: '/home/ann', options: [] };
const modules: AskModules = {
  names: ['authuserdb'],
  lookup: async (_, { loginName }) =>
    loginName === 'down'
      ? { answer: { kind: 'temporary failure', reason: 'no connection' }, steps: [] }
      : loginName === 'ann' || loginName === 'ann@example.com'
        ? { answer: { kind: 'account', account: { ...account, address: loginName } }, steps: [] }
        : { answer: { kind: 'rejected', reason: 'unknown account' }, steps: [] },
};

/** A mechanism with its settings, asked about tokens. */
class Daemon {
  readonly log: string[] = [];
  readonly #mechanism: OauthMechanism;

  constructor(settings: Readonly<Record<string, string>> | string) {
    const path = typeof settings === 'string' ? settings : settingsFile(settings);
    const log = logTo((level, line) => void this.log.push(`${level}: ${line}`));
    this.#mechanism = new OauthMechanism({ path, log, wallClock: () => NOW * 1000 });
  }

  async ask(token: string, { typed = '', wanted = '', authType = 'oauthbearer' } = {}): Promise<MechanismAnswer> {
    const authData = Buffer.from(formatBearerData({ typed, wanted, token }));
    return (await this.#mechanism.answer({ service: 'imap', authType, authData }, modules)).answer;
  }

  /** `account`, or why not. */
  async says(token: string): Promise<string> {
    const answer = await this.ask(token);
    return 'reason' in answer ? answer.reason : answer.kind;
  }
}

const rsa = new SigningKey('RS256', 'rsa-1');
const keyDirectory = join(scratch, 'keys');
mkdirSync(keyDirectory);
writeFileSync(join(keyDirectory, 'rsa-1.pem'), rsa.publicKey.export({ type: 'spki', format: 'pem' }));
const local = { OAUTH_ISSUER: ISSUER, OAUTH_AUDIENCE: `other ${AUDIENCE}`, OAUTH_KEYS: keyDirectory };

describe('JSON Web Tokens', () => {
  test('are taken with each algorithm, from a key set and from PEM files', async () => {
    const keys = (['RS256', 'PS256', 'ES256', 'EdDSA'] as const).map((name) => new SigningKey(name, `key ${name}`));
    const set = join(scratch, 'set.json');
    const secret = { kty: 'oct', k: 'c2VjcmV0', kid: 'shared' };
    const newer = { kty: 'AKP', kid: 'of another time', alg: 'ML-DSA-44' };
    writeFileSync(set, JSON.stringify({ keys: [secret, newer, ...keys.map(({ jwk }) => jwk)] }));
    const daemon = new Daemon({ ...local, OAUTH_KEYS: set });
    for (const key of keys) assert.equal(await daemon.says(key.sign(goodClaims(NOW))), 'account', key.algorithm);
    assert.match(daemon.log.join('\n'), /^warning: .*the key of another time is not used: /);
    assert.equal(await new Daemon(local).says(rsa.sign(goodClaims(NOW))), 'account');
    assert.equal(await new Daemon(local).says(rsa.sign(goodClaims(NOW), { kid: undefined })), 'account');
  });

  test('attack 73: no algorithm, a public key taken for a secret, another key, and another algorithm are refused', async () => {
    const daemon = new Daemon(local);
    const claims = encoded(goodClaims(NOW));
    const unsigned = `${encoded({ alg: 'none' })}.${claims}.`;
    const head = `${encoded({ alg: 'HS256', kid: 'rsa-1' })}.${claims}`;
    const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' });
    const forged = [
      unsigned,
      `${unsigned}AAAA`,
      `${head}.${createHmac('sha256', pem).update(head).digest('base64url')}`,
      new SigningKey('RS256', 'rsa-1').sign(goodClaims(NOW)),
      new SigningKey('ES256', 'rsa-1').sign(goodClaims(NOW)),
      rsa.sign(goodClaims(NOW), { alg: 'PS256' }),
      rsa.sign(goodClaims(NOW), { crit: ['exp'] }),
      rsa.sign(goodClaims(NOW)).replace(/\.[^.]+\./, `.${encoded(goodClaims(NOW, { email: 'boss' }))}.`),
      'a.b.c',
      'opaque',
    ];
    for (const token of forged)
      assert.match(await daemon.says(token), /^token: (no known key|it is no JSON|damaged)/, token);
    const narrow = new Daemon({ ...local, OAUTH_ALGORITHMS: 'ES256' });
    assert.match(await narrow.says(rsa.sign(goodClaims(NOW))), /no known key/);
  });

  test('attack 73: a kid is compared, and is never a path', async () => {
    const outside = new SigningKey('RS256', 'x');
    writeFileSync(join(scratch, 'outside.pem'), outside.publicKey.export({ type: 'spki', format: 'pem' }));
    const daemon = new Daemon(local);
    for (const kid of ['../outside', '../outside.pem', join(scratch, 'outside'), '__proto__', '']) {
      assert.match(await daemon.says(outside.sign(goodClaims(NOW), { kid })), /no known key/, kid);
    }
  });

  test('a key that is too short, or is none, is not used, and the others are', async () => {
    const path = join(scratch, 'mixed');
    mkdirSync(path);
    writeFileSync(join(path, 'good.pem'), rsa.publicKey.export({ type: 'spki', format: 'pem' }));
    writeFileSync(join(path, 'bad.pem'), 'no key');
    const daemon = new Daemon({ ...local, OAUTH_KEYS: path });

    assert.equal(await daemon.says(rsa.sign(goodClaims(NOW), { kid: 'good' })), 'account');
    assert.match(daemon.log.join('\n'), /warning: .*bad\.pem holds no public key/);
    const later = new SigningKey('EdDSA', 'later');
    assert.match(await daemon.says(later.sign(goodClaims(NOW))), /no known key/);
    writeFileSync(join(path, 'later.json'), JSON.stringify(later.jwk));
    assert.equal(await daemon.says(later.sign(goodClaims(NOW))), 'account');
    assert.equal(createPublicKey(rsa.publicKey.export({ type: 'spki', format: 'pem' })).asymmetricKeyType, 'rsa');
  });

  test('attack 73: issuer, audience, times, scope and name must be right', async () => {
    const daemon = new Daemon({ ...local, OAUTH_SCOPE: 'mail', OAUTH_LEEWAY: '30' });
    const wrong: readonly [object, RegExp][] = [
      [{ iss: 'https://evil.example' }, /another issuer/],
      [{ iss: undefined }, /another issuer/],
      [{ aud: 'web' }, /another audience/],
      [{ aud: undefined }, /another audience/],
      [{ exp: NOW - 31 }, /has expired/],
      [{ exp: undefined }, /does not say when it expires/],
      [{ exp: '9' }, /does not say when it expires/],
      [{ nbf: NOW + 31 }, /not valid yet/],
      [{ scope: 'openid' }, /does not grant mail/],
      [{ scope: undefined, scp: 'x' }, /does not grant mail/],
      [{ email: undefined }, /no claim email/],
      [{ email: 7 }, /no claim email/],
      [{ email_verified: false }, /not verified/],
      [{ email: 'nobody' }, /nobody is called nobody: unknown account/],
      [{ email: 'an\nn' }, /controls/],
    ];
    for (const [changes, reason] of wrong) {
      assert.match(await daemon.says(rsa.sign(goodClaims(NOW, changes))), reason, JSON.stringify(changes));
    }
    const right = [
      { exp: NOW - 29 },
      { nbf: NOW + 29 },
      { aud: ['x', AUDIENCE] },
      { scope: undefined, scp: ['mail'] },
      { email_verified: true },
    ];
    for (const changes of right) assert.equal(await daemon.says(rsa.sign(goodClaims(NOW, changes))), 'account');
    assert.equal((await daemon.ask(rsa.sign(goodClaims(NOW, { email: 'down' })))).kind, 'temporary failure');
  });

  test('a refused client is told why, in the words of its mechanism', async () => {
    const daemon = new Daemon({
      ...local,
      OAUTH_SCOPE: 'mail',
      OAUTH_CONFIGURATION_URL: 'https://login.example.com/c',
    });
    const wordFor = async (changes: object, authType: string): Promise<unknown> => {
      const answer = await daemon.ask(rsa.sign(goodClaims(NOW, changes)), { authType });
      assert.ok(answer.kind === 'rejected');
      return [JSON.parse(Buffer.from(answer.lastWord ?? '', 'base64').toString()), answer.expired];
    };
    const more = { scope: 'mail', 'openid-configuration': 'https://login.example.com/c' };
    assert.deepEqual(await wordFor({ exp: 1 }, 'oauthbearer'), [{ status: 'invalid_token', ...more }, true]);
    assert.deepEqual(await wordFor({ scope: '' }, 'oauthbearer'), [
      { status: 'insufficient_scope', ...more },
      undefined,
    ]);
    assert.deepEqual(await wordFor({ aud: '' }, 'xoauth2'), [
      { status: '401', schemes: 'bearer', scope: 'mail' },
      undefined,
    ]);
  });

  test('the default domain belongs to a name as its owner types it', async () => {
    const daemon = new Daemon({ ...local, OAUTH_LOGIN_CLAIM: 'preferred_username' });
    const token = rsa.sign(goodClaims(NOW, { preferred_username: 'ann' }));
    const addressOf = async (typed: string, wanted: string): Promise<unknown> => {
      const answer = await daemon.ask(token, { typed, wanted });
      return answer.kind === 'account' ? answer.account.address : answer.kind;
    };
    assert.equal(await addressOf('ann', 'ann@example.com'), 'ann@example.com');
    assert.equal(await addressOf('bob', 'bob@example.com'), 'ann');
    assert.equal(await addressOf('', ''), 'ann');
  });
});

describe('token introspection', () => {
  const tokens = new Map<string, object>([
    ['good', { email: 'ann', iss: ISSUER, aud: AUDIENCE }],
    ['other-audience', { email: 'ann', aud: 'web' }],
    ['over', { email: 'ann', aud: AUDIENCE, exp: NOW - 100 }],
  ]);
  const behaviour: IssuerBehaviour = { tokens };
  const starting = Issuer.start(behaviour);
  after(async () => (await starting).stop());
  const settings = async (changes = {}): Promise<Record<string, string>> => ({
    OAUTH_INTROSPECTION_URL: (await starting).url,
    OAUTH_CLIENT_ID: CLIENT.id,
    OAUTH_CLIENT_SECRET: CLIENT.secret,
    OAUTH_AUDIENCE: AUDIENCE,
    OAUTH_TIMEOUT: '3',
    ...changes,
  });

  test('the provider says whether a token is good, and the claims must be right all the same', async () => {
    const daemon = new Daemon(await settings());

    assert.equal(await daemon.says('good'), 'account');
    assert.equal((await starting).asked.at(-1), 'good');
    assert.match(await daemon.says('unknown'), /not active/);
    assert.match(await daemon.says('other-audience'), /another audience/);
    assert.match(await daemon.says('over'), /has expired/);
  });

  test('with keys beside it, tokens that are signed are not asked about', async () => {
    const daemon = new Daemon({ ...(await settings()), ...local });
    const { length } = (await starting).asked;

    assert.equal(await daemon.says(rsa.sign(goodClaims(NOW))), 'account');
    assert.equal((await starting).asked.length, length);
    assert.equal(await daemon.says('good'), 'account');
  });

  test('2: a provider that is down, slow, broken or does not know us is a temporary failure', async () => {
    const kindOf = async (changes = {}): Promise<string> =>
      (await new Daemon(await settings(changes)).ask('good')).kind;

    assert.equal(await kindOf({ OAUTH_CLIENT_SECRET: 'wrong' }), 'temporary failure');
    assert.equal(await kindOf({ OAUTH_INTROSPECTION_URL: 'http://127.0.0.1:1/' }), 'temporary failure');
    const answers = [
      'nothing' as const,
      { status: 500, body: '' },
      { status: 302, body: '' },
      { status: 200, body: 'no JSON' },
      { status: 200, body: 'null' },
      { status: 200, body: '{}' },
      { status: 200, body: `"${'x'.repeat(100_000)}"` },
    ];
    for (const answer of answers) {
      behaviour.answer = answer;
      assert.equal(await kindOf(), 'temporary failure', JSON.stringify(answer).slice(0, 60));
    }
    behaviour.answer = { status: 200, body: '{"active":"true","email":"ann"}' };
    assert.equal(await kindOf(), 'rejected');
    behaviour.answer = undefined;
    assert.equal(await kindOf(), 'account');
  });
});

describe('authoauthrc', () => {
  test('the one in etc/ is right, and switches nothing on; none at all neither', async () => {
    const path = join(checkoutRoot, 'etc', 'authoauthrc');
    const { problems, warnings } = readRcFile(path, readOauthSettings);

    assert.deepEqual([problems, warnings], [[], []]);
    assert.equal(isOauthEnabled(join(checkoutRoot, 'etc')), false);
    assert.equal(isOauthEnabled(scratch), false);
    assert.equal(await new Daemon(path).says('x'), 'OAuth is not set up');
    assert.equal(await new Daemon(join(scratch, 'none')).says('x'), 'OAuth is not set up');
  });

  test('mistakes are told by name, and logins fail for the moment only', async () => {
    const wrong: readonly [Record<string, string>, RegExp][] = [
      [{ OAUTH_KEYS: keyDirectory }, /OAUTH_KEYS without OAUTH_ISSUER and OAUTH_AUDIENCE/],
      [{ ...local, OAUTH_KEYS: 'keys' }, /not an absolute path/],
      [{ ...local, OAUTH_ALGORITHMS: 'RS256 HS256 none' }, /HS256 is not allowed[\s\S]*none is not allowed/],
      [{ OAUTH_INTROSPECTION_URL: 'http://login.example.com/' }, /would send tokens in the clear/],
      [{ OAUTH_INTROSPECTION_URL: 'file:///etc/passwd' }, /would send tokens in the clear/],
      [{ ...local, OAUTH_LEEWAY: '10000' }, /OAUTH_LEEWAY/],
    ];
    for (const [settings, what] of wrong) {
      const path = settingsFile(settings);
      assert.match(readRcFile(path, readOauthSettings).problems.join('\n'), what);
      assert.equal((await new Daemon(path).ask('x')).kind, 'temporary failure');
    }
    const missing = new Daemon({ ...local, OAUTH_KEYS: join(scratch, 'nowhere') });
    assert.equal((await missing.ask(rsa.sign(goodClaims(NOW)))).kind, 'temporary failure');
  });
});

test('arbitrary tokens are refused and never throw', async () => {
  const daemon = new Daemon(local);
  const part = fc.oneof(
    fc.base64String(),
    fc.json().map((text) => Buffer.from(text).toString('base64url')),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(part, { maxLength: 4 }), async (parts) => {
      assert.equal((await daemon.ask(parts.join('.'))).kind, 'rejected');
    }),
  );
});
