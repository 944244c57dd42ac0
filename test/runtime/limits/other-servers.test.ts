/** What servers that share their limits know of one another. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ConnectionTable } from '../../../init/runtime/limits/connections.js';
import { OtherServers, parseTold } from '../../../init/runtime/limits/other-servers.js';

test('Y3: connections of other servers count for addresses and accounts, and not for MAXDAEMONS', () => {
  const others = new OtherServers({ ticks: () => 0 });
  const limits = { connections: 3, perAddress: 3, perAccount: 2 };
  const table = new ConnectionTable(limits, () => undefined, { ticks: () => 0 });
  table.admit('1', '192.0.2.7');
  table.others = others;
  others.heard('b', { counts: { 'client 192.0.2.7': 1, 'account 192.0.2.7 bob': 1 } });

  assert.equal(table.logIn('1', 'bob'), undefined);
  assert.equal(table.admit('2', '192.0.2.7'), undefined);
  assert.match(table.logIn('2', 'bob') ?? '', /MAXPERACCOUNT/);
  assert.equal(table.logIn('2', 'alice'), undefined);
  assert.match(table.admit('3', '192.0.2.7') ?? '', /MAXPERIP/);
  assert.equal(table.admit('3', '192.0.2.8'), undefined);
  assert.match(table.admit('4', '192.0.2.9') ?? '', /MAXDAEMONS/);
  table.release('3');
  others.heard('b', { counts: { 'client 192.0.2.7': 0 } });
  assert.equal(table.admit('5', '192.0.2.7'), undefined);

  const told = others.all().counts;
  assert.deepEqual(
    [told['client 192.0.2.7'], told['account 192.0.2.7 bob'], told['account 192.0.2.7 alice']],
    [3, 1, 1],
  );
  assert.equal(told['client 192.0.2.8'], undefined);
});

test('a server that ends, is silent, or begins anew, has what it says it has and nothing else', () => {
  const clock = { ms: 0 };
  const others = new OtherServers({ ticks: () => clock.ms });

  others.heard('a', { counts: { x: 2, y: 1 } });
  others.heard('b', { counts: { x: 3 } });
  assert.equal(others.of('x'), 5);
  others.heard('a', { counts: { x: 1 }, isAll: true });
  assert.deepEqual([others.of('x'), others.of('y')], [4, 0]);
  clock.ms = 10_000;
  others.heard('b', { counts: {} });
  clock.ms = 15_000;
  others.forgetSilent();
  assert.equal(others.of('x'), 3);
  others.forget('b');
  assert.equal(others.of('x'), 0);
});

test('what is to be told is told once; failures go along', () => {
  const others = new OtherServers({ ticks: () => 0 });
  let news = 0;
  others.onNews = () => {
    news += 1;
  };

  others.changed('x', 1);
  others.changed('x', 2);
  others.failed({ ip: '192.0.2.7', loginName: 'bob' });

  assert.equal(news, 3);
  assert.deepEqual(others.takeNews(), { counts: { x: 2 }, failed: [{ ip: '192.0.2.7', loginName: 'bob' }] });
  assert.deepEqual(others.takeNews(), { counts: {}, failed: [] });
});

test('sums are those of all servers, whatever they say in whatever order', () => {
  const message = fc.record({
    server: fc.constantFrom('a', 'b', 'c'),
    field: fc.constantFrom('x', 'y'),
    count: fc.nat(3),
    isAll: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(message), (messages) => {
      const others = new OtherServers({ ticks: () => 0 });
      const expected = new Map<string, Map<string, number>>();
      for (const { server, field, count, isAll } of messages) {
        others.heard(server, { counts: { [field]: count }, isAll });
        const known = isAll ? new Map<string, number>() : (expected.get(server) ?? new Map<string, number>());
        expected.set(server, known.set(field, count));
      }
      for (const field of ['x', 'y']) {
        const sum = [...expected.values()].reduce((total, counts) => total + (counts.get(field) ?? 0), 0);
        assert.equal(others.of(field), sum);
      }
    }),
  );
});

test('what is no message of a server is not heard', () => {
  const good = { server: 'a', counts: { x: 1 }, failed: [{ ip: '::1', loginName: 'b' }] };
  assert.deepEqual(parseTold(JSON.stringify(good)), good);
  const wrong = [
    'x',
    'null',
    '[]',
    '{}',
    '{"server":1,"counts":{}}',
    '{"server":"a","counts":{"x":-1}}',
    '{"server":"a","counts":{"x":"1"}}',
    '{"server":"a","counts":[1]}',
    '{"server":"a","counts":{},"failed":[{}]}',
    '{"server":"a","counts":{},"failed":{}}',
  ];
  for (const text of wrong) assert.equal(parseTold(text), undefined, text);
  fc.assert(
    fc.property(fc.json(), (text) => {
      parseTold(text);
    }),
  );
});
