/**
 * Keys of a provider that are fetched from its key set, on a real small provider: kept, fetched again, out of reach.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import type { AskModules } from '../../authdaemon/mechanisms.js';
import { OauthMechanism } from '../../authdaemon/oauth/oauth-mechanism.js';
import { readOauthSettings } from '../../authdaemon/oauth/oauth-settings.js';
import { readRcFile } from '../../authdaemon/rc-file.js';
import { formatBearerData } from '../../authdaemon/sasl/bearer-data.js';
import { logTo } from '../../init/runtime/log/log.js';
import { AUDIENCE, goodClaims, ISSUER, Issuer, type IssuerBehaviour, SigningKey } from '../support/oauth-issuer.js';
import { waitUntil } from '../support/processes.js';
import { makeCertificate } from '../support/start.js';

const START = 1_800_000_000_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const scratch = mkdtempSync(join(tmpdir(), 'oauth-keys-'));
const [first, second] = [new SigningKey('RS256', 'first'), new SigningKey('ES256', 'second')];
const behaviour: IssuerBehaviour = { tokens: new Map() };
let issuer: Issuer;

before(async () => {
  issuer = await Issuer.start(behaviour);
});
after(async () => {
  await issuer.stop();
  rmSync(scratch, { recursive: true, force: true });
});
beforeEach(() => {
  behaviour.keys = [first];
  behaviour.answer = undefined;
  issuer.keySetRequests = 0;
});

const account = { address: 'ann', uid: 1001, gid: 1001, home: '/home/ann', options: [] };
const modules: AskModules = {
  names: ['authuserdb'],
  lookup: async () => ({ answer: { kind: 'account', account }, steps: [] }),
};

/** A mechanism with a clock that a test turns. */
class Daemon {
  readonly log: string[] = [];
  now = START;
  readonly #mechanism: OauthMechanism;

  constructor(changes: Readonly<Record<string, string>> = {}) {
    const settings = {
      ...{ OAUTH_ISSUER: ISSUER, OAUTH_AUDIENCE: AUDIENCE, OAUTH_TIMEOUT: '3' },
      OAUTH_JWKS_URL: issuer.keySetUrl,
      ...changes,
    };
    const path = join(scratch, 'rc');
    const lines = Object.entries(settings).map(([name, value]) => `${name}\t${value}\n`);
    writeFileSync(path, `${lines.join('')}##NAME: MARKER:0\n`);
    assert.deepEqual(readRcFile(path, readOauthSettings).problems, []);
    const log = logTo((level, line) => void this.log.push(`${level}: ${line}`));
    this.#mechanism = new OauthMechanism({ path, log, wallClock: () => this.now });
  }

  /** `account`, or why not. */
  async says(key: SigningKey, changes: object = {}): Promise<string> {
    const token = key.sign(goodClaims(this.now / 1000, changes));
    const authData = Buffer.from(formatBearerData({ typed: '', wanted: '', token }));
    const { answer } = await this.#mechanism.answer({ service: 'imap', authType: 'oauthbearer', authData }, modules);
    return 'reason' in answer ? `${answer.kind}: ${answer.reason}` : answer.kind;
  }
}

test('A13: keys are fetched for the first token, once for many at a time, and kept', async () => {
  const daemon = new Daemon();
  const answers = await Promise.all(Array.from({ length: 20 }, () => daemon.says(first)));

  assert.deepEqual([...new Set(answers)], ['account']);
  assert.equal(issuer.keySetRequests, 1);
  daemon.now += HOUR - 1;
  assert.equal(await daemon.says(first), 'account');
  assert.equal(issuer.keySetRequests, 1);
  daemon.now += 1;
  assert.equal(await daemon.says(first), 'account');
  await waitUntil('they are fetched again', () => issuer.keySetRequests === 2);
});

