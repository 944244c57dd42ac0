/**
 * Figures: how they are added up, written, and checked when they come from a process that may say anything.
 */
import assert from 'node:assert/strict';
import { type AddressInfo, connect } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { count, countsOfProcess, DURATION_BOUNDS, Durations, seriesName } from '../../init/runtime/metrics/counts.js';
import { families } from '../../init/runtime/metrics/families.js';
import { metricsServer } from '../../init/runtime/metrics/http.js';
import { formatPage } from '../../init/runtime/metrics/page.js';
import {
  checkCounts,
  enterCounting,
  gatherCounts,
  leaveCounting,
  noteCounts,
} from '../../init/runtime/metrics/service-counts.js';
import { isChosen, readChoice } from '../../init/runtime/worker/live-sessions.js';
import { chapterOf } from '../support/documents.js';
import { waitUntil } from '../support/processes.js';

const nothing = { counts: {}, durations: {}, levels: {} };
const figures = { memoryOctets: 1_000, delays: { p50: 1, p99: 2, max: 3 } };

test('L8: durations fall into classes whose ends belong to them', () => {
  const durations = new Durations();
  for (const seconds of [0, 0.001, 0.0011, 60, 61, 1_000_000]) durations.add(seconds);
  assert.deepEqual(durations.classes, [2, 1, 0, 0, 0, 0, 0, 1, 2]);
  assert.equal(durations.classes.length, DURATION_BOUNDS.length + 1);
});

test('L8: the page counts up to each bound, ends with all, and leaves out what nobody knows', () => {
  const series = seriesName('command_duration_seconds', { protocol: 'imap', command: 'UID FETCH' });
  const text = formatPage({
    counts: { unknown_total: 7, 'logins_total{method="login",result="ok"}': 2 },
    levels: { sessions: 1 },
    durations: { [series]: [1, 2, 0, 0, 0, 0, 0, 0, 1, 61.5] },
  });
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const labels = 'command="UID FETCH",protocol="imap"';
  assert.deepEqual(lines, [
    'angarium_logins_total{method="login",result="ok"} 2',
    'angarium_sessions 1',
    ...['0.001', '0.005', '0.025', '0.1', '0.5', '2.5', '10', '60'].map(
      (end, place) => `angarium_command_duration_seconds_bucket{${labels},le="${end}"} ${place === 0 ? 1 : 3}`,
    ),
    `angarium_command_duration_seconds_bucket{${labels},le="+Inf"} 4`,
    `angarium_command_duration_seconds_sum{${labels}} 61.5`,
    `angarium_command_duration_seconds_count{${labels}} 4`,
  ]);
  for (const name of families.keys()) assert.ok(text.includes(`# HELP angarium_${name} `), name);
});

test('L8: what an ended process has counted stays in the sum, and one that is silent keeps its last numbers', async () => {
  const series = 'connections_total';
  const told = (value: number) => ({ ...nothing, counts: { [series]: value }, levels: { sessions: value } });
  const talking = { pid: 1, role: 'worker', figures: async () => figures };
  const silent = { pid: 2, role: 'worker', figures: async () => undefined };
  enterCounting(talking);
  enterCounting(silent);
  noteCounts(talking, told(3));
  noteCounts(silent, told(4));

  const both = await gatherCounts(told(1));
  leaveCounting(talking);
  const one = await gatherCounts(told(1));
  leaveCounting(silent);
  const none = await gatherCounts(told(1));

  assert.deepEqual(
    [both, one, none].map(({ counts }) => counts[series]),
    [8, 8, 8],
  );
  assert.deepEqual(
    [both, one, none].map(({ levels }) => levels['sessions']),
    [8, 5, 1],
  );
  assert.equal(both.levels['processes{role="worker"}'], 2);
  assert.equal(both.levels['process_memory_bytes{pid="1",role="worker"}'], 1_000);
});

