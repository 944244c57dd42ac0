/**
 * Remembered logins: what they are keyed by, when they are forgotten, and what a sealed one gives away.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Account } from '../../authdaemon/account.js';
import { type GoodLogin, LoginCache, type RememberedLogins } from '../../authdaemon/cache/login-cache.js';
import { LoginsInMemory } from '../../authdaemon/cache/logins-in-memory.js';
import { openLogin, SiteSecret, sealLogin } from '../../authdaemon/cache/sealed-login.js';
import type { AuthenticateRequest } from '../../authdaemon/modules/module.js';
import { Secret } from '../../init/runtime/secret.js';

const JOE: Account = {
  address: 'joe',
  uid: 5000,
  gid: 5000,
  home: '/home/joe',
  options: [{ name: 'group', value: 'a' }],
  encryptedPassword: '{SHA}hash',
  clearPassword: new Secret('secret'),
};

function request(loginName = 'joe', password = 'secret', more: Partial<AuthenticateRequest> = {}): AuthenticateRequest {
  const authData = Buffer.from(`${loginName}\n${password}\n`);
  return { service: 'imap', authType: 'login', authData, ...more };
}

/** A cache in memory whose clock and stamp the test turns. */
function cacheInMemory({ addressMatters = false, maxLogins = 100 } = {}) {
  const time = { now: 0, stamp: 'a' };
  const logins: RememberedLogins = new LoginsInMemory({ lifetimeMs: 60_000, maxLogins, now: () => time.now });
  const cache = new LoginCache({ logins, moduleNames: ['authx'], addressMatters, stamp: () => time.stamp });
  const learn = async (asked: AuthenticateRequest, found: GoodLogin = { module: 'authx', account: JOE }) =>
    (await cache.look(asked))?.keep(found);
  const knows = async (asked: AuthenticateRequest) => (await cache.look(asked))?.known !== undefined;
  return { cache, time, learn, knows };
}

test('a good login is remembered with its account, for its time', async () => {
  const { cache, time, learn, knows } = cacheInMemory();
  assert.equal(await knows(request()), false);
  await learn(request());

  time.now = 1000;
  const known = (await cache.look(request()))?.known;
  assert.deepEqual([known?.module, known?.secondsLeft], ['authx', 59]);
  assert.deepEqual(known?.account, JOE);
  assert.equal(known?.account.clearPassword?.reveal(), 'secret');
  time.now = 60_000;
  assert.equal(await knows(request()), false);
});

test('65: no other name, password, service, type or address shares it', async () => {
  const { learn, knows } = cacheInMemory({ addressMatters: true });
  await learn(request('joe', 'secret', { remoteIp: '192.0.2.1' }));

  assert.equal(await knows(request('joe', 'secret', { remoteIp: '192.0.2.1' })), true);
  for (const other of [
    request('joe', 'secret', { remoteIp: '192.0.2.2' }),
    request('joe', 'secret'),
    request('Joe', 'secret', { remoteIp: '192.0.2.1' }),
    request('joe', 'secre', { remoteIp: '192.0.2.1' }),
    request('joe', 'Secret', { remoteIp: '192.0.2.1' }),
    request('joe","secret', '', { remoteIp: '192.0.2.1' }),
    request('joe', 'secret', { remoteIp: '192.0.2.1', service: 'pop3' }),
    request('joe', 'secret', { remoteIp: '192.0.2.1', authType: 'cram-md5' }),
  ]) {
    assert.equal(await knows(other), false, JSON.stringify({ ...other, authData: String(other.authData) }));
  }
});

test('where no module looks at the address, all addresses share it', async () => {
  const { learn, knows } = cacheInMemory();
  await learn(request('joe', 'secret', { remoteIp: '192.0.2.1' }));

  assert.equal(await knows(request('joe', 'secret', { remoteIp: '192.0.2.2' })), true);
});

test('67: all is forgotten when told to and when the accounts’ stamp changes, answers under way too', async () => {
  const { cache, time, learn, knows } = cacheInMemory();
  await learn(request());
  await cache.forget();
  assert.equal(await knows(request()), false);

  await learn(request());
  time.stamp = 'b';
  assert.equal(await knows(request()), false);

  const underWay = await cache.look(request());
  await cache.forget();
  underWay?.keep({ module: 'authx', account: JOE });
  assert.equal(await knows(request()), false);
});

test('the number is bounded, and the oldest goes first', async () => {
  const { learn, knows } = cacheInMemory({ maxLogins: 2 });
  for (const name of ['a', 'b', 'c']) await learn(request(name));

  assert.deepEqual(
    [await knows(request('a')), await knows(request('b')), await knows(request('c'))],
    [false, true, true],
  );
});

test('damaged data and a password that the module gives back otherwise are not remembered', async () => {
  const { cache, learn, knows } = cacheInMemory();
  assert.equal(await cache.look(request('joe', 'x', { authData: Buffer.from('joe') })), undefined);
  await learn(request(), { module: 'authx', account: { ...JOE, clearPassword: new Secret('another') } });

  assert.equal(await knows(request()), false);
});

test('a sealed login opens with its secret, its login and its epoch only, and shows nothing', () => {
  const login = Buffer.from('["imap","joe","secret"]');
  const place = new SiteSecret(Buffer.alloc(32, 1)).placeOf(login);
  const { clearPassword: _, ...account } = JOE;
  const timed = { until: 5, login: { module: 'authx', withPassword: true, account } };
  const sealed = sealLogin(timed, place, 'epoch');

  assert.deepEqual(openLogin(sealed, place, 'epoch'), timed);
  const strangers = [
    openLogin(sealed, place, 'another'),
    openLogin(sealed, new SiteSecret(Buffer.alloc(32, 2)).placeOf(login), 'epoch'),
    openLogin(sealed, new SiteSecret(Buffer.alloc(32, 1)).placeOf(Buffer.from('["pop3","joe","secret"]')), 'epoch'),
    openLogin(sealed, { ...place, id: 'another' }, 'epoch'),
    openLogin(sealed.subarray(0, 28), place, 'epoch'),
    openLogin(Buffer.alloc(0), place, 'epoch'),
    openLogin(Buffer.concat([sealed, Buffer.of(0)]), place, 'epoch'),
  ];
  assert.deepEqual(strangers, Array(strangers.length).fill(undefined));
  for (const word of ['joe', 'secret', 'hash', 'home']) assert.equal(sealed.includes(word), false, word);
});