test('a key that is not known is asked for once a minute, and a new one is then known', async () => {
  const daemon = new Daemon();
  assert.equal(await daemon.says(first), 'account');
  for (const strange of ['x', 'y']) {
    assert.match(await daemon.says(new SigningKey('EdDSA', strange)), /^rejected: token: no known key/);
  }
  assert.equal(issuer.keySetRequests, 1, 'within the minute of the first time');
  behaviour.keys = [second];
  assert.match(await daemon.says(second), /no known key/);
  daemon.now += MINUTE;
  const answers = await Promise.all(Array.from({ length: 10 }, () => daemon.says(second)));
  assert.deepEqual([...new Set(answers)], ['account']);
  assert.equal(issuer.keySetRequests, 2);
  assert.match(await daemon.says(first), /no known key/, 'the provider has withdrawn it');

  daemon.now += MINUTE;
  assert.match(await daemon.says(new SigningKey('RS256', 'z'), { iss: 'https://evil.example' }), /^rejected/);
  assert.equal(issuer.keySetRequests, 2, 'tokens of other issuers ask nobody');
  assert.match(await daemon.says(new SigningKey('RS256', 'second')), /no known key/, 'another key of that name');
  assert.equal(issuer.keySetRequests, 2);
});

test('a provider that is down, slow or broken is a temporary failure, and the keys from before count for a day', async () => {
  const answers = [
    'nothing' as const,
    { status: 500, body: '' },
    { status: 200, body: 'no JSON' },
    { status: 200, body: 'null' },
    { status: 200, body: '{"keys":[null,7,{"kty":"oct","k":"AA"}]}' },
    { status: 200, body: `"${'x'.repeat(300_000)}"` },
  ];
  for (const answer of answers) {
    behaviour.answer = answer;
    assert.match(
      await new Daemon().says(first),
      /^temporary failure: OAUTH_JWKS_URL: /,
      JSON.stringify(answer).slice(0, 60),
    );
  }
  behaviour.answer = undefined;
  const daemon = new Daemon();
  assert.equal(await daemon.says(first), 'account');
  behaviour.answer = { status: 503, body: '' };
  daemon.now += 2 * HOUR;
  assert.equal(await daemon.says(first), 'account');
  await waitUntil('the log tells of it', () => daemon.log.length === 1);
  assert.match(daemon.log[0] ?? '', /status 503; the keys from before stay in use$/);
  assert.match(await daemon.says(second), /^temporary failure/, 'it may be a new one');
  daemon.now += 22 * HOUR;
  assert.match(await daemon.says(first), /^temporary failure/);
  const { keySetRequests } = issuer;
  assert.match(await daemon.says(first), /^temporary failure/);
  assert.equal(issuer.keySetRequests, keySetRequests, 'no login waits for it again within seconds');
  behaviour.answer = undefined;
  daemon.now += 10_000;
  assert.equal(await daemon.says(first), 'account');
  assert.equal(daemon.log.length, 1);
});

test('keys in files are looked at first, and both are used', async () => {
  const file = join(scratch, 'second.json');
  writeFileSync(file, JSON.stringify(second.jwk));
  const daemon = new Daemon({ OAUTH_KEYS: file });

  assert.equal(await daemon.says(second), 'account');
  assert.equal(issuer.keySetRequests, 0);
  assert.equal(await daemon.says(first), 'account');
  assert.equal(issuer.keySetRequests, 1);
});

test('keys come by TLS with a certificate that is checked, or from this machine', async () => {
  const certificate = join(scratch, 'own.pem');
  await makeCertificate(certificate);
  const pem = readFileSync(certificate);
  const server = createServer({ cert: pem, key: pem }, (_, response) => response.end(JSON.stringify(first.jwk)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const answer = await new Daemon({ OAUTH_JWKS_URL: `https://127.0.0.1:${port}/certs` }).says(first);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));

  assert.match(answer, /^temporary failure: OAUTH_JWKS_URL: .*certificate/);
  const path = join(scratch, 'open');
  writeFileSync(path, 'OAUTH_JWKS_URL http://login.example.com/certs\n##NAME: MARKER:0\n');
  const { problems } = readRcFile(path, readOauthSettings);
  assert.match(problems.join('\n'), /OAUTH_JWKS_URL without OAUTH_ISSUER and OAUTH_AUDIENCE/);
  assert.match(problems.join('\n'), /would let strangers on the way send keys/);
});