test('L8: a process that says what is no figure is not believed', () => {
  const bad = [
    ['logins_total{method="a\nb"}', 1],
    ['logins_total{method="a\\"}', 1],
    ['logins_total{method="x"} 7\nevil', 1],
    ['evil_total', 1],
    ['logins_total', -1],
    ['logins_total', Number.NaN],
    ['logins_total', '1'],
  ] as const;
  for (const [series, value] of bad) {
    assert.deepEqual(checkCounts({ ...nothing, counts: { [series]: value } }), nothing);
  }
  const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, place) => [`logins_total{method="${place}"}`, 1]));
  assert.equal(checkCounts({ ...nothing, counts: many }), undefined);
  fc.assert(
    fc.property(fc.anything(), (message) => {
      const checked = checkCounts(message);
      if (checked !== undefined)
        assert.match(formatPage(checked), /^(# (HELP|TYPE) .*\n|angarium_[^\n]* [\d.e+-]+\n)*$/);
    }),
  );
  assert.deepEqual(checkCounts(countsOfProcess()), countsOfProcess());
});

test('L8: whoever holds connections to the page, or sends what is no request, keeps nobody from it for long', async (t) => {
  const server = metricsServer(() => Promise.resolve('the page\n'), 100);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const held = Array.from({ length: 50 }, () => connect(port, '127.0.0.1'));
  for (const socket of held) socket.on('error', () => {}).write('GET /met');
  const garbage = connect(port, '127.0.0.1').on('error', () => {});
  garbage.end('\u0016\u0003\u0001 no request\r\n\r\n');
  const page = async (): Promise<string> => {
    const answer = await fetch(`http://127.0.0.1:${port}/metrics`).catch(() => undefined);
    return answer === undefined ? '' : await answer.text();
  };
  await waitUntil('the page is given', async () => (await page()) === 'the page\n');
  const headers = { long: 'x'.repeat(10_000) };
  const refused = await fetch(`http://127.0.0.1:${port}/metrics`, { headers }).catch(() => undefined);
  assert.notEqual(refused?.status, 200);
  // A connection that is kept ends after that time, too, and perhaps in this moment.
  const posted = () => fetch(`http://127.0.0.1:${port}/metrics`, { method: 'POST', body: 'x' }).catch(() => undefined);
  await waitUntil('another method is refused', async () => (await posted())?.status === 405);
  for (const socket of held) socket.destroy();
  server.closeAllConnections();
});

test('L8: init/README.md has all figures, and no others', () => {
  const chapter = /^### Figures$(.*?)^###/ms.exec(chapterOf('init/README.md', 'What it says'))?.[1] ?? '';
  const rows = chapter.split('\n').filter((line) => line.startsWith('| `'));
  const named = rows.flatMap((row) => (row.split('|')[1] ?? '').match(/[a-z_]+/g) ?? []);
  assert.deepEqual(named.sort(), [...families.keys()].sort());
});

test('the same series is one number', () => {
  count('bugs_total').value += 2;
  assert.equal(count('bugs_total'), count('bugs_total'));
  assert.ok((countsOfProcess().counts['bugs_total'] ?? 0) >= 2);
});

test('L3: sessions are chosen by all that is said, and an address is the same in both its forms', () => {
  const session = { user: 'bob', ip: '::ffff:192.0.2.7', session: 3 };
  assert.ok(isChosen({}, session));
  assert.ok(isChosen({ user: 'bob', ip: '192.0.2.7', session: 3 }, session));
  assert.ok(!isChosen({ user: 'bo' }, session));
  assert.ok(!isChosen({ user: 'bob', session: 4 }, session));
  assert.deepEqual(readChoice('{"user":"a b","ip":"::1","session":2,"evil":1}'), {
    user: 'a b',
    ip: '::1',
    session: 2,
  });
  assert.throws(() => readChoice('17'));
  assert.throws(() => readChoice('bob'));
});
