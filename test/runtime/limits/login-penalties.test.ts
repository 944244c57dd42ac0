/** What failed logins cost, and whom. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoginPenalties } from '../../../init/runtime/limits/login-penalties.js';
import { SlowLogins } from '../../../init/runtime/limits/slow-logins.js';
import { Secret } from '../../../init/runtime/secret.js';
import type { Authentication, AuthenticationQuestion } from '../../../init/runtime/service/session-broker.js';

const settings = { firstSeconds: 5, mostSeconds: 15 };
const QUARTER_OF_AN_HOUR_MS = 900_000;

/** Time that the test turns by hand. */
class HandClock {
  ms = 0;
  waits: number[] = [];
  ticks = (): number => this.ms;
  now = (): number => this.ms;
  after = (milliseconds: number, run: () => void): (() => void) => {
    this.waits.push(milliseconds);
    this.ms += milliseconds;
    run();
    return () => undefined;
  };
}

test('H7, attack 21: the delay grows with each failure of an address, whatever the name, up to a bound', () => {
  const penalties = new LoginPenalties(new HandClock());

  const delays = ['bob', 'bob', 'alice', 'carol', 'dave'].map((name) => penalties.failed('192.0.2.7', name, settings));

  assert.deepEqual(delays, [5, 10, 15, 15, 15]);
  assert.equal(penalties.failed('192.0.2.8', 'bob', settings), 5);
});

test('without a delay in the settings there is none, and a first one above the bound stays as it is', () => {
  const penalties = new LoginPenalties(new HandClock());

  const none = [1, 2, 3].map(() => penalties.failed('192.0.2.7', 'bob', { firstSeconds: 0, mostSeconds: 15 }));
  const long = [1, 2].map(() => penalties.failed('192.0.2.8', 'bob', { firstSeconds: 30, mostSeconds: 15 }));

  assert.deepEqual(
    [none, long],
    [
      [0, 0, 0],
      [30, 30],
    ],
  );
});

test('IPv6: all addresses of a /64 are one guesser, the next /64 is another', () => {
  const penalties = new LoginPenalties(new HandClock());

  penalties.failed('2001:db8:1:2::1', 'bob', settings);

  assert.equal(penalties.failed('2001:db8:1:2:ffff::9', 'bob', settings), 10);
  assert.equal(penalties.failed('2001:db8:1:3::1', 'bob', settings), 5);
});

test('a quarter of an hour after the last failure all is forgotten', () => {
  const clock = new HandClock();
  const penalties = new LoginPenalties(clock);

  penalties.failed('192.0.2.7', 'bob', settings);
  clock.ms += QUARTER_OF_AN_HOUR_MS - 1;
  assert.equal(penalties.failed('192.0.2.7', 'bob', settings), 10);
  clock.ms += QUARTER_OF_AN_HOUR_MS;

  assert.deepEqual(penalties.list(settings), []);
  assert.equal(penalties.failed('192.0.2.7', 'bob', settings), 5);
});

test('attack 87: only who failed waits for the answer of his failure; others of the address are asked about at once', () => {
  const clock = new HandClock();
  const penalties = new LoginPenalties(clock);

  penalties.failed('192.0.2.7', 'bob', settings);

  assert.equal(penalties.waitMs('192.0.2.7', 'bob', settings, false), 5_000);
  assert.equal(penalties.waitMs('192.0.2.7', 'alice', settings, false), 0);
  assert.equal(penalties.waitMs('192.0.2.8', 'bob', settings, false), 0);
  clock.ms += 5_000;
  assert.equal(penalties.waitMs('192.0.2.7', 'bob', settings, false), 0);
});

test('where the name is part of the proof, nobody waits for the failure of somebody else', () => {
  const penalties = new LoginPenalties(new HandClock());

  assert.equal(penalties.failed('192.0.2.7', '', settings), 5);
  assert.equal(penalties.failed('192.0.2.7', '', settings), 10);

  assert.equal(penalties.waitMs('192.0.2.7', '', settings, false), 0);
});

test('an address that guesses at many names waits with new ones, not with those that were right there before', () => {
  const penalties = new LoginPenalties(new HandClock());
  penalties.succeeded('192.0.2.7', 'alice');
  for (let number = 0; number <= 10; number += 1) penalties.failed('192.0.2.7', `guess${number}`, settings);

  assert.equal(penalties.waitMs('192.0.2.7', 'bob', settings, false), 15_000);
  assert.equal(penalties.waitMs('192.0.2.7', 'alice', settings, false), 0);
  assert.equal(penalties.waitMs('192.0.2.7', 'bob', settings, true), 0);
});

test('memory is bounded: the oldest addresses, and names beyond some, are not remembered', () => {
  const penalties = new LoginPenalties(new HandClock());

  for (let number = 0; number < 10_050; number += 1) {
    penalties.failed(`10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`, 'x'.repeat(10_000), settings);
  }
  for (let number = 0; number < 100; number += 1) penalties.failed('192.0.2.7', `name${number}`, settings);

  const list = penalties.list(settings);
  assert.equal(list.length, 10_000);
  assert.deepEqual(list[0], {
    address: '192.0.2.7',
    failures: 100,
    names: 16,
    nextSeconds: 15,
    forgottenInSeconds: 900,
  });
  assert.ok(!list.some(({ address }) => address === '10.0.0.0'));
});

function question(loginName: string, password: string): AuthenticationQuestion {
  const proof = { authType: 'login', data: new Secret(password) };
  return { service: 'imap', loginName, proof, remoteIp: '192.0.2.7' };
}

test('temporary failures and passwords that are over cost nothing; the administrator sees and forgets what is left', async () => {
  const account = { address: 'bob', uid: 1, gid: 1, home: '/home/bob', options: {} };
  const answers: Readonly<Record<string, Authentication>> = {
    down: { kind: 'temporary failure', reason: 'down' },
    old: { kind: 'rejected', expired: true },
    wrong: { kind: 'rejected' },
    right: { kind: 'account', account },
  };
  const clock = new HandClock();
  const asked = {
    authenticate: async ({ proof }: AuthenticationQuestion) =>
      answers[proof.data.reveal()] ?? { kind: 'rejected' as const },
    beginExchange: async () => ({ kind: 'rejected' as const }),
  };
  const logins = new SlowLogins(asked, settings, () => false, clock);

  assert.deepEqual(await logins.authenticate(question('bob', 'down')), answers['down']);
  assert.deepEqual(await logins.authenticate(question('bob', 'old')), answers['old']);
  assert.equal(logins.obey('list'), '0 addresses');
  assert.deepEqual(await logins.authenticate(question('bob', 'wrong')), { kind: 'rejected', delaySeconds: 5 });
  assert.deepEqual(await logins.authenticate(question('bob', 'right')), answers['right']);

  assert.deepEqual(clock.waits, [5_000]);
  const line = 'address=192.0.2.7 failures=1 names=0 next_seconds=10 forgotten_in_seconds=895';
  assert.equal(logins.obey('list'), `1 addresses\n${line}`);
  assert.equal(logins.obey('clear 192.0.2.9'), '0 addresses forgotten');
  assert.equal(logins.obey('clear ::ffff:192.0.2.7'), '1 addresses forgotten');
  assert.equal(logins.obey('list'), '0 addresses');
  assert.throws(() => logins.obey('clear bob'), /penalty takes list, clear/);
});
