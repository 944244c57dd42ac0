/** Who may connect, and how often: the supervisor's table. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ConnectionLimits, ConnectionTable } from '../../../init/runtime/limits/connections.js';

interface Trial {
  readonly table: ConnectionTable;
  readonly told: string[];
  readonly clock: { ms: number };
  readonly machine: { free: number; load: number };
}

function tryOut(limits: Partial<ConnectionLimits>): Trial {
  const clock = { ms: 0 };
  const machine = { free: 1e9, load: 0 };
  const told: string[] = [];
  const table = new ConnectionTable(
    { connections: 1_000, perAddress: 1_000, ...limits },
    (level, text) => told.push(`${level}: ${text}`),
    { ticks: () => clock.ms },
    { freeOctets: () => machine.free, loadPerCore: () => machine.load },
  );
  return { table, told, clock, machine };
}

test('attack 86: an account has a limit for each address, the address has another, and both are named with their number', () => {
  const { table, told } = tryOut({ perAddress: 6, perAccount: 2 });

  for (const key of ['1', '2', '3', '4', '5']) assert.equal(table.admit(key, '192.0.2.7'), undefined);
  assert.equal(table.logIn('1', 'bob'), undefined);
  assert.equal(table.logIn('2', 'bob'), undefined);
  const third = 'Too many sessions of this account from your address: the limit is 2 (MAXPERACCOUNT)';
  assert.equal(table.logIn('3', 'bob'), third);
  assert.equal(table.logIn('3', 'alice'), undefined);
  assert.equal(table.admit('other', '192.0.2.8'), undefined);
  assert.equal(table.logIn('other', 'bob'), undefined);

  assert.equal(table.admit('6', '192.0.2.7'), undefined);
  const seventh = 'Too many connections from your address: the limit is 6 (MAXPERIP)';
  assert.equal(table.admit('7', '192.0.2.7'), seventh);
  table.release('1');
  assert.equal(table.admit('7', '192.0.2.7'), undefined);
  assert.equal(table.logIn('7', 'bob'), undefined);
  assert.deepEqual(told, [
    'alert: Maximum session limit reached for user=bob from 192.0.2.7',
    'alert: Maximum connection limit reached for 192.0.2.7',
  ]);
});

test('attack 19: strangers of one address have a limit below that of the address, and logins make room', () => {
  const { table } = tryOut({ beforeLogin: 2 });

  assert.equal(table.admit('1', '::ffff:192.0.2.7'), undefined);
  assert.equal(table.admit('2', '192.0.2.7'), undefined);
  const text = 'Too many connections from your address without a login: the limit is 2 (MAXBEFORELOGIN)';
  assert.equal(table.admit('3', '192.0.2.7'), text);
  assert.equal(table.logIn('1', 'bob'), undefined);
  assert.equal(table.admit('3', '192.0.2.7'), undefined);
  assert.equal(table.admit('4', '192.0.2.7'), text);
  assert.equal(table.admit('5', '192.0.2.9'), undefined);
});

test('a minute has so many connections that come to nothing; logins and this machine are not counted', () => {
  const { table, clock } = tryOut({ perMinute: 3 });
  const open = (key: string, ip = '192.0.2.7') => {
    const refusal = table.admit(key, ip);
    if (refusal === undefined) table.release(key);
    return refusal;
  };

  assert.deepEqual([open('1'), open('2')], [undefined, undefined]);
  for (let number = 0; number < 10; number += 1) {
    assert.equal(table.admit('good', '192.0.2.7'), undefined);
    table.logIn('good', 'bob');
    table.release('good');
  }
  assert.equal(open('3'), undefined);
  const text = 'Too many connections from your address in a minute: the limit is 3 (MAXRATEPERIP)';
  assert.equal(open('4'), text);
  assert.equal(open('5', '192.0.2.8'), undefined);
  for (let number = 0; number < 10; number += 1) assert.equal(open('own', '127.0.0.1'), undefined);
  clock.ms += 20_000;
  assert.deepEqual([open('6'), open('7')], [undefined, text]);
});

test('IPv6 counts by /64; -maxperc by /24 and /48', () => {
  const { table } = tryOut({ perAddress: 1, perNetwork: 2 });

  assert.equal(table.admit('1', '2001:db8:1:2::1'), undefined);
  assert.match(table.admit('2', '2001:db8:1:2::2') ?? '', /MAXPERIP/);
  assert.equal(table.admit('3', '2001:db8:1:3::1'), undefined);
  assert.match(table.admit('4', '2001:db8:1:4::1') ?? '', /your network: the limit is 2 \(MAXPERC\)/);
  assert.equal(table.admit('5', '2001:db8:2::1'), undefined);
  assert.equal(table.admit('6', '192.0.2.1'), undefined);
  assert.equal(table.admit('7', '192.0.2.2'), undefined);
  assert.match(table.admit('8', '192.0.2.3') ?? '', /MAXPERC/);
  assert.equal(table.admit('9', '192.0.3.3'), undefined);
});

test('a line with MAXCPERIP stands for many users: no other limit of the address counts', () => {
  const access = [
    { family: 'ipv4', network: '192.0.2.7', prefixBits: 32, isDenied: false, perAddress: 4 },
    { family: 'ipv4', network: '198.51.100.0', prefixBits: 24, isDenied: true },
  ] as const;
  const { table, told } = tryOut({ perAddress: 1, beforeLogin: 1, perMinute: 1, perNetwork: 1, access });

  for (const key of ['1', '2', '3', '4']) assert.equal(table.admit(key, '192.0.2.7'), undefined);
  assert.match(table.admit('5', '192.0.2.7') ?? '', /the limit is 4 \(MAXCPERIP\)/);
  assert.deepEqual([table.isCrowd('192.0.2.7'), table.isCrowd('192.0.2.8'), table.isCrowd('::1')], [true, false, true]);
  assert.equal(table.admit('6', '198.51.100.9'), 'Connections from your address are not allowed here');
  assert.ok(told.includes('alert: Connections from 198.51.100.9 are denied by the access file'), told.join());
});

test('-denymsg is what those are told who are kept out, and -accesslocal keeps everybody from a port', () => {
  const access = [
    { family: 'any', network: '', prefixBits: 0, isDenied: true, localPort: 1143 },
    { family: 'ipv4', network: '192.0.2.1', prefixBits: 32, isDenied: false, localPort: 1143 },
  ] as const;
  const { table } = tryOut({ access, denyMessage: 'Away!' });

  assert.equal(table.admit('1', '192.0.2.9', { ip: '192.0.2.2', port: 1143 }), 'Away!');
  assert.equal(table.admit('2', '192.0.2.9', { ip: '::ffff:192.0.2.1', port: 1143 }), undefined);
  assert.equal(table.admit('3', '192.0.2.9', { ip: '192.0.2.2', port: 143 }), undefined);
});

test('MAXDAEMONS is for all; -warn tells before, no more than once a minute', () => {
  const { table, told, clock } = tryOut({ connections: 3, warnAt: 2 });

  for (const key of ['1', '2', '3']) assert.equal(table.admit(key, `192.0.2.${key}`), undefined);
  assert.equal(table.admit('4', '192.0.2.4'), 'Too many connections: the limit is 3 (MAXDAEMONS)');
  assert.equal(table.admit('5', '192.0.2.5'), 'Too many connections: the limit is 3 (MAXDAEMONS)');
  assert.deepEqual(told, ['warning: 2 active connections.', 'alert: 3 maximum active connections.']);
  clock.ms += 60_000;
  table.admit('6', '192.0.2.6');
  assert.equal(told.length, 3);
});

test('attack 19: where all places are taken, the oldest stranger makes room after ten seconds, a session never', () => {
  const { table, told, clock } = tryOut({ connections: 3 });
  const dropped: string[] = [];
  const open = (key: string) => table.admit(key, `192.0.2.${key}`, undefined, () => dropped.push(key));

  for (const key of ['1', '2', '3']) assert.equal(open(key), undefined);
  assert.equal(table.logIn('1', 'bob'), undefined);
  clock.ms += 9_999;
  assert.match(open('4') ?? '', /MAXDAEMONS/);
  clock.ms += 1;
  assert.equal(open('4'), undefined);
  assert.equal(open('5'), undefined);
  assert.match(open('6') ?? '', /MAXDAEMONS/);
  table.release('2');

  assert.deepEqual(dropped, ['2', '3']);
  assert.equal(table.count, 3);
  assert.ok(
    told.some((line) => line.startsWith('alert: All connections are taken')),
    told.join(),
  );
});

test('H8: without memory, or with too much to do, nobody new is let in, and told why; a second later it may be over', () => {
  const { table, told, clock, machine } = tryOut({ overload: { freeMegabytes: 32, loadPerCore: 4 } });

  assert.equal(table.admit('1', '192.0.2.7'), undefined);
  machine.free = 31 * 1_048_576;
  clock.ms += 1_000;
  assert.match(table.admit('2', '192.0.2.7') ?? '', /short of memory: less than 32 MB are free \(MINFREEMEMORY\)/);
  machine.free = 1e9;
  machine.load = 4.1;
  clock.ms += 1_000;
  assert.match(table.admit('3', '192.0.2.7') ?? '', /load is above 4 for each core \(MAXLOAD\)/);
  machine.load = 4;
  clock.ms += 1_000;
  assert.equal(table.admit('4', '192.0.2.7'), undefined);
  assert.equal(table.count, 2);
  assert.match(told.join(), /connections are refused: The server is short of memory/);
});

test('whoever is refused takes no place, and what is released twice is released once', () => {
  const { table } = tryOut({ connections: 1 });

  table.admit('1', '192.0.2.7');
  for (let number = 0; number < 5; number += 1) table.admit('2', '192.0.2.8');
  table.release('2');
  table.release('1');
  table.release('1');

  assert.equal(table.count, 0);
  assert.equal(table.admit('3', '192.0.2.8'), undefined);
});

test('what is refused again and again is logged once a minute, also when very many others are', () => {
  const { table, told, clock } = tryOut({ perAddress: 0 });
  const times = (address: string): number => told.filter((line) => line.endsWith(` ${address}`)).length;
  const from = (address: string, ms: number): void => {
    clock.ms = ms;
    table.admit(`${address} at ${ms}`, address);
  };
  from('192.0.2.7', 0);
  from('192.0.2.8', 30_000);
  from('192.0.2.7', 59_999);
  from('192.0.2.7', 60_000);
  from('192.0.2.8', 89_999);
  assert.deepEqual([times('192.0.2.7'), times('192.0.2.8')], [2, 1]);
  from('192.0.2.8', 90_000);
  from('192.0.2.7', 119_999);
  assert.deepEqual([times('192.0.2.7'), times('192.0.2.8')], [2, 2]);
  // A list that is looked through for each of them would keep everybody else waiting for a minute.
  for (let number = 0; number < 50_000; number += 1) from(`2001:db8:${number.toString(16)}::1`, 119_999);
  assert.equal(told.length, 50_004);
  from('2001:db8:c34f::1', 120_000);
  assert.equal(told.length, 50_004);
});
